//! Which predictor codes a block in the fewest bits.

use super::analysis::{Analysis, Model, log2};
use super::level::Level;
use super::partition::{Chooser, Coding};
use super::window::{Cache, Window};
use crate::simd::{Kernels, MAX_ORDER};

/// A predictor of the two families of RFC 9639.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// Fixed, of order 0 to 4.
    Fixed(usize),
    /// Linear, with coefficients of its own.
    Linear(Model),
}

/// Coefficients of the fixed predictors.
const FIXED: [&[i32]; 5] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];

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
    /// Bits of the subframe after its header and wasted bits.
    bits: u64,
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
    /// Blocks left before the next analysis, and how many there were after the last.
    left: u32,
    span: u32,
}

/// Most blocks between analyses.
const LONGEST_SPAN: u32 = 8;

/// Workspace of the search.
#[derive(Default)]
pub struct Search {
    pub analysis: Analysis,
    pub windows: Cache,
    chooser: Chooser,
    best: Trial,
    next: Trial,
    memory: Option<Memory>,
    levelled: Window,
    sizes: Vec<f32>,
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

    /// Finds a predictor; returns the bits of its subframe after header and wasted bits, or none
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
        let sums = (kernels.fixed_sums)(samples, magnitude + 1);
        let highest = 4.min(samples.len().saturating_sub(1));
        let fixed = (0..=highest).min_by_key(|&order| (sums[order], order)).unwrap_or(0);
        if level.order == 0 || samples.len() < 16 {
            self.try_fixed(&block, fixed);
        } else if level.reuse {
            self.run_quick(&block, fixed, sums[fixed]);
        } else {
            self.run_deep(&block, fixed);
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
        next.bits = (order * block.width as usize + header) as u64 + next.coding.bits;
        if next.bits < self.best.bits {
            std::mem::swap(&mut self.best, &mut self.next);
        }
        true
    }

    /// Analyses the block, unless the last predictor still serves.
    fn run_quick(&mut self, block: &Block<'_>, fixed: usize, fixed_sum: u64) {
        let length = block.samples.len() as f64;
        // Bits per sample that the fixed predictor would need, for comparison between blocks.
        let reference = log2(fixed_sum as f64 / length + 0.3) + 2.5;
        let gain = |bits: u64| reference - bits as f64 / length;
        if let Some(memory) = &mut self.memory
            && memory.left > 0
        {
            memory.left -= 1;
            let memory = *memory;
            if self.attempt(block, memory.predictor)
                && gain(self.best.bits) > memory.gain - 0.005 * reference
            {
                return;
            }
        }
        let order = largest_order(block);
        let window = self.windows.get(block.level.windows[0], block.samples.len());
        self.analysis.run(block.kernels, block.samples, &window, order);
        let (fixed_estimate, linear) = self.estimate(block, fixed);
        if let Some((estimate, model)) = linear
            && estimate < fixed_estimate
        {
            let tried = self.attempt(block, Predictor::Linear(model));
            // The estimates have an error; try both where they are close.
            if !tried || estimate > fixed_estimate - 0.02 * length {
                self.try_fixed(block, fixed);
            }
        } else {
            self.try_fixed(block, fixed);
        }
        if self.best.bits == u64::MAX {
            return;
        }
        let found = self.best.bits;
        let span = match self.memory {
            None => 0,
            Some(memory) if memory.predictor == self.best.predictor => {
                (2 * memory.span + 1).min(LONGEST_SPAN)
            }
            Some(memory) => {
                // How well would the last predictor have done?
                let kept = self.best.predictor;
                let served = self.attempt(block, memory.predictor) && {
                    let bits = if self.best.predictor == kept { self.next.bits } else { found };
                    bits as f64 <= found as f64 * 1.003
                };
                if served { (2 * memory.span + 1).min(LONGEST_SPAN) } else { 0 }
            }
        };
        self.memory = Some(Memory {
            predictor: self.best.predictor,
            gain: gain(self.best.bits),
            left: span,
            span,
        });
    }

    /// Estimated bits of the fixed predictor and of the best linear one under the analysis.
    fn estimate(&mut self, block: &Block<'_>, fixed: usize) -> (f64, Option<(f64, Model)>) {
        let length = block.samples.len() as f64;
        let fixed = if fixed <= self.analysis.reached || fixed == 0 {
            let coefficients: Vec<f64> = FIXED[fixed].iter().map(|&q| f64::from(q)).collect();
            let error = self.analysis.error_of(&coefficients);
            length * self.analysis.bits_per_sample(error) + fixed as f64 * f64::from(block.width)
        } else {
            f64::INFINITY
        };
        let best = (1..=self.analysis.reached)
            .map(|order| (self.roughly(block, order), order))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((rough, order)) = best else { return (fixed, None) };
        if rough > fixed {
            return (fixed, None);
        }
        (fixed, self.best_precision(block, order))
    }

    /// Estimated bits of an order, its coefficients taken at a usual precision.
    fn roughly(&self, block: &Block<'_>, order: usize) -> f64 {
        (block.samples.len() - order) as f64
            * self.analysis.bits_per_sample(self.analysis.errors[order])
            + order as f64 * (f64::from(block.width) + 8.0)
            + 9.0
    }

    /// The coefficients of an order at the precision that costs least.
    fn best_precision(&mut self, block: &Block<'_>, order: usize) -> Option<(f64, Model)> {
        let error = self.analysis.errors[order];
        let length = (block.samples.len() - order) as f64;
        let mut best: Option<(f64, Model)> = None;
        for precision in 4..=15 {
            let Some((model, excess)) = self.analysis.quantize(order, precision) else { continue };
            let bits = length * self.analysis.bits_per_sample(error + excess)
                + order as f64 * f64::from(block.width + precision)
                + 9.0;
            match best {
                Some((least, _)) if bits >= least => {
                    // Past the minimum, each further bit costs `order`.
                    if bits > least + 2.0 * order as f64 {
                        break;
                    }
                }
                _ => best = Some((bits, model)),
            }
        }
        best
    }

    /// Analyses the block under several windows and tries what promises most.
    fn run_deep(&mut self, block: &Block<'_>, fixed: usize) {
        self.try_fixed(block, fixed);
        let order = largest_order(block);
        if order == 0 {
            return;
        }
        for &shape in block.level.windows {
            let window = self.windows.get(shape, block.samples.len());
            self.analysis.run(block.kernels, block.samples, &window, order);
            self.try_orders(block, block.level.trials);
        }
        for round in 0..block.level.rounds {
            let before = self.best.bits;
            let base = self.windows.get(block.level.windows[round % 2], block.samples.len());
            let residual = self.best.residual(block.samples);
            self.levelled.level_out(&base, residual, &mut self.sizes);
            self.analysis.run(block.kernels, block.samples, &self.levelled, order);
            self.try_orders(block, block.level.trials);
            if round % 2 == 1 && u128::from(self.best.bits) * 2000 > u128::from(before) * 1999 {
                break;
            }
        }
    }

    /// Tries the orders that promise most under the last analysis.
    fn try_orders(&mut self, block: &Block<'_>, count: usize) {
        let mut left: Vec<(f64, usize)> =
            (1..=self.analysis.reached).map(|order| (self.roughly(block, order), order)).collect();
        left.sort_by(|a, b| a.0.total_cmp(&b.0));
        for &(_, order) in left.iter().take(count) {
            if let Some((_, model)) = self.best_precision(block, order) {
                self.attempt(block, Predictor::Linear(model));
            }
        }
    }
}

/// Highest order worth an analysis: short blocks cannot pay for many coefficients.
fn largest_order(block: &Block<'_>) -> usize {
    block.level.order.min(MAX_ORDER).min(block.samples.len() / 16)
}
