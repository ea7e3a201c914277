//! The predictor of a stream from a chunk's references.

use super::choice::Choice;
use super::effort::Effort;
use super::least_squares::Factors;
use super::windows::{
    Covariances, Places, Read, WINDOW, White, Whitener, common, samples, unpredicted,
};
use super::{MOST_COEFFICIENT, Predictor, Term};
use crate::arithmetic::log2;
use crate::simd::Kernels;
use std::borrow::Cow;

/// Largest shift of a prediction's sum, in a stream of few samples and in one of many.
const SHIFTS: [u32; 2] = [10, 14];
const MANY: usize = 1 << 15;

/// A predictor must save so many bits of each sample, and so many times the bits that it takes. What
/// is expected of a stream's first is less certain: FLAC predicts some of what it would have saved.
const LEAST_GAIN: f64 = 0.1;
const LEAST_MORE: f64 = 0.03;
const TIMES: f64 = 2.0;

/// What a stream becomes when it is predicted.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The predictor.
    pub predictor: Predictor,
    /// The mean of what it leaves.
    pub mean: f64,
}

/// A chunk's references, seen through its filter.
pub struct Fitter {
    kernels: &'static Kernels,
    effort: Effort,
    places: Places,
    whitener: Whitener,
    references: Vec<Seen>,
    /// Windows that all references have whole, and the references' covariances in them.
    whole: Vec<bool>,
    between: Vec<Vec<Covariances>>,
}

/// A reference.
struct Seen {
    white: White,
    /// Bits that its integers fit.
    width: u32,
}

impl Fitter {
    /// One without references.
    pub fn new(kernels: &'static Kernels, effort: Effort, choice: &Choice) -> Self {
        Self::looking_at(choice.places.clone(), kernels, effort, &choice.whitener)
    }

    fn looking_at(
        places: Places,
        kernels: &'static Kernels,
        effort: Effort,
        whitener: &Whitener,
    ) -> Self {
        let (references, whole, between) = (Vec::new(), Vec::new(), Vec::new());
        let whitener = whitener.clone();
        Fitter { kernels, effort, places, whitener, references, whole, between }
    }

    /// Those of the spans of streams of `length`, if spans may have predictors of their own.
    pub fn in_spans(&self, length: usize) -> Vec<Self> {
        let Effort { span, windows, .. } = self.effort;
        if span == 0 || length < 2 * span {
            return Vec::new();
        }
        let places = Places::in_spans(length, span, windows / 2);
        places.into_iter().map(|places| self.elsewhere(places)).collect()
    }

    /// The same without references.
    pub fn without_references(&self) -> Self {
        self.elsewhere(self.places.clone())
    }

    /// One without references that looks at other windows.
    fn elsewhere(&self, places: Places) -> Self {
        Self::looking_at(places, self.kernels, self.effort, &self.whitener)
    }

    /// Adds the next reference, whose integers of `width` bits `read` gives. False where it is of
    /// no use.
    pub fn add(&mut self, width: u32, read: &mut Read<'_>) -> bool {
        let white = self.whitener.whiten(self.kernels, &self.places, read);
        let Some(white) = white else { return false };
        let all = self.references.iter().map(|seen| &seen.white).chain([&white]);
        let Some(whole) = common(all) else { return false };
        self.references.push(Seen { white, width });
        self.between = self.covariances(&whole);
        self.whole = whole;
        true
    }

    /// The covariances of the references in some windows: of each with those before and itself.
    fn covariances(&self, windows: &[bool]) -> Vec<Vec<Covariances>> {
        let of = |a: &Seen, b: &Seen| {
            Covariances::of(self.kernels, &a.white, &b.white, self.effort.lag, windows)
        };
        let upto = |i: usize| {
            let a = &self.references[i];
            self.references[..=i].iter().map(|b| of(a, b)).collect()
        };
        (0..self.references.len()).map(upto).collect()
    }

    /// A predictor for a stream of `coded` samples, whose integers `read` gives; none where it
    /// would not pay.
    pub fn fit(&self, coded: usize, read: &mut Read<'_>) -> Option<Fit> {
        let white = self.whitener.whiten(self.kernels, &self.places, read)?;
        let target = self.target(&white, coded)?;
        let best = target.best(LEAST_GAIN)?;
        let fit = target.quantized(&best)?;
        (target.saves(&fit.predictor) > LEAST_GAIN).then_some(fit)
    }

    /// A better one for `samples` of the stream where this fitter's windows are, if there is one.
    pub fn improve(
        &self,
        usual: &Predictor,
        samples: usize,
        read: &mut Read<'_>,
    ) -> Option<Predictor> {
        let white = self.whitener.whiten(self.kernels, &self.places, read)?;
        let target = self.target(&white, samples)?;
        let best = target.best(target.worth(usual) + LEAST_MORE)?;
        let better = target.quantized(&best)?.predictor;
        (target.saves(&better) > target.saves(usual) + LEAST_MORE).then_some(better)
    }

    fn target<'f>(&'f self, white: &'f White, coded: usize) -> Option<Target<'f>> {
        if self.references.is_empty() {
            return None;
        }
        let windows = common(self.references.iter().map(|seen| &seen.white).chain([white]))?;
        let lag = self.effort.lag;
        let power = white.products(self.kernels, white, 0..=0).means(&windows)[0];
        let products: Vec<Vec<f64>> = self
            .references
            .iter()
            .map(|seen| white.products(self.kernels, &seen.white, -lag..=lag).means(&windows))
            .collect();
        let between = if windows == self.whole {
            Cow::Borrowed(&self.between[..])
        } else {
            Cow::Owned(self.covariances(&windows))
        };
        Some(Target { fitter: self, white, windows, between, products, power, coded })
    }

    /// What a term must save, in bits a sample.
    fn cost(&self, taps: usize, coded: usize) -> f64 {
        let bytes = 3.0 + 2.0 * taps as f64;
        taps as f64 * self.effort.thrift + TIMES * 8.0 * bytes / coded as f64
    }
}

/// A stream to be predicted.
struct Target<'f> {
    fitter: &'f Fitter,
    white: &'f White,
    /// Those that it and all references have whole.
    windows: Vec<bool>,
    /// Covariances of the references in them.
    between: Cow<'f, [Vec<Covariances>]>,
    /// With each reference, for lags from −lag to lag.
    products: Vec<Vec<f64>>,
    power: f64,
    coded: usize,
}

/// A predictor before it is rounded.
struct Solved {
    /// References, the lag of each one's first coefficient, and all coefficients.
    terms: Vec<(usize, i32)>,
    taps: usize,
    coefficients: Vec<f64>,
    /// Bits a sample that each reference saves, those before it at hand.
    gains: Vec<f64>,
    /// Bits a sample that it saves, less what it must.
    worth: f64,
}

impl Target<'_> {
    /// The predictor that saves most, if that is so many bits a sample.
    fn best(&self, least: f64) -> Option<Solved> {
        let Fitter { effort, references, .. } = self.fitter;
        let all: Vec<usize> = (0..references.len()).collect();
        let tried = effort.taps.iter().filter_map(|&taps| {
            let solved = self.solve(&all, taps)?;
            // References that save nothing are left out.
            let cost = self.fitter.cost(taps, self.coded);
            let useful: Vec<usize> =
                all.iter().copied().filter(|&r| solved.gains[r] > cost).collect();
            if useful.len() == all.len() { Some(solved) } else { self.solve(&useful, taps) }
        });
        let best = tried.max_by(|a, b| a.worth.total_cmp(&b.worth))?;
        (best.worth > least).then_some(best)
    }

    /// Bits a sample that a predictor in integers saves.
    fn worth(&self, predictor: &Predictor) -> f64 {
        let unit = 1.0 / f64::from(1_u32 << predictor.shift);
        let mut unknowns = Vec::new();
        for Term { reference, lag, coefficients } in &predictor.terms {
            let scale = unit * self.white.scale / self.fitter.references[*reference].white.scale;
            let each = (*lag..).zip(coefficients);
            unknowns.extend(each.map(|(lag, &c)| (*reference, lag, f64::from(c) * scale)));
        }
        // |y − Σ c·r|² = |y|² − 2·Σ c·(y·r) + ΣΣ c·c'·(r·r').
        let mut left = self.power;
        for (i, &(r, lag, c)) in unknowns.iter().enumerate() {
            left -= 2.0 * c * self.product(r, lag);
            for &(before, lag_before, c_before) in &unknowns[..i] {
                left += 2.0 * c * c_before * self.between[r][before].at(lag, lag_before);
            }
            left += c * c * self.between[r][r].at(lag, lag);
        }
        -0.5 * log2((left / self.power).max(1e-12))
    }

    /// Bits a sample that a predictor in integers saves in the mean window, when FLAC has predicted
    /// what it can. Least squares are about the loudest ones, whose gain the others may pay for.
    fn saves(&self, predictor: &Predictor) -> f64 {
        let unit = 1.0 / f64::from(1_u32 << predictor.shift);
        // What integers cannot fall below: the error of a step, before and after scaling.
        let floor = WINDOW as f64 * (self.white.scale * self.white.scale + 1.0) / 12.0;
        let (mut saved, mut count) = (0.0, 0.0);
        for window in (0..self.windows.len()).filter(|&window| self.windows[window]) {
            let y = self.white.window(window, 0).map(f64::from);
            let mut left = y;
            for Term { reference, lag, coefficients } in &predictor.terms {
                let seen = &self.fitter.references[*reference].white;
                let scale = unit * self.white.scale / seen.scale;
                for (lag, &c) in (*lag..).zip(coefficients) {
                    let c = f64::from(c) * scale;
                    let samples = seen.window(window, lag);
                    left.iter_mut().zip(samples).for_each(|(left, &x)| *left -= c * f64::from(x));
                }
            }
            let [before, after] = [y, left].map(|x| unpredicted(self.fitter.kernels, &x) + floor);
            saved += 0.5 * log2(before / after);
            count += 1.0;
        }
        saved / f64::max(count, 1.0)
    }

    /// Mean product with samples of a reference that are `lag` before.
    fn product(&self, reference: usize, lag: i32) -> f64 {
        self.products[reference][(lag + self.fitter.effort.lag) as usize]
    }

    fn solve(&self, references: &[usize], taps: usize) -> Option<Solved> {
        let Fitter { effort, references: all, .. } = self.fitter;
        let lag = effort.lag;
        // Coefficients lie around the lag of the largest product.
        let centred = |&r: &usize| {
            let products = &self.products[r];
            let largest = products.iter().map(|c| c.abs()).fold(0.0, f64::max);
            let at = products.iter().position(|c| c.abs() == largest).unwrap_or(0) as i32 - lag;
            let first = (at - taps as i32 / 2).clamp(-lag, lag + 1 - taps as i32);
            (r, first)
        };
        let terms: Vec<(usize, i32)> = references.iter().map(centred).collect();
        let unknown = |i: usize| {
            let (r, first) = terms[i / taps];
            (r, first + (i % taps) as i32)
        };
        let size = terms.len() * taps;
        let factors = Factors::of(size, |i, j| {
            let ((a, lag_a), (b, lag_b)) = (unknown(i), unknown(j));
            // The one of the later reference comes first.
            self.between[a][b].at(lag_a, lag_b)
        })?;
        let right: Vec<f64> = (0..size)
            .map(|i| {
                let (r, at) = unknown(i);
                self.product(r, at)
            })
            .collect();
        let (coefficients, falls) = factors.solve(&right);
        let mut gains = vec![0.0; all.len()];
        let (mut rest, mut worth) = (1.0_f64, 0.0);
        let chance = log2(1.0 + taps as f64 / samples(&self.windows));
        for (&(r, _), falls) in terms.iter().zip(falls.chunks_exact(taps)) {
            let after = (rest - falls.iter().sum::<f64>() / self.power).max(1e-12);
            gains[r] = 0.5 * log2(rest / after) - chance;
            worth += gains[r] - self.fitter.cost(taps, self.coded);
            rest = after;
        }
        Some(Solved { terms, taps, coefficients, gains, worth })
    }

    /// The predictor in integers.
    fn quantized(&self, solved: &Solved) -> Option<Fit> {
        let seen = &self.fitter.references;
        let mut mean = self.white.mean(&self.windows);
        let (mut largest, mut reach) = (0.0_f64, 0.0);
        let mut terms = Vec::new();
        let all = solved.coefficients.chunks_exact(solved.taps);
        for (&(r, lag), scaled) in solved.terms.iter().zip(all) {
            let scale = seen[r].white.scale / self.white.scale;
            let coefficients: Vec<f64> = scaled.iter().map(|c| c * scale).collect();
            mean -= seen[r].white.mean(&self.windows) * coefficients.iter().sum::<f64>();
            let sizes = coefficients.iter().map(|c| c.abs());
            largest = sizes.clone().fold(largest, f64::max);
            reach += sizes.sum::<f64>() * f64::from(1_u32 << (seen[r].width - 1));
            terms.push((r, lag, coefficients));
        }
        // As fine as coefficients of 15 bits can be, and sums of 31 where that leaves 8.
        let most = SHIFTS[usize::from(self.coded >= MANY)];
        let fits = |shift: u32| largest * f64::from(1 << shift) < f64::from(MOST_COEFFICIENT);
        let is_narrow = |shift: u32| reach * 1.01 * f64::from(1 << shift) < f64::from(1 << 30);
        let shift = (8..=most).rev().find(|&s| fits(s) && is_narrow(s));
        let shift = shift.or_else(|| (0..=most).rev().find(|&s| fits(s)))?;
        let terms: Vec<Term> = terms
            .into_iter()
            .map(|(reference, lag, coefficients)| {
                let round = |c: f64| crate::arithmetic::nearest(c * f64::from(1 << shift)) as i32;
                let coefficients = coefficients.into_iter().map(round).collect();
                Term { reference, lag, coefficients }
            })
            .filter(|term: &Term| term.coefficients.iter().any(|&c| c != 0))
            .collect();
        let fit = Fit { predictor: Predictor { shift, terms }, mean };
        (!fit.predictor.terms.is_empty() && fit.mean.is_finite()).then_some(fit)
    }
}
