//! Raw bytes to a chunk.

use super::exceptions::Exceptions;
use super::head::{PREFIX, TRAILER, coded_head, raw_head};
use super::low_bits;
use super::table::{Stream, TableBuilder};
use crate::error::{Error, Result};
use crate::flac::Encoder;
use crate::layout::{ByteOrder, Dtype, Shape, StreamView};
use crate::parallel::{Workspaces, map};
use crate::params::{Mode, Params, is_step};
use crate::quantize::{Form, Grids, Plan, Planner, Wishes};
use crate::sample::Sample;
use crate::with_sample;
use std::borrow::Cow;
use std::ops::Range;

/// A compressed chunk, in parts that are copied once to where they go.
pub struct Compressed<'a> {
    parts: Vec<Cow<'a, [u8]>>,
}

impl<'a> Compressed<'a> {
    /// Adds the CRC-32 of all parts.
    fn sealed(mut parts: Vec<Cow<'a, [u8]>>) -> Self {
        let mut crc = crc32fast::Hasher::new();
        parts.iter().for_each(|part| crc.update(part));
        parts.push(Cow::Owned(crc.finalize().to_le_bytes().to_vec()));
        Compressed { parts }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Never: a chunk has at least its prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the chunk into `out` of exactly `len` bytes, freeing each part as it goes.
    pub fn write_to(self, out: &mut [u8]) {
        let mut rest = out;
        for part in self.parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(&part);
            rest = after;
        }
    }

    /// The chunk as one vector.
    pub fn into_vec(self) -> Vec<u8> {
        let mut out = vec![0; self.len()];
        self.write_to(&mut out);
        out
    }
}

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
    /// Threads to use, at least 1.
    pub threads: usize,
}

/// Most bytes by which a chunk exceeds the raw samples, whatever they are.
pub const MOST_OVERHEAD: usize = PREFIX + 4 * 10 + 4 * 64 + TRAILER;

/// Compresses a chunk's raw bytes; at most [`MOST_OVERHEAD`] bytes longer than `data`.
///
/// # Errors
/// `InvalidArgument` when `data` is not as long as type and shape say, a parameter is out of
/// range, or a quanta is not positive and finite. Never because of sample values.
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
        if let Some(bad) = quanta.iter().find(|&&q| !is_step(q)) {
            return Err(Error::invalid(format!("quanta is {bad}; it must be finite and above 0")));
        }
    }
    Ok(with_sample!(dtype, T => Chunk::<T>::new(data, request).compress()))
}

/// Streams are encoded in parts of this many samples or more, each on one thread.
const PART: usize = 1 << 17;

/// Blocks of a stream after which the encoder forgets, so that bytes do not depend on threads.
const SEGMENT: usize = 16;

/// What a stream's segment became.
#[derive(Default)]
struct Segment {
    payload: Vec<u8>,
    /// FLAC frame lengths.
    frames: Vec<usize>,
    /// First k of each frame, for differences.
    anchors: Vec<i64>,
    exceptions: Exceptions,
}

/// What consecutive streams became.
#[derive(Default)]
struct Part {
    table: TableBuilder,
    /// In pieces, of which those of a long stream are not copied together.
    payload: Vec<Vec<u8>>,
}

/// Buffers of one thread.
struct Workspace<'a, T> {
    planner: Planner<'a, T>,
    encoder: Encoder,
    blocks: Blocks<T>,
}

/// Buffers of one block.
struct Blocks<T> {
    samples: Vec<T>,
    k: Vec<i64>,
    misses: Vec<u32>,
    payload: Vec<i32>,
}

impl<T: Sample> Blocks<T> {
    /// A block's k and what FLAC codes of it.
    fn load(&mut self, plan: &Plan, view: &StreamView<'_>, first: usize, length: usize) {
        self.samples.resize(length, T::default());
        self.k.resize(length, 0);
        self.payload.resize(length, 0);
        view.read(first, &mut self.samples);
        plan.integers(&self.samples, first, &mut self.k, &mut self.misses);
        plan.payload(&self.k, &mut self.payload);
    }
}

/// A chunk of samples of one type.
struct Chunk<'a, 'r, T> {
    data: &'a [u8],
    request: &'r Request<'r>,
    wishes: Wishes<'r>,
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
            fill,
            dither: dithered.then(|| crc32fast::hash(data)),
            components: request.dtype.components(),
        };
        Chunk { data, request, wishes, sample: std::marker::PhantomData }
    }

    fn view(&self, index: usize) -> StreamView<'a> {
        StreamView::new(self.data, &self.request.dtype, &self.request.shape, index)
    }

    fn compress(&self) -> Compressed<'a> {
        let Request { dtype, shape, threads, .. } = self.request;
        let streams = shape.streams() * dtype.components();
        let each = (PART / shape.length).clamp(1, streams);
        let workspaces = Workspaces::default();
        let parts: Vec<Range<usize>> =
            (0..streams).step_by(each).map(|s| s..streams.min(s + each)).collect();
        let parts = map(*threads, parts, |streams| self.part(streams, &workspaces));
        let mut table = TableBuilder::default();
        parts.iter().for_each(|part| table.append(&part.table));
        let head = coded_head(table, dtype, shape, self.wishes.dither);
        let coded =
            head.len() + parts.iter().flat_map(|part| &part.payload).map(Vec::len).sum::<usize>();
        if coded >= self.data.len() + PREFIX {
            let head = raw_head(self.data, dtype, shape);
            return Compressed::sealed(vec![Cow::Owned(head), Cow::Borrowed(self.data)]);
        }
        let payloads = parts.into_iter().flat_map(|part| part.payload).map(Cow::Owned);
        Compressed::sealed(std::iter::once(Cow::Owned(head)).chain(payloads).collect())
    }

    fn workspace(&self) -> Workspace<'_, T> {
        Workspace {
            planner: Planner::new(&self.wishes),
            encoder: Encoder::new(self.request.params.level),
            blocks: Blocks {
                samples: Vec::new(),
                k: Vec::new(),
                misses: Vec::new(),
                payload: Vec::new(),
            },
        }
    }

    /// Encodes consecutive streams.
    fn part<'w>(
        &'w self,
        streams: Range<usize>,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) -> Part {
        let mut part = Part { payload: vec![Vec::new()], ..Part::default() };
        let length = self.request.shape.length;
        let mut ends = Vec::new();
        let mut grids = Grids::default();
        for index in streams {
            let view = self.view(index);
            let (plan, block) = workspaces.with(
                || self.workspace(),
                |workspace| {
                    let plan = workspace.planner.plan(&view, index, &mut grids);
                    (plan, self.block(&plan, &view, workspace))
                },
            );
            let segment_length = block * SEGMENT;
            let firsts = (0..plan.coded).step_by(segment_length).collect();
            let segments = map(self.request.threads, firsts, |first| {
                let range = first..plan.coded.min(first + segment_length);
                workspaces.with(
                    || self.workspace(),
                    |workspace| self.segment(&plan, block, &view, range, workspace),
                )
            });
            let mut exceptions = Exceptions::default();
            segments.iter().for_each(|segment| exceptions.append(&segment.exceptions));
            if let Some(bits) = plan.padding {
                exceptions.add(plan.coded, length - plan.coded, bits);
            }
            let stream = Stream {
                rule: plan.quantizer.rule,
                form: plan.form,
                offset: plan.offset,
                factor: plan.factor,
                width: plan.width,
                block: if plan.form == Form::Constant { 0 } else { block },
                coded: plan.coded,
                exceptions: !exceptions.is_empty(),
            };
            part.table.push(&stream, length);
            let mut last = 0_i64;
            for segment in segments {
                segment.frames.iter().for_each(|&bytes| part.table.push_frame(bytes));
                for anchor in segment.anchors {
                    part.table.push_anchor(anchor.wrapping_sub(last));
                    last = anchor;
                }
                if plan.coded > segment_length {
                    part.payload.push(segment.payload);
                } else if let Some(payload) = part.payload.last_mut() {
                    payload.extend_from_slice(&segment.payload);
                }
            }
            if !exceptions.is_empty()
                && let Some(payload) = part.payload.last_mut()
            {
                ends.clear();
                let mut from = payload.len();
                exceptions.write::<T>(length, payload, &mut ends);
                for &end in &ends {
                    part.table.push_span(end - from);
                    from = end;
                }
            }
        }
        part
    }

    /// The block size of a stream's frames.
    fn block(&self, plan: &Plan, view: &StreamView<'_>, workspace: &mut Workspace<'_, T>) -> usize {
        let Workspace { encoder, blocks, .. } = workspace;
        if plan.form == Form::Constant {
            return PART;
        }
        encoder.choose_block(plan.coded, plan.width, &mut |first, out| {
            blocks.load(plan, view, first, out.len());
            out.copy_from_slice(&blocks.payload);
        })
    }

    /// Encodes samples `range` of a stream, which begin at a block.
    fn segment(
        &self,
        plan: &Plan,
        block: usize,
        view: &StreamView<'_>,
        range: Range<usize>,
        workspace: &mut Workspace<'_, T>,
    ) -> Segment {
        let Workspace { encoder, blocks, .. } = workspace;
        encoder.reset();
        let mut segment = Segment::default();
        for first in range.clone().step_by(block) {
            let length = block.min(range.end - first);
            blocks.load(plan, view, first, length);
            for &miss in &blocks.misses {
                let bits = blocks.samples[miss as usize].bits();
                segment.exceptions.add(first + miss as usize, 1, bits);
            }
            let Blocks { k, payload, .. } = &*blocks;
            if plan.form == Form::Constant {
                continue;
            }
            let number = (first / block) as u64;
            let bytes = encoder.encode(payload, plan.width, block, number, &mut segment.payload);
            segment.frames.push(bytes);
            match plan.form {
                Form::Split { low } => {
                    let from = segment.payload.len();
                    low_bits::pack(k, low, &mut segment.payload);
                    let crc = crc32fast::hash(&segment.payload[from..]);
                    segment.payload.extend_from_slice(&crc.to_le_bytes());
                }
                Form::Difference { .. } => segment.anchors.push(k[0]),
                Form::Constant | Form::Narrow => {}
            }
        }
        segment
    }
}
