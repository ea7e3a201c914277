//! Steps that a stream's values may be multiples of, from the differences of sorted values.

use super::bounds::spacing;
use crate::arithmetic::nearest;
use crate::sample::Sample;

/// Sorted values and what is tried on them.
pub struct Seed<T> {
    /// Distinct values, ascending.
    values: Vec<f64>,
    /// Differences of neighbours of about middle size: the step is a fraction of each on the grid.
    pub bases: [f64; 3],
    /// Differences of about that size.
    checks: Vec<f64>,
    /// Spacing of the type at the largest value: no value is off by more than half of it.
    grain: f64,
    kind: std::marker::PhantomData<T>,
}

/// Steps are at least so many spacings of the type at the largest value: two differences, each
/// off by one spacing, then still tell integers from halves.
pub const COARSE: f64 = 8.0;

/// Divisors of the base that are tried.
const DIVISORS: f64 = 2048.0;

/// Plausible steps that are refined: each costs several looks at the values.
const PLAUSIBLE: usize = 64;

/// Differences that a divisor is checked against.
const CHECKS: usize = 64;

/// Growth of the differences in a refinement: an error of a spacing, at least 8 times smaller than
/// the step, stays below half a step.
const GROWTH: usize = 3;

impl<T: Sample> Seed<T> {
    /// Sorts the samples. None when there are no two values, or nothing could be coarse enough.
    pub fn new(samples: &[T]) -> Option<Self> {
        let mut ordered: Vec<i64> = samples.iter().map(|x| x.to_ordered()).collect();
        ordered.sort_unstable();
        // Glitches are at the ends.
        let trim = ordered.len() / 32;
        let ordered = &ordered[trim..ordered.len() - trim];
        let kept: Vec<f64> = ordered.iter().map(|&n| T::from_ordered(n).to_f64()).collect();
        let mut values = Vec::with_capacity(kept.len());
        let mut repeated = Vec::new();
        let mut covered = 0;
        for equal in kept.chunk_by(|a, b| a == b) {
            values.push(equal[0]);
            if equal.len() > 1 {
                repeated.push(equal[0]);
                covered += equal.len();
            }
        }
        // Where values repeat, one that does not is likely off the grid.
        if kept.len() >= 128 && 4 * covered >= 3 * kept.len() {
            values = repeated;
        }
        let mut differences: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = differences.len() / 2;
        differences.sort_unstable_by(f64::total_cmp);
        let base = |rank: usize| differences.get(rank).copied();
        let eighth = differences.len() / 8;
        let bases = [base(middle)?, base(middle - eighth)?, base(middle + eighth)?];
        // Values off the grid make many of the smallest and the largest.
        let checked = match differences.len() {
            few if few <= CHECKS => &differences[..],
            _ => &differences[eighth..middle + 2 * eighth],
        };
        let count = CHECKS.min(checked.len());
        let checks = (0..count).map(|i| checked[i * checked.len() / count]).collect();
        let largest = values[0].abs().max(values[values.len() - 1].abs());
        // Steps and their inverses are normal numbers.
        let grain = spacing(T::from_f64(largest)).max(f64::MIN_POSITIVE);
        let some = bases[2].is_finite() && bases[2] >= COARSE * grain;
        let kind = std::marker::PhantomData;
        some.then_some(Seed { values, bases, checks, grain, kind })
    }

    /// Plausible steps above `least`, coarsest first.
    pub fn steps(&self, base: f64, least: f64) -> impl Iterator<Item = f64> {
        let most = (base / least.max(COARSE * self.grain)).min(DIVISORS) as u32;
        (1..=most)
            .map(move |divisor| base / f64::from(divisor))
            .filter(move |&step| self.plausible(step, base))
            .take(PLAUSIBLE)
            .filter_map(move |step| self.refine(step, base))
    }

    /// Whether all but a few of the differences are multiples of `step`, a fraction of `base`, as
    /// far as that tells.
    fn plausible(&self, step: f64, base: f64) -> bool {
        let inverse = 1.0 / step;
        let grain = self.grain * inverse;
        let relative = grain / base;
        let (mut told, mut missed) = (0.0, 0.0);
        for checks in self.checks.chunks(8) {
            for check in checks {
                let steps = check * inverse;
                let miss = (steps - nearest(steps)).abs();
                // Half a spacing for each value of the difference and of the base, and f64's own
                // rounding of up to 2^20 steps or so. A quarter of a step tells nothing.
                let tolerance = grain + check * relative + 1e-9;
                let tells = if tolerance <= 0.26 { 1.0 } else { 0.0 };
                told += tells;
                missed += if miss > tolerance { tells } else { 0.0 };
            }
            if missed > 2.0 + told / 8.0 {
                return false;
            }
        }
        true
    }

    /// Fits the step to larger and larger differences, of values 1, 3, 9 … apart in order: a value
    /// off the grid is in no more than two.
    fn refine(&self, mut step: f64, base: f64) -> Option<f64> {
        let (mut apart, mut reach) = (1, base);
        while apart == 1 || 2 * apart < self.values.len() {
            reach *= GROWTH as f64;
            let (mut tried, mut fitted) = (0, 0);
            let (mut products, mut squares) = (0.0, 0.0);
            for (low, high) in self.values.iter().zip(&self.values[apart..]) {
                let difference = high - low;
                if difference > reach {
                    continue;
                }
                let steps = nearest(difference / step);
                let miss = difference - steps * step;
                tried += 1;
                if miss.abs() <= 0.25 * step {
                    fitted += 1;
                    products += miss * steps;
                    squares += steps * steps;
                }
            }
            if 4 * fitted < 3 * tried {
                return None;
            }
            if squares > 0.0 {
                step += products / squares;
            }
            apart *= GROWTH;
        }
        Some(step)
    }

    /// Values with the integers that they may be on a grid of about this step, the best first.
    pub fn anchors(&self, step: f64) -> impl Iterator<Item = Anchor<T>> {
        let values = &self.values;
        let (first, last) = (values[0], values[values.len() - 1]);
        let largest = if first.abs() > last.abs() { first } else { last };
        [largest, values[values.len() / 2], values[values.len() / 4]]
            .into_iter()
            .filter(|&value| value != 0.0)
            .filter_map(move |value| self.anchor(value, step))
    }

    /// Fits a line to the values over their integers, counted from `value`'s. None when many are
    /// not on the grid through it.
    fn anchor(&self, value: f64, step: f64) -> Option<Anchor<T>> {
        // A value off the grid moves the line by up to its tolerance, so that shrinks.
        let least = 2.0 * self.grain;
        let mut tolerance = 0.25 * step;
        let (mut origin, mut slope) = (0.0, step);
        loop {
            let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
            let (mut misses, mut products) = (0.0, 0.0);
            for other in &self.values {
                let steps = nearest((other - value) / slope);
                let miss = other - value - steps * slope;
                if (miss - origin).abs() <= tolerance {
                    count += 1.0;
                    sum += steps;
                    squares += steps * steps;
                    misses += miss;
                    products += steps * miss;
                }
            }
            let squares = squares - sum * sum / count;
            if 4.0 * count < 3.0 * self.values.len() as f64 || squares <= 0.0 {
                return None;
            }
            let turn = (products - sum * misses / count) / squares;
            origin = (misses - sum * turn) / count;
            slope += turn;
            if tolerance <= least {
                let steps = nearest((value / slope).clamp(-LIMIT, LIMIT));
                // A rounding is uniform: deviation √(1/12) of a spacing. Eight of the slope's, since
                // roundings may go with the integers.
                let error = 2.3 * self.grain / squares.sqrt() / slope;
                let doubt = (error * steps.abs() + 0.5).min(DOUBT) as i32;
                return Some(Anchor { value: T::from_f64(value), steps, doubt });
            }
            tolerance = (tolerance / 16.0).max(least);
        }
    }
}

/// A value that is a multiple of the step.
#[derive(Clone, Copy, Debug)]
pub struct Anchor<T> {
    pub value: T,
    /// Its likeliest integer.
    steps: f64,
    /// How far off that may be.
    doubt: i32,
}

impl<T: Sample> Anchor<T> {
    /// Whether there is but one integer.
    pub fn certain(&self) -> bool {
        self.doubt == 0
    }

    /// The integers that the value may be, likeliest first, without 0.
    pub fn integers(self) -> impl Iterator<Item = f64> {
        (0..=2 * self.doubt)
            .map(move |i| self.steps + f64::from(if i % 2 == 0 { i / 2 } else { -(i / 2) - 1 }))
            .filter(|&n| n != 0.0)
    }
}

/// What [`nearest`] can round.
const LIMIT: f64 = (1_u64 << 51) as f64;

/// Integers on either side that an anchor may be.
const DOUBT: f64 = 1024.0;
