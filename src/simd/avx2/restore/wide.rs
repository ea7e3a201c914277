//! Restoring four frames side by side in 64 bits.

use super::{Lanes, WIDE};
use crate::simd::Restore;
use crate::simd::scalar::flac_decode::restore_wide;
use core::arch::asm;
use core::arch::x86_64::*;

/// Restores in 64-bit arithmetic, as `restore_wide`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn wide_lanes<const ORDER: usize>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<WIDE>,
) {
    let vector = |x: [i32; WIDE]| {
        // SAFETY: an array of four.
        _mm256_cvtepi32_epi64(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
    };
    let mut coefficients = [_mm256_setzero_si256(); ORDER];
    for (lag, q) in coefficients.iter_mut().enumerate() {
        *q = vector(lanes.coefficients(frames, lag));
    }
    let shift = vector(lanes.shifts(frames).map(|shift| (shift & 31) as i32));
    // |Σ| ≤ 2^50, so with 2^51 more it is positive and shifts as an unsigned number.
    let bias = _mm256_set1_epi64x(1 << 51);
    let bias_shifted = _mm256_srlv_epi64(bias, shift);
    let mut sums = [_mm256_setzero_si256(); ORDER];
    for index in lanes.at - ORDER..lanes.at {
        push_wide(&mut sums, &coefficients, vector(lanes.samples(data, frames, index)));
    }
    let mut idle = [0; WIDE];
    loop {
        let steps = lanes.steps(WIDE, data, frames, restore_wide);
        if steps == 0 {
            return;
        }
        let places = lanes.places(data, frames, &mut idle);
        let mut magnitudes = _mm256_setzero_si256();
        for step in 0..steps {
            let mut rows = [_mm_setzero_si128(); WIDE];
            for l in 0..WIDE {
                let (place, each) = places[l];
                // SAFETY: `steps` says that each active lane has so many samples left, four for
                // each step; idle lanes have four and stay.
                rows[l] = unsafe { _mm_loadu_si128(place.add(step * WIDE * each).cast()) };
            }
            rows = transpose_wide(rows);
            for row in &mut rows {
                let r = _mm256_sub_epi64(_mm256_cvtepi32_epi64(*row), bias_shifted);
                let sum = _mm256_srlv_epi64(_mm256_add_epi64(sums[0], bias), shift);
                let x = _mm256_add_epi64(r, sum);
                let sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), x);
                magnitudes = _mm256_or_si256(magnitudes, _mm256_xor_si256(x, sign));
                push_wide(&mut sums, &coefficients, x);
                // The low halves.
                let x = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
                *row = _mm256_castsi256_si128(x);
            }
            rows = transpose_wide(rows);
            for l in 0..WIDE {
                let (place, each) = places[l];
                // SAFETY: see above.
                unsafe { _mm_storeu_si128(place.add(step * WIDE * each).cast(), rows[l]) };
            }
        }
        let mut found = [0_u64; WIDE];
        // SAFETY: an array of four.
        unsafe { _mm256_storeu_si256(found.as_mut_ptr().cast(), magnitudes) };
        for (l, _) in lanes.active() {
            lanes.magnitudes[l] |= if found[l] >> 31 == 0 { found[l] as u32 } else { u32::MAX };
        }
        lanes.at += steps * WIDE;
    }
}

/// Adds the newest numbers, of 32 bits, to the sums of the samples after them, of 64 bits, and
/// moves on by one.
#[target_feature(enable = "avx2")]
#[inline]
fn push_wide<const ORDER: usize>(
    sums: &mut [__m256i; ORDER],
    coefficients: &[__m256i; ORDER],
    x: __m256i,
) {
    for j in 0..ORDER - 1 {
        sums[j] = _mm256_add_epi64(sums[j + 1], multiply(coefficients[j], x));
    }
    sums[ORDER - 1] = multiply(coefficients[ORDER - 1], x);
}

/// Products of the low 32 bits of each lane. (The compiler takes the intrinsic apart into three
/// multiplications of whole lanes where it cannot prove that the upper halves are signs.)
#[target_feature(enable = "avx2")]
#[inline]
fn multiply(a: __m256i, b: __m256i) -> __m256i {
    let product;
    // SAFETY: reads and writes nothing but its registers.
    unsafe {
        asm!(
            "vpmuldq {product}, {a}, {b}",
            product = lateout(ymm_reg) product,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    product
}

/// Rows of four numbers to columns.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_wide([a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
    let (ab, cd) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
    [
        _mm_unpacklo_epi64(ab, cd),
        _mm_unpackhi_epi64(ab, cd),
        _mm_unpacklo_epi64(ab_high, cd_high),
        _mm_unpackhi_epi64(ab_high, cd_high),
    ]
}
