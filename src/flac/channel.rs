//! One channel's block to a subframe.

use super::bit_writer::BitWriter;
use super::level::Level;
use super::search::{Predictor, Search};
use super::subframe::{Head, Kind};
use crate::simd::Kernels;

/// Encoder workspace of one channel.
pub struct Channel {
    /// What is known of the blocks before, and found for this one.
    pub search: Search,
    /// A block without its wasted bits.
    shifted: Vec<i32>,
    head: Head,
    /// Bits of a sample without its wasted bits.
    width: u32,
}

impl Default for Channel {
    fn default() -> Self {
        let head = Head { kind: Kind::Constant, wasted: 0 };
        Channel { search: Search::default(), shifted: Vec::new(), head, width: 0 }
    }
}

impl Channel {
    /// Chooses how to code `samples` (1 to 65535 of `width` bits, 4 to 32), and returns the bits
    /// that takes at most.
    pub fn choose(
        &mut self,
        kernels: &'static Kernels,
        level: &Level,
        samples: &[i32],
        width: u32,
    ) -> u64 {
        let survey = (kernels.survey)(samples);
        debug_assert!(survey.magnitudes >> (width - 1) == 0, "samples wider than {width} bits");
        if survey.changes == 0 {
            self.head = Head { kind: Kind::Constant, wasted: 0 };
            self.width = width;
            return 8 + u64::from(width);
        }
        // A block that changes has a bit and two samples.
        let wasted = survey.bits.trailing_zeros().min(width - 1);
        self.shifted.clear();
        if wasted > 0 {
            self.shifted.extend(samples.iter().map(|x| x >> wasted));
        }
        let samples = if wasted > 0 { &self.shifted } else { samples };
        self.width = width - wasted;
        let magnitude = 32 - (survey.magnitudes >> wasted).leading_zeros();
        let verbatim = samples.len() as u64 * u64::from(self.width);
        let best = self.search.run(kernels, level, samples, self.width, magnitude);
        let (kind, most) = match best {
            Some(bits) if bits < verbatim => {
                let trial = self.search.best();
                let kind = match trial.predictor {
                    Predictor::Fixed(order) => Kind::Fixed(order),
                    Predictor::Linear(model) => Kind::Linear(model.order),
                };
                (kind, trial.most)
            }
            _ => (Kind::Verbatim, verbatim),
        };
        self.head = Head { kind, wasted };
        // The head's 8 bits and the wasted bits' unary code.
        8 + u64::from(wasted) + most
    }

    /// Writes the subframe of the `samples` last chosen for.
    pub fn write(&self, kernels: &Kernels, samples: &[i32], out: &mut BitWriter<'_>) {
        let width = self.width;
        let samples = if self.head.wasted > 0 { &self.shifted } else { samples };
        self.head.write(out);
        match self.head.kind {
            Kind::Constant => out.put_signed(samples[0], width),
            Kind::Verbatim => samples.iter().for_each(|&x| out.put_signed(x, width)),
            Kind::Fixed(_) | Kind::Linear(_) => {
                let best = self.search.best();
                let order = best.predictor.order();
                samples[..order].iter().for_each(|&x| out.put_signed(x, width));
                if let Predictor::Linear(model) = best.predictor {
                    out.put(u64::from(model.precision) - 1, 4);
                    out.put(u64::from(model.shift), 5);
                    let coefficients = model.coefficients().iter();
                    coefficients.for_each(|&q| out.put_signed(q, model.precision));
                }
                best.coding.write(kernels, best.residual(samples), order, out);
            }
        }
    }
}
