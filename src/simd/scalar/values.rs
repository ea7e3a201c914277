//! Kernels that make samples of a stream's integers.

use crate::sample::Sample;

/// Writes k · factor + offset, which is exact in 32 bits.
#[inline(always)]
pub fn scale_integers<T: Sample>(k: &[i32], factor: i32, offset: i32, out: &mut [T]) {
    for (&k, out) in k.iter().zip(out) {
        *out = T::from_ordered(i64::from(k.wrapping_mul(factor).wrapping_add(offset)));
    }
}

/// Writes (k · factor + offset) · quanta in doubles, rounded to the type.
#[inline(always)]
pub fn scale_floats<T: Sample>(k: &[i32], [factor, offset, quanta]: [f64; 3], out: &mut [T]) {
    for (&k, out) in k.iter().zip(out) {
        *out = T::from_f64((f64::from(k) * factor + offset) * quanta);
    }
}

#[cfg(test)]
mod tests {
    use crate::simd::{Kernels, scalar, tables};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_table_makes_the_same_samples(
            k in prop::collection::vec(-(1 << 20)..1 << 20, 0..100),
            factor in 1..1000, offset in -1000..1000, quanta in 1e-30..1e30_f64,
        ) {
            let made = |kernels: &Kernels| {
                let numbers = [f64::from(factor), f64::from(offset), quanta];
                let mut integers = vec![0; k.len()];
                let (mut singles, mut doubles) = (vec![0.0; k.len()], vec![0.0; k.len()]);
                (kernels.scale_i32)(&k, factor, offset, &mut integers);
                (kernels.scale_f32)(&k, numbers, &mut singles);
                (kernels.scale_f64)(&k, numbers, &mut doubles);
                (integers, singles.into_iter().map(f32::to_bits).collect::<Vec<_>>(), doubles)
            };
            for kernels in tables() {
                prop_assert_eq!(made(kernels), made(&scalar::KERNELS), "{}", kernels.name);
            }
        }
    }
}
