//! Windows for the analysis, from polynomials so that every machine has the same ones.

use super::analysis::log2;
use std::sync::Arc;

/// Shape of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// 1 − t², t from −1 to 1 (Welch).
    Parabola,
    /// Flat between two tapers 3t² − 2t³ (close to Tukey's), which take this many 64ths of the
    /// length together.
    Tapered(u32),
    /// A `Tapered(16)` over the given 64ths of the block, zero outside.
    Partial(u32, u32),
}

/// What a window does to the size of a residual.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Mean square of its factors.
    pub squares: f64,
    /// Mean of −log2 of its factors.
    pub bits: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Scale { squares: 1.0, bits: 0.0 }
    }
}

/// A window.
#[derive(Default)]
pub struct Window {
    pub weights: Vec<f32>,
    /// Sum of its squares, its scale apart.
    pub energy: f64,
    pub scale: Scale,
}

/// Residuals whose mean magnitude counts as one local size.
const STRETCH: usize = 64;

impl Window {
    /// Makes this window from `base` so that each stretch of a residual weighs the same: sample
    /// weights are divided by the local mean magnitude. (The predictor of least squares under it
    /// is the most likely one for a noise whose size changes, and what a coder with a parameter
    /// for each partition wants.)
    pub fn level_out(&mut self, base: &Window, residual: &[i32], sizes: &mut Vec<f32>) {
        let length = base.weights.len();
        let order = length - residual.len();
        sizes.clear();
        let (mut squares, mut bits) = (0.0, 0.0);
        for stretch in residual.chunks(STRETCH) {
            let sum: u64 = stretch.iter().map(|r| u64::from(r.unsigned_abs())).sum();
            let size = sum as f64 / stretch.len() as f64 + 0.2;
            sizes.push((1.0 / size) as f32);
            squares += 1.0 / (size * size);
            bits += log2(size);
        }
        let count = sizes.len() as f64;
        self.scale = Scale { squares: squares / count, bits: bits / count };
        self.energy = base.energy;
        self.weights.clear();
        self.weights.extend(base.weights.iter().enumerate().map(|(i, w)| {
            // Straight lines between the middles of the stretches.
            let at = (i + STRETCH / 2).saturating_sub(order);
            let right = (at / STRETCH).min(sizes.len() - 1);
            let left = (at / STRETCH).saturating_sub(1).min(sizes.len() - 1);
            let t = (at % STRETCH) as f32 / STRETCH as f32;
            w * (sizes[left] * (1.0 - t) + sizes[right] * t)
        }));
    }
}

/// The windows used last, oldest first.
#[derive(Default)]
pub struct Cache {
    entries: Vec<(Shape, usize, Arc<Window>)>,
}

impl Cache {
    /// Two block lengths (the stream's and its last one's) of all shapes of the highest level.
    const MOST: usize = 32;

    /// The window of a shape and length.
    pub fn get(&mut self, shape: Shape, length: usize) -> Arc<Window> {
        if let Some((.., window)) =
            self.entries.iter().find(|(s, l, _)| *s == shape && *l == length)
        {
            return Arc::clone(window);
        }
        if self.entries.len() == Self::MOST {
            self.entries.remove(0);
        }
        let window = Arc::new(make(shape, length));
        self.entries.push((shape, length, Arc::clone(&window)));
        window
    }
}

fn make(shape: Shape, length: usize) -> Window {
    let weights: Vec<f32> = match shape {
        Shape::Parabola => (0..length)
            .map(|i| {
                let t = (2 * i + 1) as f64 / length as f64 - 1.0;
                (1.0 - t * t) as f32
            })
            .collect(),
        Shape::Tapered(part) => tapered(length, part),
        Shape::Partial(from, to) => {
            let (from, to) = (length * from as usize / 64, length * to as usize / 64);
            let mut weights = vec![0.0; length];
            weights[from..to].copy_from_slice(&tapered(to - from, 16));
            weights
        }
    };
    let energy = weights.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
    Window { weights, energy, scale: Scale::default() }
}

fn tapered(length: usize, part: u32) -> Vec<f32> {
    let taper = length * part as usize / 128;
    (0..length)
        .map(|i| {
            let edge = i.min(length - 1 - i);
            if edge >= taper {
                return 1.0;
            }
            let t = (2 * edge + 1) as f64 / (2 * taper) as f64;
            (t * t * (3.0 - 2.0 * t)) as f32
        })
        .collect()
}
