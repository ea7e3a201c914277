//! What comes before the frames of a FLAC file (RFC 9639 sections 6 to 8).

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use crate::error::{Error, Result};

/// Bytes of [`file_header`]: the signature, a block header of 4, and STREAMINFO.
pub const FILE_HEADER: usize = 4 + 4 + STREAM_INFO;

/// Bytes of STREAMINFO (RFC 9639 section 8.2).
const STREAM_INFO: usize = 34;

const SIGNATURE: &[u8; 4] = b"fLaC";

/// The sample rate of files that have none: above 48 kHz, so that blocks of 16384 samples are in
/// the streamable subset (RFC 9639 section 7).
const RATE: u32 = 96_000;

/// The fields of STREAMINFO that decoding needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Samples of the shortest block but the last.
    pub shortest_block: usize,
    /// Samples of the longest block.
    pub longest_block: usize,
    /// Sample rate in Hz.
    pub rate: u32,
    /// How many, 1 to 8.
    pub channels: usize,
    /// Bits per sample, 4 to 32.
    pub width: u32,
    /// Samples of each channel; 0 where that is unknown.
    pub samples: u64,
}

impl StreamInfo {
    /// The start of a file: the signature and STREAMINFO, without MD5 and lengths of frames.
    ///
    /// # Panics
    /// When FLAC has no such stream: width 4 to 32, block 1 to 65535, less than 2^36 samples.
    pub fn file_header(&self) -> [u8; FILE_HEADER] {
        assert!((4..=32).contains(&self.width) && self.samples < 1 << 36);
        assert!((1..=65535).contains(&self.longest_block));
        let mut bytes = [0; FILE_HEADER + BitWriter::SLACK];
        let mut out = BitWriter::new(&mut bytes);
        out.put(u64::from(u32::from_be_bytes(*SIGNATURE)), 32);
        out.put(0x80, 8);
        out.put(STREAM_INFO as u64, 24);
        // Only the last block may have fewer than 16 samples, and it does not count here.
        let [shortest, longest] =
            [self.shortest_block, self.longest_block].map(|n| n.max(16) as u64);
        out.put(shortest << 16 | longest, 32);
        out.put(0, 48);
        out.put(u64::from(self.rate), 20);
        out.put(self.channels as u64 - 1, 3);
        out.put(u64::from(self.width) - 1, 5);
        out.put(self.samples, 36);
        out.put_zeros(128);
        let length = out.finish();
        *bytes[..length].first_chunk().expect("all fields of the header")
    }
}

/// What makes the frames of one stream a FLAC file: `samples` of them (0: unknown) of `width`
/// bits, in blocks of `block`. The sample rate is 96 kHz for want of another, and the MD5 is
/// left out.
///
/// # Panics
/// When FLAC has no such stream: width 4 to 32, block 1 to 65535, less than 2^36 samples.
pub fn file_header(width: u32, block: usize, samples: u64) -> [u8; FILE_HEADER] {
    let (rate, channels) = (RATE, 1);
    StreamInfo { shortest_block: block, longest_block: block, rate, channels, width, samples }
        .file_header()
}

/// Reads what comes before the frames, and returns those too.
///
/// # Errors
/// `Corrupt` and `Truncated`.
pub fn read_metadata(bytes: &[u8]) -> Result<(StreamInfo, &[u8])> {
    let short = || Error::truncated("file ends within its metadata");
    let (signature, mut rest) = bytes.split_first_chunk().ok_or_else(short)?;
    if signature != SIGNATURE {
        return Err(Error::corrupt(format!(
            "file starts with {signature:02x?}, expected \"fLaC\""
        )));
    }
    let mut block = || {
        let ([kind, length @ ..], after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
        let (block, after) = after.split_at_checked(length).ok_or_else(short)?;
        rest = after;
        Ok((kind & 0x7f, kind >> 7 == 1, block))
    };
    let (kind, mut last, content) = block()?;
    if kind != 0 {
        return Err(Error::corrupt(format!("first metadata block is of type {kind}, expected 0")));
    }
    let info = read_stream_info(content)?;
    while !last {
        let kind;
        (kind, last, _) = block()?;
        if matches!(kind, 0 | 127) {
            return Err(Error::corrupt(format!("unexpected metadata block of type {kind}")));
        }
    }
    Ok((info, rest))
}

fn read_stream_info(bytes: &[u8]) -> Result<StreamInfo> {
    if bytes.len() != STREAM_INFO {
        return Err(Error::corrupt(format!(
            "STREAMINFO has {} bytes, expected {STREAM_INFO}",
            bytes.len()
        )));
    }
    let mut reader = BitReader::new(bytes);
    let shortest_block = reader.take(16) as usize;
    let longest_block = reader.take(16) as usize;
    reader.skip(48);
    let rate = reader.take(20) as u32;
    let channels = reader.take(3) as usize + 1;
    let width = reader.take(5) as u32 + 1;
    let samples = reader.take(36);
    if width < 4 {
        return Err(Error::corrupt(format!("{width} bits per sample, expected 4 to 32")));
    }
    Ok(StreamInfo { shortest_block, longest_block, rate, channels, width, samples })
}
