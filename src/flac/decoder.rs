//! Mono frames to samples, many frames at a time.

use super::bit_reader::BitReader;
use super::crc::crc16;
use super::frame::{Channels, Header};
use super::subframe::{self, Pending};
use crate::error::{Error, Result};
use crate::simd::{Kernels, Restore, kernels};

/// A frame as the chunk's index promises it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The frame's bytes, sync code to CRC-16, nothing more.
    pub bytes: &'a [u8],
    /// Samples it must decode to.
    pub samples: usize,
    /// Declared bits per sample of its stream, 4 to 32.
    pub width: u32,
    /// Frame number in its stream.
    pub number: u64,
}

/// Decoder workspace of one thread.
pub struct Decoder {
    kernels: &'static Kernels,
    restores: Vec<Restore>,
    /// For each of those, its frame's index and what is left to do after.
    pending: Vec<(usize, Pending)>,
}

/// Frames read before they are restored side by side: a multiple of every kernel's lanes, and
/// few enough that 16 blocks of 16384 samples stay in a cache of 1 MiB.
const BATCH: usize = 16;

impl Default for Decoder {
    fn default() -> Self {
        Decoder { kernels: kernels(), restores: Vec::new(), pending: Vec::new() }
    }
}

impl Decoder {
    /// Decodes mono frames side by side; `out` receives their samples one frame after another
    /// and has exactly the sum of their lengths. `verify` checks each frame's CRC-16.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`, with the frame's place in the list.
    pub fn decode(
        &mut self,
        frames: &[Frame<'_>],
        out: &mut [i32],
        verify: bool,
    ) -> std::result::Result<(), (usize, Error)> {
        let total = frames.iter().try_fold(0_usize, |sum, frame| sum.checked_add(frame.samples));
        assert_eq!(total, Some(out.len()), "samples of the frames, and room for them");
        let mut rest = out;
        for (batch, frames) in frames.chunks(BATCH).enumerate() {
            let length = frames.iter().map(|frame| frame.samples).sum();
            let (now, after) = rest.split_at_mut(length);
            self.decode_batch(batch * BATCH, frames, now, verify)?;
            rest = after;
        }
        Ok(())
    }

    /// Reads all frames of a batch, then restores all.
    fn decode_batch(
        &mut self,
        first: usize,
        frames: &[Frame<'_>],
        out: &mut [i32],
        verify: bool,
    ) -> std::result::Result<(), (usize, Error)> {
        self.restores.clear();
        self.pending.clear();
        let mut start = 0;
        for (i, frame) in (first..).zip(frames) {
            let samples = &mut out[start..start + frame.samples];
            let pending = self.read(frame, samples, verify).map_err(|e| (i, e))?;
            if let Some(restore) = pending.restore {
                self.restores.push(Restore { start, ..restore });
                self.pending.push((i, pending));
            }
            start += frame.samples;
        }
        (self.kernels.restore)(out, &mut self.restores);
        for (restore, (i, pending)) in self.restores.iter().zip(&self.pending) {
            let samples = &mut out[restore.start..restore.start + restore.length];
            pending.finish(restore.magnitudes, samples).map_err(|e| (*i, e))?;
        }
        Ok(())
    }

    /// Reads one frame.
    fn read(&self, frame: &Frame<'_>, out: &mut [i32], verify: bool) -> Result<Pending> {
        let mut reader = BitReader::new(frame.bytes);
        let pending = read_subframe(&mut reader, self.kernels, frame, out);
        // Zeros past the end may have looked like anything.
        reader.check()?;
        let pending = pending?;
        let end = reader.byte() + 2;
        if end > frame.bytes.len() {
            return Err(Error::truncated(format!(
                "frame has {} bytes, expected {end}",
                frame.bytes.len()
            )));
        }
        if end < frame.bytes.len() {
            return Err(Error::corrupt(format!(
                "frame ends after {end} of its {} bytes",
                frame.bytes.len()
            )));
        }
        if verify {
            check_crc(frame.bytes)?;
        }
        Ok(pending)
    }
}

/// Reads header and subframe up to the CRC-16.
fn read_subframe(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    frame: &Frame<'_>,
    out: &mut [i32],
) -> Result<Pending> {
    let header = Header::read(reader, frame.bytes)?;
    let differs = |what: &str, found: u64, expected: u64| {
        Err(Error::corrupt(format!("header says {what} {found}, expected {expected}")))
    };
    if header.by_sample {
        return Err(Error::corrupt("header is of a stream of varying block sizes"));
    }
    if header.channels != Channels::Independent(1) {
        return Err(Error::corrupt("frame has more than one channel"));
    }
    if header.samples != frame.samples {
        return differs("block size", header.samples as u64, frame.samples as u64);
    }
    if let Some(width) = header.width
        && width != frame.width
    {
        return differs("bits per sample", u64::from(width), u64::from(frame.width));
    }
    if header.number != frame.number {
        return differs("frame number", header.number, frame.number);
    }
    let pending = subframe::read(reader, kernels, frame.width, out)?;
    check_padding(reader)?;
    Ok(pending)
}

/// Moves on to the CRC-16.
pub(super) fn check_padding(reader: &mut BitReader<'_>) -> Result<()> {
    if !reader.align() {
        return Err(Error::corrupt("padding before the CRC-16 is not zero"));
    }
    Ok(())
}

/// Checks the CRC-16 that ends a frame.
pub(super) fn check_crc(frame: &[u8]) -> Result<()> {
    let (body, stored) = frame.split_last_chunk().expect("a frame ends in its CRC-16");
    let (stored, computed) = (u16::from_be_bytes(*stored), crc16(body));
    if stored != computed {
        return Err(Error::corrupt(format!("CRC-16 is {stored:#06x}, computed {computed:#06x}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flac::Encoder;

    #[test]
    fn frames_of_several_widths_come_back_side_by_side() {
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as i32
        };
        let mut frames = Vec::new();
        for width in 4..=32_u32 {
            for length in [1, 2, 15, 100, 1000, 4096] {
                let mut last = 0_i32;
                for walk in [false, true] {
                    let samples: Vec<i32> = (0..length)
                        .map(|_| {
                            last = if walk { last.wrapping_add(random() >> 5) } else { random() };
                            last >> (32 - width)
                        })
                        .collect();
                    frames.push((width, samples));
                }
            }
        }
        for level in 0..=8 {
            let mut encoder = Encoder::new(level);
            let mut bytes = Vec::new();
            let lengths: Vec<usize> = frames
                .iter()
                .zip(0..)
                .map(|((width, samples), i)| encoder.encode(samples, *width, 4096, i, &mut bytes))
                .collect();
            let mut rest = &bytes[..];
            let list: Vec<Frame<'_>> = lengths
                .iter()
                .zip(&frames)
                .zip(0..)
                .map(|((&length, (width, samples)), number)| {
                    let (now, after) = rest.split_at(length);
                    rest = after;
                    Frame { bytes: now, samples: samples.len(), width: *width, number }
                })
                .collect();
            let expected: Vec<i32> = frames.iter().flat_map(|(_, x)| x).copied().collect();
            let mut out = vec![0; expected.len()];
            Decoder::default().decode(&list, &mut out, true).unwrap();
            assert!(out == expected, "level {level}");
        }
    }
}
