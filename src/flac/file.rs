//! Audio files of any kind, frame by frame: what the faster readers are compared with.

use super::bit_reader::BitReader;
use super::decoder::{check_crc, check_padding};
use super::frame::{Channels, Header};
use super::metadata::read_metadata;
use super::sequence::Sequence;
use super::subframe;
use crate::error::{Error, Result};
use crate::simd::{Kernels, kernels};

/// What a FLAC file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Sample rate in Hz.
    pub rate: u32,
    /// Bits per sample, 4 to 32.
    pub width: u32,
    /// The samples of each channel.
    pub channels: Vec<Vec<i32>>,
}

/// Decodes a FLAC file of one or two channels. Its samples, all channels together, are at most
/// `limit`: a few bytes of a constant signal are as long as they say. The CRCs are verified, the
/// MD5 is not.
///
/// # Errors
/// `Corrupt` and `Truncated`, within "frame i" where it is one; `Unsupported` for more channels,
/// and for frames that do not agree in channels, width or rate; `TooLarge` beyond `limit`.
pub fn read_file(bytes: &[u8], limit: usize) -> Result<Audio> {
    let (info, mut rest) = read_metadata(bytes)?;
    if info.channels > 2 {
        return Err(Error::unsupported(format!("{} channels, at most 2", info.channels)));
    }
    let limit = limit / info.channels;
    let check_limit = |samples: u64| {
        if samples > limit as u64 {
            return Err(Error::too_large(format!(
                "{samples} samples in each of {} channels, {limit} allowed",
                info.channels
            )));
        }
        Ok(())
    };
    check_limit(info.samples)?;
    let mut audio =
        Audio { rate: info.rate, width: info.width, channels: vec![Vec::new(); info.channels] };
    let mut reader = FrameReader::default();
    let mut sequence = Sequence::new(info);
    while !rest.is_empty() {
        let check = |header: &Header| {
            sequence.check(header)?;
            let rate = header.rate.unwrap_or(info.rate);
            if rate != info.rate {
                let expected = info.rate;
                let message = format!("frame of {rate} Hz in a stream of {expected} Hz");
                return Err(Error::unsupported(message));
            }
            check_limit(sequence.samples + header.samples as u64)
        };
        let (header, length) = reader
            .read(rest, info.width, &mut audio.channels, check)
            .map_err(|e| e.within(format!("frame {}", sequence.frames)))?;
        sequence = sequence.after(&header);
        rest = &rest[length..];
    }
    let (found, expected) = (sequence.samples, info.samples);
    if found < expected {
        return Err(Error::truncated(format!("{found} samples, STREAMINFO says {expected}")));
    }
    if found > expected && expected > 0 {
        return Err(Error::corrupt(format!("{found} samples, STREAMINFO says {expected}")));
    }
    Ok(audio)
}

/// Reads one frame at a time, of any kind.
pub struct FrameReader {
    kernels: &'static Kernels,
    side: Vec<i64>,
    residual: Vec<i32>,
}

impl Default for FrameReader {
    fn default() -> Self {
        FrameReader { kernels: kernels(), side: Vec::new(), residual: Vec::new() }
    }
}

impl FrameReader {
    /// Reads the frame at the start of `bytes`, whose header passes `check` and says how many
    /// `channels` there are, one or two, and appends its samples to them. `width` is STREAMINFO's.
    /// Returns the header and the frame's length.
    ///
    /// # Errors
    /// Those of `check`; `Corrupt` and `Truncated`; `TooLarge` without memory for the samples.
    pub fn read(
        &mut self,
        bytes: &[u8],
        width: u32,
        channels: &mut [Vec<i32>],
        check: impl FnOnce(&Header) -> Result<()>,
    ) -> Result<(Header, usize)> {
        let start = channels[0].len();
        let mut reader = BitReader::new(bytes);
        let content = self.read_content(&mut reader, width, channels, check);
        // Zeros past the end may have looked like anything.
        reader.check()?;
        let header = content?;
        let end = reader.byte() + 2;
        let frame = bytes
            .get(..end)
            .ok_or_else(|| Error::truncated(format!("{} bytes of {end}", bytes.len())))?;
        check_crc(self.kernels, frame)?;
        if let ([first, second], Some(_)) = (channels, header.channels.side()) {
            join(&self.side, width, header.channels, &mut first[start..], &mut second[start..])?;
        }
        Ok((header, end))
    }

    /// Reads header and subframes up to the CRC-16.
    fn read_content(
        &mut self,
        reader: &mut BitReader<'_>,
        width: u32,
        channels: &mut [Vec<i32>],
        check: impl FnOnce(&Header) -> Result<()>,
    ) -> Result<Header> {
        let header = Header::read(reader, reader.bytes())?;
        check(&header)?;
        let FrameReader { kernels, side, residual } = self;
        for (i, channel) in channels.iter_mut().enumerate() {
            channel
                .try_reserve(header.samples)
                .map_err(|e| Error::too_large(format!("no memory for the samples: {e}")))?;
            let start = channel.len();
            channel.resize(start + header.samples, 0);
            let result = if header.channels.side() == Some(i) {
                side.resize(header.samples, 0);
                residual.resize(header.samples, 0);
                subframe::read_side(reader, kernels, width + 1, side, residual)
            } else {
                subframe::read_whole(reader, kernels, width, &mut channel[start..])
            };
            result.map_err(|e| e.within(format!("channel {i}")))?;
        }
        check_padding(reader)?;
        Ok(header)
    }
}

/// Makes left and right of a frame's channels, one of which is its `side`.
fn join(
    side: &[i64],
    width: u32,
    channels: Channels,
    first: &mut [i32],
    second: &mut [i32],
) -> Result<()> {
    let mut magnitudes = 0;
    for ((first, second), &side) in first.iter_mut().zip(second).zip(side) {
        // Sums of 34 bits at most.
        let (left, right) = match channels {
            Channels::SideRight => (side + i64::from(*second), i64::from(*second)),
            Channels::MidSide => {
                let sum = i64::from(*first) << 1 | side & 1;
                ((sum + side) >> 1, (sum - side) >> 1)
            }
            _ => (i64::from(*first), i64::from(*first) - side),
        };
        magnitudes |= left ^ (left >> 63) | right ^ (right >> 63);
        (*first, *second) = (left as i32, right as i32);
    }
    if magnitudes >> (width - 1) != 0 {
        return Err(Error::corrupt(format!("a sample needs more than {width} bits")));
    }
    Ok(())
}
