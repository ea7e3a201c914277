//! A few stretches of a stream, to judge it by.

use crate::arithmetic::log2;
use crate::layout::StreamView;
use crate::sample::Sample;
use crate::simd::Kernels;

/// Stretches of a long stream, and samples of each.
const STRETCHES: usize = 8;
const STRETCH: usize = 128;

/// Stretches of a stream, evenly spread.
pub struct Sketch<T> {
    /// Samples of all stretches.
    pub samples: Vec<T>,
    /// The stream's index of each stretch's first sample.
    pub firsts: Vec<usize>,
    /// Samples of each stretch.
    pub stretch: usize,
}

impl<T> Default for Sketch<T> {
    fn default() -> Self {
        Sketch { samples: Vec::new(), firsts: Vec::new(), stretch: 1 }
    }
}

impl<T: Sample> Sketch<T> {
    /// Sketches the first `length` samples of a stream.
    pub fn draw(&mut self, view: &StreamView<'_>, length: usize) {
        self.firsts.clear();
        if length <= STRETCHES * STRETCH {
            self.stretch = length;
            self.firsts.push(0);
        } else {
            self.stretch = STRETCH;
            let room = length - STRETCH;
            // room < 2^60, so seven times it is no overflow.
            self.firsts.extend((0..STRETCHES).map(|i| room * i / (STRETCHES - 1)));
        }
        self.samples.resize(self.stretch * self.firsts.len(), T::default());
        for (&first, out) in self.firsts.iter().zip(self.samples.chunks_exact_mut(self.stretch)) {
            view.read(first, out);
        }
    }
}

/// Samples of a stretch that say what predictors leave of it.
const MOST_SUMMED: usize = 256;

/// Mean magnitudes that the fixed predictors of order 0 to 3 leave of stretches of integers of
/// `width` bits.
pub fn residuals(kernels: &Kernels, values: &[i32], stretch: usize, width: u32) -> [f64; 4] {
    let mut sums = [0_u64; 4];
    // The kernel leaves out the first four of a stretch.
    let (mut count, few) = (0, stretch < 5);
    for values in values.chunks_exact(stretch.max(1)) {
        let values = &values[..stretch.min(MOST_SUMMED)];
        if few {
            sums[0] += values.iter().map(|x| u64::from(x.unsigned_abs())).sum::<u64>();
            count += values.len();
        } else {
            let [a, b, c, d, _] = (kernels.fixed_sums)(values, width);
            sums.iter_mut().zip([a, b, c, d]).for_each(|(sum, part)| *sum += part);
            count += values.len() - 4;
        }
    }
    let [level, slopes @ ..] = sums.map(|sum| sum as f64 / count.max(1) as f64);
    let [a, b, c] = if few { [f64::INFINITY; 3] } else { slopes };
    [level, a, b, c]
}

/// Bits per sample that FLAC would need for integers of which its predictors leave these, roughly.
pub fn bits_per_sample(residuals: [f64; 4]) -> f64 {
    let least = residuals.into_iter().fold(f64::INFINITY, f64::min);
    // A Gaussian's mean magnitude is 0.8 sigma and its entropy log2(sigma) + 2.05; Rice codes
    // cost 0.1 more.
    (log2(least + 0.3) + 2.5).max(0.05)
}
