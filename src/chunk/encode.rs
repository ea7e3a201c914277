//! Raw bytes to a chunk.

use super::head::{PREFIX, TRAILER, coded_head, raw_head};
use super::part::{Part, Role, Workspace};
use super::pieces::{Compressed, LEAST_COPIED, Piece};
use super::relations::Relations;
use super::segment::Stand;
use super::table::TableBuilder;
use crate::error::{Error, Result};
use crate::layout::{ByteOrder, Dtype, Shape, StreamView};
use crate::parallel::{Workspaces, map};
use crate::params::{Mode, Params, is_step, not_a_step};
use crate::quantize::{Grids, Wishes};
use crate::sample::Sample;
use crate::simd::kernels;
use crate::with_sample;
use std::ops::Range;

/// What the encoder is told about a chunk besides its bytes.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its shape around the stream axis.
    pub shape: Shape,
    /// User-defined fill value: one element's bytes in the chunk's byte order.
    pub fill: Option<&'a [u8]>,
    /// What the user asked for.
    pub params: Params,
    /// One quanta for each stream (outer × inner, complex parts share theirs), instead of
    /// the mode's. Floats only.
    pub quanta: Option<&'a [f64]>,
    /// Step and offset of the values step·n + offset that each stream consists of, n, product and
    /// sum each rounded to the type, instead of a mode: as others quantized them. Every bit comes
    /// back, of other samples too. Floats only.
    pub affine: Option<&'a [(f64, f64)]>,
    /// Threads to use, at least 1.
    pub threads: usize,
    /// Code each stream alone, for tests and benchmarks.
    #[doc(hidden)]
    pub alone: bool,
}

/// Most bytes by which a chunk exceeds the raw samples, whatever they are.
pub const MOST_OVERHEAD: usize = PREFIX + 4 * 10 + 4 * 64 + TRAILER;

/// Compresses a chunk's raw bytes; at most [`MOST_OVERHEAD`] bytes longer than `data`.
///
/// # Errors
/// `InvalidArgument` when `data` is not as long as type and shape say, a parameter is out of
/// range, or a quanta or step is not positive and finite. Never because of sample values.
pub fn compress<'a>(data: &'a [u8], request: &Request<'_>) -> Result<Compressed<'a>> {
    let Request { dtype, shape, params, .. } = request;
    params.check()?;
    let expected = shape.elements().and_then(|n| n.checked_mul(dtype.element_size()));
    if expected != Some(data.len()) || data.is_empty() {
        return Err(Error::invalid(format!(
            "{} bytes of data for {shape:?} elements of {} bytes",
            data.len(),
            dtype.element_size()
        )));
    }
    if let Some(fill) = request.fill
        && fill.len() != dtype.element_size()
    {
        return Err(Error::invalid(format!(
            "a fill value of {} bytes for elements of {}",
            fill.len(),
            dtype.element_size()
        )));
    }
    if let Some(quanta) = request.quanta {
        if quanta.len() != shape.streams() {
            return Err(Error::invalid(format!(
                "{} quanta for {} streams; pass one for each",
                quanta.len(),
                shape.streams()
            )));
        }
        if let Some((stream, &bad)) = quanta.iter().enumerate().find(|&(_, &q)| !is_step(q)) {
            return Err(
                Error::invalid(not_a_step("quanta", bad)).within(format!("stream {stream}"))
            );
        }
    }
    if let Some(affine) = request.affine {
        if affine.len() != shape.streams() {
            return Err(Error::invalid(format!(
                "{} steps and offsets for {} streams; pass one for each",
                affine.len(),
                shape.streams()
            )));
        }
        for (stream, &(step, offset)) in affine.iter().enumerate() {
            let place = |e: Error| e.within(format!("stream {stream}"));
            if !is_step(step) {
                return Err(place(Error::invalid(not_a_step("step", step))));
            }
            if !offset.is_finite() {
                return Err(place(Error::invalid(format!(
                    "offset is {offset}; it must be finite"
                ))));
            }
        }
    }
    Ok(with_sample!(dtype, T => Chunk::<T>::new(data, request).compress()))
}

/// Most bytes of samples that are encoded as one piece, on one thread: several short streams, each
/// with the encoder's memory of those before, or a segment of a long one.
pub const PART: usize = 1 << 19;

/// Streams, and samples of all of them, with which two ways to code a chunk are tried: fewer samples
/// are not worth a look at what they have in common.
const TRIED_STREAMS: usize = 8;
const TRIED: usize = 1 << 18;

/// A chunk of samples of one type.
pub struct Chunk<'a, 'r, T> {
    data: &'a [u8],
    pub request: &'r Request<'r>,
    pub wishes: Wishes<'r>,
    /// Whether floats may be in fixed point: such streams take no part in predictions.
    pub fixed: bool,
    sample: std::marker::PhantomData<T>,
}

impl<'a, 'r, T: Sample> Chunk<'a, 'r, T> {
    fn new(data: &'a [u8], request: &'r Request<'r>) -> Self {
        let little = request.dtype.order == ByteOrder::Little;
        let fill = request.fill.map(|element| {
            let mut parts = [T::default(); 2];
            let components = request.dtype.components();
            T::read_slice(element, little, &mut parts[..components]);
            parts.map(Sample::bits)
        });
        let dithered = T::FLOAT
            && request.params.dither
            && (request.quanta.is_some() || request.params.mode != Mode::Lossless);
        let wishes = Wishes {
            mode: request.params.mode,
            quanta: request.quanta,
            affine: request.affine,
            fill,
            dither: dithered.then(|| crc32fast::hash(data)),
            components: request.dtype.components(),
        };
        Chunk { data, request, wishes, fixed: true, sample: std::marker::PhantomData }
    }

    /// What streams have in common, if it is enough to predict some from others. Of lossless floats
    /// only if that takes less than fixed point, which then is none of their forms.
    fn found(&mut self) -> Option<Relations> {
        let Request { shape, params, alone, .. } = self.request;
        if *alone {
            return None;
        }
        let size = (self.streams(), shape.length);
        let fill = |stream| self.wishes.fill_of(stream);
        let view = |stream| self.view(stream);
        let relations = Relations::find::<T>(kernels(), params.level, size, fill, view)?;
        let Wishes { mode, quanta, affine, .. } = self.wishes;
        let lossless = mode == Mode::Lossless && quanta.is_none() && affine.is_none();
        if T::FLOAT && lossless && self.fixed {
            self.fixed = self.is_less_in_fixed_point(&relations.chosen);
            if self.fixed {
                return None;
            }
        }
        Some(relations)
    }

    /// Whether some samples of these streams and a few others take less in fixed point than as they
    /// predict each other.
    fn is_less_in_fixed_point(&self, chosen: &[usize]) -> bool {
        let (shape, data) = self.sample(chosen);
        let dtype = Dtype { order: ByteOrder::Little, complex: false, ..self.request.dtype };
        let size = |fixed| {
            let request =
                Request { dtype, shape, fill: None, alone: fixed, ..self.request.clone() };
            Chunk { fixed, ..Chunk::<T>::new(&data, &request) }.compress().len()
        };
        size(true) < size(false)
    }

    /// Samples from the middle of these streams and a few others, in a chunk of this shape.
    fn sample(&self, chosen: &[usize]) -> (Shape, Vec<u8>) {
        let length = self.request.shape.length;
        let others = (0..self.streams()).filter(|stream| !chosen.contains(stream));
        let streams: Vec<usize> =
            chosen.iter().copied().chain(others).take(TRIED_STREAMS).collect();
        let count = length.min(TRIED / streams.len());
        let mut data = vec![0; streams.len() * count * T::SIZE];
        let mut buffer = Vec::new();
        for (&stream, out) in streams.iter().zip(data.chunks_exact_mut(count * T::SIZE)) {
            let view = self.view(stream);
            T::write_slice(view.samples((length - count) / 2, count, &mut buffer), true, out);
        }
        (Shape { outer: streams.len(), length: count, inner: 1 }, data)
    }

    /// Component streams.
    fn streams(&self) -> usize {
        self.request.shape.streams() * self.request.dtype.components()
    }

    pub fn view(&self, index: usize) -> StreamView<'a> {
        StreamView::new(self.data, &self.request.dtype, &self.request.shape, index)
    }

    fn compress(mut self) -> Compressed<'a> {
        let mut relations = self.found();
        let Request { dtype, shape, threads, .. } = self.request;
        let workspaces = Workspaces::default();
        let mut parts = Vec::new();
        if let Some(relations) = &mut relations {
            self.relate(relations, &workspaces, &mut parts);
        }
        let chosen = relations.as_ref().map_or(&[][..], |relations| &relations.chosen);
        let ranges = self.ranges(self.streams(), chosen);
        parts.extend(map(*threads, ranges, |range| {
            (range.start, self.part(range, relations.as_ref(), &workspaces))
        }));
        parts.sort_unstable_by_key(|(first, _)| *first);
        let mut table = TableBuilder::default();
        parts.iter().for_each(|(_, part)| table.append(&part.table));
        let references = relations.map_or(Vec::new(), |relations| relations.streams);
        let head = coded_head(table, dtype, shape, self.wishes.dither, &references);
        let payload = parts.iter().flat_map(|(_, part)| &part.payload);
        let coded = head.len() + payload.map(|piece| piece.bytes.len()).sum::<usize>();
        if coded >= self.data.len() + PREFIX {
            drop(parts);
            let raw = map(*threads, self.data.chunks(LEAST_COPIED).collect(), Piece::new);
            let head = Piece::new(raw_head(self.data, dtype, shape));
            return Compressed::sealed(std::iter::once(head).chain(raw).collect(), *threads);
        }
        let payload = parts.into_iter().flat_map(|(_, part)| part.payload);
        let pieces = std::iter::once(Piece::new(head)).chain(payload).collect();
        Compressed::sealed(pieces, *threads)
    }

    /// Consecutive streams that become one part, all but those in `chosen`.
    fn ranges(&self, streams: usize, chosen: &[usize]) -> Vec<Range<usize>> {
        let each = (PART / T::SIZE / self.request.shape.length).clamp(1, streams);
        let mut ranges = Vec::new();
        let mut range = 0..0;
        for stream in 0..streams {
            let is_chosen = chosen.contains(&stream);
            if is_chosen || range.len() == each {
                ranges.push(std::mem::replace(&mut range, stream..stream));
            }
            range = if is_chosen { stream + 1..stream + 1 } else { range.start..stream + 1 };
        }
        ranges.push(range);
        ranges.retain(|range| !range.is_empty());
        ranges
    }

    /// Encodes the reference streams, each to a part of its own.
    fn relate<'w>(
        &'w self,
        relations: &mut Relations,
        workspaces: &Workspaces<Workspace<'w, T>>,
        parts: &mut Vec<(usize, Part)>,
    ) {
        for (i, &stream) in relations.chosen.clone().iter().enumerate() {
            let other = relations.chosen.get(1).filter(|_| i == 0 && self.has_gaps());
            let stand = other.and_then(|&other| self.stand(stream, other, relations, workspaces));
            let role = Role { relations: Some(&*relations), stand: stand.as_ref(), kept: true };
            let mut part = Part::default();
            let (plan, k) = self.long(stream, &mut Grids::default(), role, &mut part, workspaces);
            parts.push((stream, part));
            let view = self.view(stream);
            self.with_workspace(workspaces, |workspace| {
                relations.add(stream, &plan, &view, k, &mut workspace.blocks)
            });
        }
    }

    /// Whether streams may have gaps that are exceptions.
    fn has_gaps(&self) -> bool {
        T::FLOAT || self.wishes.fill.is_some()
    }

    /// What stands for a stream in its gaps.
    fn stand<'w>(
        &'w self,
        stream: usize,
        other: usize,
        relations: &Relations,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) -> Option<Stand<'a>> {
        self.with_workspace(workspaces, |workspace| {
            let (view, other_view) = (self.view(stream), self.view(other));
            let mut plan = |view: &StreamView<'_>, index| {
                workspace.planner.plan(view, index, &mut Grids::default(), false)
            };
            let (plan, other) = (plan(&view, stream), plan(&other_view, other));
            relations.stand((&plan, &view), (other, other_view), &mut workspace.blocks)
        })
    }
}
