//! The block size of a stream.
//!
//! A long block spreads a predictor's cost over more samples, a short one follows a signal that
//! changes. Both sides are estimated from the correlations of short units of a few stretches:
//! the units of a block share the predictor that their summed correlations give, and each
//! unit's residual is as large as its own correlation says.

use super::MAX_BLOCK;
use super::analysis::Analysis;
use super::level::Level;
use super::window::{Cache, Shape};
use crate::simd::{Kernels, MAX_ORDER};

/// One stretch for this many samples, so that the choice costs a few percent of the encoding.
const SPACING: usize = 1 << 18;
const MOST_STRETCHES: usize = 4;

/// Workspace of the choice.
#[derive(Default)]
pub struct Chooser {
    analysis: Analysis,
    windows: Cache,
    samples: Vec<i32>,
    units: Vec<[f64; MAX_ORDER + 1]>,
}

impl Chooser {
    /// Chooses a block size for a stream of `length` samples; see
    /// [`super::Encoder::choose_block`].
    pub fn choose(
        &mut self,
        kernels: &Kernels,
        level: &Level,
        length: usize,
        width: u32,
        read: &mut dyn FnMut(usize, &mut [i32]),
    ) -> usize {
        let unit = level.blocks[0];
        let longest = *level.blocks.last().expect("a block size at least");
        if length < 2 * unit || unit == longest {
            return even(length, longest);
        }
        let order = level.order.min(if level.reuse { 8 } else { 16 });
        let stretch = MAX_BLOCK.min(length / unit * unit);
        let stretches = (length / SPACING).clamp(1, MOST_STRETCHES);
        let mut bits = vec![0.0; level.blocks.len()];
        for i in 0..stretches {
            // Middles of equal parts of the stream.
            let first = (length * (2 * i + 1) / (2 * stretches)).saturating_sub(stretch / 2);
            self.samples.resize(stretch, 0);
            read(first.min(length - stretch), &mut self.samples);
            self.correlate(kernels, unit, order);
            for (bits, &block) in bits.iter_mut().zip(level.blocks) {
                for units in self.units.chunks(block / unit) {
                    *bits += estimate(&mut self.analysis, units, unit, order, width);
                }
            }
        }
        let (_, &block) = bits
            .iter()
            .zip(level.blocks)
            .min_by(|a, b| a.0.total_cmp(b.0))
            .expect("a block size at least");
        even(length, block)
    }

    /// Correlates each unit of the stretch.
    fn correlate(&mut self, kernels: &Kernels, unit: usize, order: usize) {
        let window = self.windows.get(Shape::Tapered(16), unit);
        self.units.clear();
        for samples in self.samples.chunks_exact(unit) {
            self.analysis.run(kernels, samples, &window, order);
            self.units.push(*self.analysis.correlation());
        }
    }
}

/// Estimated bits of a block of these units.
fn estimate(
    analysis: &mut Analysis,
    units: &[[f64; MAX_ORDER + 1]],
    unit: usize,
    order: usize,
    width: u32,
) -> f64 {
    let mut sum = [0.0; MAX_ORDER + 1];
    for unit in units {
        for (sum, r) in sum.iter_mut().zip(unit) {
            *sum += r / units.len() as f64;
        }
    }
    analysis.solve_correlation(&sum[..=order]);
    let length = (unit * units.len()) as f64;
    let cost = |order: usize| order as f64 * f64::from(width + 8) + 100.0;
    let order = (0..=analysis.reached)
        .min_by(|&a, &b| {
            let bits =
                |order| length * analysis.bits_per_sample(analysis.errors[order]) + cost(order);
            bits(a).total_cmp(&bits(b))
        })
        .expect("order 0 at least");
    let mut predictor = [0.0; MAX_ORDER];
    if order > 0 {
        predictor[..order].copy_from_slice(analysis.predictor(order));
    }
    units.iter().fold(cost(order), |bits, correlation| {
        let error = Analysis::error_under(correlation, &predictor[..order]);
        bits + unit as f64 * analysis.bits_per_sample(error)
    })
}

/// The block size near `block` that cuts a short stream into even blocks.
fn even(length: usize, block: usize) -> usize {
    let count = length.div_ceil(block);
    if count > 8 {
        return block;
    }
    let size = length.div_ceil(count.max(1));
    // Whole partitions where there is more than one block.
    if count > 1 { size.next_multiple_of(256).min(block) } else { size }
}
