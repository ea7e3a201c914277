//! The integers of reference streams, which predict others.

use super::decode::resize;
use super::head::Head;
use super::reader::{BATCH, Parts, Workspace};
use super::spare;
use super::table::Stream;
use crate::cross::{Predictor, Reference};
use crate::error::{Error, Result};
use crate::flac::Frame;
use crate::parallel::{Workspaces, map};
use crate::quantize::Form;
use crate::simd::kernels;
use std::ops::{Deref, Range};

/// Bytes that the shortest frame has: a header of 6, a subframe of 2, a CRC-16. What claims to be
/// shorter earns no memory.
const SHORTEST: usize = 10;

/// Predictions made at a time, so that they and what they are made of stay in the fastest cache.
const STRETCH: usize = 1024;

/// The samples of two ranges and those between them.
fn union(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    if a.is_empty() {
        return b;
    }
    if b.is_empty() { a } else { a.start.min(b.start)..a.end.max(b.end) }
}

impl Head {
    /// For each reference the samples, in its frames, of which a read of `samples` of `streams`
    /// needs the k.
    pub(super) fn needs(
        &self,
        streams: impl Iterator<Item = usize>,
        samples: &Range<usize>,
    ) -> Vec<Range<usize>> {
        let references = self.predictions().references();
        let mut needs = vec![0..0; references.len()];
        if references.is_empty() {
            return needs;
        }
        let mut wanted = vec![false; references.len()];
        for index in streams {
            if let Some(place) = self.predictions().place(index) {
                wanted[place] = true;
            }
            self.add_needs(index, samples, &mut needs);
        }
        // Each is predicted from those before it.
        for (place, &index) in references.iter().enumerate().rev() {
            if needs[place].is_empty() {
                continue;
            }
            let own = if wanted[place] { samples.clone() } else { 0..0 };
            let all = union(needs[place].clone(), own);
            needs[place] = all.start..all.end.min(self.stream(index).coded);
            self.add_needs(index, &needs[place].clone(), &mut needs);
        }
        needs
    }

    /// Adds what samples of a stream need themselves.
    fn add_needs(&self, index: usize, samples: &Range<usize>, needs: &mut [Range<usize>]) {
        let stream = self.stream(index);
        let samples = samples.start..samples.end.min(stream.coded);
        if samples.is_empty() || !matches!(stream.form, Form::Predicted { .. }) {
            return;
        }
        let frames = samples.start / stream.block..samples.end.div_ceil(stream.block);
        for (frames, predictor) in self.predictions().predictors(index, frames) {
            let first = samples.start.max(frames.start * stream.block);
            let end = samples.end.min(frames.end * stream.block);
            for (place, range) in predictor.needs(first..end, self.shape.length) {
                needs[place] = union(needs[place].clone(), range);
            }
        }
    }
}

/// The k of references. Their memory is used again.
pub struct References(Vec<Reference>);

impl Deref for References {
    type Target = [Reference];

    fn deref(&self) -> &[Reference] {
        &self.0
    }
}

impl Drop for References {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|reference| spare::INTEGERS.keep(reference.k));
    }
}

/// Decodes the k of references: for each the samples that are needed of it.
pub fn decode(
    parts: Parts<'_, '_>,
    needs: &[Range<usize>],
    threads: usize,
    workspaces: &Workspaces<Workspace>,
) -> Result<References> {
    let mut references = References(Vec::with_capacity(needs.len()));
    for (&index, samples) in parts.head.predictions().references().iter().zip(needs) {
        let stream = parts.head.stream(index);
        let reference = if samples.is_empty() {
            Reference { width: stream.bits(), ..Reference::default() }
        } else {
            decode_one(parts, index, &stream, samples, &references, threads, workspaces)
                .map_err(|e| e.within(format!("stream {index}")))?
        };
        references.0.push(reference);
    }
    Ok(references)
}

/// Decodes the k of samples, one at least, of a reference that those before it predict.
fn decode_one(
    parts: Parts<'_, '_>,
    index: usize,
    stream: &Stream,
    samples: &Range<usize>,
    before: &[Reference],
    threads: usize,
    workspaces: &Workspaces<Workspace>,
) -> Result<Reference> {
    let numbers = samples.start / stream.block..samples.end.div_ceil(stream.block);
    let first = numbers.start * stream.block;
    let frames = numbers
        .map(|number| match parts.frame(index, stream, number, samples.end)? {
            (frame, _) if frame.bytes.len() >= SHORTEST => Ok(frame),
            (frame, _) => Err(named(
                &frame,
                Error::truncated(format!("{} bytes, and a frame has more", frame.bytes.len())),
            )),
        })
        .collect::<Result<Vec<_>>>()?;
    let count = frames.iter().map(|frame| frame.wanted).sum();
    let mut k = spare::INTEGERS.take(count);
    resize(&mut k, count)?;
    let tasks = frames.chunks(BATCH).zip(k.chunks_mut(BATCH * stream.block)).collect();
    let done = map(threads, tasks, |(frames, k): (&[Frame<'_>], &mut [i32])| {
        workspaces.with(Workspace::default, |workspace| {
            let decoded = workspace.decoder.decode(frames, k, parts.verify);
            decoded.map_err(|(i, e)| named(&frames[i], e))?;
            let Form::Predicted { bits } = stream.form else { return Ok(()) };
            for (frame, k) in frames.iter().zip(k.chunks_mut(stream.block)) {
                let number = frame.number as usize;
                let start = number * stream.block;
                let from = start.max(samples.start);
                let k = &mut k[from - start..samples.end.min(start + frame.wanted) - start];
                let predictor = parts.head.predictions().predictor(index, number);
                add_predictions(&predictor, before, from, bits, k).map_err(|e| named(frame, e))?;
            }
            Ok(())
        })
    });
    done.into_iter().collect::<Result<()>>()?;
    k.truncate(samples.end - first);
    k.drain(..samples.start - first);
    Ok(Reference { first: samples.start, k, width: stream.bits() })
}

fn named(frame: &Frame<'_>, e: Error) -> Error {
    e.within(format!("frame {}", frame.number))
}

/// Adds the predictions of a stream's samples from `first` on to what FLAC coded of them.
///
/// # Errors
/// `Corrupt` where a sum has more than `bits`.
pub fn add_predictions(
    predictor: &Predictor,
    references: &[Reference],
    first: usize,
    bits: u32,
    payload: &mut [i32],
) -> Result<()> {
    let kernels = kernels();
    let mut predictions = [0; STRETCH];
    let mut magnitudes = 0;
    for (stretch, payload) in payload.chunks_mut(STRETCH).enumerate() {
        let predictions = &mut predictions[..payload.len()];
        predictor.predict(kernels, references, first + stretch * STRETCH, predictions);
        magnitudes |= (kernels.add)(predictions, payload);
    }
    if magnitudes >> (bits - 1) != 0 {
        return Err(Error::corrupt(format!("an integer of more than {bits} bits")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
