//! One block of samples to one mono frame.

use super::MAX_BLOCK;
use super::bit_writer::BitWriter;
use super::blocks;
use super::frame::{LONGEST_HEADER, write_header};
use super::level::{Level, settings};
use super::search::{Predictor, Search};
use super::subframe::{Head, Kind};
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
        let Encoder { kernels, level, search, blocks, .. } = self;
        let size = (length, width);
        blocks.choose(kernels, level, &mut search.analysis, size, read).clamp(1, MAX_BLOCK)
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
        let (kind, wasted, most) = if survey.changes == 0 {
            (Kind::Constant, 0, u64::from(width))
        } else {
            let width = width - wasted;
            let magnitude = 32 - (survey.magnitudes >> wasted).leading_zeros();
            let verbatim = samples.len() as u64 * u64::from(width);
            let best = self.search.run(self.kernels, &self.level, samples, width, magnitude);
            match best {
                Some(bits) if bits < verbatim => {
                    let trial = self.search.best();
                    let kind = match trial.predictor {
                        Predictor::Fixed(order) => Kind::Fixed(order),
                        Predictor::Linear(model) => Kind::Linear(model.order),
                    };
                    (kind, wasted, trial.most)
                }
                _ => (Kind::Verbatim, wasted, verbatim),
            }
        };
        // Subframe header of 8 bits and the wasted bits' unary code; the CRC-16.
        let bytes = LONGEST_HEADER + (8 + u64::from(wasted) + most).div_ceil(8) as usize + 2;
        let start = out.len();
        out.resize(start + bytes + BitWriter::SLACK, 0);
        let mut writer = BitWriter::new(&mut out[start..]);
        write_header(samples.len(), width, number, &mut writer);
        Head { kind, wasted }.write(&mut writer);
        let width = width - wasted;
        match kind {
            Kind::Constant => writer.put_signed(samples[0], width),
            Kind::Verbatim => samples.iter().for_each(|&x| writer.put_signed(x, width)),
            Kind::Fixed(_) | Kind::Linear(_) => {
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
        let crc = (self.kernels.crc16)(writer.written());
        writer.put(u64::from(crc), 16);
        let length = writer.finish();
        out.truncate(start + length);
        length
    }
}
