//! Arithmetic that decides bytes: the same on every machine, so none of it is libm's.

use std::ops::Rem;

/// log2 of a positive finite number, to 1e−4.
pub fn log2(x: f64) -> f64 {
    let bits = x.max(f64::MIN_POSITIVE).to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // log2(m) = 2/ln 2·atanh((m − 1)/(m + 1)), five terms of the series; t ≤ 1/3.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    let series = 1.0 + t2 * (1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (1.0 / 7.0 + t2 * (1.0 / 9.0))));
    f64::from(exponent) + series * t * (2.0 / std::f64::consts::LN_2)
}

/// From 2^52 to 2^53 doubles are integers: x + ROUNDER is rounded to one, which its last bits hold.
pub const ROUNDER: f64 = (3_u64 << 51) as f64;

/// Nearest integer, ties to even, of |x| ≤ 2^51; a larger one stays at least 2^50. (The standard
/// library's function is libm's where the instruction set has none.)
#[inline(always)]
pub fn nearest(x: f64) -> f64 {
    (x + ROUNDER) - ROUNDER
}

/// Exponent of the lowest set bit of a number that is not 0.
pub fn lowest_bit(x: f64) -> i32 {
    let bits = x.to_bits() & (u64::MAX >> 1);
    let mantissa = bits & ((1 << 52) - 1);
    let (biased, mantissa) = match (bits >> 52) as i32 {
        0 => (1, mantissa),
        biased => (biased, mantissa | 1 << 52),
    };
    biased - 1075 + mantissa.trailing_zeros() as i32
}

/// 2^exponent, where that is a normal number.
pub fn power_of_two(exponent: i32) -> Option<f64> {
    let biased = u64::try_from(exponent + 1023).ok().filter(|&b| (1..2047).contains(&b))?;
    Some(f64::from_bits(biased << 52))
}

/// Greatest common divisor; that of a number and 0 is the number.
pub fn gcd<N: Copy + Default + PartialEq + Rem<Output = N>>(mut a: N, mut b: N) -> N {
    while b != N::default() {
        (a, b) = (b, a % b);
    }
    a
}

/// Small magnitudes to small numbers: 0, −1, 1, −2, … become 0, 1, 2, 3, …
#[inline(always)]
pub fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// Inverse of [`zigzag`].
#[inline(always)]
pub fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_is_close_everywhere() {
        for i in 0..4000 {
            let x = 1e-6 * 1.01_f64.powi(i);
            assert!((log2(x) - x.log2()).abs() < 1e-4, "{x}");
        }
    }

    #[test]
    fn rounding_goes_to_the_nearest_integer() {
        for x in [0.0, 0.49, 0.5, 0.51, 1.5, 2.5, 16383.5, 16384.5, 1e15, 1e40, f64::INFINITY] {
            for x in [x, -x] {
                let expected = x.round_ties_even();
                assert!(nearest(x) == expected || x.abs() > 1e20 && nearest(x).abs() > 1e20, "{x}");
            }
        }
        let most = (1_u64 << 51) as f64;
        for x in [0.0, 0.5, -0.5, 1.5, 2.5, -3.49, 1e9 + 0.5, most, -most, most - 1.0] {
            assert_eq!(nearest(x), x.round_ties_even(), "{x}");
        }
    }

    #[test]
    fn a_number_is_an_odd_multiple_of_its_lowest_bit() {
        for x in [1.0, -0.75, 1e300, 5e-324, 3.5e-310, 0.1, 12_345_678.0] {
            let lowest = lowest_bit(x);
            let scaled = match power_of_two(lowest) {
                Some(unit) => x / unit,
                None => x * 2_f64.powi(600) * 2_f64.powi(-lowest - 600),
            };
            assert_eq!(scaled.abs() % 2.0, 1.0, "{x:e}");
        }
        assert_eq!((power_of_two(-1023), power_of_two(1024)), (None, None));
    }

    #[test]
    fn zigzag_comes_back() {
        for n in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(n)), n);
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }

    #[test]
    fn common_divisors_are_the_greatest() {
        assert_eq!(gcd(84_u64, 90), 6);
        assert_eq!((gcd(0_u128, 7), gcd(7_u128, 0), gcd(0_u64, 0)), (7, 7, 0));
    }
}
