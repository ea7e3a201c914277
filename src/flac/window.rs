//! Windows for the analysis, from polynomials so that every machine has the same ones.

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

/// A window and the sum of its squares.
pub struct Window {
    pub weights: Vec<f32>,
    pub energy: f64,
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
    Window { weights, energy }
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
