//! Kernels between samples and the integers that FLAC codes.

use crate::arithmetic::ROUNDER;
use crate::quantize::{Quantizer, Rule};
use crate::sample::Sample;
use crate::simd::Extent;

/// Samples looked at side by side, so that the compiler vectorizes the loops.
const LANES: usize = 32;
/// Samples quantized at once.
pub const GROUP: usize = 8;

/// The least and the largest of integers.
#[inline(always)]
pub fn extent_of_integers<T: Sample>(samples: &[T]) -> Extent<T> {
    let first = samples.first().copied().unwrap_or_default();
    let (least, most) = extremes(samples, first, first);
    Extent { least, most, same: least == most }
}

/// The least and the largest number among floats.
#[inline(always)]
pub fn extent_of_floats<T: Sample>(samples: &[T]) -> Extent<T> {
    let infinity = T::from_f64(f64::INFINITY);
    let (least, most) = extremes(samples, infinity, T::from_f64(f64::NEG_INFINITY));
    let first = samples.first().map_or(0, |x| x.bits());
    // One that differs from the first mostly comes soon.
    let same = samples.iter().all(|x| x.bits() == first);
    Extent { least, most, same }
}

/// The least and the largest, of which there are `least` and `most` at least. Comparisons with
/// NaN are false, so it is passed over.
#[inline(always)]
fn extremes<T: Sample>(samples: &[T], least: T, most: T) -> (T, T) {
    let (mut low, mut high) = ([least; LANES], [most; LANES]);
    let mut take = |l: usize, x: T| {
        low[l] = if x < low[l] { x } else { low[l] };
        high[l] = if x > high[l] { x } else { high[l] };
    };
    let (groups, rest) = samples.as_chunks::<LANES>();
    for group in groups {
        group.iter().enumerate().for_each(|(l, &x)| take(l, x));
    }
    rest.iter().enumerate().for_each(|(l, &x)| take(l, x));
    let least = low.into_iter().fold(least, |a, b| if b < a { b } else { a });
    let most = high.into_iter().fold(most, |a, b| if b > a { b } else { a });
    (least, most)
}

/// Writes the low 32 bits of each integer sample's distance from `offset`.
#[inline(always)]
pub fn shift<T: Sample>(samples: &[T], offset: i64, out: &mut [i32]) {
    for (&x, out) in samples.iter().zip(out) {
        *out = (x.to_ordered() as i32).wrapping_sub(offset as i32);
    }
}

/// Sum of integers, those below `low` or above `high` counted as that.
#[inline(always)]
pub fn clamped_sum(integers: &[i32], low: i32, high: i32) -> i64 {
    integers.iter().map(|&n| i64::from(n.max(low).min(high))).sum()
}

/// Writes the low 32 bits of each sample's integer less `offset`; indices of samples that the
/// quantizer's rule, a multiple of a quanta or a decimal, cannot give back are appended to
/// `misses`. The quantizer says which integer.
#[inline(always)]
pub fn quantize<T: Sample>(
    samples: &[T],
    quantizer: &Quantizer,
    offset: i64,
    out: &mut [i32],
    misses: &mut Vec<u32>,
) {
    let decimal = matches!(quantizer.rule, Rule::Decimal { .. });
    match (decimal, quantizer.is_exact()) {
        (false, false) => groups::<T, false, false>(samples, quantizer, offset, out, misses),
        (false, true) => groups::<T, false, true>(samples, quantizer, offset, out, misses),
        (true, false) => groups::<T, true, false>(samples, quantizer, offset, out, misses),
        (true, true) => groups::<T, true, true>(samples, quantizer, offset, out, misses),
    }
}

#[inline(always)]
fn groups<T: Sample, const DECIMAL: bool, const EXACT: bool>(
    samples: &[T],
    quantizer: &Quantizer,
    offset: i64,
    out: &mut [i32],
    misses: &mut Vec<u32>,
) {
    let Quantizer { inverse, most, step, fill, .. } = *quantizer;
    let (numerator, divisor) = quantizer.rule.fraction();
    // NaN, which fails anyway, where there is no fill value.
    let fill = fill.unwrap_or(T::from_f64(f64::NAN).bits());
    let (groups, rest) = samples.as_chunks::<GROUP>();
    let (places, last) = out.split_at_mut(samples.len() - rest.len());
    for (i, (group, place)) in groups.iter().zip(places.as_chunks_mut::<GROUP>().0).enumerate() {
        let mut missed = 0_u64;
        for l in 0..GROUP {
            let x = group[l];
            let value = x.to_f64();
            let ideal = value * inverse;
            let rounded = ideal + ROUNDER;
            let n = rounded - ROUNDER;
            let y: T = T::from_f64(if DECIMAL { n * numerator / divisor } else { n * numerator });
            // NaN is in no range.
            let fits = ideal.abs() <= most;
            missed |= u64::from(!fits);
            if EXACT {
                missed |= y.bits() ^ x.bits();
            } else {
                let near = 2.0 * (y.to_f64() - value).abs() <= step;
                missed |= u64::from(!near | (x.bits() == fill));
            }
            // ROUNDER's low 32 bits are 0.
            place[l] = (rounded.to_bits() as i32).wrapping_sub(offset as i32);
        }
        if missed != 0 {
            careful(i * GROUP, group, quantizer, offset, place, misses);
        }
    }
    careful(samples.len() - rest.len(), rest, quantizer, offset, last, misses);
}

/// What [`quantize`] does, one by one, for samples whose first has index `first`.
#[inline(never)]
pub fn careful<T: Sample>(
    first: usize,
    samples: &[T],
    quantizer: &Quantizer,
    offset: i64,
    out: &mut [i32],
    misses: &mut Vec<u32>,
) {
    for (i, (&x, out)) in (first..).zip(samples.iter().zip(out)) {
        match quantizer.integer(x, 0.0, 0) {
            Some(n) => *out = n.wrapping_sub(offset) as i32,
            None => {
                *out = 0;
                misses.push(i as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::random::Random;
    use crate::simd::{Kernels, tables};

    /// Samples that a kernel may get wrong: no numbers, extremes, ties, and noise.
    fn samples(random: &mut Random, quanta: f64, count: usize) -> Vec<f64> {
        let most = (1_u64 << 51) as f64;
        let special = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            5e-324,
            -1e-310,
            1e-40,
            f64::MAX,
            f64::MIN,
            1e38,
            -999.25,
        ];
        let each = |random: &mut Random| {
            let n = (1000.0 * random.gaussian()).trunc();
            match (random.uniform() * 12.0) as u32 {
                0 => special[(random.uniform() * special.len() as f64) as usize],
                1 => (n + 0.5) * quanta,
                2 => (most + n) * quanta,
                3 => (-most + n * 0.25) * quanta,
                4 => (n + 0.5) * quanta * (1.0 + 1e-16 * random.gaussian()),
                5 => n * quanta,
                6 => n * 1e6 * quanta,
                _ => 1000.0 * random.gaussian() * quanta,
            }
        };
        (0..count).map(|_| each(random)).collect()
    }

    fn quantizers(quanta: f64, fill: u64) -> Vec<Quantizer> {
        let rules = [
            Rule::Quanta(quanta),
            Rule::Decimal { numerator: 1, power: 2 },
            Rule::Decimal { numerator: 75, power: 5 },
        ];
        let kinds = |rule| {
            [
                Quantizer::lossless(rule),
                Quantizer::lossy(rule, None),
                Quantizer::lossy(rule, Some(fill)),
            ]
        };
        rules.into_iter().flat_map(kinds).filter(Quantizer::is_usable).collect()
    }

    fn check_quantize<T: Sample>(kernels: &Kernels, samples: &[T], quantizer: &Quantizer) {
        for offset in [0, -77, i64::from(i32::MIN), 1 << 50] {
            let mut found = (vec![1; samples.len()], vec![]);
            let mut expected = (vec![2; samples.len()], vec![]);
            T::quantize(kernels, samples, quantizer, offset, &mut found.0, &mut found.1);
            careful(0, samples, quantizer, offset, &mut expected.0, &mut expected.1);
            assert_eq!(found, expected, "{} {quantizer:?} of {samples:?}", kernels.name);
        }
    }

    #[test]
    fn every_kernel_quantizes_as_one_sample_after_another() {
        let mut random = Random::new(5);
        for round in 0..300 {
            let quanta = [0.01, 0.5, 1e-300, 1e-3, 1e300, 3.7e-38, 1.0][round % 7];
            let doubles = samples(&mut random, quanta, round % 67);
            let singles: Vec<f32> = doubles.iter().map(|&x| x as f32).collect();
            let halves: Vec<half::f16> = singles.iter().map(|&x| half::f16::from_f32(x)).collect();
            for kernels in tables() {
                for quantizer in quantizers(quanta, (-999.25_f64).bits()) {
                    check_quantize(kernels, &doubles, &quantizer);
                }
                for quantizer in quantizers(quanta, (-999.25_f32).bits()) {
                    check_quantize(kernels, &singles, &quantizer);
                    check_quantize(kernels, &halves, &quantizer);
                }
            }
        }
    }

    #[test]
    fn every_kernel_finds_the_extremes_of_numbers() {
        let mut random = Random::new(6);
        for count in 1..200 {
            let doubles = samples(&mut random, 0.01, count);
            let singles: Vec<f32> = doubles.iter().map(|&x| x as f32).collect();
            let least = |xs: &[f64]| xs.iter().copied().fold(f64::INFINITY, f64::min);
            let most = |xs: &[f64]| xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let wide: Vec<f64> = singles.iter().map(|&x| f64::from(x)).collect();
            let same = doubles.iter().all(|x| x.bits() == doubles[0].bits());
            for kernels in tables() {
                let found = (kernels.extent_f64)(&doubles);
                assert_eq!((found.least, found.most), (least(&doubles), most(&doubles)));
                assert_eq!(found.same, same);
                let found = (kernels.extent_f32)(&singles);
                let found = (f64::from(found.least), f64::from(found.most));
                assert_eq!(found, (least(&wide), most(&wide)));
                let integers: Vec<i64> = doubles.iter().map(|&x| x.to_ordered()).collect();
                let small: Vec<i32> = integers.iter().map(|&n| (n >> 31) as i32).collect();
                let found = (kernels.extent_i64)(&integers);
                let expected = (integers.iter().min(), integers.iter().max());
                assert_eq!((Some(&found.least), Some(&found.most)), expected);
                let found = (kernels.extent_i32)(&small);
                assert_eq!(
                    (Some(&found.least), Some(&found.most)),
                    (small.iter().min(), small.iter().max())
                );
                let sum: i64 = small.iter().map(|&n| i64::from(n.clamp(-9, i32::MAX - 1))).sum();
                assert_eq!((kernels.clamped_sum)(&small, -9, i32::MAX - 1), sum);
                for offset in [0, 5, i64::MIN, 1 << 31] {
                    let mut out = vec![0; count];
                    (kernels.shift_i64)(&integers, offset, &mut out);
                    let expected = integers.iter().map(|n| n.wrapping_sub(offset) as i32);
                    assert!(out.iter().copied().eq(expected));
                    (kernels.shift_i32)(&small, offset, &mut out);
                    let expected = small.iter().map(|&n| i64::from(n).wrapping_sub(offset) as i32);
                    assert!(out.iter().copied().eq(expected));
                }
            }
        }
        for kernels in tables() {
            assert!((kernels.extent_f32)(&[f32::NAN; 70]).same);
            assert!(!(kernels.extent_f64)(&[0.0, -0.0]).same);
            let none = (kernels.extent_f64)(&[f64::NAN; 3]);
            assert!(none.most < none.least);
        }
    }
}
