//! Mono frames to samples, many frames at a time.

use super::batch::{BATCH, Batch, Subframe};
use super::bit_reader::BitReader;
use super::frame::{Channels, Header};
use crate::error::{Error, Result};
use crate::simd::{Kernels, MAX_ORDER, kernels};

/// A frame as the chunk's index promises it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The frame's bytes, sync code to CRC-16, nothing more.
    pub bytes: &'a [u8],
    /// Samples it must hold.
    pub samples: usize,
    /// How many of them are wanted, the first ones: all, or [`Frame::FEWEST`] at least. What
    /// follows those is not read; only the CRC-16 covers it.
    pub wanted: usize,
    /// Declared bits per sample of its stream, 4 to 32.
    pub width: u32,
    /// Frame number in its stream.
    pub number: u64,
}

impl Frame<'_> {
    /// Samples that are decoded of any frame that has as many: the longest warm-up.
    pub const FEWEST: usize = MAX_ORDER;

    fn is_whole(&self) -> bool {
        self.wanted == self.samples
    }
}

/// Decoder workspace of one thread.
pub struct Decoder {
    batch: Batch,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { batch: Batch::new(kernels()) }
    }
}

impl Decoder {
    /// Decodes mono frames side by side; `out` receives the samples wanted of them one frame after
    /// another and has exactly the sum of their lengths. `verify` checks each frame's CRC-16.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`, with the frame's place in the list.
    pub fn decode(
        &mut self,
        frames: &[Frame<'_>],
        out: &mut [i32],
        verify: bool,
    ) -> std::result::Result<(), (usize, Error)> {
        let total = frames.iter().try_fold(0_usize, |sum, frame| sum.checked_add(frame.wanted));
        assert_eq!(total, Some(out.len()), "samples of the frames, and room for them");
        let least = |frame: &Frame<'_>| frame.wanted >= frame.samples.min(Frame::FEWEST);
        assert!(frames.iter().all(|frame| least(frame) && frame.wanted <= frame.samples));
        let mut rest = out;
        for (batch, frames) in frames.chunks(BATCH).enumerate() {
            let length = frames.iter().map(|frame| frame.wanted).sum();
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
        let mut subframes = Vec::with_capacity(frames.len());
        for (i, frame) in (first..).zip(frames) {
            let reader = open(frame).map_err(|e| (i, e))?;
            subframes.push(Subframe::new(reader, frame.width, frame.samples, frame.wanted));
        }
        self.batch.begin();
        self.batch.read(&mut subframes, out, 0);
        let verified = verify.then_some(self.batch.kernels);
        for ((i, frame), subframe) in (first..).zip(frames).zip(&subframes) {
            subframe
                .end()
                .and_then(|reader| end(reader, frame.is_whole(), verified))
                .map_err(|e| (i, e))?;
        }
        let mut result = Ok(());
        self.batch.restore(out, |i, error| {
            if result.is_ok() {
                result = Err((first + i, error));
            }
        });
        result
    }
}

/// Reads a frame's header, and checks that it is the one promised.
fn open<'b>(frame: &Frame<'b>) -> Result<BitReader<'b>> {
    let mut reader = BitReader::new(frame.bytes);
    let header = Header::read(&mut reader, frame.bytes);
    // Zeros past the end may have looked like anything.
    reader.check()?;
    let header = header?;
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
    Ok(reader)
}

/// Checks what follows what was read of the subframes of a frame that fills all bytes; `verified`
/// has the kernels where the CRC-16 is checked too.
pub(super) fn end(
    mut reader: BitReader<'_>,
    is_whole: bool,
    verified: Option<&Kernels>,
) -> Result<()> {
    let bytes = reader.bytes();
    let padding = if is_whole { check_padding(&mut reader) } else { Ok(()) };
    reader.check()?;
    let end = reader.byte() + 2;
    if end > bytes.len() {
        return Err(Error::truncated(format!("frame has {} bytes, expected {end}", bytes.len())));
    }
    if is_whole && end < bytes.len() {
        return Err(Error::corrupt(format!("frame ends after {end} of its {} bytes", bytes.len())));
    }
    padding?;
    verified.map_or(Ok(()), |kernels| check_crc(kernels, bytes))
}

/// Moves on to the CRC-16.
pub(super) fn check_padding(reader: &mut BitReader<'_>) -> Result<()> {
    if !reader.align() {
        return Err(Error::corrupt("padding before the CRC-16 is not zero"));
    }
    Ok(())
}

/// Checks the CRC-16 that ends a frame.
pub(super) fn check_crc(kernels: &Kernels, frame: &[u8]) -> Result<()> {
    let (body, stored) = frame.split_last_chunk().expect("a frame ends in its CRC-16");
    let (stored, computed) = (u16::from_be_bytes(*stored), (kernels.crc16)(body));
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
                    let samples = samples.len();
                    Frame { bytes: now, samples, wanted: samples, width: *width, number }
                })
                .collect();
            for part in [0, 40, 999, usize::MAX] {
                let of_frame = |samples: usize| samples.min(part.max(Frame::FEWEST));
                let list: Vec<Frame<'_>> = list
                    .iter()
                    .map(|frame| Frame { wanted: of_frame(frame.samples), ..*frame })
                    .collect();
                let wanted = frames.iter().flat_map(|(_, x)| &x[..of_frame(x.len())]);
                let expected: Vec<i32> = wanted.copied().collect();
                let mut out = vec![0; expected.len()];
                Decoder::default().decode(&list, &mut out, true).unwrap();
                assert!(out == expected, "level {level}, first {part}");
            }
        }
    }
}
