//! Audio files of any kind, frame by frame: what the faster readers are compared with.

use super::bit_reader::BitReader;
use super::decoder::{check_crc, check_padding};
use super::frame::{Channels, Header};
use super::metadata::{StreamInfo, read_metadata};
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
    let mut reader = FrameReader {
        kernels: kernels(),
        limit: limit / info.channels,
        origin: None,
        frames: 0,
        samples: 0,
        audio: Audio {
            rate: info.rate,
            width: info.width,
            channels: vec![Vec::new(); info.channels],
        },
        side: Vec::new(),
        residual: Vec::new(),
        info,
    };
    reader.check_limit(reader.info.samples)?;
    while !rest.is_empty() {
        let length = reader.read(rest).map_err(|e| e.within(format!("frame {}", reader.frames)))?;
        rest = &rest[length..];
    }
    let (found, expected) = (reader.samples as u64, reader.info.samples);
    if found < expected {
        return Err(Error::truncated(format!("{found} samples, STREAMINFO says {expected}")));
    }
    if found > expected && expected > 0 {
        return Err(Error::corrupt(format!("{found} samples, STREAMINFO says {expected}")));
    }
    Ok(reader.audio)
}

/// Reads frames one after another.
struct FrameReader {
    kernels: &'static Kernels,
    info: StreamInfo,
    /// Most samples of a channel.
    limit: usize,
    /// Blocking strategy and number of the first frame: not 0 where a stream was cut.
    origin: Option<(bool, u64)>,
    frames: u64,
    /// Samples of each channel so far.
    samples: usize,
    audio: Audio,
    side: Vec<i64>,
    residual: Vec<i32>,
}

impl FrameReader {
    fn check_limit(&self, samples: u64) -> Result<()> {
        if samples > self.limit as u64 {
            return Err(Error::too_large(format!(
                "{samples} samples in each of {} channels, {} allowed",
                self.info.channels, self.limit
            )));
        }
        Ok(())
    }

    /// Reads the frame at the start of `bytes` and returns its length.
    fn read(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut reader = BitReader::new(bytes);
        let content = self.read_content(&mut reader, bytes);
        // Zeros past the end may have looked like anything.
        reader.check()?;
        let channels = content?;
        let end = reader.byte() + 2;
        let frame = bytes
            .get(..end)
            .ok_or_else(|| Error::truncated(format!("{} bytes of {end}", bytes.len())))?;
        check_crc(self.kernels, frame)?;
        self.join(channels)?;
        self.samples = self.audio.channels[0].len();
        self.frames += 1;
        Ok(end)
    }

    /// Reads header and subframes up to the CRC-16.
    fn read_content(&mut self, reader: &mut BitReader<'_>, bytes: &[u8]) -> Result<Channels> {
        let header = Header::read(reader, bytes)?;
        self.check_header(&header)?;
        self.check_limit((self.samples + header.samples) as u64)?;
        let (kernels, width, start) = (self.kernels, self.info.width, self.samples);
        for (i, channel) in self.audio.channels.iter_mut().enumerate() {
            channel
                .try_reserve(header.samples)
                .map_err(|e| Error::too_large(format!("no memory for the samples: {e}")))?;
            channel.resize(start + header.samples, 0);
            let result = if header.channels.side() == Some(i) {
                self.side.resize(header.samples, 0);
                self.residual.resize(header.samples, 0);
                let (side, residual) = (&mut self.side, &mut self.residual);
                subframe::read_side(reader, kernels, width + 1, side, residual)
            } else {
                subframe::read_whole(reader, kernels, width, &mut channel[start..])
            };
            result.map_err(|e| e.within(format!("channel {i}")))?;
        }
        check_padding(reader)?;
        Ok(header.channels)
    }

    /// Checks that a frame continues the stream.
    fn check_header(&mut self, header: &Header) -> Result<()> {
        let info = &self.info;
        let channels = header.channels.count();
        let width = header.width.unwrap_or(info.width);
        let rate = header.rate.unwrap_or(info.rate);
        if (channels, width, rate) != (info.channels, info.width, info.rate) {
            return Err(Error::unsupported(format!(
                "frame of {channels} channels, {width} bits and {rate} Hz in a stream of {}, {} and {}",
                info.channels, info.width, info.rate
            )));
        }
        if header.samples > info.longest_block {
            return Err(Error::corrupt(format!(
                "block of {} samples, STREAMINFO says at most {}",
                header.samples, info.longest_block
            )));
        }
        let (by_sample, first) = *self.origin.get_or_insert((header.by_sample, header.number));
        if header.by_sample != by_sample {
            return Err(Error::corrupt("blocking strategy changes"));
        }
        let block = info.longest_block;
        let fixed = !by_sample && info.shortest_block == block;
        if fixed && self.samples as u64 != self.frames * block as u64 {
            return Err(Error::corrupt(format!(
                "it follows {} samples in {} frames, and only the last may not have {block}",
                self.samples, self.frames
            )));
        }
        let expected = first + if by_sample { self.samples as u64 } else { self.frames };
        if header.number != expected {
            return Err(Error::corrupt(format!(
                "frame has number {}, expected {expected}",
                header.number
            )));
        }
        Ok(())
    }

    /// Makes left and right of the last frame's channels.
    fn join(&mut self, channels: Channels) -> Result<()> {
        if channels.side().is_none() {
            return Ok(());
        }
        let [first, second] = &mut self.audio.channels[..] else { unreachable!("two channels") };
        let (first, second) = (&mut first[self.samples..], &mut second[self.samples..]);
        let mut magnitudes = 0;
        for ((first, second), &side) in first.iter_mut().zip(second).zip(&self.side) {
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
        if magnitudes >> (self.info.width - 1) != 0 {
            return Err(Error::corrupt(format!(
                "a sample needs more than {} bits",
                self.info.width
            )));
        }
        Ok(())
    }
}
