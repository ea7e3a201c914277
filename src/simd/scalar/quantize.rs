//! Kernels between samples and the integers that FLAC codes.

use crate::quantize::{POWERS_OF_TEN, Quantizer, Rule};
use crate::sample::Sample;
use crate::simd::Extent;

/// Samples looked at side by side, so that the compiler vectorizes the loops.
const LANES: usize = 32;
/// Samples quantized at once.
pub const GROUP: usize = 8;

/// From 2^52 to 2^53 doubles are integers: x + SHIFT is rounded to one, which its last bits hold.
pub const SHIFT: f64 = (3_u64 << 51) as f64;

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
        for l in 0..LANES {
            take(l, group[l]);
        }
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

/// Writes the low 32 bits of each sample's integer less `offset`; indices of samples that the
/// quantizer's rule, a multiple of a quanta or a decimal, cannot give back are appended to
/// `misses`. [`Quantizer::integer`] says which integer.
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
    let Quantizer { rule, inverse, most, step, fill, .. } = *quantizer;
    let (numerator, divisor) = match rule {
        Rule::Decimal { numerator, power } => (f64::from(numerator), POWERS_OF_TEN[power as usize]),
        _ => (step, 1.0),
    };
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
            let rounded = ideal + SHIFT;
            let n = rounded - SHIFT;
            let y: T = T::from_f64(if DECIMAL { n * numerator / divisor } else { n * step });
            missed |= u64::from(!(ideal.abs() <= most));
            if EXACT {
                missed |= y.bits() ^ x.bits();
            } else {
                missed |= u64::from(!(2.0 * (y.to_f64() - value).abs() <= step));
                missed |= u64::from(x.bits() == fill);
            }
            // SHIFT's low 32 bits are 0.
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
        match quantizer.integer(x, x.to_f64(), 0.0, 0) {
            Some(n) => *out = n.wrapping_sub(offset) as i32,
            None => {
                *out = 0;
                misses.push(i as u32);
            }
        }
    }
}
