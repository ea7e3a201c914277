//! A stream's integers k to its samples.

use super::table::Stream;
use crate::quantize::Rule;
use crate::sample::Sample;
use crate::simd::kernels;

/// Samples of what FLAC coded, where those are the k themselves: 32-bit arithmetic or doubles
/// where they are exact, so that the loops run in vectors. `first` is the stream's index of the
/// first sample. Returns whether one may be outside the type's range, and is.
pub fn narrow<T: Sample>(stream: &Stream, k: &[i32], first: usize, out: &mut [T]) -> bool {
    let Stream { rule, offset, factor, .. } = *stream;
    // The decoder verified them.
    let end = |k: i64| i64::try_from(factor).ok()?.checked_mul(k)?.checked_add(offset);
    let half = 1_i64 << (stream.bits().clamp(1, 32) - 1);
    let ends = end(-half).zip(end(half - 1));
    match rule {
        Rule::Ordered => {
            let is_inside = |n: i64| T::from_ordered(n).to_ordered() == n;
            let inside = ends.filter(|&(least, most)| is_inside(least) && is_inside(most));
            let fits = |&(least, most): &(i64, i64)| {
                i32::try_from(least).is_ok() && i32::try_from(most).is_ok()
            };
            if inside.filter(fits).is_some()
                && let (Ok(factor), Ok(offset)) = (i32::try_from(factor), i32::try_from(offset))
            {
                T::scale_integers(kernels(), k, factor, offset, out);
                return false;
            }
            if inside.is_some() {
                for (&k, out) in k.iter().zip(out) {
                    *out = T::from_ordered(i64::from(k) * factor as i64 + offset);
                }
                return false;
            }
        }
        Rule::Quanta(quanta) => {
            const EXACT: i64 = 1 << 53;
            let is_exact = |n: i64| (-EXACT..=EXACT).contains(&n);
            let both = |(least, most)| is_exact(least) && is_exact(most);
            if ends.is_some_and(both) && is_exact(offset) && factor < 1 << 22 {
                T::scale_floats(kernels(), k, [factor as f64, offset as f64, quanta], out);
                return false;
            }
        }
        _ => {}
    }
    values(stream, k.iter().map(|&k| i64::from(k)), first, out)
}

/// Samples of any k; see [`narrow`].
pub fn wide<T: Sample>(stream: &Stream, k: &[i64], first: usize, out: &mut [T]) -> bool {
    values(stream, k.iter().copied(), first, out)
}

fn values<T: Sample>(
    stream: &Stream,
    k: impl Iterator<Item = i64>,
    first: usize,
    out: &mut [T],
) -> bool {
    let Stream { rule, offset, factor, .. } = *stream;
    let mut bad = false;
    // The rule is matched outside the loops.
    macro_rules! fill {
        ($rule:expr) => {{
            let rule = $rule;
            for (i, (k, out)) in k.zip(out).enumerate() {
                let n = k.wrapping_mul(factor as i64).wrapping_add(offset);
                *out = rule.decode(n, first + i);
                bad |= rule.is_outside(n, *out);
            }
        }};
    }
    match rule {
        Rule::Ordered => fill!(Rule::Ordered),
        Rule::Folded => fill!(Rule::Folded),
        Rule::Quanta(quanta) => fill!(Rule::Quanta(quanta)),
        Rule::Decimal { numerator, power } => fill!(Rule::Decimal { numerator, power }),
        Rule::Dithered(quanta, dither) => fill!(Rule::Dithered(quanta, dither)),
        Rule::Affine { step, offset } => fill!(Rule::Affine { step, offset }),
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::Form;
    use half::f16;
    use proptest::prelude::*;

    fn check<T: Sample>(stream: &Stream, k: &[i32]) -> Result<(), TestCaseError> {
        let wide_k: Vec<i64> = k.iter().map(|&k| i64::from(k)).collect();
        let [mut fast, mut slow] = [vec![T::default(); k.len()], vec![T::default(); k.len()]];
        let bad = narrow(stream, k, 5, &mut fast);
        prop_assert_eq!(bad, wide(stream, &wide_k, 5, &mut slow));
        for (fast, slow) in fast.iter().zip(&slow) {
            prop_assert_eq!(fast.bits(), slow.bits());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn fast_ways_give_what_the_rule_says(
            bits in prop::collection::vec(any::<i32>(), 40),
            width in 1..=32_u32, shift in 0..64_u32, offset in any::<i64>(),
            factor in prop_oneof![Just(1_u64), 1..100_u64, any::<u64>()],
            quanta in prop_oneof![Just(0.25), 1e-300..1e300_f64],
        ) {
            let k: Vec<i32> = bits.iter().map(|k| k >> (32 - width)).collect();
            for rule in [Rule::Ordered, Rule::Folded, Rule::Quanta(quanta)] {
                let stream = Stream {
                    rule, form: Form::Narrow, offset: offset >> shift, factor, width, block: 40,
                    coded: 40, exceptions: false,
                };
                check::<i8>(&stream, &k)?;
                check::<u16>(&stream, &k)?;
                check::<i32>(&stream, &k)?;
                check::<u32>(&stream, &k)?;
                check::<i64>(&stream, &k)?;
                check::<u64>(&stream, &k)?;
                check::<f16>(&stream, &k)?;
                check::<f32>(&stream, &k)?;
                check::<f64>(&stream, &k)?;
            }
        }
    }
}
