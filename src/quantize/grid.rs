//! Exact grids on which floats lie: decimals, binary fractions, multiples of a calibration factor.
//!
//! A sample is on a grid when its integer decodes to it bit for bit, so −0 never is.

mod bounds;
mod seed;
#[cfg(test)]
mod tests;

use super::rule::{MOST, POWERS_OF_TEN, Rule};
use crate::arithmetic::{lowest_bit, nearest, power_of_two};
use crate::sample::Sample;
pub(super) use bounds::exponent;
use bounds::{Bounds, spacing};
use seed::{Anchor, COARSE, Seed};

/// The coarsest useful grid of a stream of floats, given a few hundred finite samples of it: one
/// that at most one in twenty of them misses, [`Rule::Quanta`] or [`Rule::Decimal`] with numerator 1, and whose
/// integers span less than half of what the order-preserving ones do.
pub fn find<T: Sample>(samples: &[T]) -> Option<Rule> {
    let simple = match (decimal(samples), binary(samples)) {
        (Some(decimal), Some(binary)) => {
            // What was seen so far may be multiples of a power of two by chance.
            let whole = decimal.rule.step() == 1.0 && decimal.misses <= binary.misses;
            Some(if whole || decimal.rule.step() >= binary.rule.step() { decimal } else { binary })
        }
        (decimal, binary) => decimal.or(binary),
    };
    let least = simple.map_or(0.0, |fit| COARSER * fit.rule.step());
    multiple(samples, least).or(simple).map(|fit| fit.rule)
}

/// Whether [`find`] could have given this rule.
pub fn fits<T: Sample>(rule: Rule, samples: &[T]) -> bool {
    fit(rule, samples).is_some_and(|fit| fit.useful && or_multiples(fit, samples).rule == rule)
}

/// A rule and how it fits.
#[derive(Clone, Copy, Debug)]
struct Fit {
    rule: Rule,
    misses: usize,
    /// Whether it says something of at least a quarter of the samples, and its integers span less
    /// than half of what the ordered ones do.
    useful: bool,
}

/// The fewest decimals that fit, or the multiples of that step.
fn decimal<T: Sample>(samples: &[T]) -> Option<Fit> {
    let rules = (0..POWERS_OF_TEN.len() as u32).map(|power| Rule::Decimal { numerator: 1, power });
    // More decimals than fit are no better.
    let decimal = rules.into_iter().find_map(|rule| fit(rule, samples))?;
    Some(or_multiples(decimal, samples)).filter(|fit| fit.useful)
}

/// A fit, or, for decimals, that of the multiples of their step, if fewer miss those: integers times
/// 0.1 are not always the closest to a decimal.
fn or_multiples<T: Sample>(decimal: Fit, samples: &[T]) -> Fit {
    let multiples = match decimal.rule {
        Rule::Decimal { .. } if decimal.misses > 0 => {
            fit(Rule::Quanta(decimal.rule.step()), samples)
        }
        _ => None,
    };
    multiples.filter(|multiples| multiples.misses < decimal.misses).unwrap_or(decimal)
}

/// The power of two of which the samples are multiples, but for some whose cost as exceptions is
/// less than that of finer integers.
fn binary<T: Sample>(samples: &[T]) -> Option<Fit> {
    let mut lowest: Vec<i32> =
        samples.iter().map(|x| x.to_f64()).filter(|x| *x != 0.0).map(lowest_bit).collect();
    lowest.sort_unstable();
    let cost = |misses: usize| cost::<T>(misses, samples.len(), lowest[misses]);
    let most = (samples.len() / 20 + 1).min(lowest.len());
    let misses = (0..most).min_by(|&a, &b| cost(a).total_cmp(&cost(b)))?;
    let rule = Rule::Quanta(power_of_two(lowest[misses])?);
    fit(rule, samples).filter(|fit| fit.useful)
}

/// Estimated steps that are followed up: each costs a look at a part of the samples.
const STEPS: usize = 16;

/// The number, above `least`, of which the samples are multiples, each product rounded once.
fn multiple<T: Sample>(samples: &[T], least: f64) -> Option<Fit> {
    let seed = Seed::new(samples)?;
    let mut best: Option<Fit> = None;
    for base in seed.bases {
        let least = best.map_or(least, |fit| COARSER * fit.rule.step());
        let steps = seed.steps(base, least).take(STEPS);
        let mut anchors = steps.flat_map(|step| seed.anchors(step));
        best = anchors.find_map(|anchor| product(samples, anchor)).or(best);
    }
    best
}

/// The best of the quanta of which an anchor's value is a multiple.
fn product<T: Sample>(samples: &[T], anchor: Anchor<T>) -> Option<Fit> {
    let bounds = anchor.integers().take(INTEGERS).filter_map(|n| {
        let mut misses = 0;
        lock(samples, anchor.value, n, |_| {
            misses += 1;
            20 * misses <= samples.len()
        })
    });
    bounds
        .flat_map(|bounds| bounds.candidates())
        .filter_map(|quanta| fit(Rule::Quanta(quanta), samples))
        .filter(|fit| fit.useful)
        .min_by(|a, b| {
            let cost = |fit: &Fit| cost::<T>(fit.misses, samples.len(), exponent(fit.rule.step()));
            cost(a).total_cmp(&cost(b))
        })
}

/// Bits per sample, up to a constant, of a grid whose step has this exponent: an exception costs
/// about its bits and its position.
fn cost<T: Sample>(misses: usize, count: usize, exponent: i32) -> f64 {
    (8 * T::SIZE + 16) as f64 * misses as f64 / count as f64 - f64::from(exponent)
}

/// A step that is coarser than another one that fits is at least twice that.
const COARSER: f64 = 1.5;

/// Integers that an anchor is tried as.
const INTEGERS: usize = 32;

/// The integer of a sample on the grid of a rule.
#[inline(always)]
fn integer<T: Sample>(rule: &Rule, x: T) -> Option<i64> {
    let scaled = match *rule {
        Rule::Decimal { power, .. } => x.to_f64() * POWERS_OF_TEN[power as usize],
        _ => x.to_f64() / rule.step(),
    };
    if scaled.abs() <= MOST as f64 {
        let n = nearest(scaled) as i64;
        (rule.decode::<T>(n, 0).bits() == x.bits()).then_some(n)
    } else {
        None
    }
}

/// None when a rule misses more than one in twenty samples, or of those where the type is finer than
/// the rule's step; the others are on any grid, so the rule is of no use when they are the most.
fn fit<T: Sample>(rule: Rule, samples: &[T]) -> Option<Fit> {
    let step = rule.step();
    let (mut misses, mut fine) = (0, 0);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for &x in samples {
        fine += usize::from(2.0 * spacing(x) <= step);
        if let Some(n) = integer(&rule, x) {
            (low, high) = (low.min(n), high.max(n));
            let ordered = x.to_ordered();
            (first, last) = (first.min(ordered), last.max(ordered));
        } else {
            misses += 1;
            if 20 * misses > samples.len() {
                return None;
            }
        }
    }
    if 20 * misses > fine {
        return None;
    }
    let span = |low: i64, high: i64| high.wrapping_sub(low) as u64;
    let narrower = low <= high && span(low, high) < span(first, last) / 2;
    let useful = narrower && 4 * fine >= samples.len();
    Some(Fit { rule, misses, useful })
}

/// Narrows the quanta of which `value` is the `n`-fold by the samples, in order, until `tolerate`
/// says no to the index of one that does not fit. None when that is no quanta.
fn lock<T: Sample>(
    samples: &[T],
    value: T,
    n: f64,
    mut tolerate: impl FnMut(usize) -> bool,
) -> Option<Bounds> {
    let mut bounds = Bounds::of(value, n).filter(|bounds| bounds.middle() > 0.0)?;
    let mut quanta = bounds.middle();
    for (index, &x) in samples.iter().enumerate() {
        let scaled = x.to_f64() / quanta;
        let n = if scaled.abs() <= MOST as f64 { nearest(scaled) } else { 0.0 };
        let fits = match Bounds::of(x, n) {
            Some(other) if n != 0.0 => bounds.narrow(other),
            _ => x.bits() == 0,
        };
        if fits {
            quanta = bounds.middle();
        } else if !tolerate(index) {
            break;
        }
    }
    Some(bounds)
}

/// The quanta next to `quanta`, which fits a part of a stream, that fits the most of these samples:
/// the more there are, the closer they bound it.
pub fn refine<T: Sample>(samples: &[T], quanta: f64) -> f64 {
    let rule = Rule::Quanta(quanta);
    let on = |&x: &T| integer(&rule, x).filter(|&n| n != 0).map(|n| (x, n as f64));
    let Some((value, n)) = samples.iter().find_map(on) else { return quanta };
    let bounds = lock(samples, value, n, |_| true);
    let others = bounds.iter().flat_map(Bounds::candidates);
    let hits = |quanta: f64| {
        let rule = Rule::Quanta(quanta);
        samples.iter().filter(|&&x| integer(&rule, x).is_some()).count()
    };
    let all = [quanta].into_iter().chain(others).map(|quanta| (hits(quanta), quanta));
    // The first of the best.
    all.reduce(|best, next| if next.0 > best.0 { next } else { best }).map_or(quanta, |best| best.1)
}

/// A run shorter than this is none; three misses within this many samples end one.
const SHORTEST: usize = 16;

/// Samples visited for one window of a search in which the integers are in doubt: half a
/// millisecond at 8 ns each.
const EFFORT: usize = 1 << 16;

/// The quanta on whose grid the first of these finite floats lie, at least 16 of them, and how many:
/// what an earlier quantization left, and where new samples follow.
///
/// Up to two misses in any 16 samples belong to the run, for what was kept exactly there. The
/// quanta is at least 8 spacings of the type at the run's largest sample, and samples on no grid
/// pass with a probability of about 2^-20.
pub fn leading<T: Sample>(samples: &[T]) -> Option<(f64, usize)> {
    let mut best = Run::default();
    let mut window = SHORTEST;
    while window <= samples.len() {
        let settled = search(samples, window, &mut best);
        // Where the integers are in doubt, a longer head of the run settles them; a head that
        // reaches beyond the run only shows that it was the whole one.
        if settled && best.length >= samples.len().min(4 * window)
            || best.length > 0 && best.length < window
        {
            break;
        }
        window *= 4;
    }
    evident(&samples[..best.length], best.quanta).then_some((best.quanta, best.length))
}

/// A leading run on a grid.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    quanta: f64,
    length: usize,
    misses: usize,
}

impl Run {
    /// The best run of the quanta of which `value` is the `n`-fold.
    fn locked<T: Sample>(samples: &[T], value: T, n: f64, effort: &mut usize) -> Run {
        let mut misses = Misses::default();
        let bounds = lock(samples, value, n, |index| misses.tolerate(index));
        let length = misses.run(samples.len());
        *effort = effort.saturating_sub(length + SHORTEST);
        let mut best = Run::default();
        if length < SHORTEST {
            return best;
        }
        for quanta in bounds.iter().flat_map(Bounds::candidates) {
            let run = Run::of(quanta, samples);
            *effort = effort.saturating_sub(run.length + SHORTEST);
            if run.beats(&best) {
                best = run;
            }
        }
        best
    }

    /// The run of a quanta.
    fn of<T: Sample>(quanta: f64, samples: &[T]) -> Run {
        let rule = Rule::Quanta(quanta);
        let mut misses = Misses::default();
        for (index, &x) in samples.iter().enumerate() {
            if integer(&rule, x).is_none() && !misses.tolerate(index) {
                break;
            }
        }
        let length = misses.run(samples.len());
        let misses = misses.0.iter().filter(|&&index| index < length).count();
        Run { quanta, length, misses }
    }

    /// What a better run has more of. A grid that is too coarse for some misses them often.
    fn score(&self) -> usize {
        self.length.saturating_sub(SHORTEST / 2 * self.misses)
    }

    /// Whether this is the better of two. A finer grid takes in some of what follows by chance.
    fn beats(&self, other: &Run) -> bool {
        let finer = COARSER * self.quanta < other.quanta;
        self.score() > other.score() + if finer { SHORTEST } else { 0 }
    }
}

/// Indices of samples off a grid, ascending.
#[derive(Default)]
struct Misses(Vec<usize>);

impl Misses {
    /// Takes the next; says whether the run goes on.
    fn tolerate(&mut self, index: usize) -> bool {
        self.0.push(index);
        !matches!(self.0[..], [.., first, _, last] if last - first < SHORTEST)
    }

    /// The length of the run in `count` samples.
    fn run(&self, count: usize) -> usize {
        match self.0[..] {
            [.., first, _, last] if last - first < SHORTEST => first,
            // Misses at the very end are no part of it.
            _ => {
                let trailing = self.0.iter().rev().zip((0..count).rev());
                count - trailing.take_while(|(miss, index)| *miss == index).count()
            }
        }
    }
}

/// Looks for a better run on a grid seen in the first `window` samples. Says whether its integers
/// are certain.
fn search<T: Sample>(samples: &[T], window: usize, best: &mut Run) -> bool {
    let Some(seed) = Seed::new(&samples[..window]) else { return false };
    let head = &samples[..samples.len().min(4 * window)];
    let mut effort = EFFORT;
    let (mut least, mut certain) = (0.0, false);
    for base in seed.bases {
        let steps = seed.steps(base, least).take(STEPS);
        for anchor in steps.flat_map(|step| seed.anchors(step)) {
            let mut found = Run::default();
            let mut integer = 0.0;
            for n in anchor.integers() {
                let run = Run::locked(head, anchor.value, n, &mut effort);
                if run.beats(&found) {
                    (found, integer) = (run, n);
                }
                if found.length == head.len() && found.misses == 0 || effort == 0 {
                    break;
                }
            }
            if found.length >= window {
                let whole = Run::locked(samples, anchor.value, integer, &mut effort);
                if whole.beats(best) {
                    (*best, certain) = (whole, anchor.certain());
                }
                // What is no exception of an earlier quantization is a step too coarse.
                if 32 * found.misses <= found.length {
                    least = COARSER * found.quanta;
                    break;
                }
            }
            if effort == 0 {
                break;
            }
        }
        // Longer heads are further tries.
        if window > SHORTEST && best.length == 0 {
            break;
        }
    }
    certain
}

/// Whether it takes a grid to explain the run: each of its distinct values would lie on one by
/// chance once in quanta/spacing times, and the grids to choose from are as many as the largest
/// sample has values below it.
fn evident<T: Sample>(run: &[T], quanta: f64) -> bool {
    let rule = Rule::Quanta(quanta);
    let mut on: Vec<T> = run.iter().copied().filter(|&x| integer(&rule, x).is_some()).collect();
    on.sort_unstable_by_key(|x| x.to_ordered());
    on.dedup();
    let (Some(&first), Some(&last)) = (on.first(), on.last()) else { return false };
    let coarse = quanta >= COARSE * spacing(first).max(spacing(last));
    let evidence: i32 = on.iter().map(|&x| exponent(quanta / spacing(x)).max(0)).sum();
    // Bits of a mantissa, twenty to spare, and four to choose each miss.
    let digits = [11, 24, 53][T::SIZE.ilog2() as usize - 1];
    let misses = run.len() - run.iter().filter(|&&x| integer(&rule, x).is_some()).count();
    run.len() >= SHORTEST && on.len() >= 4 && coarse && evidence >= digits + 20 + 4 * misses as i32
}
