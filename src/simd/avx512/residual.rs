//! Residuals of samples of 16 bits, from products of pairs.

#![expect(unsafe_code, reason = "loads and stores vectors")]

use super::lanes::PAIRS;
use crate::simd::MAX_ORDER;
use crate::simd::avx2::flac_encode as avx2;
use std::arch::x86_64::*;

/// Residuals between conversions of samples.
const BATCH: usize = 512;

/// Vectors whose predictions are added up side by side, half of them of every second sample.
const CHAINS: usize = 4;

/// Residuals of a vector of pairs and of the one beside it.
const BOTH: usize = 2 * PAIRS;

/// See [`crate::simd::scalar::flac_encode::residual_narrow`].
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
#[inline]
pub fn residual_narrow(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) {
    match coefficients.len() {
        3 | 4 => short::<2>(samples, coefficients, shift, out),
        5 | 6 => short::<3>(samples, coefficients, shift, out),
        7 | 8 => short::<4>(samples, coefficients, shift, out),
        9 | 10 => short::<5>(samples, coefficients, shift, out),
        11 | 12 => short::<6>(samples, coefficients, shift, out),
        _ => avx2::residual_narrow(samples, coefficients, shift, out),
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
#[inline]
fn short<const COUNT: usize>(samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) {
    let order = coefficients.len();
    assert!(order <= 2 * COUNT && 2 * COUNT <= MAX_ORDER && shift < 32);
    assert!(samples.len() == out.len() + order);
    // The older sample's coefficient, 0 if there is none, and the newer one's.
    let q = |j: usize| coefficients.get(j).copied().unwrap_or(0);
    let mut pairs = [_mm512_setzero_si512(); COUNT];
    for (p, pair) in pairs.iter_mut().enumerate() {
        *pair = _mm512_set1_epi32(q(2 * p) << 16 | q(2 * p + 1) & 0xffff);
    }
    let count = _mm_cvtsi32_si128(shift as i32);
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    // Those of the warm-up first, at the end of a vector.
    let mut x = [0_i16; MAX_ORDER + BATCH];
    let (batches, rest) = out.as_chunks_mut::<BATCH>();
    let mut done = 0;
    for batch in batches {
        let now = &samples[done..][..BATCH + order];
        if !narrowed(now, order, &mut x) {
            avx2::residual_narrow(now, coefficients, shift, batch);
            done += BATCH;
            continue;
        }
        for first in (0..BATCH).step_by(CHAINS / 2 * BOTH) {
            let mut sums = [_mm512_setzero_si512(); CHAINS];
            // SAFETY: samples of index MAX_ORDER − 2·COUNT to MAX_ORDER + BATCH − 1.
            unsafe {
                let pair = |c: usize, p: usize| {
                    let at = MAX_ORDER + first + c / 2 * BOTH + c % 2 - 2 - 2 * p;
                    _mm512_loadu_si512(x.as_ptr().add(at).cast())
                };
                for (p, &q) in pairs.iter().enumerate() {
                    for (c, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm512_dpwssd_epi32(*sum, pair(c, p), q);
                    }
                }
                for (c, both) in sums.as_chunks::<2>().0.iter().enumerate() {
                    let [even, odd] = both.map(|sum| _mm512_sra_epi32(sum, count));
                    for (h, half) in [low, high].into_iter().enumerate() {
                        let sums = _mm512_permutex2var_epi32(even, half, odd);
                        let at = first + c * BOTH + h * PAIRS;
                        let x = _mm512_loadu_si512(now.as_ptr().add(order + at).cast());
                        let r = _mm512_sub_epi32(x, sums);
                        _mm512_storeu_si512(batch.as_mut_ptr().add(at).cast(), r);
                    }
                }
            }
        }
        done += BATCH;
    }
    avx2::residual_narrow(&samples[done..], coefficients, shift, rest);
}

/// Narrows samples to 16 bits, the last `BATCH` from index MAX_ORDER on. False when one has more.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn narrowed(samples: &[i32], order: usize, x: &mut [i16; MAX_ORDER + BATCH]) -> bool {
    let mut outside = 0;
    for (x, &sample) in x[MAX_ORDER - order..].iter_mut().zip(&samples[..order]) {
        *x = sample as i16;
        outside |= sample ^ sample >> 31;
    }
    let mut all = _mm512_set1_epi32(outside);
    for (x, samples) in x[MAX_ORDER..]
        .as_chunks_mut::<PAIRS>()
        .0
        .iter_mut()
        .zip(samples[order..].as_chunks::<PAIRS>().0)
    {
        // SAFETY: arrays of sixteen.
        unsafe {
            let samples = _mm512_loadu_si512(samples.as_ptr().cast());
            all = _mm512_ternarylogic_epi32::<0xf6>(all, samples, _mm512_srai_epi32::<31>(samples));
            _mm256_storeu_si256(x.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(samples));
        }
    }
    _mm512_test_epi32_mask(all, _mm512_set1_epi32(-1 << 15)) == 0
}
