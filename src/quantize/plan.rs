//! How a stream will be stored: its decoding rule, and the form of its integers.

use super::fixed::Fixed;
use super::quantizer::Quantizer;
use super::rule::Rule;
use super::survey::is_near;
use super::{flat, gaps};
use crate::sample::Sample;
use crate::simd::Kernels;

/// Fewest bits per sample of a FLAC stream (RFC 9639 section 8.2).
pub(super) const LEAST_WIDTH: u32 = 4;
/// Most that the codec takes.
pub const MOST_WIDTH: u32 = 32;

/// Bits that hold every integer from the least to the largest as two's complement.
pub(super) fn width((least, most): (i64, i64)) -> u32 {
    let bits = |n: i64| 65 - (n ^ (n >> 63)).leading_zeros();
    bits(least).max(bits(most))
}

/// How a stream's integers k are coded; each is n = offset + factor·k for its decoding rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// k is 0 everywhere.
    Constant,
    /// k in FLAC frames.
    Narrow,
    /// k >> low in FLAC frames, each followed by the low bits and their CRC-32.
    Split {
        /// Low bits, 1 to 63.
        low: u32,
    },
    /// `k[i] − k[i − 1] − step` in FLAC frames; each frame's first k in the head, and 0 in its
    /// place.
    Difference {
        /// The usual difference.
        step: i64,
    },
    /// k is a float in the order of its type: its multiple of 2^exponent in FLAC frames, each
    /// followed by the places of the floats behind their multiples, and their CRC-32.
    Fixed {
        /// See [`Fixed`](super::Fixed).
        exponent: i32,
    },
    /// k − p in FLAC frames, p predicted from other streams.
    Predicted {
        /// Bits that every k fits, 4 to 32.
        bits: u32,
    },
}

/// How a stream will be stored.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Finds the integers n.
    pub quantizer: Quantizer,
    /// Subtracted from n less the rule's origin.
    pub(super) offset: i64,
    /// Divides the rest into k.
    pub factor: u64,
    /// Integers further from the first than the second are exceptions.
    pub(super) near: (i64, u64),
    /// No n that is near is less, nor larger than the second.
    pub(super) range: (i64, i64),
    /// How k is coded.
    pub form: Form,
    /// Bits per sample for FLAC, 4 to 32; 0 for constants.
    pub width: u32,
    /// Samples to code; the rest is padding, where k is 0.
    pub coded: usize,
    /// Bits of the padding, where k = 0 does not stand for it.
    pub padding: Option<u64>,
    /// Expected bits in all.
    pub(super) cost: f64,
    /// Of them those of exceptions.
    pub(super) exceptions: f64,
    /// Whether every sample was looked at; else there may be more exceptions than expected.
    pub surveyed: bool,
}

/// Adds the samples of flat runs to exceptions.
fn add_flat<T: Sample>(samples: &[T], misses: &mut Vec<u32>) {
    let missed = misses.len();
    flat::runs(samples, |run| misses.extend(run.start as u32..run.end as u32));
    if misses.len() != missed {
        misses.sort_unstable();
        misses.dedup();
    }
}

impl Plan {
    /// That of a stream of one sample's ordered integer.
    pub(super) fn constant(n: i64, coded: usize) -> Self {
        Plan {
            quantizer: Quantizer::lossless(Rule::Ordered),
            offset: n,
            factor: 1,
            near: (n, u64::MAX),
            range: (n, n),
            form: Form::Constant,
            width: 0,
            coded,
            padding: None,
            cost: 0.0,
            exceptions: 0.0,
            surveyed: true,
        }
    }

    /// The n that k = 0 stands for.
    pub fn zero<T: Sample>(&self) -> i64 {
        self.offset.wrapping_add(self.quantizer.rule.origin::<T>())
    }

    /// The largest n less the least.
    pub(super) fn span(&self) -> u64 {
        self.range.1.abs_diff(self.range.0)
    }

    /// Largest |n|.
    pub(super) fn reach(&self) -> u64 {
        let (least, most) = self.range;
        least.unsigned_abs().max(most.unsigned_abs())
    }

    /// Takes `centre` from each k of a stream of `length`, if they then fit 32 bits.
    pub fn centre<T: Sample>(&mut self, centre: i64, length: usize) {
        let factor = self.factor as i64;
        let offset = centre.checked_mul(factor).and_then(|rise| self.offset.checked_add(rise));
        let Some(offset) = offset else { return };
        let k = |n: i64| n.checked_sub(offset).map(|n| n / factor);
        let (Some(least), Some(most)) = (k(self.range.0), k(self.range.1)) else { return };
        let width = width((least, most)).max(LEAST_WIDTH);
        if width <= MOST_WIDTH {
            if self.coded < length && self.padding.is_none() {
                // So far k = 0 stood for it.
                let x: T = self.quantizer.rule.decode(self.zero::<T>(), self.coded);
                self.padding = Some(x.bits());
            }
            (self.offset, self.width) = (offset, width);
        }
    }

    /// Whether the kernels give its payload.
    fn is_direct(&self) -> bool {
        let rule =
            matches!(self.quantizer.rule, Rule::Ordered | Rule::Quanta(_) | Rule::Decimal { .. });
        rule && self.form == Form::Narrow && self.factor == 1 && self.near.1 == u64::MAX
    }

    /// Writes what FLAC codes of a block to `payload`, and indices of its exceptions to `misses`;
    /// each sample's k to `k`, where the form has a use for it.
    pub fn load<T: Sample>(
        &self,
        kernels: &Kernels,
        samples: &[T],
        first: usize,
        k: &mut Vec<i64>,
        misses: &mut Vec<u32>,
        payload: &mut [i32],
    ) {
        if !self.is_direct() {
            k.resize(samples.len(), 0);
            self.integers(samples, first, k, misses);
            self.payload::<T>(k, payload);
            return;
        }
        misses.clear();
        if self.quantizer.rule == Rule::Ordered {
            T::shift(kernels, samples, self.offset, payload);
        } else {
            T::quantize(kernels, samples, &self.quantizer, self.offset, payload, misses);
        }
        add_flat(samples, misses);
        if !misses.is_empty() {
            gaps::fill(payload, misses);
        }
    }

    /// Writes each sample's k to `k`, and indices of the exceptions (ascending) to `misses`;
    /// there k is what FLAC likes best. `first` is the stream's index of the first sample.
    pub fn integers<T: Sample>(
        &self,
        samples: &[T],
        first: usize,
        k: &mut [i64],
        misses: &mut Vec<u32>,
    ) {
        misses.clear();
        self.quantizer.run(samples, first, k, misses);
        let missed = misses.len();
        let is_far = |n: i64| !is_near(n, self.near);
        if self.near.1 != u64::MAX && k.iter().any(|&n| is_far(n)) {
            misses.extend((0..).zip(k.iter()).filter(|&(_, &n)| is_far(n)).map(|p| p.0));
        }
        if misses.len() != missed {
            misses.sort_unstable();
            misses.dedup();
        }
        if let Form::Narrow | Form::Split { .. } | Form::Fixed { .. } = self.form {
            add_flat(samples, misses);
        }
        if self.factor == 1 {
            k.iter_mut().for_each(|k| *k = k.wrapping_sub(self.offset));
        } else {
            // The range is below 2^63 where there is a factor, so it fits too.
            let factor = self.factor as i64;
            k.iter_mut().for_each(|k| *k = k.wrapping_sub(self.offset) / factor);
        }
        if misses.is_empty() {
            return;
        }
        let Form::Fixed { exponent } = self.form else {
            gaps::fill(k, misses);
            return;
        };
        // Multiples cost FLAC least, and those very floats have the shortest places.
        let fixed = Fixed::new::<T>(exponent);
        k.iter_mut().for_each(|k| *k = fixed.below::<T>(*k));
        gaps::fill(k, misses);
        let mut misses = misses.iter().peekable();
        for ((i, k), x) in (0..).zip(k).zip(samples) {
            let missed = misses.next_if_eq(&&i).is_some();
            *k = if missed { fixed.place::<T>(*k) } else { x.to_ordered() };
        }
    }

    /// What FLAC codes of a block's k.
    pub fn payload<T: Sample>(&self, k: &[i64], payload: &mut [i32]) {
        match self.form {
            Form::Constant => {}
            Form::Narrow | Form::Predicted { .. } => {
                for (&k, out) in k.iter().zip(payload) {
                    *out = k as i32;
                }
            }
            Form::Split { low } => {
                for (&k, out) in k.iter().zip(payload) {
                    *out = (k >> low) as i32;
                }
            }
            Form::Fixed { exponent } => {
                let fixed = Fixed::new::<T>(exponent);
                for (&k, out) in k.iter().zip(payload) {
                    *out = fixed.below::<T>(k) as i32;
                }
            }
            Form::Difference { step } => {
                let mut last = k[0].wrapping_sub(step);
                for (&k, out) in k.iter().zip(payload) {
                    *out = k.wrapping_sub(last).wrapping_sub(step) as i32;
                    last = k;
                }
            }
        }
    }
}
