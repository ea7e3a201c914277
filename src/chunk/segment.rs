//! Blocks of one stream to FLAC frames and exceptions.

use super::exceptions::Exceptions;
use super::{low_bits, tails};
use crate::cross::{self, Prediction, Predictor, Reference};
use crate::flac::Encoder;
use crate::layout::StreamView;
use crate::quantize::{Form, Plan, fill_gaps};
use crate::sample::Sample;
use crate::simd::Kernels;
use std::ops::Range;

/// What a stream, or a segment of it, became.
#[derive(Default)]
pub struct Segment {
    pub payload: Vec<u8>,
    /// FLAC frame lengths.
    pub frames: Vec<usize>,
    /// First k of each frame, for differences; bytes behind each, in fixed point.
    pub anchors: Vec<i64>,
    pub exceptions: Exceptions,
    /// Whether a sample did not fit the bits that were meant for it: the frames are of no use.
    pub misfit: bool,
}

impl Segment {
    /// Forgets all but the first `kept` bytes of the payload.
    pub fn clear(&mut self, kept: usize) {
        self.payload.truncate(kept);
        self.frames.clear();
        self.anchors.clear();
        self.exceptions = Exceptions::default();
        self.misfit = false;
    }

    /// Appends the CRC-32 of what is stored beside a frame, from this byte of the payload on.
    fn seal(&mut self, from: usize) {
        let crc = crc32fast::hash(&self.payload[from..]);
        self.payload.extend_from_slice(&crc.to_le_bytes());
    }
}

/// Buffers of one block.
pub struct Blocks<T> {
    kernels: &'static Kernels,
    samples: Vec<T>,
    k: Vec<i64>,
    misses: Vec<u32>,
    payload: Vec<i32>,
    predicted: Vec<i32>,
}

impl<T> Blocks<T> {
    pub fn new(kernels: &'static Kernels) -> Self {
        Blocks {
            kernels,
            samples: Vec::new(),
            k: Vec::new(),
            misses: Vec::new(),
            payload: Vec::new(),
            predicted: Vec::new(),
        }
    }
}

impl<T: Sample> Blocks<T> {
    /// Reads the integers of a stream from `first` on; whether few enough of them are exceptions,
    /// in whose places others stand.
    pub fn read(
        &mut self,
        plan: &Plan,
        view: &StreamView<'_>,
        first: usize,
        out: &mut [f64],
    ) -> bool {
        let Blocks { kernels, samples, k, misses, payload, .. } = self;
        let count = out.len().min(plan.coded.saturating_sub(first));
        payload.resize(count, 0);
        let samples = view.samples(first, count, samples);
        plan.load(kernels, samples, first, k, misses, payload);
        out.iter_mut().zip(payload).for_each(|(out, k)| *out = f64::from(*k));
        count == out.len() && misses.len() * cross::RARE <= count
    }
}

/// What stands for a stream in its own gaps, so that streams predicted from it miss nothing there.
pub struct Stand<'a> {
    /// Gives the stream from `other`.
    pub predictor: Predictor,
    /// Another stream, and its plan.
    pub other: StreamView<'a>,
    pub plan: Plan,
}

impl Stand<'_> {
    /// Overwrites the integers of the stream at `gaps` of the block that begins at `first`.
    fn fill<T: Sample>(
        &self,
        first: usize,
        gaps: &[u32],
        width: u32,
        k: &mut [i32],
        blocks: &mut Blocks<T>,
    ) {
        let length = self.plan.coded;
        let Some((_, needed)) = self.predictor.needs(first..first + k.len(), length).next() else {
            return;
        };
        let mut other =
            Reference { first: needed.start, k: vec![0; needed.len()], width: self.plan.width };
        let Blocks { kernels, samples, k: wide, misses, predicted, .. } = blocks;
        let samples = self.other.samples(needed.start, needed.len(), samples);
        self.plan.load(kernels, samples, needed.start, wide, misses, &mut other.k);
        predicted.resize(k.len(), 0);
        self.predictor.predict(kernels, &[other], first, predicted);
        let most = i32::MAX >> (32 - width);
        for &gap in gaps {
            k[gap as usize] = predicted[gap as usize].clamp(-1 - most, most);
        }
    }
}

/// How a stream is coded.
pub struct Course<'c> {
    pub plan: Plan,
    /// Samples of a frame.
    pub block: usize,
    /// What predicts it, from which references.
    pub prediction: Option<(&'c Prediction, &'c [Reference])>,
    /// Frames that share a predictor.
    pub shared: usize,
    /// Bits of what FLAC codes of it.
    pub width: u32,
    pub stand: Option<&'c Stand<'c>>,
}

impl Course<'_> {
    /// Writes what FLAC codes of the samples from `first` on to `out`; whether it fits the width.
    pub fn load<T: Sample>(
        &self,
        view: &StreamView<'_>,
        first: usize,
        blocks: &mut Blocks<T>,
        out: &mut [i32],
    ) -> bool {
        let Blocks { kernels, samples, k, misses, .. } = &mut *blocks;
        let samples = view.samples(first, out.len(), samples);
        self.plan.load(kernels, samples, first, k, misses, out);
        if let Some(stand) = self.stand
            && self.plan.form == Form::Narrow
            && !blocks.misses.is_empty()
        {
            let gaps = std::mem::take(&mut blocks.misses);
            stand.fill(first, &gaps, self.width, out, blocks);
            blocks.misses = gaps;
        }
        let Some((prediction, references)) = self.prediction else { return true };
        let predictor = prediction.at(self.group(first) * self.shared * self.block);
        let Blocks { kernels, misses, predicted, .. } = blocks;
        predicted.resize(out.len(), 0);
        predictor.predict(kernels, references, first, predicted);
        out.iter_mut().zip(&*predicted).for_each(|(k, p)| *k = k.wrapping_sub(*p));
        if !misses.is_empty() {
            fill_gaps(out, misses);
            // There too k, which wraps to 32 bits as it does for the reader, must fit its own.
            let most = i32::MAX >> (32 - self.plan.width);
            for &gap in &*misses {
                let (x, p) = (&mut out[gap as usize], predicted[gap as usize]);
                *x = x.wrapping_add(p).clamp(-1 - most, most).wrapping_sub(p);
            }
        }
        (kernels.survey)(out).magnitudes >> (self.width - 1) == 0
    }

    /// Which group of frames that share a predictor a sample lies in.
    fn group(&self, sample: usize) -> usize {
        sample / self.block / self.shared
    }

    /// For the table: frames that share a predictor, 0 if all do, and the predictors.
    pub fn predictors(&self) -> Option<(usize, Vec<Predictor>)> {
        let (prediction, _) = self.prediction?;
        let groups = self.group(self.plan.coded - 1) + 1;
        let shared = if groups == 1 { 0 } else { self.shared };
        let of = |group: usize| prediction.at(group * self.shared * self.block).clone();
        Some((shared, (0..groups).map(of).collect()))
    }

    /// Chooses the block size.
    pub fn set_block(&mut self, block: usize) {
        self.block = block;
        if let Some((prediction, _)) = self.prediction {
            self.shared = (prediction.span / block).max(1);
        }
    }

    /// Encodes samples `range` of the stream, which begin at a block; their k go to `keep`.
    pub fn segment<T: Sample>(
        &self,
        view: &StreamView<'_>,
        range: Range<usize>,
        encoder: &mut Encoder,
        blocks: &mut Blocks<T>,
        segment: &mut Segment,
        mut keep: Option<&mut [i32]>,
    ) {
        let mut payload = std::mem::take(&mut blocks.payload);
        for first in range.clone().step_by(self.block) {
            let length = self.block.min(range.end - first);
            payload.resize(length, 0);
            if !self.load(view, first, blocks, &mut payload) {
                segment.misfit = true;
                break;
            }
            if let Some(keep) = &mut keep {
                let keep = &mut keep[first - range.start..][..length];
                keep.copy_from_slice(&payload);
                if self.prediction.is_some() {
                    (blocks.kernels.add)(&blocks.predicted, keep);
                }
            }
            if !blocks.misses.is_empty() {
                let samples = view.samples(first, length, &mut blocks.samples);
                for &miss in &blocks.misses {
                    let bits = samples[miss as usize].bits();
                    segment.exceptions.add(first + miss as usize, 1, bits);
                }
            }
            if self.plan.form == Form::Constant {
                continue;
            }
            let number = (first / self.block) as u64;
            let before = segment.payload.len();
            let bytes =
                encoder.encode(&payload, self.width, self.block, number, &mut segment.payload);
            segment.frames.push(bytes);
            match self.plan.form {
                Form::Split { low } => {
                    let from = segment.payload.len();
                    low_bits::pack(&blocks.k, low, &mut segment.payload);
                    segment.seal(from);
                }
                Form::Fixed { exponent } => {
                    let from = segment.payload.len();
                    tails::pack::<T>(exponent, &payload, &blocks.k, &mut segment.payload);
                    segment.seal(from);
                    segment.anchors.push((segment.payload.len() - from) as i64);
                }
                Form::Difference { .. } => segment.anchors.push(blocks.k[0]),
                Form::Constant | Form::Narrow | Form::Predicted { .. } => {}
            }
            if before == 0 {
                // The others will be about as long; to double the buffer would take more. Behind
                // earlier streams it grows by doubling: those that follow are not known here.
                let written = segment.payload.len() - before;
                let others = (range.len() - length).div_ceil(self.block);
                segment.payload.reserve_exact((written + written / 16) * others);
            }
        }
        blocks.payload = payload;
    }
}
