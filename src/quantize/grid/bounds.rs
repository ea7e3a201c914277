//! The quanta that reproduce samples bit for bit: an interval, and the simplest number in it.

use crate::sample::Sample;

/// Closed interval of positive quanta, wider than the true one by a few roundings of f64.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    low: f64,
    high: f64,
}

/// So few numbers in the interval are all tried.
const FEW: u64 = 24;

/// What f64 loses in a midpoint and a quotient, twice over.
const SLACK: f64 = 2.0 * f64::EPSILON;

/// Bits by which a number is shorter than one that lies in the interval by chance.
const SURPRISE: u32 = 3;

impl Bounds {
    /// The quanta whose `n`-fold, n not 0, rounds to `x`: those between the midpoints to the
    /// neighbours of |x|, divided by |n|. None when x is 0.
    pub fn of<T: Sample>(x: T, n: f64) -> Option<Bounds> {
        let magnitude = magnitude(x);
        let below = T::from_bits(magnitude.checked_sub(1)?).to_f64();
        let (at, above) = (T::from_bits(magnitude).to_f64(), T::from_bits(magnitude + 1).to_f64());
        let half = 0.5 / n.abs();
        Some(Bounds {
            low: (at + below) * half * (1.0 - SLACK),
            high: (at + above) * half * (1.0 + SLACK),
        })
    }

    /// Intersects with `other`; keeps itself and says false when nothing would be left.
    pub fn narrow(&mut self, other: Bounds) -> bool {
        let both = Bounds { low: self.low.max(other.low), high: self.high.min(other.high) };
        let some = both.low <= both.high;
        if some {
            *self = both;
        }
        some
    }

    /// The middle.
    pub fn middle(&self) -> f64 {
        0.5 * (self.low + self.high)
    }

    /// Numbers worth trying, best first: the simplest if it is no chance, and the middle; all of
    /// the interval, from the middle outwards, where it has only a few.
    pub fn candidates(&self) -> Vec<f64> {
        let middle = self.middle();
        let (low, high) = (self.low.to_bits(), self.high.to_bits());
        if !(self.low > 0.0 && self.high < f64::INFINITY) {
            return Vec::new();
        }
        if high - low > FEW {
            return self.simplest().into_iter().chain([middle]).collect();
        }
        let mut all: Vec<u64> = (low..=high).collect();
        all.sort_by_key(|bits| bits.abs_diff(middle.to_bits()));
        all.into_iter().map(f64::from_bits).collect()
    }

    /// The number of the fewest decimal digits or bits, if that few are no chance: the interval's
    /// relative width alone lets a number of log2(1/width) bits in.
    fn simplest(&self) -> Option<f64> {
        let middle = self.middle();
        let chance = exponent(middle / (self.high - self.low)).max(0) as u32;
        let most = chance.saturating_sub(SURPRISE).min(52);
        let inside = |x: &f64| (self.low..=self.high).contains(x);
        let binary = (1..=most).find_map(|bits| {
            let drop = 53 - bits;
            let rounded = (middle.to_bits() + (1 << (drop - 1))) >> drop << drop;
            Some((bits, f64::from_bits(rounded))).filter(|(_, x)| inside(x))
        });
        // A decimal digit counts as 10/3 bits. Formatting and parsing are exact.
        let most = binary.map_or(most, |(bits, _)| bits);
        let decimal = (1..=most * 3 / 10).find_map(|digits| {
            let text = format!("{middle:.*e}", digits as usize - 1);
            text.parse().ok().filter(inside)
        });
        decimal.or(binary.map(|(_, x)| x))
    }
}

/// The bits of |x|.
pub fn magnitude<T: Sample>(x: T) -> u64 {
    x.bits() & (u64::MAX >> (65 - 8 * T::SIZE))
}

/// The distance from |x| to the next larger value of its type.
pub fn spacing<T: Sample>(x: T) -> f64 {
    let magnitude = magnitude(x);
    T::from_bits(magnitude + 1).to_f64() - T::from_bits(magnitude).to_f64()
}

/// Floor of log2 of a positive normal number; below all of them for 0 and subnormals.
pub fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_exactly_the_quanta_that_round_to_the_sample() {
        for (x, n) in [(0.1_f32, 7.0), (1.0, 3.0), (-1234.567, -991.0), (1e-40, 5.0)] {
            let bounds = Bounds::of(x, n).expect("not zero");
            let width = bounds.high - bounds.low;
            for (quanta, inside) in [
                (bounds.low + 1e-6 * width, true),
                (bounds.high - 1e-6 * width, true),
                (bounds.low - 1e-6 * width, false),
                (bounds.high + 1e-6 * width, false),
            ] {
                assert_eq!((n * quanta) as f32 == x, inside, "{x} {n} {quanta:e}");
            }
        }
    }

    #[test]
    fn the_simplest_number_is_found_and_chance_is_not() {
        let around = |c: f64| Bounds { low: c * (1.0 - 1e-10), high: c * (1.0 + 2e-10) };
        assert_eq!(around(0.3051757).candidates()[0], 0.3051757);
        assert_eq!(around(1e-9).candidates()[0], 1e-9);
        assert_eq!(around(10.0 / 32768.0).candidates()[0], 10.0 / 32768.0);
        assert_eq!(around(f64::from(0.1_f32)).candidates()[0], f64::from(0.1_f32));
        let arbitrary = around(std::f64::consts::LN_2);
        assert_eq!(arbitrary.candidates(), [arbitrary.middle()]);
    }
}
