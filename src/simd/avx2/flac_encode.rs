//! Kernels of the FLAC encoder, where the portable ones compile to less than the instructions can.

#![expect(unsafe_code, reason = "loads and stores vectors")]

use super::lanes::{LANES, load, store};
use crate::simd::MAX_ORDER;
use crate::simd::scalar::flac_encode as scalar;
use std::arch::x86_64::*;

/// Vectors whose predictions are added up side by side: each sum waits for its last addition.
const CHAINS: usize = 4;

#[target_feature(enable = "avx2")]
#[inline]
fn sum(vector: __m256i) -> u64 {
    store(vector).map(u64::from).iter().sum()
}

#[target_feature(enable = "avx2")]
#[inline]
fn or(vector: __m256i) -> u32 {
    store(vector).iter().fold(0, |all, lane| all | lane)
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn folded(r: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_add_epi32(r, r), _mm256_srai_epi32(r, 31))
}

/// Calls `$run` with the number of coefficients as a constant where it is usual, or with 0.
macro_rules! by_order {
    ($run:ident($samples:expr, $coefficients:expr, $($rest:expr),*)) => {
        match $coefficients.len() {
            1 => $run::<1>($samples, $coefficients, $($rest),*),
            2 => $run::<2>($samples, $coefficients, $($rest),*),
            3 => $run::<3>($samples, $coefficients, $($rest),*),
            4 => $run::<4>($samples, $coefficients, $($rest),*),
            5 => $run::<5>($samples, $coefficients, $($rest),*),
            6 => $run::<6>($samples, $coefficients, $($rest),*),
            7 => $run::<7>($samples, $coefficients, $($rest),*),
            8 => $run::<8>($samples, $coefficients, $($rest),*),
            9 => $run::<9>($samples, $coefficients, $($rest),*),
            10 => $run::<10>($samples, $coefficients, $($rest),*),
            11 => $run::<11>($samples, $coefficients, $($rest),*),
            12 => $run::<12>($samples, $coefficients, $($rest),*),
            _ => $run::<0>($samples, $coefficients, $($rest),*),
        }
    };
}

/// See [`scalar::residual_narrow`].
#[target_feature(enable = "avx2")]
#[inline]
pub fn residual_narrow(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) {
    by_order!(narrow(samples, coefficients, shift, out));
}

/// [`residual_narrow`] for `ORDER` coefficients, or any number if that is 0.
#[target_feature(enable = "avx2")]
#[inline]
fn narrow<const ORDER: usize>(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) {
    let order = if ORDER == 0 { coefficients.len() } else { ORDER };
    assert!(coefficients.len() == order && order <= MAX_ORDER && shift < 32);
    assert!(samples.len() == out.len() + order);
    let mut q = [_mm256_setzero_si256(); MAX_ORDER];
    for (q, &coefficient) in q.iter_mut().zip(coefficients) {
        *q = _mm256_set1_epi32(coefficient);
    }
    let count = _mm_cvtsi32_si128(shift as i32);
    let (groups, rest) = out.as_chunks_mut::<{ CHAINS * LANES }>();
    let done = CHAINS * LANES * groups.len();
    for (i, group) in groups.iter_mut().enumerate() {
        let x = samples[CHAINS * LANES * i..].as_ptr();
        let mut sums = [_mm256_setzero_si256(); CHAINS];
        // SAFETY: the last sample read for a group that starts at residual `first` is
        // `first` + order + CHAINS·LANES − 1 < out.len() + order = samples.len().
        unsafe {
            for (j, &q) in q[..order].iter().enumerate() {
                for (c, sum) in sums.iter_mut().enumerate() {
                    let x = _mm256_loadu_si256(x.add(LANES * c + order - 1 - j).cast());
                    *sum = _mm256_add_epi32(*sum, _mm256_mullo_epi32(x, q));
                }
            }
            for (c, sum) in sums.iter().enumerate() {
                let x = _mm256_loadu_si256(x.add(LANES * c + order).cast());
                let r = _mm256_sub_epi32(x, _mm256_sra_epi32(*sum, count));
                _mm256_storeu_si256(group.as_mut_ptr().add(LANES * c).cast(), r);
            }
        }
    }
    scalar::residual_narrow(&samples[done..], coefficients, shift, rest);
}

/// See [`scalar::residual_wide`].
#[target_feature(enable = "avx2")]
#[inline]
pub fn residual_wide(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) -> bool {
    by_order!(wide(samples, coefficients, shift, out))
}

/// [`residual_wide`] for `ORDER` coefficients, or any number if that is 0.
///
/// In f64: |Σ| ≤ 32·2^15·2^31 = 2^51, so nothing is ever rounded.
#[target_feature(enable = "avx2")]
#[inline]
fn wide<const ORDER: usize>(
    samples: &[i32],
    coefficients: &[i32],
    shift: u32,
    out: &mut [i32],
) -> bool {
    /// Residuals between conversions of samples.
    const BATCH: usize = 128;
    const HALF: usize = LANES / 2;
    let order = if ORDER == 0 { coefficients.len() } else { ORDER };
    assert!(coefficients.len() == order && order <= MAX_ORDER && shift < 32);
    assert!(samples.len() == out.len() + order);
    let mut q = [_mm256_setzero_pd(); MAX_ORDER];
    for (q, &coefficient) in q.iter_mut().zip(coefficients) {
        *q = _mm256_set1_pd(f64::from(coefficient));
    }
    let scale = _mm256_set1_pd(1.0 / (1_u64 << shift) as f64);
    let sign = _mm256_set1_pd(-0.0);
    let mut largest = _mm256_setzero_pd();
    let mut x = [0.0; BATCH + MAX_ORDER];
    let (batches, rest) = out.as_chunks_mut::<BATCH>();
    let done = BATCH * batches.len();
    for (i, batch) in batches.iter_mut().enumerate() {
        for (x, &sample) in x.iter_mut().zip(&samples[BATCH * i..][..BATCH + order]) {
            *x = f64::from(sample);
        }
        for (i, group) in batch.as_chunks_mut::<{ CHAINS * HALF }>().0.iter_mut().enumerate() {
            let x = x[CHAINS * HALF * i..].as_ptr();
            let mut sums = [_mm256_setzero_pd(); CHAINS];
            // SAFETY: the last sample read for a group that starts at residual `first` is
            // `first` + order + CHAINS·HALF − 1 < BATCH + MAX_ORDER.
            unsafe {
                for (j, &q) in q[..order].iter().enumerate() {
                    for (c, sum) in sums.iter_mut().enumerate() {
                        let x = _mm256_loadu_pd(x.add(HALF * c + order - 1 - j));
                        *sum = _mm256_add_pd(*sum, _mm256_mul_pd(x, q));
                    }
                }
                for (c, sum) in sums.iter().enumerate() {
                    let x = _mm256_loadu_pd(x.add(HALF * c + order));
                    let r = _mm256_sub_pd(x, _mm256_floor_pd(_mm256_mul_pd(*sum, scale)));
                    largest = _mm256_max_pd(largest, _mm256_andnot_pd(sign, r));
                    let r = _mm256_cvttpd_epi32(r);
                    _mm_storeu_si128(group.as_mut_ptr().add(HALF * c).cast(), r);
                }
            }
        }
    }
    let mut largest_lanes = [0.0; HALF];
    // SAFETY: writes the 32 bytes of `largest_lanes`.
    unsafe { _mm256_storeu_pd(largest_lanes.as_mut_ptr(), largest) };
    let inside = largest_lanes.iter().all(|&r| r < (1_u64 << 31) as f64);
    scalar::residual_wide(&samples[done..], coefficients, shift, rest) && inside
}

/// Sum and OR of a part's folded residuals.
#[target_feature(enable = "avx2")]
#[inline]
fn part_sum(part: &[i32]) -> (u64, u32) {
    let (vectors, rest) = part.as_chunks::<LANES>();
    let (mut sums, mut ors) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for vector in vectors {
        let z = folded(load(vector));
        sums = _mm256_add_epi32(sums, z);
        ors = _mm256_or_si256(ors, z);
    }
    let (mut s, mut o) = ([0], [0]);
    let all = or(ors);
    if (u64::from(all) * vectors.len() as u64) >> 32 != 0 {
        // A lane's sum may have wrapped.
        scalar::part_sums(part, 0, &mut s, &mut o);
        return (s[0], o[0]);
    }
    scalar::part_sums(rest, 0, &mut s, &mut o);
    (sum(sums) + s[0], all | o[0])
}

/// See [`scalar::part_sums`].
#[target_feature(enable = "avx2")]
#[inline]
pub fn part_sums(residual: &[i32], size: usize, sums: &mut [u64], ors: &mut [u32]) {
    let mut rest = residual;
    let mut length = residual.len() - size * (sums.len() - 1);
    for (sum, or) in sums.iter_mut().zip(ors) {
        let (part, after) = rest.split_at(length);
        (*sum, *or) = part_sum(part);
        (rest, length) = (after, size);
    }
}

/// See [`scalar::unary_sums`].
#[target_feature(enable = "avx2")]
#[inline]
pub fn unary_sums(part: &[i32], first: u32) -> [u64; 3] {
    let (vectors, rest) = part.as_chunks::<LANES>();
    let count = _mm_cvtsi32_si128(first as i32);
    let mut ors = _mm256_setzero_si256();
    let mut sums = [_mm256_setzero_si256(); 3];
    for vector in vectors {
        let z = _mm256_srl_epi32(folded(load(vector)), count);
        ors = _mm256_or_si256(ors, z);
        sums[0] = _mm256_add_epi32(sums[0], z);
        sums[1] = _mm256_add_epi32(sums[1], _mm256_srli_epi32(z, 1));
        sums[2] = _mm256_add_epi32(sums[2], _mm256_srli_epi32(z, 2));
    }
    if (u64::from(or(ors)) * vectors.len() as u64) >> 32 != 0 {
        // A lane's sum may have wrapped.
        return scalar::unary_sums(part, first);
    }
    let mut total = scalar::unary_sums(rest, first);
    for (total, sums) in total.iter_mut().zip(sums) {
        *total += sum(sums);
    }
    total
}
