//! What the streams of a chunk are predicted from, while it is encoded.

use super::segment::{Blocks, Stand};
use crate::cross::{self, Fit, Fitter, Prediction, Predictor, Reference};
use crate::layout::StreamView;
use crate::quantize::{Form, Plan};
use crate::sample::Sample;
use crate::simd::Kernels;

/// Values that are taken for a sample's are below it, so that sums of their squares do not overflow.
const LARGEST: f64 = 1e100;

/// Reference streams and what finds predictors from them.
pub struct Relations {
    /// The streams that were chosen, and those of them that serve.
    pub chosen: Vec<usize>,
    pub streams: Vec<usize>,
    /// Their integers.
    pub references: Vec<Reference>,
    fitter: Fitter,
    /// One for each span of so many samples, where spans may have predictors of their own; none
    /// for a span where a reference was of no use.
    spans: Vec<Option<Fitter>>,
    span: usize,
}

impl Relations {
    /// Chooses among `streams` of `length` that `view` gives; none where nothing is gained.
    /// `fill` gives the bits of what stands for no sample of a stream.
    pub fn find<'a, T: Sample>(
        kernels: &'static Kernels,
        level: u32,
        (streams, length): (usize, usize),
        fill: impl Fn(usize) -> Option<u64>,
        view: impl Fn(usize) -> StreamView<'a>,
    ) -> Option<Self> {
        let effort = cross::effort(level);
        let mut buffer = Vec::new();
        let mut read = |stream: usize, first: usize, out: &mut [f64]| {
            if length - first.min(length) < out.len() {
                return false;
            }
            let view = view(stream);
            let samples = view.samples::<T>(first, out.len(), &mut buffer);
            for (x, out) in samples.iter().zip(&mut *out) {
                let number = x.to_f64();
                *out = if number.abs() < LARGEST { number } else { f64::NAN };
            }
            if let Some(bits) = fill(stream) {
                let missing = samples.iter().zip(&mut *out).filter(|(x, _)| x.bits() == bits);
                missing.for_each(|(_, out)| *out = f64::NAN);
            }
            cross::hold(out)
        };
        let choice = cross::choose(kernels, &effort, (streams, length), &mut read)?;
        let fitter = Fitter::new(kernels, effort, &choice);
        let spans = fitter.in_spans(length).into_iter().map(Some).collect();
        let (streams, references) = (Vec::new(), Vec::new());
        let (chosen, span) = (choice.references, effort.span);
        Some(Relations { chosen, streams, references, fitter, spans, span })
    }

    /// Whether a stream can take part.
    pub fn takes(plan: &Plan) -> bool {
        plan.form == Form::Narrow
    }

    /// What predicts a stream, if anything does; the plan then centres what that leaves.
    pub fn fit<T: Sample>(
        &self,
        plan: &mut Plan,
        view: &StreamView<'_>,
        blocks: &mut Blocks<T>,
    ) -> Option<Prediction> {
        if !Self::takes(plan) {
            return None;
        }
        let mut read = |first: usize, out: &mut [f64]| blocks.read(plan, view, first, out);
        let Fit { predictor, mean } = self.fitter.fit(plan.coded, &mut read)?;
        let better: Vec<Option<Predictor>> = self
            .spans
            .iter()
            .map(|fitter| fitter.as_ref()?.improve(&predictor, self.span, &mut read))
            .collect();
        plan.centre::<T>(mean as i64, view.len());
        if better.iter().all(Option::is_none) {
            return Some(Prediction { span: usize::MAX, predictors: vec![predictor] });
        }
        let each = better.into_iter().map(|better| better.unwrap_or_else(|| predictor.clone()));
        Some(Prediction { span: self.span, predictors: each.collect() })
    }

    /// Adds a reference that was encoded, with its integers.
    pub fn add<T: Sample>(
        &mut self,
        stream: usize,
        plan: &Plan,
        view: &StreamView<'_>,
        k: Vec<i32>,
        blocks: &mut Blocks<T>,
    ) {
        let mut read = |first: usize, out: &mut [f64]| blocks.read(plan, view, first, out);
        if Self::takes(plan) && self.fitter.add(plan.width, &mut read) {
            for span in &mut self.spans {
                span.take_if(|fitter| !fitter.add(plan.width, &mut read));
            }
            self.streams.push(stream);
            self.references.push(Reference { first: 0, k, width: plan.width });
        }
    }

    /// What stands for a stream in its gaps: a prediction from `other`, if there is one.
    pub fn stand<'a, T: Sample>(
        &self,
        (plan, view): (&Plan, &StreamView<'_>),
        (other, other_view): (Plan, StreamView<'a>),
        blocks: &mut Blocks<T>,
    ) -> Option<Stand<'a>> {
        if !Self::takes(plan) || !Self::takes(&other) {
            return None;
        }
        let mut fitter = self.fitter.without_references();
        let width = other.width;
        let read =
            &mut |first: usize, out: &mut [f64]| blocks.read(&other, &other_view, first, out);
        if !fitter.add(width, read) {
            return None;
        }
        let fit = fitter.fit(plan.coded, &mut |first, out| blocks.read(plan, view, first, out))?;
        Some(Stand { predictor: fit.predictor, other: other_view, plan: other })
    }
}
