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
