//! Kernels that compare streams with each other.

use crate::arithmetic::nearest;

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
