//! A stream's integers from those of reference streams, in exact arithmetic.

use crate::simd::{Kernels, Tap};
use std::borrow::Cow;
use std::ops::Range;

/// Most reference streams of a chunk.
pub const MOST_REFERENCES: usize = 4;
/// Most coefficients of one reference.
pub const MOST_TAPS: usize = 16;
/// Largest right shift of a prediction's sum.
pub const MOST_SHIFT: u32 = 15;
/// Most samples between a stream's and the reference's that predicts it, either way.
pub const MOST_LAG: i32 = 1 << 16;
/// Largest magnitude of a coefficient.
pub const MOST_COEFFICIENT: i32 = (1 << 15) - 1;

/// What one reference stream adds to a prediction: Σ `coefficients[t]` · k[i − lag − t].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The reference's place in the chunk's list.
    pub reference: usize,
    /// How many samples the stream lags behind what its first coefficient multiplies; below 0
    /// where it leads.
    pub lag: i32,
    /// One to [`MOST_TAPS`] of them, within ±[`MOST_COEFFICIENT`].
    pub coefficients: Vec<i32>,
}

impl Term {
    /// Where samples of the reference are that predict `samples`; they may lie outside it.
    fn reach(&self, samples: &Range<usize>) -> Range<isize> {
        let (lag, taps) = (self.lag as isize, self.coefficients.len() as isize);
        samples.start as isize - lag - taps + 1..samples.end as isize - lag
    }
}

/// Predicts a stream: (Σ terms + 2^shift / 2) >> shift. One without terms predicts 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predictor {
    /// Right shift, 0 to [`MOST_SHIFT`].
    pub shift: u32,
    /// At most one for each reference, in their order.
    pub terms: Vec<Term>,
}

/// What predicts a stream: one predictor for all of it, or one for each span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Samples of a span.
    pub span: usize,
    /// At least one; the last serves what is left of the stream, too.
    pub predictors: Vec<Predictor>,
}

impl Prediction {
    /// The predictor of the span that a sample lies in.
    pub fn at(&self, sample: usize) -> &Predictor {
        &self.predictors[(sample / self.span).min(self.predictors.len() - 1)]
    }
}

/// The integers k of some consecutive samples of a reference stream. Before its first and behind
/// its last sample they are 0.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// The stream's index of the first of them.
    pub first: usize,
    /// The integers.
    pub k: Vec<i32>,
    /// Bits that each of them fits.
    pub width: u32,
}

impl Reference {
    /// The integers of `range`, where they lie, or copied with what is 0 beside them.
    fn window(&self, range: Range<isize>) -> Cow<'_, [i32]> {
        let first = self.first as isize;
        let end = first + self.k.len() as isize;
        if first <= range.start && range.end <= end {
            return Cow::Borrowed(&self.k[(range.start - first) as usize..][..range.len()]);
        }
        let mut window = vec![0; range.len()];
        let (from, to) = (range.start.max(first), range.end.min(end));
        if from < to {
            let inside = &self.k[(from - first) as usize..(to - first) as usize];
            window[(from - range.start) as usize..][..inside.len()].copy_from_slice(inside);
        }
        Cow::Owned(window)
    }
}

impl Predictor {
    /// For each term its reference, and the samples of it (of 0 to `length`) that predict
    /// `samples`.
    pub fn needs(
        &self,
        samples: Range<usize>,
        length: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let inside = move |i: isize| i.clamp(0, length as isize) as usize;
        self.terms.iter().map(move |term| {
            let reach = term.reach(&samples);
            (term.reference, inside(reach.start)..inside(reach.end))
        })
    }

    /// Predicts the samples from `first` on, modulo 2^32. `references` hold what it needs of them.
    pub fn predict(
        &self,
        kernels: &Kernels,
        references: &[Reference],
        first: usize,
        out: &mut [i32],
    ) {
        if self.terms.is_empty() {
            out.fill(0);
            return;
        }
        let samples = first..first + out.len();
        let windows: Vec<_> = self
            .terms
            .iter()
            .map(|term| references[term.reference].window(term.reach(&samples)))
            .collect();
        let mut taps = Vec::with_capacity(self.terms.len() * MOST_TAPS);
        for (term, window) in self.terms.iter().zip(&windows) {
            // The newest sample of a window is what the first coefficient multiplies.
            for (at, &coefficient) in (0..term.coefficients.len()).rev().zip(&term.coefficients) {
                taps.push(Tap { coefficient, samples: &window[at..at + samples.len()] });
            }
        }
        let predict =
            if self.is_narrow(references) { kernels.predict_narrow } else { kernels.predict_wide };
        predict(&taps, self.shift, out);
    }

    /// Whether no sum leaves 32 bits.
    fn is_narrow(&self, references: &[Reference]) -> bool {
        let most = self.terms.iter().map(|term| {
            let sum: u64 = term.coefficients.iter().map(|c| u64::from(c.unsigned_abs())).sum();
            sum << (references[term.reference].width.max(1) - 1)
        });
        most.sum::<u64>() + (1 << self.shift) < 1 << 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::tables;
    use proptest::prelude::*;

    fn predictor() -> impl Strategy<Value = Predictor> {
        let term =
            (-40..40_i32, prop::collection::vec(-MOST_COEFFICIENT..=MOST_COEFFICIENT, 1..=16));
        let terms = prop::collection::vec(term, 0..=3);
        (0..=MOST_SHIFT, terms).prop_map(|(shift, terms)| {
            let terms = terms
                .into_iter()
                .enumerate()
                .map(|(reference, (lag, coefficients))| Term { reference, lag, coefficients });
            Predictor { shift, terms: terms.collect() }
        })
    }

    proptest! {
        #[test]
        fn predictions_are_sums_of_products_rounded_once(
            predictor in predictor(), length in 1..200_usize, width in 4..=32_u32,
            seeds in prop::collection::vec(any::<i32>(), 200), from in 0..200_usize,
        ) {
            let from = from.min(length - 1);
            let whole: Vec<Reference> = (0..3)
                .map(|r| Reference {
                    first: 0,
                    k: (0..length).map(|i| seeds[(i * 7 + r * 31) % 200] >> (32 - width)).collect(),
                    width,
                })
                .collect();
            // References hold no more than what is needed.
            let mut parts = vec![Reference { width, ..Reference::default() }; 3];
            for (r, range) in predictor.needs(from..length, length) {
                parts[r].first = range.start;
                parts[r].k = whole[r].k[range].to_vec();
            }
            let expected: Vec<i32> = (from..length)
                .map(|i| {
                    let mut sum = (1_i64 << predictor.shift) >> 1;
                    for term in &predictor.terms {
                        for (t, &c) in (0..).zip(&term.coefficients) {
                            let at = i as i64 - i64::from(term.lag) - t;
                            let k = usize::try_from(at).ok().and_then(|at| whole[term.reference].k.get(at));
                            sum += i64::from(c) * i64::from(*k.unwrap_or(&0));
                        }
                    }
                    if predictor.terms.is_empty() { 0 } else { (sum >> predictor.shift) as i32 }
                })
                .collect();
            for kernels in tables() {
                let mut out = vec![1; length - from];
                predictor.predict(kernels, &parts, from, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernels.name);
            }
        }
    }
}
