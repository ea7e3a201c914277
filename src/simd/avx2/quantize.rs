//! Samples to integers on a grid, eight at a time.

#![expect(unsafe_code, reason = "loads and stores of whole registers")]

use crate::arithmetic::ROUNDER;
use crate::quantize::{Quantizer, Rule};
use crate::sample::Sample;
use crate::simd::scalar::quantize::{GROUP, careful};
use std::arch::x86_64::*;

/// A quantizer's numbers in all lanes.
struct Grid {
    inverse: __m256d,
    most: __m256d,
    step: __m256d,
    /// Single numbers: the largest within half a step, and one below which all are in range.
    half_single: __m256,
    largest_single: __m256,
    /// Factor and divisor of the decoded value.
    numerator: __m256d,
    divisor: __m256d,
    /// ROUNDER, and the offset.
    rounder: __m256d,
    offset: __m256i,
}

/// Four samples' integers: as numbers rounded at 2^52, and as what they decode to; and whether
/// they are in range.
struct Four {
    rounded: __m256d,
    decoded: __m256d,
    in_range: __m256d,
}

impl Grid {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(quantizer: &Quantizer, offset: i64) -> Self {
        let (numerator, divisor) = quantizer.rule.fraction();
        // A little less, for the roundings.
        let largest = quantizer.most / quantizer.inverse * (1.0 - 1e-9);
        Grid {
            inverse: _mm256_set1_pd(quantizer.inverse),
            most: _mm256_set1_pd(quantizer.most),
            step: _mm256_set1_pd(quantizer.step),
            half_single: _mm256_set1_ps(rounded_down(quantizer.step / 2.0)),
            largest_single: _mm256_set1_ps(rounded_down(largest)),
            numerator: _mm256_set1_pd(numerator),
            divisor: _mm256_set1_pd(divisor),
            rounder: _mm256_set1_pd(ROUNDER),
            offset: _mm256_set1_epi32(offset as i32),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn four<const DECIMAL: bool>(&self, values: __m256d) -> Four {
        let ideal = _mm256_mul_pd(values, self.inverse);
        let rounded = _mm256_add_pd(ideal, self.rounder);
        let product = _mm256_mul_pd(_mm256_sub_pd(rounded, self.rounder), self.numerator);
        let decoded = if DECIMAL { _mm256_div_pd(product, self.divisor) } else { product };
        let in_range = _mm256_cmp_pd::<_CMP_LE_OQ>(magnitude(ideal), self.most);
        Four { rounded, decoded, in_range }
    }

    /// Whether decoded values are within half a step of the samples'.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn near(&self, decoded: __m256d, values: __m256d) -> __m256d {
        let error = magnitude(_mm256_sub_pd(decoded, values));
        _mm256_cmp_pd::<_CMP_LE_OQ>(_mm256_add_pd(error, error), self.step)
    }

    /// Low 32 bits of eight integers, whose last bits are those of `rounded`, less the offset.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn place(&self, low: &Four, high: &Four) -> __m256i {
        let (low, high) = (_mm256_castpd_ps(low.rounded), _mm256_castpd_ps(high.rounded));
        let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
        _mm256_sub_epi32(_mm256_permute4x64_epi64::<0b11_01_10_00>(even), self.offset)
    }
}

/// The largest finite single number that is not above a positive `x`.
fn rounded_down(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) > x || near.is_infinite() { near.next_down() } else { near }
}

#[inline]
#[target_feature(enable = "avx2")]
fn magnitude(x: __m256d) -> __m256d {
    _mm256_andnot_pd(_mm256_set1_pd(-0.0), x)
}

/// A bit for each of eight samples, lowest first, of which two registers have all bits.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(low: __m256d, high: __m256d) -> u32 {
    (_mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4) as u32
}

/// The integers of eight samples, and a bit for each that does not give its sample back as it
/// must, or is the fill value, or is too large to tell.
#[inline]
#[target_feature(enable = "avx2")]
fn eight_singles<const DECIMAL: bool, const EXACT: bool>(
    samples: &[f32; GROUP],
    grid: &Grid,
    fill: u64,
) -> (__m256i, u32) {
    // SAFETY: the array has 32 bytes.
    let x = unsafe { _mm256_loadu_ps(samples.as_ptr()) };
    let low = grid.four::<DECIMAL>(_mm256_cvtps_pd(_mm256_castps256_ps128(x)));
    let high = grid.four::<DECIMAL>(_mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x)));
    let y = _mm256_set_m128(_mm256_cvtpd_ps(high.decoded), _mm256_cvtpd_ps(low.decoded));
    let magnitude = |x| _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
    let equal = |a, b| {
        let (a, b) = (_mm256_castps_si256(a), _mm256_castps_si256(b));
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b))
    };
    let in_range = _mm256_cmp_ps::<_CMP_LE_OQ>(magnitude(x), grid.largest_single);
    let fits = if EXACT {
        equal(x, y)
    } else {
        // Exact: y is 0, or within x/2 and 2x.
        let error = magnitude(_mm256_sub_ps(y, x));
        let near = _mm256_cmp_ps::<_CMP_LE_OQ>(error, grid.half_single);
        let fill = _mm256_castsi256_ps(_mm256_set1_epi32(fill as i32));
        _mm256_andnot_ps(equal(x, fill), near)
    };
    let unfit = !_mm256_movemask_ps(_mm256_and_ps(in_range, fits)) as u32;
    (grid.place(&low, &high), unfit & 0xff)
}

/// The same of doubles.
#[inline]
#[target_feature(enable = "avx2")]
fn eight_doubles<const DECIMAL: bool, const EXACT: bool>(
    samples: &[f64; GROUP],
    grid: &Grid,
    fill: u64,
) -> (__m256i, u32) {
    // SAFETY: the array has 64 bytes.
    let (x, z) =
        unsafe { (_mm256_loadu_pd(samples.as_ptr()), _mm256_loadu_pd(samples.as_ptr().add(4))) };
    let low = grid.four::<DECIMAL>(x);
    let high = grid.four::<DECIMAL>(z);
    let equal = |a: __m256d, b: __m256d| {
        let (a, b) = (_mm256_castpd_si256(a), _mm256_castpd_si256(b));
        _mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b))
    };
    let unfit = if EXACT {
        let low_fits = _mm256_and_pd(low.in_range, equal(x, low.decoded));
        !bits(low_fits, _mm256_and_pd(high.in_range, equal(z, high.decoded)))
    } else {
        let fill = _mm256_set1_pd(f64::from_bits(fill));
        let low_fits = _mm256_and_pd(low.in_range, grid.near(low.decoded, x));
        let high_fits = _mm256_and_pd(high.in_range, grid.near(high.decoded, z));
        !bits(low_fits, high_fits) | bits(equal(x, fill), equal(z, fill))
    };
    (grid.place(&low, &high), unfit & 0xff)
}

/// Defines a kernel for one type from its function for eight samples.
macro_rules! quantize {
    ($name:ident, $groups:ident, $type:ty, $eight:ident) => {
        /// See [`crate::simd::scalar::quantize::quantize`].
        #[inline]
        #[target_feature(enable = "avx2")]
        pub fn $name(
            samples: &[$type],
            quantizer: &Quantizer,
            offset: i64,
            out: &mut [i32],
            misses: &mut Vec<u32>,
        ) {
            let decimal = matches!(quantizer.rule, Rule::Decimal { .. });
            match (decimal, quantizer.is_exact()) {
                (false, false) => $groups::<false, false>(samples, quantizer, offset, out, misses),
                (false, true) => $groups::<false, true>(samples, quantizer, offset, out, misses),
                (true, false) => $groups::<true, false>(samples, quantizer, offset, out, misses),
                (true, true) => $groups::<true, true>(samples, quantizer, offset, out, misses),
            }
        }

        #[target_feature(enable = "avx2")]
        fn $groups<const DECIMAL: bool, const EXACT: bool>(
            samples: &[$type],
            quantizer: &Quantizer,
            offset: i64,
            out: &mut [i32],
            misses: &mut Vec<u32>,
        ) {
            let grid = Grid::new(quantizer, offset);
            let fill = quantizer.fill.unwrap_or(<$type>::NAN.bits());
            let (groups, rest) = samples.as_chunks::<GROUP>();
            let (places, last) = out.split_at_mut(samples.len() - rest.len());
            let places = places.as_chunks_mut::<GROUP>().0;
            for (i, (group, place)) in groups.iter().zip(places).enumerate() {
                let (integers, mut unfit) = $eight::<DECIMAL, EXACT>(group, &grid, fill);
                // SAFETY: the array has 32 bytes.
                unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), integers) };
                while unfit != 0 {
                    let lane = unfit.trailing_zeros() as usize;
                    let (x, out) = (&group[lane..][..1], &mut place[lane..][..1]);
                    careful(i * GROUP + lane, x, quantizer, offset, out, misses);
                    unfit &= unfit - 1;
                }
            }
            careful(samples.len() - rest.len(), rest, quantizer, offset, last, misses);
        }
    };
}

quantize!(singles, groups_of_singles, f32, eight_singles);
quantize!(doubles, groups_of_doubles, f64, eight_doubles);
