//! One block of samples to one mono frame.

use super::MAX_BLOCK;
use super::bit_writer::BitWriter;
use super::blocks;
use super::crc::{crc8, crc16};
use super::level::{Level, settings};
use super::search::{Predictor, Search};
use crate::simd::{Kernels, kernels};

/// Encoder workspace of one thread.
pub struct Encoder {
    kernels: &'static Kernels,
    level: Level,
    search: Search,
    blocks: blocks::Chooser,
    /// A block without its wasted bits.
    shifted: Vec<i32>,
}

/// What a subframe stores.
enum Content {
    Constant,
    Verbatim,
    Predicted,
}

/// Longest frame header: 4 fixed bytes, a frame number of 7, a block size of 2, and the CRC-8.
const HEADER: usize = 14;

impl Encoder {
    /// A workspace for effort `level` (0 to 8).
    pub fn new(level: u32) -> Self {
        let level = settings(level);
        Encoder {
            kernels: kernels(),
            level,
            search: Search::default(),
            blocks: blocks::Chooser::default(),
            shifted: Vec::new(),
        }
    }

    /// Chooses the block size of a stream of `length` samples of `width` bits. `read(first, out)`
    /// gives any of its samples.
    pub fn choose_block(
        &mut self,
        length: usize,
        width: u32,
        read: &mut dyn FnMut(usize, &mut [i32]),
    ) -> usize {
        self.blocks.choose(self.kernels, &self.level, length, width, read).clamp(1, MAX_BLOCK)
    }

    /// Forgets the previous block's model. Called at fixed places of a stream, so that bytes do
    /// not depend on how its blocks are spread over threads.
    pub fn reset(&mut self) {
        self.search.forget();
    }

    /// Appends one mono frame holding `samples` (1 to 65535 of `width` bits, 4 to 32) to `out`
    /// and returns its length in bytes. `block` is the stream's block size; only the last block
    /// may be shorter.
    pub fn encode(
        &mut self,
        samples: &[i32],
        width: u32,
        block: usize,
        number: u64,
        out: &mut Vec<u8>,
    ) -> usize {
        assert!((1..=block).contains(&samples.len()) && block <= 65535, "block size");
        assert!((4..=32).contains(&width) && number < 1 << 36, "width or frame number");
        let survey = (self.kernels.survey)(samples);
        debug_assert!(survey.magnitudes >> (width - 1) == 0, "samples wider than {width} bits");
        let wasted = if survey.bits == 0 { 0 } else { survey.bits.trailing_zeros() };
        let wasted = if samples.len() > 1 { wasted.min(width - 1) } else { 0 };
        let samples = if wasted == 0 || survey.changes == 0 {
            samples
        } else {
            self.shifted.clear();
            self.shifted.extend(samples.iter().map(|x| x >> wasted));
            &self.shifted[..]
        };
        let (content, wasted, bits) = if survey.changes == 0 {
            (Content::Constant, 0, u64::from(width))
        } else {
            let width = width - wasted;
            let magnitude = 32 - (survey.magnitudes >> wasted).leading_zeros();
            let verbatim = samples.len() as u64 * u64::from(width);
            let best = self.search.run(self.kernels, &self.level, samples, width, magnitude);
            match best {
                Some(bits) if bits < verbatim => (Content::Predicted, wasted, bits),
                _ => (Content::Verbatim, wasted, verbatim),
            }
        };
        // Subframe header of 8 bits and the wasted bits' unary code; the CRC-16.
        let bytes = HEADER + (8 + u64::from(wasted) + bits).div_ceil(8) as usize + 2;
        let start = out.len();
        out.resize(start + bytes + BitWriter::SLACK, 0);
        let mut writer = BitWriter::new(&mut out[start..]);
        write_header(samples.len(), width, number, &mut writer);
        let width = width - wasted;
        let wasted_flag = u64::from(wasted > 0);
        let code = match content {
            Content::Constant => 0,
            Content::Verbatim => 1,
            Content::Predicted => match self.search.best().predictor {
                Predictor::Fixed(order) => 8 | order as u64,
                Predictor::Linear(model) => 31 + model.order as u64,
            },
        };
        writer.put(code << 1 | wasted_flag, 8);
        if wasted > 0 {
            writer.put(1, wasted);
        }
        match content {
            Content::Constant => writer.put_signed(samples[0], width),
            Content::Verbatim => samples.iter().for_each(|&x| writer.put_signed(x, width)),
            Content::Predicted => {
                let best = self.search.best();
                let order = best.predictor.order();
                samples[..order].iter().for_each(|&x| writer.put_signed(x, width));
                if let Predictor::Linear(model) = best.predictor {
                    writer.put(u64::from(model.precision) - 1, 4);
                    writer.put(u64::from(model.shift), 5);
                    let coefficients = model.coefficients().iter();
                    coefficients.for_each(|&q| writer.put_signed(q, model.precision));
                }
                best.coding.write(self.kernels, best.residual(samples), order, &mut writer);
            }
        }
        writer.align();
        let crc = crc16(writer.written());
        writer.put(u64::from(crc), 16);
        let length = writer.finish();
        out.truncate(start + length);
        length
    }
}

/// Writes a frame header (RFC 9639 section 9.1): fixed block size, one channel, sample rate
/// from STREAMINFO.
fn write_header(samples: usize, width: u32, number: u64, out: &mut BitWriter<'_>) {
    out.put(0xfff8, 16);
    let (size, size_bits) = match samples {
        192 => (1, 0),
        576 | 1152 | 2304 | 4608 => (2 + (samples / 576).ilog2(), 0),
        256 | 512 | 1024 | 2048 | 4096 | 8192 | 16384 | 32768 => (samples.ilog2(), 0),
        1..=256 => (6, 8),
        _ => (7, 16),
    };
    out.put(u64::from(size) << 4, 8);
    let bits = match width {
        8 => 1,
        12 => 2,
        16 => 4,
        20 => 5,
        24 => 6,
        32 => 7,
        _ => 0,
    };
    out.put(bits << 1, 8);
    write_number(number, out);
    if size_bits > 0 {
        out.put(samples as u64 - 1, size_bits);
    }
    let crc = crc8(out.written());
    out.put(u64::from(crc), 8);
}

/// Writes a number below 2^36 as UTF-8 extended to 7 bytes.
fn write_number(number: u64, out: &mut BitWriter<'_>) {
    if number < 0x80 {
        out.put(number, 8);
        return;
    }
    // n bytes hold 6·(n − 1) bits after the first, and 7 − n in it.
    let bytes = (2..7).find(|n| number >> (5 * n + 1) == 0).unwrap_or(7);
    let lead = 0xff << (8 - bytes) & 0xff;
    out.put(lead | number >> (6 * (bytes - 1)), 8);
    for i in (0..bytes - 1).rev() {
        out.put(0x80 | number >> (6 * i) & 0x3f, 8);
    }
}
