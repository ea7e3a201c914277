//! Floats in fixed point: the multiple of a power of two at or below each, and its place among the
//! floats up to the next multiple.
//!
//! Floats that cross zero have exponents of all sizes, so that neighbours may be far apart in the
//! order of the type; their multiples are as smooth as the signal.

use crate::arithmetic::{ROUNDER, power_of_two};
use crate::layout::{Class, Dtype};
use crate::sample::Sample;

/// Exponents of steps, of any type.
const EXPONENTS: std::ops::RangeInclusive<i32> = -1000..=1000;

/// What a float type can hold.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Bits of its mantissa: smaller integers are exact.
    digits: u32,
    /// Exponent of its smallest number above 0.
    least: i32,
    /// Largest exponent of a power of two.
    most: i32,
}

impl Limits {
    /// Those of floats of so many bytes.
    fn of(size: usize) -> Self {
        match size {
            2 => Limits { digits: 11, least: -24, most: 15 },
            4 => Limits { digits: 24, least: -149, most: 127 },
            _ => Limits { digits: 53, least: -1074, most: 1023 },
        }
    }

    /// Whether multiples that fit `width` bits, and the next one above, are all floats.
    fn allow(self, exponent: i32, width: u32) -> bool {
        let bits = width - 1;
        EXPONENTS.contains(&exponent)
            && bits <= self.digits
            && exponent >= self.least
            && exponent + bits as i32 <= self.most
    }
}

/// Multiples of 2^exponent, and the floats of one type behind each.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    step: f64,
    inverse: f64,
    /// Largest exponent of the integers that are exact.
    digits: u32,
    /// Bits that number the smallest floats between two multiples.
    most: u32,
    /// Place of the first multiple above zero: as many floats are below it.
    first: i64,
}

/// How the place of a float behind its multiple is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In so many bits.
    Bits(u32),
    /// Next to zero, which is the first float behind 0 and the last behind −1: one bit says whether it is
    /// another, and so many follow then, numbering fewer floats than the second.
    Zero(u32, u64),
}

impl Fixed {
    /// Multiples of this power of two, which [`Fixed::fits`] the type.
    pub fn new<T: Sample>(exponent: i32) -> Self {
        let power = |exponent| power_of_two(exponent).expect("an exponent that fits");
        let Limits { digits, least, .. } = Limits::of(T::SIZE);
        let (step, inverse) = (power(exponent), power(-exponent));
        let most = exponent.abs_diff(least);
        Fixed { step, inverse, digits: digits - 1, most, first: T::from_f64(step).to_ordered() }
    }

    /// Whether multiples of 2^exponent of `width` bits can stand for floats of a type.
    pub fn fits(dtype: &Dtype, exponent: i32, width: u32) -> bool {
        dtype.class == Class::Float && Limits::of(dtype.size).allow(exponent, width)
    }

    /// An exponent for numbers below 2^top, and the bits of their multiples, one more than these or
    /// fewer.
    pub fn suits<T: Sample>(top: i32, bits: u32) -> Option<(i32, u32)> {
        let limits = Limits::of(T::SIZE);
        let finest = top - limits.digits.min(bits) as i32;
        let exponent = finest.max(limits.least).max(*EXPONENTS.start());
        let width = u32::try_from(top - exponent).ok().filter(|&bits| bits >= 3)? + 1;
        limits.allow(exponent, width).then_some((exponent, width))
    }

    /// The multiple at or below the `n`-th float, which means nothing 2^50 of them from zero or more.
    #[inline(always)]
    pub fn below<T: Sample>(&self, n: i64) -> i64 {
        let multiple = T::from_ordered(n).to_f64() * self.inverse;
        // An integer in its last bits: see `ROUNDER`.
        let rounded = multiple + ROUNDER;
        let nearest = (rounded.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
        let below = nearest.wrapping_sub(i64::from(rounded - ROUNDER > multiple));
        // −0, and what is so small that the product rounds to it, are below zero.
        if n < 0 { below.min(-1) } else { below }
    }

    /// The place of a multiple in the order of the type.
    #[inline(always)]
    pub fn place<T: Sample>(&self, multiple: i64) -> i64 {
        T::from_f64(multiple as f64 * self.step).to_ordered()
    }

    /// How places behind a multiple are stored.
    #[inline(always)]
    pub fn place_of(&self, multiple: i64) -> Place {
        // The multiple between a float and zero, without its sign.
        let inner = multiple ^ multiple >> 63;
        if inner == 0 {
            return Place::Zero(64 - (self.first as u64 - 1).leading_zeros(), self.first as u64);
        }
        Place::Bits(self.digits.saturating_sub(inner.ilog2()).min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use proptest::prelude::*;

    fn check<T: Sample>(x: T, exponent: i32) -> Result<(), TestCaseError> {
        let (n, fixed) = (x.to_ordered(), Fixed::new::<T>(exponent));
        let multiple = fixed.below::<T>(n);
        let (first, next) = (fixed.place::<T>(multiple), fixed.place::<T>(multiple + 1));
        prop_assert!(first <= n && n < next, "{x:?} by 2^{exponent}: {multiple}");
        match fixed.place_of(multiple) {
            Place::Bits(bits) => prop_assert_eq!(next.abs_diff(first), 1 << bits),
            Place::Zero(bits, count) => {
                prop_assert!(multiple == 0 || multiple == -1);
                // −0 is one more.
                prop_assert_eq!(next.abs_diff(first), count + multiple.unsigned_abs());
                prop_assert!(
                    bits < 64 && count <= 1 << bits && (bits == 0 || count > 1 << (bits - 1))
                );
            }
        }
        Ok(())
    }

    fn check_all<T: Sample>(bits: u64, top: i32) -> Result<(), TestCaseError> {
        let x = T::from_bits(bits);
        for bits in [3, 10, 20, 24, 31] {
            let Some((exponent, width)) = Fixed::suits::<T>(top, bits) else { continue };
            prop_assert!((4..=32).contains(&width));
            let limit = Fixed::new::<T>(exponent).place::<T>(1 << (width - 1));
            if x.to_ordered().unsigned_abs() < limit as u64 {
                check(x, exponent)?;
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_float_lies_between_its_multiple_and_the_next(bits: u64, top in -1000..1000_i32) {
            check_all::<f64>(bits, top)?;
            check_all::<f32>(bits as u32 as u64, top % 130)?;
            check_all::<f16>(bits as u16 as u64, top % 17)?;
            // Those next to powers of two, and to zero.
            for bits in [bits & 7, bits >> 52 << 52 | bits & 1, (bits >> 52 << 52).wrapping_sub(1)] {
                check_all::<f64>(bits, (bits >> 52 & 2047) as i32 - 1020)?;
            }
            let power = bits as u32 >> 23 << 23;
            for bits in [bits as u32 & 7, power, power.wrapping_sub(1)] {
                check_all::<f32>(u64::from(bits), (bits >> 23 & 255) as i32 - 125)?;
                check_all::<f32>(u64::from(bits), -120)?;
            }
        }
    }

    #[test]
    fn zeros_and_the_smallest_numbers_keep_their_signs() {
        for x in [0.0_f32, -0.0, 1e-45, -1e-45, 1.0, -1.0, 0.5, -0.5, 0.75] {
            check(x, -3).unwrap();
            check(x, -23).unwrap();
        }
        check(-f32::from_bits(1), -149).unwrap();
        let fixed = Fixed::new::<f64>(-3);
        assert_eq!(fixed.below::<f64>((-0.0_f64).to_ordered()), -1);
        assert_eq!(fixed.below::<f64>(0), 0);
        assert_eq!(fixed.below::<f64>((-1e-300_f64).to_ordered()), -1);
        assert_eq!(Fixed::new::<f32>(-3).place_of(8), Place::Bits(20));
        assert_eq!(Fixed::new::<f32>(-3).place_of(-8), Place::Bits(21));
    }
}
