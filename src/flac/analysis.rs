//! From samples to predictors: weighted least squares, coefficients of few bits.
//!
//! The predictor of a block minimises Σ w(n)·(x[n] + 1 − Σ c_i·x[n−i])²: predictions are rounded
//! down and Rice codes are symmetric about −1/2, so a residual costs least when predictions lie
//! 1 too high on average. Weights are constant over stretches, so that one pass over the block,
//! which correlates each stretch, serves any number of weightings.

use crate::arithmetic::{log2, nearest};
use crate::simd::{Kernels, MAX_ORDER};
use std::cmp::Ordering;
use std::ops::Range;

/// A linear predictor as a subframe stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    pub order: usize,
    /// Bits of a coefficient, 2 to 15.
    pub precision: u32,
    /// Right shift of the sum, 0 to 15.
    pub shift: u32,
    pub coefficients: [i32; MAX_ORDER],
}

impl Model {
    /// The coefficients in use.
    pub fn coefficients(&self) -> &[i32] {
        &self.coefficients[..self.order]
    }
}

/// Samples that share a weight.
pub const STRETCH: usize = 32;

/// Stretches that are taken or left out together.
const RUN: usize = 8;

/// Added to the mean magnitude of a stretch's residual: a Rice code has a bit even for nothing.
const LEAST_SIZE: f64 = 0.2;

/// Least part of a lag's mean square that shorter lags leave unexplained; rounding of f64 sums
/// stays below it.
const FLOOR: f64 = 1e-13;

/// Least part of the samples' own mean square that is a residual's rather than rounding.
const LEAST_ERROR: f64 = 1e-15;

type Matrix = [[f64; MAX_ORDER + 1]; MAX_ORDER + 1];

/// Workspace for one block.
pub struct Analysis {
    x: Vec<f64>,
    /// Highest order to solve for.
    order: usize,
    /// One run of stretches in so many is looked at.
    every: usize,
    /// Of each stretch Σ x[n]·x[n−lag] for lags 0 to `order`, and then Σ x[n].
    rows: Vec<f64>,
    /// Mean magnitude of each stretch's residual.
    sizes: Vec<f64>,
    weights: Vec<Weight>,
    /// Of the samples last solved for.
    mean: Weight,
    /// Means of w(n)·x[n−i]·x[n−j] for i ≤ j.
    matrix: Box<Matrix>,
    /// Σ of M(i+1, j+1) − M(i, j) over the stretches, i ≤ j.
    edges: Box<[[f64; MAX_ORDER]; MAX_ORDER]>,
    /// Weighted mean square of the residual of each order.
    pub errors: [f64; MAX_ORDER + 1],
    /// Highest order that the samples support.
    pub reached: usize,
    /// Unit upper triangular U and diagonal D of R = Uᵀ·D·U, R the matrix without lag 0.
    factor: Box<Matrix>,
    diagonal: [f64; MAX_ORDER],
    /// z of Uᵀ·D·z = r, so that U·c = z, cut to an order, gives the predictor c of that order.
    solution: [f64; MAX_ORDER],
}

#[derive(Clone, Copy, Default)]
struct Weight {
    factor: f64,
    /// −log2 of the factor's root.
    bits: f64,
}

impl Default for Analysis {
    fn default() -> Self {
        Analysis {
            x: Vec::new(),
            order: 0,
            every: 1,
            rows: Vec::new(),
            sizes: Vec::new(),
            weights: Vec::new(),
            mean: Weight::default(),
            matrix: Box::new([[0.0; MAX_ORDER + 1]; MAX_ORDER + 1]),
            edges: Box::new([[0.0; MAX_ORDER]; MAX_ORDER]),
            errors: [0.0; MAX_ORDER + 1],
            reached: 0,
            factor: Box::new([[0.0; MAX_ORDER + 1]; MAX_ORDER + 1]),
            diagonal: [0.0; MAX_ORDER],
            solution: [0.0; MAX_ORDER],
        }
    }
}

impl Analysis {
    /// The samples of a block of `length` that an analysis of one run of stretches in `every`
    /// looks at.
    pub fn looked_at(length: usize, every: usize) -> impl Iterator<Item = Range<usize>> {
        const SAMPLES: usize = RUN * STRETCH;
        // All runs are one range.
        let (step, run) = if every == 1 { (length, length) } else { (every * SAMPLES, SAMPLES) };
        (0..length).step_by(step.max(1)).map(move |from| from..length.min(from + run))
    }

    /// Takes a block of more than `order` samples for predictors up to that order, and looks at
    /// one run of stretches in `every`; of other samples it reads the `order` before a run.
    pub fn take(&mut self, kernels: &Kernels, samples: &[i32], order: usize, every: usize) {
        assert!(order <= MAX_ORDER && order < samples.len());
        self.x.resize(samples.len(), 0.0);
        self.order = order;
        self.every = every;
        self.rows.resize(samples.len().div_ceil(STRETCH) * (order + 2), 0.0);
        for i in self.stretches_in(0..samples.len().div_ceil(STRETCH)) {
            let (from, to) = (bound(i, order, &self.x), bound(i + 1, order, &self.x));
            // Samples before the stretch are there if those of the one before are.
            let known = if i % RUN == 0 { from - order } else { from };
            let known = if i < order.div_ceil(STRETCH) + 1 { 0 } else { known };
            for (x, &sample) in self.x[known..to].iter_mut().zip(&samples[known..to]) {
                *x = f64::from(sample);
            }
            let row = &mut self.rows[i * (order + 2)..][..order + 2];
            (kernels.correlate)(&self.x[from - order..to], &mut row[..=order]);
            // At most 32·2^31: exact.
            row[order + 1] = self.x[from..to].iter().sum();
        }
    }

    /// Those of some stretches that are looked at, run by run.
    fn runs_in(&self, stretches: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let runs = Self::looked_at(stretches.end * STRETCH, self.every);
        let runs = runs.map(|run| run.start / STRETCH..run.end / STRETCH);
        let runs = runs.map(move |run| run.start.max(stretches.start)..run.end);
        runs.filter(|run| !run.is_empty())
    }

    /// The same, one by one.
    fn stretches_in(&self, stretches: Range<usize>) -> impl Iterator<Item = usize> + use<> {
        self.runs_in(stretches).flatten()
    }

    /// Weighs each stretch so that its residual, and those of `reach` stretches either side of
    /// it, have one size everywhere: the predictor is then the most likely one for a noise whose
    /// size changes, and what a coder with a parameter for each partition wants.
    ///
    /// `residual` is that of any predictor, without the samples before its first. Stretches that
    /// are not looked at weigh nothing.
    pub fn level_out(&mut self, residual: &[i32], reach: usize) {
        let order = self.x.len() - residual.len();
        let count = self.x.len().div_ceil(STRETCH);
        self.sizes.clear();
        self.sizes.resize(count, 0.0);
        for i in self.stretches_in(0..count) {
            let (from, to) = (bound(i, order, &self.x), bound(i + 1, order, &self.x));
            let sum: u64 = residual[from - order..to - order]
                .iter()
                .map(|r| u64::from(r.unsigned_abs()))
                .sum();
            self.sizes[i] = sum as f64 / (to - from).max(1) as f64;
        }
        // Where the predictor's order leaves nothing of the first stretch, the next one stands in.
        if order >= STRETCH {
            self.sizes[0] = self.sizes[1];
        }
        self.weights.clear();
        self.weights.resize(count, Weight::default());
        for run in self.runs_in(0..count) {
            for i in run.clone() {
                let from = i.saturating_sub(reach).max(run.start);
                let near = &self.sizes[from..(i + reach + 1).min(run.end)];
                let size = near.iter().sum::<f64>() / near.len() as f64 + LEAST_SIZE;
                self.weights[i] = Weight { factor: 1.0 / (size * size), bits: log2(size) };
            }
        }
    }

    /// All stretches of the block.
    pub fn stretches(&self) -> Range<usize> {
        0..self.weights.len()
    }

    /// Solves for the predictors of all orders on some stretches, under the weights.
    pub fn solve(&mut self, kernels: &Kernels, stretches: Range<usize>) {
        let order = self.order;
        let bound = |i| bound(i, order, &self.x);
        let looked_at = self.stretches_in(stretches.clone());
        let count = looked_at.map(|i| bound(i + 1) - bound(i)).sum::<usize>() as f64;
        self.matrix[0].fill(0.0);
        let mut sums = [0.0; MAX_ORDER + 1];
        self.mean = Weight::default();
        for i in self.stretches_in(stretches.clone()) {
            let part = (bound(i + 1) - bound(i)) as f64 / count;
            self.mean.factor += part * self.weights[i].factor;
            self.mean.bits += part * self.weights[i].bits;
            let weight = self.weights[i].factor / count;
            let row = &self.rows[i * (order + 2)..][..order + 2];
            for (sum, r) in self.matrix[0][..=order].iter_mut().zip(row) {
                *sum += weight * r;
            }
            sums[0] += weight * row[order + 1];
        }
        // M(i+1, j+1) − M(i, j) of a stretch are products at its ends; at an end that two
        // stretches share, the weights' difference remains.
        for row in &mut self.edges[..order] {
            row.fill(0.0);
        }
        let mut last = [[0.0; MAX_ORDER]; 4];
        let mut weights = [0.0; 4];
        let mut ends = 0;
        for run in self.runs_in(stretches) {
            let mut before = 0.0;
            for i in run.start..=run.end {
                let after = if i < run.end { self.weights[i].factor / count } else { 0.0 };
                let weight = after - before;
                before = after;
                if weight == 0.0 {
                    continue;
                }
                let end = &self.x[bound(i) - order..bound(i)];
                for ((last, sum), x) in
                    last[ends].iter_mut().zip(&mut sums[1..]).zip(end.iter().rev())
                {
                    *last = *x;
                    *sum += weight * x;
                }
                weights[ends] = weight;
                ends += 1;
                if ends == 4 {
                    (kernels.add_products)(&last, &weights, &mut self.edges[..order]);
                    ends = 0;
                }
            }
        }
        weights[ends..].fill(0.0);
        (kernels.add_products)(&last, &weights, &mut self.edges[..order]);
        for i in 0..order {
            sums[i + 1] += sums[i];
            for j in i..order {
                self.matrix[i + 1][j + 1] = self.matrix[i][j] + self.edges[i][j];
            }
        }
        // The target is x + 1.
        self.matrix[0][0] += 2.0 * sums[0] + self.mean.factor;
        for (r, sum) in self.matrix[0][1..=order].iter_mut().zip(&sums[1..]) {
            *r += sum;
        }
        self.factorize();
    }

    fn factorize(&mut self) {
        let r = &*self.matrix;
        self.errors[0] = r[0][0];
        self.reached = 0;
        for i in 0..self.order {
            // Column i of U from the rows above: D_k·U_ki = R_ki − Σ_{l<k} D_l·U_lk·U_li.
            let mut scaled = [0.0; MAX_ORDER];
            let mut rest = r[i + 1][i + 1];
            let mut target = r[0][i + 1];
            for k in 0..i {
                let mut sum = r[k + 1][i + 1];
                for (scaled, row) in scaled[..k].iter().zip(&*self.factor) {
                    sum -= scaled * row[k];
                }
                scaled[k] = sum;
                let u = sum / self.diagonal[k];
                self.factor[k][i] = u;
                rest -= sum * u;
                target -= sum * self.solution[k];
            }
            // NaN is no reason to go on either.
            if rest.partial_cmp(&(r[i + 1][i + 1] * FLOOR)) != Some(Ordering::Greater) {
                break;
            }
            self.diagonal[i] = rest;
            self.solution[i] = target / rest;
            self.errors[i + 1] =
                (self.errors[i] - target * self.solution[i]).max(r[0][0] * LEAST_ERROR);
            self.reached = i + 1;
        }
    }

    /// Bits of a Rice-coded sample of a residual with this weighted mean square, roughly: a
    /// Gaussian's entropy plus 0.1, with the 1/12 that rounding the prediction adds.
    pub fn bits_per_sample(&self, mean_square: f64) -> f64 {
        0.5 * log2(mean_square + self.mean.factor / 12.0) + 2.15 + self.mean.bits
    }

    /// Exponent e of the predictor of `order`: 2^e is above all its coefficients' magnitudes.
    /// None when they are all zero.
    pub fn exponent(&self, order: usize) -> Option<i32> {
        let mut predictor = [0.0; MAX_ORDER];
        let mut largest = 0.0_f64;
        for i in (0..order).rev() {
            let mut c = self.solution[i];
            for (u, later) in self.factor[i][i + 1..order].iter().zip(&predictor[i + 1..order]) {
                c -= u * later;
            }
            predictor[i] = c;
            largest = largest.max(c.abs());
        }
        let usable = largest.is_finite() && largest > 0.0;
        usable.then_some((largest.to_bits() >> 52) as i32 - 1022)
    }

    /// The predictor of `order` in coefficients of `precision` bits, and the mean square that
    /// rounding adds to its residual's. None when its coefficients are too large to store.
    ///
    /// Coefficients are rounded from the last to the first; each absorbs what the later ones'
    /// errors do to the residual, as far as it can: (c − q)ᵀ·R·(c − q) = Σ D_i·(t_i − q_i)² with
    /// t_i = c_i + Σ_{j>i} U_ij·(c_j − q_j) = z_i − Σ_{j>i} U_ij·q_j.
    pub fn quantize(&self, order: usize, precision: u32, exponent: i32) -> Option<(Model, f64)> {
        // What later coefficients leave to earlier ones can push those out of range, so a step
        // or two of shift less is tried.
        let shift = (precision as i32 - 1 - exponent).min(15);
        (shift - 3..=shift).rev().take_while(|&s| s >= 0).find_map(|shift| {
            let limit = f64::from(1_u32 << (precision - 1));
            let scale = f64::from(1_u32 << shift);
            let mut model =
                Model { order, precision, shift: shift as u32, coefficients: [0; MAX_ORDER] };
            let mut rounded = [0.0; MAX_ORDER];
            let mut excess = 0.0;
            for i in (0..order).rev() {
                let mut target = self.solution[i];
                for (u, q) in self.factor[i][i + 1..order].iter().zip(&rounded[i + 1..order]) {
                    target -= u * q;
                }
                let q = nearest(target * scale);
                if !(-limit..limit).contains(&q) {
                    return None;
                }
                model.coefficients[i] = q as i32;
                rounded[i] = q / scale;
                let miss = target - rounded[i];
                excess += self.diagonal[i] * miss * miss;
            }
            Some((model, excess))
        })
    }
}

/// First sample of a stretch that a predictor of this order predicts.
fn bound(stretch: usize, order: usize, x: &[f64]) -> usize {
    (stretch * STRETCH).clamp(order, x.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::kernels;

    /// A resonance whose loudness changes, around a constant.
    fn samples(length: usize) -> Vec<i32> {
        let mut seed = 1_u64;
        let (mut before, mut last) = (0.0, 0.0);
        (0..length)
            .map(|i| {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let noise = f64::from((seed >> 40) as i32 - (1 << 23)) / f64::from(1 << 23);
                let loudness = if i / 100 % 2 == 0 { 30.0 } else { 3.0 };
                (before, last) = (last, 1.8 * last - 0.9 * before + loudness * noise);
                50 + last.round() as i32
            })
            .collect()
    }

    /// Weighted mean square of x[n] + 1 − Σ c_i·x[n−i], as it is defined.
    fn error(analysis: &Analysis, stretches: Range<usize>, c: &[f64]) -> f64 {
        let x = &analysis.x;
        let first = bound(stretches.start, analysis.order, x);
        let end = bound(stretches.end, analysis.order, x);
        let sum: f64 = (first..end)
            .map(|n| {
                let predicted: f64 = c.iter().enumerate().map(|(i, c)| c * x[n - 1 - i]).sum();
                let r = x[n] + 1.0 - predicted;
                analysis.weights[n / STRETCH].factor * r * r
            })
            .sum();
        sum / (end - first) as f64
    }

    fn analysed(order: usize) -> Analysis {
        let samples = samples(1000);
        let residual: Vec<i32> = samples.windows(2).map(|x| x[1] - x[0]).collect();
        let mut analysis = Analysis::default();
        analysis.take(kernels(), &samples, order, 1);
        analysis.level_out(&residual, 1);
        analysis
    }

    #[test]
    fn the_errors_are_the_least_of_any_predictor_of_the_order() {
        for order in [1, 12, 32] {
            let mut analysis = analysed(order);
            for stretches in [0..32, 8..16, 31..32] {
                analysis.solve(kernels(), stretches.clone());
                // The last stretch has 8 samples: no more coefficients than that are determined.
                assert_eq!(
                    analysis.reached,
                    if stretches.start == 31 { order.min(8) } else { order }
                );
                for m in (1..=analysis.reached).filter(|&m| analysis.errors[m] > 1e-6) {
                    // Nearly unrounded coefficients.
                    let mut c = vec![0.0; m];
                    for i in (0..m).rev() {
                        let later: f64 = (i + 1..m).map(|j| analysis.factor[i][j] * c[j]).sum();
                        c[i] = analysis.solution[i] - later;
                    }
                    let least = error(&analysis, stretches.clone(), &c);
                    assert!((least / analysis.errors[m] - 1.0).abs() < 1e-6, "{order} {m}");
                    for i in 0..m {
                        for step in [-1e-3, 1e-3] {
                            c[i] += step;
                            assert!(error(&analysis, stretches.clone(), &c) > least);
                            c[i] -= step;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_excess_is_what_rounding_adds() {
        let mut analysis = analysed(12);
        let stretches = analysis.stretches();
        analysis.solve(kernels(), stretches.clone());
        for order in 1..=analysis.reached {
            let exponent = analysis.exponent(order).unwrap();
            for precision in 4..=15 {
                let Some((model, excess)) = analysis.quantize(order, precision, exponent) else {
                    continue;
                };
                let scale = f64::from(1_u32 << model.shift);
                let q: Vec<f64> =
                    model.coefficients().iter().map(|&q| f64::from(q) / scale).collect();
                let found = error(&analysis, stretches.clone(), &q);
                let expected = analysis.errors[order] + excess;
                assert!((found / expected - 1.0).abs() < 1e-9, "{order} {precision}");
            }
        }
    }
}
