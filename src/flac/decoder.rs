//! Mono frames to samples, many frames at a time.

use super::bit_reader::BitReader;
use super::frame::{Channels, Header};
use super::residual;
use super::subframe::{self, Pending};
use crate::error::{Error, Result};
use crate::simd::{Kernels, MAX_ORDER, Residual, Restore, kernels};

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
    kernels: &'static Kernels,
    restores: Vec<Restore>,
    /// For each of those, its frame's index and what is left to do after.
    pending: Vec<(usize, Pending)>,
}

/// A frame read up to its residual's parts.
struct Begun<'b> {
    reader: BitReader<'b>,
    pending: Pending,
    /// Whether there is a residual.
    coded: bool,
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
        let mut begun: [Option<Begun<'_>>; BATCH] = [const { None }; BATCH];
        let mut residuals: Vec<Residual<'_, '_>> = Vec::with_capacity(frames.len());
        let mut rest = &mut *out;
        for (i, (frame, begun)) in frames.iter().zip(&mut begun).enumerate() {
            let (samples, after) = rest.split_at_mut(frame.wanted);
            rest = after;
            let mut reader = BitReader::new(frame.bytes);
            let opened = begin(&mut reader, self.kernels, frame, samples);
            // Zeros past the end may have looked like anything.
            reader.check().map_err(|e| (first + i, e))?;
            let (pending, residual) = opened.map_err(|e| (first + i, e))?;
            *begun = Some(Begun { reader, pending, coded: residual.is_some() });
            residuals.extend(residual);
        }
        (self.kernels.read_residuals)(&mut residuals);
        self.restores.clear();
        self.pending.clear();
        let residuals: Vec<_> =
            residuals.into_iter().map(|r| (residual::close(&r), r.reader)).collect();
        let mut residuals = residuals.into_iter();
        let mut start = 0;
        for (i, (frame, begun)) in frames.iter().zip(begun.into_iter().flatten()).enumerate() {
            let named = |e| (first + i, e);
            let Begun { reader, mut pending, coded } = begun;
            let read = if coded { residuals.next() } else { None };
            let (folded, reader) = read.unwrap_or((Ok(0), reader));
            self.end(frame, reader, verify).map_err(named)?;
            let magnitudes = pending.take(folded.map_err(named)?);
            if let Some(restore) = pending.restore {
                self.restores.push(Restore { start, ..restore });
                self.pending.push((first + i, pending));
            } else if coded {
                let samples = &mut out[start..start + frame.wanted];
                pending.finish(magnitudes, samples).map_err(named)?;
            }
            start += frame.wanted;
        }
        (self.kernels.restore)(out, &mut self.restores);
        for (restore, (i, pending)) in self.restores.iter().zip(&self.pending) {
            let samples = &mut out[restore.start..restore.start + restore.length];
            pending.finish(restore.magnitudes, samples).map_err(|e| (*i, e))?;
        }
        Ok(())
    }

    /// Checks what follows what was read of the subframe.
    fn end(&self, frame: &Frame<'_>, mut reader: BitReader<'_>, verify: bool) -> Result<()> {
        let padding = if frame.is_whole() { check_padding(&mut reader) } else { Ok(()) };
        // Zeros past the end may have looked like anything.
        reader.check()?;
        let end = reader.byte() + 2;
        if end > frame.bytes.len() {
            return Err(Error::truncated(format!(
                "frame has {} bytes, expected {end}",
                frame.bytes.len()
            )));
        }
        if frame.is_whole() && end < frame.bytes.len() {
            return Err(Error::corrupt(format!(
                "frame ends after {end} of its {} bytes",
                frame.bytes.len()
            )));
        }
        padding?;
        if verify {
            check_crc(self.kernels, frame.bytes)?;
        }
        Ok(())
    }
}

/// Reads header and subframe up to the residual's parts.
fn begin<'b, 'o>(
    reader: &mut BitReader<'b>,
    kernels: &Kernels,
    frame: &Frame<'b>,
    out: &'o mut [i32],
) -> Result<(Pending, Option<Residual<'b, 'o>>)> {
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
    subframe::open(reader, kernels, frame.width, frame.samples, out)
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
