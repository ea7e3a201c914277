//! Kernels that predict a stream from others.

use crate::simd::Tap;

/// Predictions whose sums stay in registers together: four vectors of eight.
const TOGETHER: usize = 32;

/// Predicts `out.len()` samples, each (Σ coefficient · sample + 2^shift / 2) >> shift, where no sum
/// leaves 32 bits.
#[inline(always)]
pub fn predict_narrow(taps: &[Tap<'_>], shift: u32, out: &mut [i32]) {
    let round = (1_i32 << shift) >> 1;
    let whole = out.len() / TOGETHER * TOGETHER;
    let (blocks, rest) = out.split_at_mut(whole);
    for (block, out) in blocks.chunks_exact_mut(TOGETHER).enumerate() {
        let mut sums = [round; TOGETHER];
        for tap in taps {
            let samples = &tap.samples[block * TOGETHER..][..TOGETHER];
            for (sum, x) in sums.iter_mut().zip(samples) {
                *sum = sum.wrapping_add(tap.coefficient.wrapping_mul(*x));
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum >> shift;
        }
    }
    for (i, out) in (whole..).zip(rest) {
        let products = taps.iter().map(|tap| tap.coefficient.wrapping_mul(tap.samples[i]));
        *out = products.fold(round, i32::wrapping_add) >> shift;
    }
}

/// The same of any samples, modulo 2^32: sums take 64 bits.
#[inline(always)]
pub fn predict_wide(taps: &[Tap<'_>], shift: u32, out: &mut [i32]) {
    /// As many vectors, of four.
    const TOGETHER: usize = 16;
    let round = (1_i64 << shift) >> 1;
    let product = |tap: &Tap<'_>, x: i32| i64::from(tap.coefficient) * i64::from(x);
    let whole = out.len() / TOGETHER * TOGETHER;
    let (blocks, rest) = out.split_at_mut(whole);
    for (block, out) in blocks.chunks_exact_mut(TOGETHER).enumerate() {
        let mut sums = [round; TOGETHER];
        for tap in taps {
            let samples = &tap.samples[block * TOGETHER..][..TOGETHER];
            for (sum, &x) in sums.iter_mut().zip(samples) {
                *sum += product(tap, x);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = (sum >> shift) as i32;
        }
    }
    for (i, out) in (whole..).zip(rest) {
        let products = taps.iter().map(|tap| product(tap, tap.samples[i]));
        *out = ((products.sum::<i64>() + round) >> shift) as i32;
    }
}

/// Adds predictions to what is left of samples, modulo 2^32. Returns the OR of x for sums x ≥ 0 and
/// of −1 − x for x < 0.
#[inline(always)]
pub fn add(predictions: &[i32], samples: &mut [i32]) -> u32 {
    let mut magnitudes = 0;
    for (x, p) in samples.iter_mut().zip(predictions) {
        *x = x.wrapping_add(*p);
        magnitudes |= *x ^ *x >> 31;
    }
    magnitudes as u32
}
