//! The eleven component types as one trait: bytes, bits, and order-preserving integers.

use crate::quantize::Quantizer;
use crate::simd::scalar::{quantize, values};
use crate::simd::{Extent, Kernels};
use half::f16;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A component type of a chunk.
pub trait Sample:
    Copy
    + PartialOrd
    + Default
    + Send
    + Sync
    + std::fmt::Debug
    + FromBytes
    + IntoBytes
    + Immutable
    + 'static
{
    /// Bytes of one sample.
    const SIZE: usize;
    /// Whether samples are IEEE floats, to which quantization applies.
    const FLOAT: bool;

    /// Reads `out.len()` consecutive samples stored little-endian (or big-endian).
    fn read_slice(bytes: &[u8], little: bool, out: &mut [Self]);
    /// Writes `samples` consecutively, little-endian (or big-endian).
    fn write_slice(samples: &[Self], little: bool, bytes: &mut [u8]);
    /// The sample's bits, zero-extended.
    fn bits(self) -> u64;
    /// The sample with these low bits.
    fn from_bits(bits: u64) -> Self;
    /// An integer in the same order as the samples. Integers map to their value (u64 shifted
    /// down by 2^63); floats to their bits with negative ones mirrored, so −0 is −1 and +0 is 0.
    fn to_ordered(self) -> i64;
    /// Inverse of [`Sample::to_ordered`]; takes the low bits of what does not fit.
    fn from_ordered(n: i64) -> Self;
    /// The value, exact for floats.
    fn to_f64(self) -> f64;
    /// The value rounded to nearest even for floats.
    fn from_f64(x: f64) -> Self;
    /// Whether it is a number, which integers always are.
    fn is_finite(self) -> bool;

    /// The least and the largest number among samples.
    fn extent(_: &Kernels, samples: &[Self]) -> Extent<Self> {
        if Self::FLOAT {
            quantize::extent_of_floats(samples)
        } else {
            quantize::extent_of_integers(samples)
        }
    }
    /// See [`quantize::shift`].
    fn shift(_: &Kernels, samples: &[Self], offset: i64, out: &mut [i32]) {
        quantize::shift(samples, offset, out);
    }
    /// See [`quantize::quantize`].
    fn quantize(
        _: &Kernels,
        samples: &[Self],
        quantizer: &Quantizer,
        offset: i64,
        out: &mut [i32],
        misses: &mut Vec<u32>,
    ) {
        quantize::quantize(samples, quantizer, offset, out, misses);
    }
    /// See [`values::scale_integers`].
    fn scale_integers(_: &Kernels, k: &[i32], factor: i32, offset: i32, out: &mut [Self]) {
        values::scale_integers(k, factor, offset, out);
    }
    /// See [`values::scale_floats`].
    fn scale_floats(_: &Kernels, k: &[i32], numbers: [f64; 3], out: &mut [Self]) {
        values::scale_floats(k, numbers, out);
    }
}

macro_rules! slices {
    () => {
        fn read_slice(bytes: &[u8], little: bool, out: &mut [Self]) {
            let chunks = bytes.chunks_exact(Self::SIZE);
            for (x, b) in out.iter_mut().zip(chunks) {
                let b = b.try_into().expect("chunk of SIZE bytes");
                *x = if little { Self::from_le_bytes(b) } else { Self::from_be_bytes(b) };
            }
        }
        fn write_slice(samples: &[Self], little: bool, bytes: &mut [u8]) {
            for (x, b) in samples.iter().zip(bytes.chunks_exact_mut(Self::SIZE)) {
                b.copy_from_slice(&if little { x.to_le_bytes() } else { x.to_be_bytes() });
            }
        }
    };
}

/// The table's kernel for the extent of a type's samples.
macro_rules! extent {
    ($kernel:ident) => {
        fn extent(kernels: &Kernels, samples: &[Self]) -> Extent<Self> {
            (kernels.$kernel)(samples)
        }
    };
}

/// The table's kernel for the shift of a type's samples.
macro_rules! shift {
    ($kernel:ident) => {
        fn shift(kernels: &Kernels, samples: &[Self], offset: i64, out: &mut [i32]) {
            (kernels.$kernel)(samples, offset, out);
        }
    };
}

/// The table's kernel that quantizes a type's samples.
macro_rules! quantize {
    ($kernel:ident) => {
        fn quantize(
            kernels: &Kernels,
            samples: &[Self],
            quantizer: &Quantizer,
            offset: i64,
            out: &mut [i32],
            misses: &mut Vec<u32>,
        ) {
            (kernels.$kernel)(samples, quantizer, offset, out, misses);
        }
    };
}

/// The table's kernel that makes integers.
macro_rules! scale_integers {
    ($kernel:ident) => {
        fn scale_integers(
            kernels: &Kernels,
            k: &[i32],
            factor: i32,
            offset: i32,
            out: &mut [Self],
        ) {
            (kernels.$kernel)(k, factor, offset, out);
        }
    };
}

/// The table's kernel that makes floats.
macro_rules! scale_floats {
    ($kernel:ident) => {
        fn scale_floats(kernels: &Kernels, k: &[i32], numbers: [f64; 3], out: &mut [Self]) {
            (kernels.$kernel)(k, numbers, out);
        }
    };
}

macro_rules! integer {
    ($($t:ty, $unsigned:ty, $flip:expr $(, $method:ident = $kernel:ident)*;)*) => {$(
        impl Sample for $t {
            const SIZE: usize = size_of::<$t>();
            const FLOAT: bool = false;
            slices!();
            fn bits(self) -> u64 { self as $unsigned as u64 }
            fn from_bits(bits: u64) -> Self { bits as $t }
            fn to_ordered(self) -> i64 { (self as i64) ^ $flip }
            fn from_ordered(n: i64) -> Self { (n ^ $flip) as $t }
            fn to_f64(self) -> f64 { self as f64 }
            fn from_f64(x: f64) -> Self { x as $t }
            fn is_finite(self) -> bool { true }
            $($method!($kernel);)*
        }
    )*};
}
integer! {
    i8, u8, 0; u8, u8, 0; i16, u16, 0; u16, u16, 0; u32, u32, 0;
    i32, u32, 0, extent = extent_i32, shift = shift_i32, scale_integers = scale_i32;
    i64, u64, 0, extent = extent_i64, shift = shift_i64;
    u64, u64, i64::MIN;
}

macro_rules! float {
    ($($t:ty, $signed:ty, $to:expr, $from:expr $(, $method:ident = $kernel:ident)*;)*) => {$(
        impl Sample for $t {
            const SIZE: usize = size_of::<$t>();
            const FLOAT: bool = true;
            slices!();
            fn bits(self) -> u64 { <$t>::to_bits(self) as u64 }
            fn from_bits(bits: u64) -> Self { <$t>::from_bits(bits as _) }
            fn to_ordered(self) -> i64 {
                let b = <$t>::to_bits(self) as $signed;
                (b ^ ((b >> (<$signed>::BITS - 1)) & <$signed>::MAX)) as i64
            }
            fn from_ordered(n: i64) -> Self {
                let b = n as $signed;
                <$t>::from_bits((b ^ ((b >> (<$signed>::BITS - 1)) & <$signed>::MAX)) as _)
            }
            fn to_f64(self) -> f64 { $to(self) }
            fn from_f64(x: f64) -> Self { $from(x) }
            fn is_finite(self) -> bool { <$t>::is_finite(self) }
            $($method!($kernel);)*
        }
    )*};
}
float! {
    f16, i16, f16::to_f64, half_from_f64;
    f32, i32, f64::from, |x| x as f32, extent = extent_f32, quantize = quantize_f32,
        scale_floats = scale_f32;
    f64, i64, |x| x, |x| x, extent = extent_f64, quantize = quantize_f64,
        scale_floats = scale_f64;
}

/// Rounds to half precision, to nearest even. (`f16::from_f64` rounds twice on some processors.)
fn half_from_f64(x: f64) -> f16 {
    let near = x as f32;
    let bits = near.to_bits();
    let exact = f64::from(near);
    if exact == x || x.is_nan() {
        return f16::from_f32(near);
    }
    // Round to odd: toward zero, then set the last bit. A float with 13 bits more than a half
    // that is rounded so never hides on which side of a half's midpoint x lies.
    let toward_zero = if exact.abs() > x.abs() { bits - 1 } else { bits };
    f16::from_f32(f32::from_bits(toward_zero | 1))
}

/// Runs `$body` with the type alias `$t` bound to the component type of `$dtype`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_sample {
    ($dtype:expr, $t:ident => $body:expr) => {{
        use $crate::layout::Class::*;
        match ($dtype.class, $dtype.size) {
            (Signed, 1) => {
                type $t = i8;
                $body
            }
            (Signed, 2) => {
                type $t = i16;
                $body
            }
            (Signed, 4) => {
                type $t = i32;
                $body
            }
            (Signed, _) => {
                type $t = i64;
                $body
            }
            (Unsigned, 1) => {
                type $t = u8;
                $body
            }
            (Unsigned, 2) => {
                type $t = u16;
                $body
            }
            (Unsigned, 4) => {
                type $t = u32;
                $body
            }
            (Unsigned, _) => {
                type $t = u64;
                $body
            }
            (Float, 2) => {
                type $t = half::f16;
                $body
            }
            (Float, 4) => {
                type $t = f32;
                $body
            }
            (Float, _) => {
                type $t = f64;
                $body
            }
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_integers_keep_the_order_of_floats_and_come_back() {
        let xs = [f32::NEG_INFINITY, -1.5, -1e-45, -0.0, 0.0, 1e-45, 2.0, f32::INFINITY];
        for pair in xs.windows(2) {
            assert!(pair[0].to_ordered() < pair[1].to_ordered(), "{pair:?}");
        }
        for x in xs {
            assert_eq!(f32::from_ordered(x.to_ordered()).to_bits(), x.to_bits());
        }
        assert!(0u64.to_ordered() < u64::MAX.to_ordered());
        assert_eq!(u64::from_ordered(u64::MAX.to_ordered()), u64::MAX);
        let nan = f16::from_bits(0xfe01);
        assert_eq!(f16::from_ordered(nan.to_ordered()).to_bits(), 0xfe01);
    }
    #[test]
    fn doubles_round_to_the_nearest_half_once() {
        // Just above the midpoint of 1 and the next half: rounded to a float first, it ties.
        let above = 1.0 + 1.0 / 2048.0 + 1e-12;
        assert_eq!(half_from_f64(above).to_bits(), 0x3c01);
        assert_eq!(half_from_f64(-above).to_bits(), 0xbc01);
        assert_eq!(half_from_f64(1.0 + 1.0 / 2048.0).to_bits(), 0x3c00);
        assert_eq!(half_from_f64(1.0 + 3.0 / 2048.0 - 1e-12).to_bits(), 0x3c01);
        assert_eq!(half_from_f64(1e300), f16::INFINITY);
        assert_eq!(half_from_f64(-1e-300).to_bits(), 0x8000);
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if !half.is_nan() {
                assert_eq!(half_from_f64(half.to_f64()).to_bits(), bits);
            }
        }
    }
}
