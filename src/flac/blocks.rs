//! The block size of a stream.
//!
//! A long block spreads a predictor's cost over more samples, a short one follows a signal that
//! changes. Both sides are estimated on a few sections: what the best predictor of each block
//! leaves of it, in sizes known from the best fixed predictor's residual.

use super::MAX_BLOCK;
use super::analysis::{Analysis, STRETCH};
use super::level::Level;
use super::subframe::FIXED;
use crate::simd::Kernels;
use std::f64::consts::FRAC_PI_2;

const MOST_SECTIONS: usize = 4;

/// Most block sizes of a level.
const MOST_SIZES: usize = 8;

/// Workspace of the choice.
#[derive(Default)]
pub struct Chooser {
    samples: Vec<i32>,
    residual: Vec<i32>,
}

impl Chooser {
    /// Chooses a block size for a stream of `length` samples of `width` bits; see
    /// [`super::Encoder::choose_block`].
    pub fn choose(
        &mut self,
        kernels: &Kernels,
        level: &Level,
        analysis: &mut Analysis,
        (length, width): (usize, u32),
        read: &mut dyn FnMut(usize, &mut [i32]),
    ) -> usize {
        let unit = level.blocks[0];
        let longest = *level.blocks.last().expect("a block size at least");
        if length < level.shortest || unit == longest {
            return even(length, longest);
        }
        let section = MAX_BLOCK.min(length / unit * unit);
        let sections = (length / level.spacing).clamp(1, MOST_SECTIONS);
        let mut bits = [0.0; MOST_SIZES];
        for i in 0..sections {
            // Middles of equal parts of the stream.
            let first = (length * (2 * i + 1) / (2 * sections)).saturating_sub(section / 2);
            let first = first.min(length - section);
            self.samples.resize(section, 0);
            let read = &mut |from: usize, out: &mut [i32]| read(first + from, out);
            self.measure(kernels, level, analysis, width, read);
            for (bits, &block) in bits.iter_mut().zip(level.blocks) {
                for from in (0..section).step_by(block) {
                    let length = block.min(section - from);
                    *bits += estimate(kernels, analysis, from, length, width);
                }
            }
        }
        let (_, &block) = bits[..level.blocks.len()]
            .iter()
            .zip(level.blocks)
            .rev()
            .min_by(|a, b| a.0.total_cmp(b.0))
            .expect("a block size at least");
        even(length, block)
    }

    /// Analyses a section, of which it reads what it looks at.
    fn measure(
        &mut self,
        kernels: &Kernels,
        level: &Level,
        analysis: &mut Analysis,
        width: u32,
        read: &mut dyn FnMut(usize, &mut [i32]),
    ) {
        let section = self.samples.len();
        let every = level.every(section);
        let looked_at = || Analysis::looked_at(section, every);
        let mut sums = [0; 5];
        for run in looked_at() {
            let from = run.start.saturating_sub(level.order.max(FIXED.len()));
            let samples = &mut self.samples[from..run.end];
            read(from, samples);
            let of_run = (kernels.fixed_sums)(samples, width);
            sums.iter_mut().zip(of_run).for_each(|(sum, of_run)| *sum += of_run);
        }
        let fixed = (0..5).min_by_key(|&order| sums[order]).expect("five orders");
        self.residual.resize(section - fixed, 0);
        for run in looked_at() {
            let start = run.start.saturating_sub(fixed);
            let (samples, end) = (&self.samples[start..run.end], run.end - fixed);
            // A residual out of range wraps, and only makes the estimate worse.
            (kernels.residual_wide)(samples, FIXED[fixed], 0, &mut self.residual[start..end]);
        }
        analysis.take(kernels, &self.samples, level.order, every);
        analysis.level_out(&self.residual, 0);
    }
}

/// Estimated bits of a block of the section.
fn estimate(
    kernels: &Kernels,
    analysis: &mut Analysis,
    from: usize,
    length: usize,
    width: u32,
) -> f64 {
    analysis.solve(kernels, from / STRETCH..(from + length) / STRETCH);
    let bits = |mean_square| length as f64 * analysis.bits_per_sample(mean_square);
    // A Gaussian's mean square in units of its mean magnitude is π/2.
    let fixed = bits(FRAC_PI_2);
    let linear = (0..=analysis.reached)
        .map(|order| bits(analysis.errors[order]) + order as f64 * f64::from(width + 8));
    // Headers, checksum, and the block's entry in an index have about 100 bits.
    linear.fold(fixed, f64::min) + 100.0
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

#[cfg(test)]
mod tests {
    use super::super::level::settings;
    use super::*;
    use crate::simd::kernels;

    fn chosen(level: u32, samples: &[i32]) -> usize {
        let mut read =
            |first: usize, out: &mut [i32]| out.copy_from_slice(&samples[first..][..out.len()]);
        let (level, mut analysis) = (settings(level), Analysis::default());
        let size = (samples.len(), 24);
        Chooser::default().choose(kernels(), &level, &mut analysis, size, &mut read)
    }

    fn noise(length: usize) -> impl Iterator<Item = f64> {
        let mut seed = 1_u64;
        (0..length).map(move |_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            f64::from((seed >> 40) as i32 - (1 << 23)) / f64::from(1 << 23)
        })
    }

    #[test]
    fn a_signal_that_stays_the_same_gets_long_blocks() {
        let samples: Vec<i32> = noise(200_000).map(|x| (x * 100.0) as i32).collect();
        for level in 1..=8 {
            assert_eq!(chosen(level, &samples), 16384, "level {level}");
        }
        assert_eq!(chosen(5, &samples[..10_000]), 10_000);
    }

    #[test]
    fn a_signal_whose_spectrum_changes_gets_short_blocks() {
        let (mut before, mut last) = (0.0, 0.0);
        let resonance = |(i, x): (usize, f64)| {
            let tone = [1.95, 0.3, -1.2, -1.9][i / 4096 % 4];
            (before, last) = (last, tone * last - 0.98 * before + 300.0 * x);
            last as i32
        };
        let samples: Vec<i32> = noise(200_000).enumerate().map(resonance).collect();
        for level in 4..=8 {
            assert!(chosen(level, &samples) <= 4096, "level {level}");
        }
    }
}
