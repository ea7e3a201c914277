//! Small systems of linear equations.

/// Part of a diagonal element that is added to it: what is nearly the same twice makes no large
/// coefficients of opposite signs.
const RIDGE: f64 = 1e-6;

/// Least part of a diagonal element that the elements before leave of it.
const FLOOR: f64 = 1e-9;

/// A symmetric, positive definite matrix as L·D·Lᵀ.
pub struct Factors {
    /// L below its diagonal of ones, row by row.
    lower: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Factors {
    /// Those of a matrix of `size` rows, of which `element` gives what is on or below the diagonal.
    /// None where a row follows from those before.
    pub fn of(size: usize, element: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut factors = Factors {
            lower: Vec::with_capacity(size * size / 2),
            diagonal: Vec::with_capacity(size),
        };
        for i in 0..size {
            let start = factors.lower.len();
            let mut rest = element(i, i) * (1.0 + RIDGE);
            let least = rest * FLOOR;
            for j in 0..i {
                // D_j·L_ij = A_ij − Σ_{k<j} D_k·L_ik·L_jk; the row holds D·L until it is complete.
                let row = &factors.lower[start..];
                let other = factors.row(j);
                let sum: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                factors.lower.push(element(i, j) - sum);
            }
            for j in 0..i {
                let scaled = factors.lower[start + j];
                let l = scaled / factors.diagonal[j];
                rest -= scaled * l;
                factors.lower[start + j] = l;
            }
            if rest.is_nan() || rest <= least {
                return None;
            }
            factors.diagonal.push(rest);
        }
        Some(factors)
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.lower[i * (i.max(1) - 1) / 2..][..i]
    }

    /// The solution for a right side, and for each unknown by how much the sum of squares falls
    /// when it joins those before it.
    pub fn solve(&self, right: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let size = self.diagonal.len();
        let mut z = Vec::with_capacity(size);
        for (i, right) in right.iter().enumerate() {
            let known: f64 = self.row(i).iter().zip(&z).map(|(a, b)| a * b).sum();
            z.push(right - known);
        }
        let falls = z.iter().zip(&self.diagonal).map(|(z, d)| z * z / d).collect();
        z.iter_mut().zip(&self.diagonal).for_each(|(z, d)| *z /= d);
        for i in (0..size).rev() {
            let x = z[i];
            z.iter_mut().zip(self.row(i)).for_each(|(z, l)| *z -= l * x);
        }
        (z, falls)
    }
}

/// The predictor of `order` for a signal of this autocorrelation (lags 0 to `order`), by
/// Levinson's recursion; that of the order reached where the signal has no more to predict.
pub fn levinson<const ORDER: usize>(r: &[f64]) -> [f64; ORDER] {
    let mut a = [0.0; ORDER];
    let mut error = r[0];
    for i in 0..ORDER {
        if error.is_nan() || error <= r[0] * FLOOR {
            break;
        }
        let known: f64 = (0..i).map(|j| a[j] * r[i - j]).sum();
        let reflection = (r[i + 1] - known) / error;
        let before = a;
        a[i] = reflection;
        for j in 0..i {
            a[j] = before[j] - reflection * before[i - 1 - j];
        }
        error *= 1.0 - reflection * reflection;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_solve_and_falls_sum_to_what_they_explain() {
        // Of A = BᵀB with a right side A·x.
        let b: Vec<[f64; 4]> = (0..9_i32)
            .map(|i| [1.0, f64::from(i), f64::from(i * i % 7), f64::from(i % 3)])
            .collect();
        let a = |i: usize, j: usize| b.iter().map(|row| row[i] * row[j]).sum::<f64>();
        let x = [2.0, -1.0, 0.5, 3.0];
        let right: Vec<f64> = (0..4).map(|i| (0..4).map(|j| a(i, j) * x[j]).sum()).collect();
        let (solution, falls) = Factors::of(4, a).expect("independent").solve(&right);
        for (found, x) in solution.iter().zip(x) {
            assert!((found - x).abs() < 1e-4, "{solution:?}");
        }
        let explained: f64 = right.iter().zip(x).map(|(r, x)| r * x).sum();
        assert!((falls.iter().sum::<f64>() / explained - 1.0).abs() < 1e-4);
        assert!(Factors::of(2, |_, _| 1.0).is_some_and(|f| f.diagonal[1] < 1e-5));
        assert!(Factors::of(1, |_, _| f64::NAN).is_none());
    }

    #[test]
    fn a_recursion_is_found_from_its_autocorrelation() {
        // x[n] = 0.9·x[n − 1] + noise.
        let r: Vec<f64> = (0..5).scan(1.0, |r, _| Some(std::mem::replace(r, *r * 0.9))).collect();
        let a = levinson::<4>(&r);
        assert!((a[0] - 0.9).abs() < 1e-12 && a[1..].iter().all(|a| a.abs() < 1e-12), "{a:?}");
        assert_eq!(levinson::<2>(&[0.0; 3]), [0.0; 2]);
    }
}
