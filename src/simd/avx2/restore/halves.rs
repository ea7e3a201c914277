//! Restoring samples of more bits than 32-bit sums have room for: sums of products of their halves.
//!
//! A sample is h·2^15 + l, and so are the sums. Since no shift exceeds 15 bits, what a sum S is
//! shifted to is (H << (15 − shift)) + (L >> shift), of which 32 bits are enough for a sample.

use super::narrow::{lanes_of, pairs_of_coefficients, shifts};
use super::{Lanes, NARROW};
use crate::simd::avx2::lanes::load;
use crate::simd::scalar::flac_decode::restore_wide;
use crate::simd::{HALF, MAX_ORDER, Restore};
use core::arch::x86_64::*;

/// Samples that are kept before the last of them move to the beginning again.
const KEPT: usize = 4 * MAX_ORDER;

/// The samples before, as pairs with the one before each.
struct Window {
    upper: [__m256i; KEPT],
    lower: [__m256i; KEPT],
    /// How many there are.
    count: usize,
    /// The newest of them, which the next sample waits for.
    newest: [__m256i; 2],
}

/// Restores as long as all samples have their frame's width.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn halves_lanes<const ORDER: usize>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<NARROW>,
) {
    let zero = _mm256_setzero_si256();
    let coefficients = pairs_of_coefficients::<ORDER>(frames, lanes);
    let half = HALF as i32;
    let shift = shifts(frames, lanes);
    let rise = _mm256_sub_epi32(_mm256_set1_epi32(half), shift);
    let predict = |window: &Window| {
        let mut sums = [zero; 2];
        for (sum, pairs) in sums.iter_mut().zip([&window.upper, &window.lower]) {
            let pairs = &pairs[window.count - ORDER..][..ORDER];
            for j in (2..ORDER).step_by(2) {
                let product = _mm256_madd_epi16(coefficients[j], pairs[ORDER - 1 - j]);
                *sum = _mm256_add_epi32(*sum, product);
            }
        }
        for (sum, newest) in sums.iter_mut().zip(window.newest) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(coefficients[0], newest));
        }
        let [upper, lower] = sums;
        _mm256_add_epi32(_mm256_sllv_epi32(upper, rise), _mm256_srav_epi32(lower, shift))
    };
    let push = |window: &mut Window, x, before| {
        let pair = |x, before| _mm256_blend_epi16::<0b1010_1010>(before, x);
        let upper = pair(_mm256_slli_epi32::<1>(x), _mm256_srli_epi32::<{ HALF as i32 }>(before));
        let lower = pair(_mm256_slli_epi32::<16>(x), before);
        let lower = _mm256_and_si256(lower, _mm256_set1_epi16(i16::MAX));
        if window.count == KEPT {
            for pairs in [&mut window.upper, &mut window.lower] {
                pairs.copy_within(KEPT - ORDER.., 0);
            }
            window.count = ORDER;
        }
        window.upper[window.count] = upper;
        window.lower[window.count] = lower;
        window.count += 1;
        window.newest = [upper, lower];
    };
    let window = Window { upper: [zero; KEPT], lower: [zero; KEPT], count: 0, newest: [zero; 2] };
    let too_large = load(&lanes.widths(frames).map(|width| -1 << (width - 1)));
    lanes_of(data, frames, lanes, ORDER, too_large, window, predict, push, restore_wide);
}
