//! Kernels that predict a stream from others.

use crate::simd::Tap;

/// Predicts `out.len()` samples, each (Σ coefficient · sample + 2^shift / 2) >> shift, where no sum
/// leaves 32 bits.
#[inline(always)]
pub fn predict_narrow(taps: &[Tap<'_>], shift: u32, out: &mut [i32]) {
    let add = |sum: i32, tap: &Tap<'_>, x: i32| sum.wrapping_add(tap.coefficient.wrapping_mul(x));
    // Four vectors of eight.
    predict::<32, i32>(taps, out, (1 << shift) >> 1, add, |sum| sum >> shift);
}

/// The same of any samples, modulo 2^32: sums take 64 bits.
#[inline(always)]
pub fn predict_wide(taps: &[Tap<'_>], shift: u32, out: &mut [i32]) {
    let add = |sum: i64, tap: &Tap<'_>, x: i32| sum + i64::from(tap.coefficient) * i64::from(x);
    // Four vectors of four.
    predict::<16, i64>(taps, out, (1 << shift) >> 1, add, |sum| (sum >> shift) as i32);
}

/// Adds up the products for each of `out`, so many `TOGETHER` that their sums stay in registers.
#[inline(always)]
fn predict<const TOGETHER: usize, S: Copy>(
    taps: &[Tap<'_>],
    out: &mut [i32],
    start: S,
    add: impl Fn(S, &Tap<'_>, i32) -> S,
    end: impl Fn(S) -> i32,
) {
    let whole = out.len() / TOGETHER * TOGETHER;
    let (blocks, rest) = out.split_at_mut(whole);
    for (block, out) in blocks.chunks_exact_mut(TOGETHER).enumerate() {
        let mut sums = [start; TOGETHER];
        for tap in taps {
            let samples = &tap.samples[block * TOGETHER..][..TOGETHER];
            for (sum, &x) in sums.iter_mut().zip(samples) {
                *sum = add(*sum, tap, x);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = end(sum);
        }
    }
    for (i, out) in (whole..).zip(rest) {
        *out = end(taps.iter().fold(start, |sum, tap| add(sum, tap, tap.samples[i])));
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
