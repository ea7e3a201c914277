//! The decoding rule that a stream's user asked for.

use super::grid;
use super::noise::{Moments, noise_sigma};
use super::quantizer::Quantizer;
use super::rule::{POWERS_OF_TEN, Rule};
use super::survey::visit;
use crate::arithmetic::{gcd, lowest_bit, power_of_two};
use crate::layout::StreamView;
use crate::params::{Mode, is_step};
use crate::sample::Sample;

/// What a chunk's user asked for, as far as numbers are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Quantization of floats.
    pub mode: Mode,
    /// One quanta for each stream of elements, instead of the mode's.
    pub quanta: Option<&'a [f64]>,
    /// Step and offset of each stream's values, instead of a mode.
    pub affine: Option<&'a [(f64, f64)]>,
    /// Bits of the fill value's components.
    pub fill: Option<[u64; 2]>,
    /// Seed of the chunk's dither.
    pub dither: Option<u32>,
    /// Components of an element.
    pub components: usize,
}

impl Wishes<'_> {
    /// Bits of the fill value of component stream `index`.
    pub fn fill_of(&self, index: usize) -> Option<u64> {
        self.fill.map(|parts| parts[index % self.components])
    }
}

/// A statistic of fewer samples says nothing.
const LEAST_SAMPLES: u64 = 16;

/// Stretches of a long stream that its noise is estimated from, and samples of each.
const STRETCHES: usize = 64;
const STRETCH: usize = 1024;

/// Most samples that are searched for the grid of an earlier compression.
const LEADING: usize = 4096;

/// The valid samples among the first `used` of a stream: finite, and not the fill value.
pub struct Valid<'a, 'v> {
    view: &'a StreamView<'v>,
    used: usize,
    fill: Option<u64>,
}

impl<'a, 'v> Valid<'a, 'v> {
    /// Those of `view`.
    pub fn new(view: &'a StreamView<'v>, used: usize, fill: Option<u64>) -> Self {
        Valid { view, used, fill }
    }

    /// Whether a sample enters statistics.
    pub fn is<T: Sample>(&self, x: &T) -> bool {
        x.is_finite() && Some(x.bits()) != self.fill
    }

    /// Collects the valid ones of a stretch.
    fn gather<T: Sample>(&self, first: usize, length: usize, out: &mut Vec<T>) {
        let from = out.len();
        out.resize(from + length, T::default());
        self.view.read(first, &mut out[from..]);
        out.retain(|x| self.is(x));
    }

    fn moments<T: Sample>(&self, centre: f64, buffer: &mut Vec<T>) -> Moments {
        let mut moments = Moments::about(centre);
        visit(self.view, self.used, buffer, |_, samples: &[T]| {
            for valid in samples.split(|x| !self.is(x)) {
                moments.add(valid);
            }
        });
        moments
    }

    /// Their population standard deviation; NaN when they are too few.
    fn deviation<T: Sample>(&self, buffer: &mut Vec<T>) -> f64 {
        buffer.clear();
        self.gather(0, self.used.min(STRETCH), buffer);
        let near = buffer.first().map_or(0.0, |x| x.to_f64());
        let rough = self.moments(near, buffer);
        if rough.count() < LEAST_SAMPLES {
            return f64::NAN;
        }
        self.moments(rough.mean(), buffer).deviation()
    }

    /// Standard deviation of their noise, from runs without a gap; NaN when they are too few.
    fn noise<T: Sample>(&self, buffer: &mut Vec<T>) -> f64 {
        let long = self.used > STRETCHES * STRETCH;
        let (stretches, length) = if long { (STRETCHES, STRETCH) } else { (1, self.used) };
        let apart = if long { (self.used - length) / (stretches - 1) } else { 0 };
        buffer.resize(stretches * length, T::default());
        for (i, out) in buffer.chunks_exact_mut(length).enumerate() {
            self.view.read(apart * i, out);
        }
        if buffer.iter().filter(|x| self.is(*x)).count() < LEAST_SAMPLES as usize {
            return f64::NAN;
        }
        let stretches = buffer.chunks_exact(length);
        noise_sigma(stretches.flat_map(|stretch| stretch.split(|x| !self.is(x))))
    }

    /// The estimated quanta of an earlier compression on whose grid the leading samples lie,
    /// repetitions apart.
    ///
    /// A grid that is not marked is the instrument's own, which says nothing about the quanta.
    fn kept<T: Sample>(&self, buffer: &mut Vec<T>) -> Option<f64> {
        buffer.clear();
        let mut first = 0;
        while first < self.used && buffer.len() < LEADING {
            let length = STRETCH.min(self.used - first);
            self.gather(first, length, buffer);
            buffer.dedup_by_key(|x| x.bits());
            first += length;
        }
        // Some of the first may be exceptions.
        let windows = buffer.chunks_exact(LEAST_SAMPLES as usize).take(WINDOWS);
        if let Some(quanta) = windows.filter_map(common_step).next() {
            return Some(quanta);
        }
        let (near, run) = grid::leading(buffer)?;
        let mut numbers = vec![0; run];
        let mut misses = Vec::new();
        let leading = leading_bits(near);
        [leading, leading - 1, leading + 1].map(with_mark).into_iter().find(|&quanta| {
            misses.clear();
            let quantizer = Quantizer::lossless(Rule::Quanta(quanta));
            quantizer.run(&buffer[..run], 0, &mut numbers, &mut misses);
            misses.len() * 8 <= run
        })
    }
}

/// A quanta is kept where it is at most so much finer, or coarser, than the estimate now: with a
/// drift estimates grow, and what follows must not drown in the step of what came first.
const FINER: f64 = 64.0;
const COARSER: f64 = 4.0;

/// Windows of samples that are tried for a common step.
const WINDOWS: usize = 8;

/// The marked number of which all samples are exact multiples: products of 24 bits and up to 29 are
/// exact in f64.
fn common_step<T: Sample>(samples: &[T]) -> Option<f64> {
    let others = || samples.iter().map(|x| x.to_f64().abs()).filter(|x| *x != 0.0);
    let lowest = others().map(lowest_bit).min()?;
    let unit = power_of_two(lowest)?;
    let mut common = 0_u128;
    for x in others() {
        // An odd number below 2^53 times at most 2^70: exact in f64 and in u128.
        if lowest_bit(x) - lowest > 70 {
            return None;
        }
        common = gcd((x / unit) as u128, common);
    }
    let step = common as f64 * unit;
    // The multiples may have a factor in common by chance.
    (1..=16)
        .map(|factor| step / f64::from(factor))
        .find(|&step| is_step(step) && with_mark(leading_bits(step)) == step)
}

/// Sign, exponent and 15 bits of mantissa.
fn leading_bits(x: f64) -> u64 {
    x.to_bits() >> 37
}

/// The marked number with these leading bits: 8 more follow from them, the rest is 0.
fn with_mark(leading: u64) -> f64 {
    let mark = (leading.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 56;
    f64::from_bits(leading << 37 | mark << 29)
}

/// A marked number just below a positive one. Estimates are marked, so that a chunk which is
/// rewritten knows their grid from an instrument's; the mark takes few bytes, and rounding down
/// never loosens a bound.
fn marked(x: f64) -> f64 {
    with_mark(leading_bits(x) - 1)
}

impl Wishes<'_> {
    /// Whether quanta are estimated from the samples and found again when a chunk is rewritten,
    /// which dither prevents.
    pub fn is_estimated(&self) -> bool {
        self.quanta.is_none()
            && self.dither.is_none()
            && matches!(self.mode, Mode::Precision(_) | Mode::Noise(_))
    }

    /// The rule for a stream of floats, which belongs to stream `element` of elements; none where
    /// it is to be lossless, as are values that others quantized.
    pub fn rule<T: Sample>(
        &self,
        valid: &Valid<'_, '_>,
        element: usize,
        buffer: &mut Vec<T>,
    ) -> Option<Rule> {
        if self.affine.is_some() {
            return None;
        }
        if let Some(quanta) = self.quanta {
            return Some(Rule::Quanta(quanta[element]));
        }
        let estimate = match self.mode {
            Mode::Lossless => return None,
            Mode::Quanta(quanta) => return Some(Rule::Quanta(quanta)),
            Mode::Decimal { numerator, power } => {
                return Some(Rule::Decimal { numerator, power });
            }
            Mode::Precision(digits) => {
                valid.deviation(buffer) / POWERS_OF_TEN[digits.min(22) as usize]
            }
            Mode::Noise(q) => valid.noise(buffer) / q,
        };
        if !(estimate.is_normal() && estimate > 2.0 * f64::MIN_POSITIVE) {
            return None;
        }
        let kept = if self.is_estimated() { valid.kept(buffer) } else { None };
        let near = kept.filter(|kept| (estimate / FINER..=estimate * COARSER).contains(kept));
        Some(Rule::Quanta(near.unwrap_or(marked(estimate))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_below_and_close() {
        let mut x = 1e-300;
        while x < 1e300 {
            let mark = marked(x);
            assert!(mark < x && mark > x * (1.0 - 1e-4), "{x} {mark}");
            assert_eq!(with_mark(leading_bits(mark)), mark);
            x *= 1.37;
        }
    }
}
