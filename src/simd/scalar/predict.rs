//! Kernels that predict a stream from others.

use crate::arithmetic::nearest;
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

/// Adds to each of `sums` the products of `a` with as many samples of `b`, from its place on. At
/// most 256 samples of 12 bits, so that a sum of products fits 31.
#[inline(always)]
pub fn products(a: &[i16], b: &[i16], sums: &mut [i64]) {
    for (sum, b) in sums.iter_mut().zip(b.windows(a.len())) {
        let products = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b));
        *sum += i64::from(products.sum::<i32>());
    }
}

/// Samples before each that [`autocorrelate`] and [`filter`] look at.
pub const BEFORE: usize = 8;

/// Sums of products of samples with those up to 8 before them, those of even and of odd places apart
/// and added last. The first 8 samples are only before others.
#[inline(always)]
pub fn autocorrelate(samples: &[f64]) -> [f64; BEFORE + 1] {
    // The products with the samples 8 to 1 before, and the squares.
    let mut sums = [[0.0; BEFORE]; 2];
    let mut squares = [0.0; 2];
    let mut add = |parity: usize, window: &[f64]| {
        let (before, newest): (&[f64; BEFORE], f64) =
            (window[..BEFORE].try_into().expect("8"), window[BEFORE]);
        for (sum, x) in sums[parity].iter_mut().zip(before) {
            *sum += newest * x;
        }
        squares[parity] += newest * newest;
    };
    let mut pairs = samples.windows(BEFORE + 2).step_by(2);
    for window in &mut pairs {
        add(0, &window[..=BEFORE]);
        add(1, &window[1..]);
    }
    if samples.len() > BEFORE && (samples.len() - BEFORE) % 2 == 1 {
        add(0, &samples[samples.len() - BEFORE - 1..]);
    }
    let mut all = [0.0; BEFORE + 1];
    all[0] = squares[0] + squares[1];
    for lag in 1..=BEFORE {
        all[lag] = sums[0][BEFORE - lag] + sums[1][BEFORE - lag];
    }
    all
}

/// Takes from each of the last `out.len()` samples, a multiple of 8, the sum of coefficients times
/// the samples before it, the newest first. Returns the sum of squares, eight sums that are added
/// last.
#[inline(always)]
pub fn filter(samples: &[f64], coefficients: &[f64; BEFORE], out: &mut [f64]) -> f64 {
    let before = samples.len() - out.len();
    let mut squares = [0.0; 8];
    for (i, out) in out.chunks_exact_mut(8).enumerate() {
        let at = before + 8 * i;
        let eight = |at: usize| -> [f64; 8] { samples[at..at + 8].try_into().expect("8") };
        let mut left = eight(at);
        for (lag, coefficient) in (1..).zip(coefficients) {
            for (left, x) in left.iter_mut().zip(eight(at - lag)) {
                *left -= coefficient * x;
            }
        }
        squares.iter_mut().zip(left).for_each(|(sum, x)| *sum += x * x);
        out.copy_from_slice(&left);
    }
    squares.iter().sum()
}

/// Scales numbers and rounds them to integers, cut off at ±`most`.
#[inline(always)]
pub fn narrow(samples: &[f64], scale: f64, most: f64, out: &mut [i16]) {
    for (x, out) in samples.iter().zip(out) {
        *out = nearest((x * scale).clamp(-most, most)) as i32 as i16;
    }
}
