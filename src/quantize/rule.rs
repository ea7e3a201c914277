//! How an integer becomes a sample.

use super::dither::Dither;
use crate::arithmetic::{unzigzag, zigzag};
use crate::sample::Sample;

/// A decoding rule: the sample that integer n stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The n-th value of the sample type, in order ([`Sample::from_ordered`]): lossless.
    Ordered,
    /// The same with the signs interleaved: n = 0, 1, 2, 3, … are the values 0, −1, 1, −2, … in
    /// that order, n as an unsigned number; lossless, for noise about zero.
    Folded,
    /// n·quanta: one product in f64, rounded to the type.
    Quanta(f64),
    /// (n·numerator)/10^power: a product that is exact below 2^53, one quotient in f64, rounded
    /// to the type. Values print as the decimals they are.
    Decimal {
        /// Numerator, at least 1.
        numerator: u32,
        /// Power of ten, 0 to 22.
        power: u32,
    },
    /// (n + u)·quanta: a sum and a product in f64, rounded to the type; u is the sample's dither.
    Dithered(f64, Dither),
    /// n·step + offset, n, product and sum each rounded to the type.
    Affine {
        /// Step.
        step: f64,
        /// Offset.
        offset: f64,
    },
}

/// Powers of ten that f64 holds exactly.
pub const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Integers beyond ±2^51 are not used with floats: below, n·quanta rounds to less than a quarter
/// quanta, so that quantizing a decoded value gives its integer again.
pub const MOST: i64 = 1 << 51;

impl Rule {
    /// The value of integer `n` at sample `index` of its stream.
    #[inline(always)]
    pub fn decode<T: Sample>(&self, n: i64, index: usize) -> T {
        match *self {
            Rule::Ordered => T::from_ordered(n),
            Rule::Folded => T::from_ordered(unzigzag(n as u64)),
            Rule::Quanta(quanta) => T::from_f64(n as f64 * quanta),
            Rule::Decimal { numerator, power } => {
                T::from_f64(n as f64 * f64::from(numerator) / POWERS_OF_TEN[power as usize])
            }
            Rule::Dithered(quanta, dither) => T::from_f64((n as f64 + dither.at(index)) * quanta),
            Rule::Affine { step, offset } => {
                let n = T::from_f64(n as f64).to_f64();
                T::from_f64(T::from_f64(n * step).to_f64() + offset)
            }
        }
    }

    /// The middle of the integers, which those of a plan are relative to: 2^63 for those that are
    /// unsigned and need all 64 bits, so that they keep their order; else 0.
    pub fn origin<T: Sample>(&self) -> i64 {
        if *self == Rule::Folded && T::SIZE == 8 { i64::MIN } else { 0 }
    }

    /// Whether integer `n`, decoded as `x`, is beyond the sample type's range. (A float's product
    /// may become infinite: that is no matter.)
    #[inline(always)]
    pub fn is_outside<T: Sample>(&self, n: i64, x: T) -> bool {
        match self {
            Rule::Ordered => x.to_ordered() != n,
            Rule::Folded => zigzag(x.to_ordered()) as i64 != n,
            _ => false,
        }
    }

    /// Whether every sample of a type has its integer.
    pub fn is_total(&self) -> bool {
        matches!(self, Rule::Ordered | Rule::Folded)
    }

    /// Factor and divisor of n for its value, where that is a multiple of a quanta or a decimal.
    pub fn fraction(&self) -> (f64, f64) {
        match *self {
            Rule::Decimal { numerator, power } => {
                (f64::from(numerator), POWERS_OF_TEN[power as usize])
            }
            _ => (self.step(), 1.0),
        }
    }

    /// The distance between neighbouring values; 0 where there is none.
    pub fn step(&self) -> f64 {
        match *self {
            Rule::Ordered | Rule::Folded => 0.0,
            Rule::Quanta(quanta) | Rule::Dithered(quanta, _) => quanta,
            Rule::Decimal { numerator, power } => {
                f64::from(numerator) / POWERS_OF_TEN[power as usize]
            }
            Rule::Affine { step, .. } => step,
        }
    }
}
