//! Kernels of the FLAC encoder.

use crate::flac::BitWriter;
use crate::simd::{MAX_ORDER, Survey};

/// Residuals computed at once, so that the compiler vectorizes them.
const LANES: usize = 16;

/// Answers in one pass the questions that come first.
#[inline(always)]
pub fn survey(samples: &[i32]) -> Survey {
    let first = samples.first().copied().unwrap_or(0);
    let (mut magnitudes, mut bits, mut changes) = (0, 0, 0);
    for &x in samples {
        magnitudes |= x ^ (x >> 31);
        bits |= x;
        changes |= x ^ first;
    }
    Survey { magnitudes: magnitudes as u32, bits: bits as u32, changes: changes as u32 }
}

/// Sums of the magnitudes of the fixed predictors' residuals, orders 0 to 4, over all samples
/// but the first four. `width` bits hold every sample.
#[inline(always)]
pub fn fixed_sums(samples: &[i32], width: u32) -> [u64; 5] {
    let mut sums = [0_u64; 5];
    let Some(count) = samples.len().checked_sub(4) else { return sums };
    // |x| ≤ 2^(width−1), so |residual| ≤ 2^(width+3), and `stretch` of them stay below 2^31.
    let stretch = if width <= 23 { (1 << (28 - width)).min(4096) } else { 4096 };
    let mut first = 0;
    while first < count {
        let length = stretch.min(count - first);
        let lag = |lag: usize| &samples[first + 4 - lag..][..length];
        let (a, b, c, d, e) = (lag(0), lag(1), lag(2), lag(3), lag(4));
        if width <= 23 {
            let mut stretch = [0_u32; 5];
            for i in 0..length {
                let [b1, c1, d1] = [b[i] - c[i], c[i] - d[i], d[i] - e[i]];
                let [b2, c2] = [b1 - c1, c1 - d1];
                let a1 = a[i] - b[i];
                let a2 = a1 - b1;
                let a3 = a2 - b2;
                let a4 = a3 - (b2 - c2);
                for (sum, r) in stretch.iter_mut().zip([a[i], a1, a2, a3, a4]) {
                    *sum += r.unsigned_abs();
                }
            }
            for (sum, stretch) in sums.iter_mut().zip(stretch) {
                *sum += u64::from(stretch);
            }
        } else {
            for i in 0..length {
                let [a, b, c, d, e] = [a[i], b[i], c[i], d[i], e[i]].map(i64::from);
                let [a1, b1, c1, d1] = [a - b, b - c, c - d, d - e];
                let [a2, b2, c2] = [a1 - b1, b1 - c1, c1 - d1];
                let [a3, b3] = [a2 - b2, b2 - c2];
                for (sum, r) in sums.iter_mut().zip([a, a1, a2, a3, a3 - b3]) {
                    *sum += r.unsigned_abs();
                }
            }
        }
        first += length;
    }
    sums
}

/// Residual of a linear predictor: `out[i] = x[i + order] − (Σ q[j]·x[i + order − 1 − j] >> shift)`.
/// The caller vouches that max|x|·(1 + Σ|q|) < 2^31.
#[inline(always)]
pub fn residual_narrow(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) {
    let order = coefficients.len();
    assert!(order <= MAX_ORDER && samples.len() == out.len() + order && shift < 32);
    let mut first = 0;
    while first + LANES <= out.len() {
        let mut sums = [0_i32; LANES];
        for (j, &q) in coefficients.iter().enumerate() {
            let x: &[i32; LANES] =
                samples[first + order - 1 - j..][..LANES].try_into().expect("LANES samples");
            for l in 0..LANES {
                sums[l] = sums[l].wrapping_add(q.wrapping_mul(x[l]));
            }
        }
        let x = &samples[first + order..][..LANES];
        for l in 0..LANES {
            out[first + l] = x[l].wrapping_sub(sums[l] >> shift);
        }
        first += LANES;
    }
    for i in first..out.len() {
        let mut sum = 0_i32;
        for (j, &q) in coefficients.iter().enumerate() {
            sum = sum.wrapping_add(q.wrapping_mul(samples[i + order - 1 - j]));
        }
        out[i] = samples[i + order].wrapping_sub(sum >> shift);
    }
}

/// [`residual_narrow`] for any samples. False when a residual leaves ±(2^31 − 1).
#[inline(always)]
pub fn residual_wide(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) -> bool {
    let order = coefficients.len();
    assert!(order <= MAX_ORDER && samples.len() == out.len() + order && shift < 32);
    // |Σ| ≤ 32·2^15·2^31 = 2^51, so i64 never overflows, nor does f64 ever round.
    let mut outside = 0_i64;
    let mut first = 0;
    const WIDE: usize = LANES / 2;
    while first + WIDE <= out.len() {
        let mut sums = [0_i64; WIDE];
        for (j, &q) in coefficients.iter().enumerate() {
            let x: &[i32; WIDE] =
                samples[first + order - 1 - j..][..WIDE].try_into().expect("WIDE samples");
            for l in 0..WIDE {
                sums[l] += i64::from(q) * i64::from(x[l]);
            }
        }
        let x = &samples[first + order..][..WIDE];
        for l in 0..WIDE {
            let r = i64::from(x[l]) - (sums[l] >> shift);
            outside |= r.abs();
            out[first + l] = r as i32;
        }
        first += WIDE;
    }
    for i in first..out.len() {
        let mut sum = 0_i64;
        for (j, &q) in coefficients.iter().enumerate() {
            sum += i64::from(q) * i64::from(samples[i + order - 1 - j]);
        }
        let r = i64::from(samples[i + order]) - (sum >> shift);
        outside |= r.abs();
        out[i] = r as i32;
    }
    outside >> 31 == 0
}

/// A residual as Rice codes see it: 0, −1, 1, −2, … become 0, 1, 2, 3, …
#[inline(always)]
pub fn folded(r: i32) -> u32 {
    ((r << 1) ^ (r >> 31)) as u32
}

/// For each part (of `size` residuals, the first one of what is left over) the sum of its folded
/// residuals and the OR of them.
#[inline(always)]
pub fn part_sums(residual: &[i32], size: usize, sums: &mut [u64], ors: &mut [u32]) {
    let mut rest = residual;
    let mut length = residual.len() - size * (sums.len() - 1);
    for (sum, or) in sums.iter_mut().zip(ors) {
        let (part, after) = rest.split_at(length);
        let (mut s, mut o) = (0_u64, 0_u32);
        for &r in part {
            s += u64::from(folded(r));
            o |= folded(r);
        }
        (*sum, *or) = (s, o);
        (rest, length) = (after, size);
    }
}

/// Sums of the unary parts of a part's Rice codes for parameters `first` to `first` + 2 ≤ 30.
#[inline(always)]
pub fn unary_sums(part: &[i32], first: u32) -> [u64; 3] {
    let mut sums = [0_u64; 3];
    for &r in part {
        let z = folded(r) >> first;
        sums[0] += u64::from(z);
        sums[1] += u64::from(z >> 1);
        sums[2] += u64::from(z >> 2);
    }
    sums
}

/// Writes a part's Rice codes.
#[inline(always)]
pub fn write_rice(part: &[i32], parameter: u32, out: &mut BitWriter<'_>) {
    let mask = (1_u32 << parameter) - 1;
    let stop = 1_u64 << parameter;
    let code = |r: i32| {
        let z = folded(r);
        (stop | u64::from(z & mask), u64::from(z >> parameter) + u64::from(parameter) + 1)
    };
    let one = |r: i32, out: &mut BitWriter<'_>| {
        let (value, length) = code(r);
        out.put_zeros(length.saturating_sub(u64::from(BitWriter::MOST)));
        out.put(value, length.min(u64::from(BitWriter::MOST)) as u32);
    };
    // Four codes of parameter 11 have at least 48 bits of 56, two of parameter 25 have 52.
    if parameter <= 11 {
        let (fours, rest) = part.as_chunks::<4>();
        for four in fours {
            let [(a, la), (b, lb), (c, lc), (d, ld)] = four.map(code);
            let length = la + lb + lc + ld;
            if length <= u64::from(BitWriter::MOST) {
                out.put(((a << lb | b) << lc | c) << ld | d, length as u32);
            } else {
                four.iter().for_each(|&r| one(r, out));
            }
        }
        rest.iter().for_each(|&r| one(r, out));
    } else {
        let (twos, rest) = part.as_chunks::<2>();
        for two in twos {
            let [(a, la), (b, lb)] = two.map(code);
            let length = la + lb;
            if length <= u64::from(BitWriter::MOST) {
                out.put(a << lb | b, length as u32);
            } else {
                two.iter().for_each(|&r| one(r, out));
            }
        }
        rest.iter().for_each(|&r| one(r, out));
    }
}

/// Correlations of the samples after the first `out.len()` − 1 ≤ 32 of `x` with those `lag` before
/// them: `out[lag]` = `Σ x[n]·x[n − lag]`, added in the order of n.
///
/// Samples of up to 24 bits, 32 at a time, make every sum exact.
#[inline(always)]
pub fn correlate(x: &[f64], out: &mut [f64]) {
    match out.len() {
        0..=16 => correlate_in::<16>(x, out),
        _ => correlate_in::<{ MAX_ORDER + 4 }>(x, out),
    }
}

/// [`correlate`] with as many sums side by side, the oldest sample's first, of which those behind
/// `out.len()` have no meaning.
#[inline(always)]
fn correlate_in<const SUMS: usize>(x: &[f64], out: &mut [f64]) {
    let order = out.len() - 1;
    let mut sums = [0.0; SUMS];
    let windows = x.windows(SUMS);
    let done = windows.len();
    for (window, x) in windows.zip(&x[order..]) {
        for (sum, earlier) in sums.iter_mut().zip(window) {
            *sum += x * earlier;
        }
    }
    for n in done + order..x.len() {
        for (sum, earlier) in sums.iter_mut().zip(&x[n - order..=n]) {
            *sum += x[n] * earlier;
        }
    }
    for (out, sum) in out.iter_mut().rev().zip(sums) {
        *out = sum;
    }
}

/// Adds the weighted products of four vectors with themselves to the upper triangle of a matrix:
/// `out[i][j]` += `Σ w·v[i]·v[j]` for i ≤ j, the four terms added pairwise. What it leaves below
/// the diagonal has no meaning.
#[inline(always)]
pub fn add_products(
    vectors: &[[f64; MAX_ORDER]; 4],
    weights: &[f64; 4],
    out: &mut [[f64; MAX_ORDER]],
) {
    const STEP: usize = 8;
    let order = out.len();
    for (i, row) in out.iter_mut().enumerate() {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| weights[k] * vectors[k][i]);
        for first in (i / STEP * STEP..order).step_by(STEP) {
            let [p, q, r, s] = vectors.each_ref().map(|v| -> &[f64; STEP] {
                v[first..first + STEP].try_into().expect("STEP divides MAX_ORDER")
            });
            let row = &mut row[first..first + STEP];
            for l in 0..STEP {
                row[l] += (a * p[l] + b * q[l]) + (c * r[l] + d * s[l]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_sums_of_products() {
        // Integers this small make every order of additions exact.
        let x: Vec<f64> = (0..80).map(|i| f64::from(i * i % 91 - 45)).collect();
        for (order, length) in [(0, 0), (0, 1), (5, 5), (5, 20), (5, 37), (32, 64), (32, 79)] {
            let mut found = vec![0.0; order + 1];
            correlate(&x[..length], &mut found);
            for (lag, found) in found.iter().enumerate() {
                let expected: f64 = (order..length).map(|n| x[n] * x[n - lag]).sum();
                assert_eq!(*found, expected, "{order} {length} {lag}");
            }
        }
    }

    #[test]
    fn products_are_added_to_the_upper_triangle() {
        let vectors: [[f64; MAX_ORDER]; 4] =
            std::array::from_fn(|k| std::array::from_fn(|i| (i * (3 + k) % 23) as f64 - 9.0));
        let weights = [1.0, -2.0, 0.5, 4.0];
        for order in 0..=MAX_ORDER {
            let mut out = vec![[1.0; MAX_ORDER]; order];
            add_products(&vectors, &weights, &mut out);
            for i in 0..order {
                for j in i..order {
                    let terms = (0..4).map(|k| weights[k] * vectors[k][i] * vectors[k][j]);
                    assert_eq!(out[i][j], 1.0 + terms.sum::<f64>(), "{order} {i} {j}");
                }
            }
        }
    }
}
