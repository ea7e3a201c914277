//! Which predictor codes a block in the fewest bits.

use super::analysis::{Analysis, Model};
use super::level::Level;
use super::partition::{Chooser, Coding, guess};
use super::subframe::FIXED;
use crate::simd::{Kernels, MAX_ORDER};

/// A predictor of the two families of RFC 9639.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// Fixed, of order 0 to 4.
    Fixed(usize),
    /// Linear, with coefficients of its own.
    Linear(Model),
}

impl Predictor {
    /// Samples it needs before the first it predicts.
    pub fn order(&self) -> usize {
        match self {
            Predictor::Fixed(order) => *order,
            Predictor::Linear(model) => model.order,
        }
    }
}

/// A predictor tried on the block.
#[derive(Default)]
pub struct Trial {
    pub predictor: Predictor,
    /// The residual's coding.
    pub coding: Coding,
    residual: Vec<i32>,
    /// Expected bits of the subframe after its header and wasted bits.
    bits: u64,
    /// At most so many.
    pub most: u64,
}

impl Default for Predictor {
    fn default() -> Self {
        Predictor::Fixed(0)
    }
}

impl Trial {
    /// What is left of the block after prediction.
    pub fn residual<'a>(&'a self, samples: &'a [i32]) -> &'a [i32] {
        if self.predictor == Predictor::Fixed(0) { samples } else { &self.residual }
    }
}

/// What is known from the blocks before.
#[derive(Clone, Copy)]
struct Memory {
    predictor: Predictor,
    /// Bits per sample it saved against the estimate for the best fixed predictor.
    gain: f64,
    /// Samples left before the next analysis.
    left: usize,
}

/// Samples between analyses of a signal that stays the same.
const SPAN: usize = 1 << 17;

/// Samples of which a glance at a block sees one part in a few.
const GLANCE: usize = 1024;

/// Bits of a coefficient: the fewest worth a try, and what noise usually wants.
const LEAST_PRECISION: u32 = 4;
const USUAL_PRECISION: u32 = 8;

/// Workspace of the search.
#[derive(Default)]
pub struct Search {
    /// That of the block; between blocks anybody's.
    pub analysis: Analysis,
    chooser: Chooser,
    best: Trial,
    next: Trial,
    memory: Option<Memory>,
}

/// A block and what is known of it.
struct Block<'a> {
    kernels: &'static Kernels,
    level: &'a Level,
    samples: &'a [i32],
    /// Bits of a warm-up sample.
    width: u32,
    /// Bits of the largest magnitude.
    magnitude: u32,
}

impl Search {
    /// Forgets the blocks before.
    pub fn forget(&mut self) {
        self.memory = None;
    }

    /// The predictor found last.
    pub fn best(&self) -> &Trial {
        &self.best
    }

    /// Finds a predictor; returns the expected bits of its subframe after header and wasted bits, or none
    /// when no residual stays in range.
    pub fn run(
        &mut self,
        kernels: &'static Kernels,
        level: &Level,
        samples: &[i32],
        width: u32,
        magnitude: u32,
    ) -> Option<u64> {
        let block = Block { kernels, level, samples, width, magnitude };
        self.best.bits = u64::MAX;
        let (fixed, reference) = glance(&block);
        let order = largest_order(&block);
        if order == 0 {
            self.try_fixed(&block, fixed);
        } else {
            self.run_linear(&block, fixed, reference, order);
        }
        (self.best.bits != u64::MAX).then_some(self.best.bits)
    }

    /// Tries the fixed predictor of an order, or lower ones while its residual is out of range.
    fn try_fixed(&mut self, block: &Block<'_>, order: usize) {
        for order in (0..=order).rev() {
            if self.attempt(block, Predictor::Fixed(order)) {
                break;
            }
        }
    }

    /// Tries a predictor and keeps it if it is the best so far. False when its residual leaves
    /// the range.
    fn attempt(&mut self, block: &Block<'_>, predictor: Predictor) -> bool {
        let next = &mut self.next;
        next.predictor = predictor;
        let (coefficients, shift, header) = match &next.predictor {
            Predictor::Fixed(order) => (FIXED[*order], 0, 0),
            Predictor::Linear(model) => {
                (model.coefficients(), model.shift, 9 + model.precision as usize * model.order)
            }
        };
        let order = coefficients.len();
        if order >= block.samples.len() {
            return false;
        }
        if order > 0 {
            next.residual.resize(block.samples.len() - order, 0);
            let sum: u64 = coefficients.iter().map(|q| u64::from(q.unsigned_abs())).sum();
            if (1 + sum) << block.magnitude < 1 << 31 {
                let residual = block.kernels.residual_narrow;
                residual(block.samples, coefficients, shift, &mut next.residual);
            } else {
                let residual = block.kernels.residual_wide;
                if !residual(block.samples, coefficients, shift, &mut next.residual) {
                    return false;
                }
            }
        } else if block.magnitude == 31 && block.samples.contains(&i32::MIN) {
            return false;
        }
        let residual = if order == 0 { block.samples } else { &next.residual };
        let effort = block.level.rice;
        self.chooser.choose(block.kernels, residual, order, effort, &mut next.coding);
        let before = (order * block.width as usize + header) as u64;
        (next.bits, next.most) = (before + next.coding.bits, before + next.coding.most);
        if next.bits < self.best.bits {
            std::mem::swap(&mut self.best, &mut self.next);
        }
        true
    }

    /// Analyses the block, unless the last predictor still serves. `reference` are the bits per
    /// sample that the fixed predictor would need, for comparison between blocks.
    fn run_linear(&mut self, block: &Block<'_>, fixed: usize, reference: f64, order: usize) {
        let length = block.samples.len() as f64;
        let gain = |bits: u64| reference - bits as f64 / length;
        let kept = self.memory.filter(|_| block.level.reuse);
        let memory = kept.filter(|memory| memory.predictor.order() <= order.max(4));
        let mut served = false;
        if let Some(memory) = memory {
            served = self.attempt(block, memory.predictor);
            // Chance moves the gain of a block by about 1/√length.
            let enough = memory.gain - 0.005 * reference - 2.0 / length.sqrt();
            if served && memory.left > 0 && gain(self.best.bits) > enough {
                let left = memory.left.saturating_sub(block.samples.len());
                self.memory = Some(Memory { left, ..memory });
                return;
            }
        }
        // In a quiet block the fixed predictor can win over a linear one by not rounding.
        let quiet = gain(self.best.bits) < 0.2;
        if !served || quiet && self.best.predictor != Predictor::Fixed(fixed) {
            self.try_fixed(block, fixed);
        }
        if self.best.bits == u64::MAX {
            return;
        }
        let every = block.level.every(block.samples.len());
        self.analysis.take(block.kernels, block.samples, order, every);
        let mut in_vain = 0;
        for &reach in block.level.reaches {
            let before = self.best.bits;
            self.analysis.level_out(self.best.residual(block.samples), reach);
            self.analysis.solve(block.kernels, self.analysis.stretches());
            if let Some(model) = self.best_model(block) {
                self.attempt(block, Predictor::Linear(model));
            }
            in_vain = if u128::from(self.best.bits) * 2000 > u128::from(before) * 1999 {
                in_vain + 1
            } else {
                0
            };
            if in_vain == 2 {
                break;
            }
        }
        if kept.is_some() && memory.is_none() {
            // A short block among long ones.
            return;
        }
        self.memory =
            Some(Memory { predictor: self.best.predictor, gain: gain(self.best.bits), left: SPAN });
    }

    /// The linear predictor that promises most under the last analysis, if it may beat the best
    /// so far.
    fn best_model(&self, block: &Block<'_>) -> Option<Model> {
        // Estimates of residuals of a bit or two are often too high.
        let limit = if block.level.reuse {
            self.best.bits as f64 + 0.02 * block.samples.len() as f64
        } else {
            f64::MAX
        };
        let (mut best, mut least) = (None, limit);
        let likely = (1..=self.analysis.reached)
            .map(|order| (self.bits(block, order, USUAL_PRECISION, 0.0), order))
            .min_by(|a, b| a.0.total_cmp(&b.0))?
            .1;
        for order in std::iter::once(likely).chain(1..=self.analysis.reached) {
            // The order that seems likely comes first, so that most others need not be looked at.
            let Some(exponent) = self.analysis.exponent(order) else { continue };
            for precision in LEAST_PRECISION..=15 {
                if self.bits(block, order, precision, 0.0) >= least {
                    break;
                }
                let rounded = self.analysis.quantize(order, precision, exponent);
                let Some((model, excess)) = rounded else { continue };
                let bits = self.bits(block, order, precision, excess);
                if bits < least {
                    (best, least) = (Some(model), bits);
                }
            }
        }
        best
    }

    /// Estimated bits of a linear predictor whose coefficients' rounding adds `excess`, and what
    /// the coefficients must save.
    fn bits(&self, block: &Block<'_>, order: usize, precision: u32, excess: f64) -> f64 {
        let error = self.analysis.errors[order] + excess;
        let each = f64::from(block.width + precision);
        let each = each + block.level.thrift * block.samples.len() as f64;
        (block.samples.len() - order) as f64 * self.analysis.bits_per_sample(error)
            + order as f64 * each
            + 9.0
    }
}

/// The fixed predictor that seems best, and the bits per sample it would need.
fn glance(block: &Block<'_>) -> (usize, f64) {
    let samples = block.samples;
    let mut sums = [0; 5];
    let mut count = 0;
    let every = block.level.every(samples.len());
    let piece = if every == 1 { samples.len() } else { GLANCE };
    for piece in samples.chunks(piece).step_by(every) {
        let piece_sums = (block.kernels.fixed_sums)(piece, block.magnitude + 1);
        sums.iter_mut().zip(piece_sums).for_each(|(sum, of_piece)| *sum += of_piece);
        count += piece.len();
    }
    let scale = samples.len() as f64 / count as f64;
    let highest = 4.min(samples.len().saturating_sub(1));
    let bits = |order: usize| {
        let (_, bits) = guess(2 * sums[order], (count - order) as u64);
        bits as f64 * scale
    };
    let fixed = (0..=highest)
        .min_by(|&a, &b| {
            let [a, b] = [a, b].map(|order| bits(order) + (order as u32 * block.width) as f64);
            a.total_cmp(&b)
        })
        .expect("order 0 at least");
    (fixed, bits(fixed) / samples.len() as f64)
}

/// Highest order worth an analysis: short blocks cannot pay for many coefficients.
fn largest_order(block: &Block<'_>) -> usize {
    block.level.order.min(MAX_ORDER).min(block.samples.len() / 16)
}
