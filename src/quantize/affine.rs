//! Integers of values that others quantized to step·n + offset.
//!
//! Where the type holds step·n + offset to less than a step, the nearest integer is the one. Where
//! it does not, several integers give one value, and rounding may have moved that by many steps.
//! But n, product and sum are each rounded, which keeps their order; so are the values in the
//! order of the integers, and any that gives the value back is found by halving.

use super::rule::Rule;
use crate::arithmetic::nearest;
use crate::sample::Sample;

/// Integers are not searched beyond ±2^62: their differences fit 64 bits, or almost.
const FURTHEST: f64 = (1_u64 << 62) as f64;

/// Up to here [`nearest`] rounds; from 2^53 on doubles are integers.
const ROUNDED: f64 = (1_u64 << 51) as f64;

/// An integer that an affine rule gives `x` for, bit for bit; none where there is none near
/// `ideal`, the number (x − offset) / step.
pub(super) fn integer<T: Sample>(rule: &Rule, x: T, ideal: f64) -> Option<i64> {
    // NaN and infinities end here.
    if !x.is_finite() || ideal.abs().partial_cmp(&FURTHEST).is_none_or(|order| order.is_gt()) {
        return None;
    }
    let start = if ideal.abs() <= ROUNDED { nearest(ideal) } else { ideal } as i64;
    let value = |n: i64| rule.decode::<T>(n, 0);
    let found = value(start);
    if found.bits() == x.bits() {
        return Some(start);
    }
    // How far from the start, towards the sample, values still fall short of it.
    let direction = if found < x { 1 } else { -1 };
    let falls_short = |distance: i64| {
        let value = value(start + direction * distance);
        if direction > 0 { value < x } else { value > x }
    };
    let (mut short, mut far) = (0, 1);
    while falls_short(far) {
        if far == 1 << 61 {
            return None;
        }
        (short, far) = (far, 2 * far);
    }
    while far - short > 1 {
        let middle = short + (far - short) / 2;
        *if falls_short(middle) { &mut short } else { &mut far } = middle;
    }
    let n = start + direction * far;
    (value(n).bits() == x.bits()).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::Quantizer;
    use half::f16;
    use proptest::prelude::*;

    /// What the integers become again, under the rule that gave their values.
    fn check<T: Sample>(integers: &[i64], step: f64, offset: f64) -> Result<(), TestCaseError> {
        let [step, offset] = [step, offset].map(|x| T::from_f64(x).to_f64());
        let rule = Rule::Affine { step, offset };
        let quantizer = Quantizer::lossless(rule);
        if !quantizer.is_usable() || !offset.is_finite() {
            return Ok(());
        }
        let values: Vec<T> = integers.iter().map(|&n| rule.decode(n, 0)).collect();
        let (mut found, mut misses) = (vec![0; values.len()], Vec::new());
        quantizer.run(&values, 3, &mut found, &mut misses);
        for (i, (&value, &n)) in values.iter().zip(&found).enumerate() {
            if misses.contains(&(i as u32)) {
                // Overflow, or an integer out of reach.
                let near = integers[i].unsigned_abs() < 1 << 61;
                prop_assert!(
                    !value.is_finite() || !near,
                    "{} · {step:e} + {offset:e} = {value:?} has no integer",
                    integers[i]
                );
                continue;
            }
            let again: T = rule.decode(n, 0);
            prop_assert_eq!(again.bits(), value.bits(), "{} became {}", integers[i], n);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_value_has_its_integer(
            integers in prop::collection::vec((any::<i64>(), 0..63_u32), 64),
            exponent in -30..30_i32, mantissa in 1.0..2.0_f64,
            // The offset in steps.
            at in prop_oneof![Just(0.0), -1e3..1e3, -1e9..1e9, -1e15..1e15_f64],
        ) {
            let mut integers: Vec<i64> = integers.iter().map(|(n, shift)| n >> shift).collect();
            integers.extend([0, i32::MAX.into(), i32::MIN.into(), i64::MAX, i64::MIN, 1 << 60]);
            let step = mantissa * 10_f64.powi(exponent);
            check::<f64>(&integers, step, at * step)?;
            check::<f32>(&integers, step, at * step)?;
            check::<f16>(&integers, step, at * step)?;
        }
    }

    #[test]
    fn what_is_on_no_grid_is_missed() {
        let xs = [f32::NAN, f32::INFINITY, -0.0, 1.26, 3e38, 1.75];
        let (mut n, mut misses) = ([0; 6], Vec::new());
        let rule = Rule::Affine { step: 0.5, offset: 0.25 };
        Quantizer::lossless(rule).run(&xs, 0, &mut n, &mut misses);
        assert_eq!((misses, n[5]), (vec![0, 1, 2, 3, 4], 3));
    }
}
