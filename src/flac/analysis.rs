//! From samples to predictors: autocorrelation, Levinson-Durbin, coefficients of few bits.

use super::window::{Scale, Window};
use crate::simd::scalar::flac_encode::LANES;
use crate::simd::{Kernels, MAX_ORDER};

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

/// Workspace for one block under one window.
pub struct Analysis {
    windowed: Vec<f64>,
    /// Autocorrelation, divided by the window's energy: [0] is the mean square.
    correlation: [f64; MAX_ORDER + 1],
    /// Mean square of the residual of each order, in units of the window's scale.
    pub errors: [f64; MAX_ORDER + 1],
    /// The predictor of each order; row m − 1 has m coefficients.
    rows: Box<[[f64; MAX_ORDER]; MAX_ORDER]>,
    /// Highest order that the correlation supports.
    pub reached: usize,
    /// Unit upper triangular U and diagonal D of R + λI = Uᵀ·D·U, as many rows as `factored`;
    /// λ is the highest order's error and keeps coefficients from drifting where R is nearly
    /// singular.
    factor: Box<[[f64; MAX_ORDER]; MAX_ORDER]>,
    diagonal: [f64; MAX_ORDER],
    factored: usize,
    scale: Scale,
}

/// Relative noise floor added to the diagonal: rounding of f64 sums stays far below it.
const FLOOR: f64 = 1e-12;

impl Default for Analysis {
    fn default() -> Self {
        Analysis {
            windowed: Vec::new(),
            correlation: [0.0; MAX_ORDER + 1],
            errors: [0.0; MAX_ORDER + 1],
            rows: Box::new([[0.0; MAX_ORDER]; MAX_ORDER]),
            reached: 0,
            factor: Box::new([[0.0; MAX_ORDER]; MAX_ORDER]),
            diagonal: [0.0; MAX_ORDER],
            factored: 0,
            scale: Scale::default(),
        }
    }
}

impl Analysis {
    /// Correlates a windowed block and solves for the predictors of all orders up to `order`.
    pub fn run(&mut self, kernels: &Kernels, samples: &[i32], window: &Window, order: usize) {
        let length = samples.len();
        self.windowed.clear();
        self.windowed.resize(length + order + 2 * LANES, 0.0);
        (kernels.apply_window)(samples, &window.weights, &mut self.windowed[..length]);
        (kernels.autocorrelation)(&self.windowed, length, &mut self.correlation[..=order]);
        self.scale = window.scale;
        for r in &mut self.correlation[..=order] {
            *r /= window.energy;
        }
        self.solve(order);
    }

    /// Takes a correlation computed elsewhere (mean square first) and solves.
    pub fn solve_correlation(&mut self, correlation: &[f64]) {
        self.correlation[..correlation.len()].copy_from_slice(correlation);
        self.scale = Scale::default();
        self.solve(correlation.len() - 1);
    }

    /// Levinson-Durbin recursion.
    fn solve(&mut self, order: usize) {
        self.correlation[0] *= 1.0 + FLOOR;
        let r = &self.correlation;
        let mut error = r[0];
        self.errors[0] = error;
        self.reached = 0;
        self.factored = 0;
        let mut row = [0.0; MAX_ORDER];
        for m in 0..order {
            let mut sum = r[m + 1];
            for j in 0..m {
                sum -= row[j] * r[m - j];
            }
            let reflection = sum / error;
            if !(reflection > -1.0 && reflection < 1.0) {
                break;
            }
            let before = row;
            row[m] = reflection;
            for j in 0..m {
                row[j] = before[j] - reflection * before[m - 1 - j];
            }
            error *= 1.0 - reflection * reflection;
            self.rows[m] = row;
            self.errors[m + 1] = error;
            self.reached = m + 1;
        }
    }

    /// Bits of a Rice-coded sample of a residual with this mean square, roughly: a Gaussian's
    /// entropy plus 0.1, with what rounding the prediction down adds: 1/12 + 1/4.
    pub fn bits_per_sample(&self, mean_square: f64) -> f64 {
        0.5 * log2(mean_square + self.scale.squares / 3.0) + 2.15 + self.scale.bits
    }

    /// The correlation in use, mean square first.
    pub fn correlation(&self) -> &[f64; MAX_ORDER + 1] {
        &self.correlation
    }

    /// Mean square of the residual of any predictor on the windowed block.
    pub fn error_of(&self, predictor: &[f64]) -> f64 {
        Self::error_under(&self.correlation, predictor)
    }

    /// Mean square of a predictor's residual on samples of this correlation.
    pub fn error_under(r: &[f64; MAX_ORDER + 1], predictor: &[f64]) -> f64 {
        let mut total = r[0];
        for (i, &a) in predictor.iter().enumerate() {
            total -= 2.0 * a * r[i + 1];
            for (j, &b) in predictor.iter().enumerate() {
                total += a * b * r[i.abs_diff(j)];
            }
        }
        total.max(0.0)
    }

    /// The predictor of an order, unquantized.
    pub fn predictor(&self, order: usize) -> &[f64] {
        &self.rows[order - 1][..order]
    }

    /// Factors the correlation matrix up to `order` rows.
    fn factor(&mut self, order: usize) {
        let r = &self.correlation;
        for i in self.factored..order {
            // Column i of U from the rows above: D_k·U_ki = R_ki − Σ_{l<k} D_l·U_lk·U_li.
            let mut scaled = [0.0; MAX_ORDER];
            for k in 0..i {
                let mut sum = r[i - k];
                for l in 0..k {
                    sum -= scaled[l] * self.factor[l][k];
                }
                scaled[k] = sum;
                self.factor[k][i] = sum / self.diagonal[k];
            }
            let mut sum = r[0] + self.errors[self.reached];
            for k in 0..i {
                sum -= scaled[k] * self.factor[k][i];
            }
            self.diagonal[i] = sum;
        }
        self.factored = self.factored.max(order);
    }

    /// The predictor of `order` in coefficients of `precision` bits, and the mean square that
    /// rounding adds to its residual's. None when its coefficients are too large to store.
    ///
    /// Coefficients are rounded from the last to the first; each absorbs what the later ones'
    /// errors do to the residual, as far as it can: (c − q)ᵀ·(R + λI)·(c − q) = Σ D_i·(t_i − q_i)²
    /// with t_i = c_i + Σ_{j>i} U_ij·(c_j − q_j).
    pub fn quantize(&mut self, order: usize, precision: u32) -> Option<(Model, f64)> {
        self.factor(order);
        let row = &self.rows[order - 1][..order];
        let largest = row.iter().fold(0.0_f64, |most, c| most.max(c.abs()));
        if !(largest.is_finite() && largest > 0.0) {
            return None;
        }
        // Exponent e with largest < 2^e. What later coefficients leave to earlier ones can push
        // those out of range, so a step or two of shift less is tried.
        let exponent = ((largest.to_bits() >> 52) as i32) - 1022;
        let shift = (precision as i32 - 1 - exponent).min(15);
        (shift - 3..=shift).rev().take_while(|&s| s >= 0).find_map(|shift| {
            let limit = f64::from(1_u32 << (precision - 1));
            let scale = f64::from(1_u32 << shift);
            let mut model =
                Model { order, precision, shift: shift as u32, coefficients: [0; MAX_ORDER] };
            let mut slack = [0.0; MAX_ORDER];
            let mut excess = 0.0;
            for i in (0..order).rev() {
                let mut target = row[i];
                for (u, slack) in self.factor[i][i + 1..order].iter().zip(&slack[i + 1..order]) {
                    target += u * slack;
                }
                let q = (target * scale).round_ties_even();
                if !(-limit..limit).contains(&q) {
                    return None;
                }
                model.coefficients[i] = q as i32;
                slack[i] = row[i] - q / scale;
                let miss = target - q / scale;
                excess += self.diagonal[i] * miss * miss;
            }
            Some((model, excess))
        })
    }
}

/// log2 of a positive finite number, to 1e−4; the same on every machine.
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
    fn the_excess_is_what_rounding_adds() {
        // AR(2) correlation with a sharp resonance.
        let mut r = vec![1.0, 0.95];
        for i in 2..=12 {
            let next: f64 = 1.8 * r[i - 1] - 0.9 * r[i - 2];
            r.push(next);
        }
        r[0] += 0.01;
        let mut analysis = Analysis::default();
        analysis.solve_correlation(&r);
        for order in 1..=analysis.reached {
            for precision in 4..=15 {
                let Some((model, excess)) = analysis.quantize(order, precision) else { continue };
                let scale = f64::from(1_u32 << model.shift);
                let q: Vec<f64> =
                    model.coefficients().iter().map(|&q| f64::from(q) / scale).collect();
                let mut expected =
                    analysis.error_of(&q) - analysis.error_of(analysis.predictor(order));
                for (c, q) in analysis.predictor(order).iter().zip(&q) {
                    expected += analysis.errors[analysis.reached] * (c - q) * (c - q);
                }
                assert!((excess - expected).abs() < 1e-9, "{order} {precision}");
            }
        }
    }
}
