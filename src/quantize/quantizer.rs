//! Blocks of samples to integers, with the strict bound checked on what will be decoded.

use super::affine;
use super::rule::{MOST, POWERS_OF_TEN, Rule};
use crate::arithmetic::{nearest, zigzag};
use crate::params::is_step;
use crate::sample::Sample;

/// Finds the integers of a stream under a decoding rule.
#[derive(Clone, Copy, Debug)]
pub struct Quantizer {
    /// How the integers will become samples again.
    pub rule: Rule,
    /// Every bit must come back; else twice the error may reach the rule's step.
    pub(crate) exact: bool,
    /// Bits of the fill value, which always comes back exact.
    pub(crate) fill: Option<u64>,
    /// Distance of neighbouring values.
    pub(crate) step: f64,
    /// 1/step.
    pub(crate) inverse: f64,
    /// Largest |n| in use.
    pub(crate) most: f64,
}

impl Quantizer {
    /// A quantizer that keeps every bit of what it does not miss.
    pub fn lossless(rule: Rule) -> Self {
        Self::new(rule, true, None)
    }

    /// A quantizer within half the rule's step, `fill` (the fill value's bits) exact.
    pub fn lossy(rule: Rule, fill: Option<u64>) -> Self {
        Self::new(rule, false, fill)
    }

    fn new(rule: Rule, exact: bool, fill: Option<u64>) -> Self {
        let (inverse, most) = match rule {
            Rule::Decimal { numerator, power } => {
                // n·numerator ≤ 2^53 is exact.
                let numerator = f64::from(numerator);
                let most = (9_007_199_254_740_992.0 / numerator).min(MOST as f64);
                (POWERS_OF_TEN[power as usize] / numerator, most)
            }
            _ => (1.0 / rule.step(), MOST as f64),
        };
        Quantizer { rule, exact, fill, step: rule.step(), inverse, most }
    }

    /// Whether the rule can be used at all: a step whose inverse overflows cannot.
    pub fn is_usable(&self) -> bool {
        self.rule.is_total() || is_step(self.step) && self.inverse.is_finite() && self.inverse > 0.0
    }

    /// Whether the bits of every sample come back.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Writes each sample's integer, less the rule's origin, to `out`. Indices of samples that the
    /// rule cannot give back are appended to `misses`; their integers mean nothing. `first` is the
    /// stream's index of the first sample.
    pub fn run<T: Sample>(
        &self,
        samples: &[T],
        first: usize,
        out: &mut [i64],
        misses: &mut Vec<u32>,
    ) {
        let pairs = samples.iter().zip(&mut *out);
        match self.rule {
            Rule::Ordered => pairs.for_each(|(&x, out)| *out = x.to_ordered()),
            Rule::Folded => pairs.for_each(|(&x, out)| {
                *out = (zigzag(x.to_ordered()) as i64).wrapping_sub(self.rule.origin::<T>());
            }),
            Rule::Affine { .. } | Rule::Dithered(..) | Rule::Quanta(_) | Rule::Decimal { .. } => {
                for (i, (&x, out)) in pairs.enumerate() {
                    let integer = match self.rule {
                        Rule::Affine { offset, .. } => {
                            let ideal = (x.to_f64() - offset) * self.inverse;
                            affine::integer(&self.rule, x, ideal)
                        }
                        Rule::Dithered(_, dither) => {
                            self.integer(x, dither.at(first + i), first + i)
                        }
                        _ => self.integer(x, 0.0, first + i),
                    };
                    *out = integer.unwrap_or_else(|| {
                        misses.push(i as u32);
                        0
                    });
                }
            }
        }
    }

    /// The integer of sample `x` at `index` of its stream; none where no integer gives it back as
    /// it must.
    #[inline(always)]
    pub(crate) fn integer<T: Sample>(&self, x: T, dither: f64, index: usize) -> Option<i64> {
        let ideal = x.to_f64() * self.inverse - dither;
        // NaN and infinities fail here, and casts saturate.
        if ideal.abs() <= self.most {
            let n = nearest(ideal);
            if self.accepts(x, n as i64, index) {
                return Some(n as i64);
            }
            // Rounding the decoded value can push it past the bound; the next integer's may be
            // rounded toward the sample instead.
            let next = if ideal > n { n + 1.0 } else { n - 1.0 };
            if next.abs() <= self.most && self.accepts(x, next as i64, index) {
                return Some(next as i64);
            }
        }
        None
    }

    /// Whether integer `n` gives `x` back as it must.
    #[inline(always)]
    fn accepts<T: Sample>(&self, x: T, n: i64, index: usize) -> bool {
        let y: T = self.rule.decode(n, index);
        if self.exact || self.fill == Some(x.bits()) {
            return y.bits() == x.bits();
        }
        // Exact unless y is twice x or more, where the bound is far.
        2.0 * (y.to_f64() - x.to_f64()).abs() <= self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::Dither;
    use half::f16;
    use proptest::prelude::*;

    /// The bound, without rounding: the error in units of the smallest double, doubled, against
    /// quanta in the same.
    fn within<T: Sample>(x: T, y: T, quanta: f64) -> bool {
        let (x, y) = (x.to_f64(), y.to_f64());
        let error = (y - x).abs();
        // An exact difference and its rounding error (two-sum).
        let d = y - x;
        let back = d - y;
        let low = (y - (d - back)) - (x + back);
        let low = if d < 0.0 { -low } else { low };
        2.0 * error < quanta || 2.0 * error == quanta && low <= 0.0
    }

    fn check<T: Sample>(xs: &[T], quantizer: Quantizer, quanta: f64) {
        let mut n = vec![0; xs.len()];
        let mut misses = Vec::new();
        quantizer.run(xs, 7, &mut n, &mut misses);
        let mut again = vec![0; xs.len()];
        for (i, (&x, &n)) in xs.iter().zip(&n).enumerate() {
            if misses.contains(&(i as u32)) {
                continue;
            }
            let y: T = quantizer.rule.decode(n, 7 + i);
            assert!(within(x, y, quanta), "{x:?} became {y:?} with {quanta:e}");
            if !matches!(quantizer.rule, Rule::Dithered(..)) {
                // Idempotence.
                let mut second = Vec::new();
                quantizer.run(&[y], 7 + i, &mut again[..1], &mut second);
                if second.is_empty() {
                    let z: T = quantizer.rule.decode(again[0], 7 + i);
                    assert_eq!(z.bits(), y.bits(), "{y:?} became {z:?} with {quanta:e}");
                }
            }
        }
    }

    fn rules(quanta: f64) -> Vec<Rule> {
        vec![
            Rule::Quanta(quanta),
            Rule::Dithered(quanta, Dither::new(1, 2)),
            Rule::Decimal { numerator: 3, power: 2 },
        ]
    }

    proptest! {
        #[test]
        fn every_sample_is_within_the_bound_or_missed(
            bits in prop::collection::vec(any::<u64>(), 64),
            near in prop::collection::vec(-1e6..1e6_f64, 64),
            exponent in -1000..1000_i32, mantissa in 1.0..2.0_f64,
        ) {
            let wild = f64::from_bits(((exponent + 1023) as u64) << 52) * mantissa;
            let tame = f64::from_bits(((exponent % 30 + 1023) as u64) << 52) * mantissa;
            for quanta in [wild, tame, 0.01] {
                for rule in rules(quanta) {
                    let quantizer = Quantizer::lossy(rule, None);
                    let step = rule.step();
                    let doubles: Vec<f64> = bits.iter().map(|&b| f64::from_bits(b)).collect();
                    check(&doubles, quantizer, step);
                    let scaled: Vec<f64> = near.iter().map(|x| x * quanta).collect();
                    check(&scaled, quantizer, step);
                    // Midpoints of the grid are the hard ones.
                    let middles: Vec<f64> =
                        near.iter().map(|x| (x.trunc() + 0.5) * quanta).collect();
                    check(&middles, quantizer, step);
                    check(&scaled.iter().map(|&x| x as f32).collect::<Vec<_>>(), quantizer, step);
                    check(&middles.iter().map(|&x| x as f32).collect::<Vec<_>>(), quantizer, step);
                    let halves: Vec<f16> = bits.iter().map(|&b| f16::from_bits(b as u16)).collect();
                    check(&halves, quantizer, step);
                    let singles: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b as u32)).collect();
                    check(&singles, quantizer, step);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_missed_and_the_fill_value_is_exact() {
        let xs = [1.0_f32, f32::NAN, f32::INFINITY, -0.0, -999.3, 1e30, 2.26];
        let mut n = [0; 7];
        let mut misses = Vec::new();
        let fill = Some(u64::from((-999.3_f32).to_bits()));
        Quantizer::lossy(Rule::Quanta(0.5), fill).run(&xs, 0, &mut n, &mut misses);
        assert_eq!((n, &misses[..]), ([2, 0, 0, 0, 0, 0, 5], &[1, 2, 4, 5][..]));
        misses.clear();
        Quantizer::lossless(Rule::Quanta(0.5)).run(&xs, 0, &mut n, &mut misses);
        assert_eq!(misses, [1, 2, 3, 4, 5, 6]);
    }
}
