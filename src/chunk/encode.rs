//! Raw bytes to a chunk.

use super::exceptions::Exceptions;
use super::head::{PREFIX, TRAILER, coded_head, raw_head};
use super::low_bits;
use super::pieces::{self, Compressed, LEAST_COPIED, Piece};
use super::table::{Stream, TableBuilder};
use crate::error::{Error, Result};
use crate::flac::Encoder;
use crate::layout::{ByteOrder, Dtype, Shape, StreamView};
use crate::parallel::{Workspaces, map};
use crate::params::{Mode, Params, is_step};
use crate::quantize::{Form, Grids, Plan, Planner, Wishes};
use crate::sample::Sample;
use crate::simd::{Kernels, kernels};
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

/// Most bytes of samples that are encoded as one piece, on one thread: several short streams, each
/// with the encoder's memory of those before, or a segment of a long one.
const PART: usize = 1 << 19;

/// Streams of at least this many samples are long.
const LONG: usize = 1 << 16;

/// More runs of exceptions than one in so many samples were not expected of a plan that is no survey.
const MANY: usize = 64;

/// Samples of a constant stream that are searched for exceptions at once.
const CONSTANT_BLOCK: usize = 4096;

/// What a stream, or a segment of it, became.
#[derive(Default)]
struct Segment {
    payload: Vec<u8>,
    /// FLAC frame lengths.
    frames: Vec<usize>,
    /// First k of each frame, for differences.
    anchors: Vec<i64>,
    exceptions: Exceptions,
}

impl Segment {
    /// Forgets all but the first `kept` bytes of the payload.
    fn clear(&mut self, kept: usize) {
        self.payload.truncate(kept);
        self.frames.clear();
        self.anchors.clear();
        self.exceptions = Exceptions::default();
    }
}

/// What consecutive streams became.
#[derive(Default)]
struct Part {
    table: TableBuilder,
    payload: Vec<Piece<'static>>,
}

/// Buffers of one thread.
struct Workspace<'a, T> {
    planner: Planner<'a, T>,
    encoder: Encoder,
    blocks: Blocks<T>,
    /// Streams whose samples are apart in the chunk, brought together.
    gathered: Vec<T>,
}

impl<T> Workspace<'_, T> {
    /// Encodes into an empty segment, without memory of what the encoder coded before; the payload
    /// becomes a piece, and the rest of the segment is returned beside it.
    fn piece(&mut self, encode: impl FnOnce(&mut Self, &mut Segment)) -> (Piece<'static>, Segment) {
        self.encoder.reset();
        let mut segment = Segment { payload: pieces::buffer(), ..Segment::default() };
        let capacity = segment.payload.capacity();
        encode(self, &mut segment);
        let mut payload = std::mem::take(&mut segment.payload);
        if payload.capacity() > capacity {
            // It grew to twice what it needs, perhaps. The next piece needs about as much.
            payload.shrink_to(payload.len() + payload.len() / 16);
        }
        (Piece::new(payload), segment)
    }
}

/// Buffers of one block.
struct Blocks<T> {
    kernels: &'static Kernels,
    samples: Vec<T>,
    k: Vec<i64>,
    misses: Vec<u32>,
    payload: Vec<i32>,
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
        let each = (PART / T::SIZE / shape.length).clamp(1, streams);
        let workspaces = Workspaces::default();
        let parts: Vec<Range<usize>> =
            (0..streams).step_by(each).map(|s| s..streams.min(s + each)).collect();
        let parts = map(*threads, parts, |streams| self.part(streams, &workspaces));
        let mut table = TableBuilder::default();
        parts.iter().for_each(|part| table.append(&part.table));
        let head = coded_head(table, dtype, shape, self.wishes.dither, &[]);
        let payload = parts.iter().flat_map(|part| &part.payload);
        let coded = head.len() + payload.map(|piece| piece.bytes.len()).sum::<usize>();
        if coded >= self.data.len() + PREFIX {
            drop(parts);
            let raw = map(*threads, self.data.chunks(LEAST_COPIED).collect(), Piece::new);
            let head = Piece::new(raw_head(self.data, dtype, shape));
            return Compressed::sealed(std::iter::once(head).chain(raw).collect(), *threads);
        }
        let payload = parts.into_iter().flat_map(|part| part.payload);
        let pieces = std::iter::once(Piece::new(head)).chain(payload).collect();
        Compressed::sealed(pieces, *threads)
    }

    fn workspace(&self) -> Workspace<'_, T> {
        Workspace {
            planner: Planner::new(&self.wishes, self.request.threads),
            encoder: Encoder::new(self.request.params.level),
            blocks: Blocks {
                kernels: kernels(),
                samples: Vec::new(),
                k: Vec::new(),
                misses: Vec::new(),
                payload: Vec::new(),
            },
            gathered: Vec::new(),
        }
    }

    /// Encodes consecutive streams.
    fn part<'w>(
        &'w self,
        streams: Range<usize>,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) -> Part {
        let mut part = Part::default();
        let mut grids = Grids::default();
        if self.request.shape.length >= LONG {
            for index in streams {
                self.long(index, &mut grids, &mut part, workspaces);
            }
            return part;
        }
        workspaces.with(
            || self.workspace(),
            |workspace| {
                let (piece, _) = workspace.piece(|workspace, segment| {
                    self.each_view(streams, workspace, |workspace, view, index| {
                        self.short(view, index, &mut grids, &mut part.table, segment, workspace);
                    });
                });
                if !piece.bytes.is_empty() {
                    part.payload.push(piece);
                }
            },
        );
        part
    }

    /// Calls `each` with a view of each stream; those that lie side by side in the chunk are
    /// copied first, so that none is read a cache line per sample.
    fn each_view<'w>(
        &self,
        streams: Range<usize>,
        workspace: &mut Workspace<'w, T>,
        mut each: impl FnMut(&mut Workspace<'w, T>, &StreamView<'_>, usize),
    ) {
        let length = self.request.shape.length;
        let inner = self.request.shape.inner * self.request.dtype.components();
        let mut first = streams.start;
        while first < streams.end {
            let view = self.view(first);
            if view.is_contiguous::<T>() {
                each(workspace, &view, first);
                first += 1;
                continue;
            }
            let count = (inner - first % inner).min(streams.end - first);
            let mut gathered = std::mem::take(&mut workspace.gathered);
            gathered.resize(count * length, T::default());
            view.read_neighbours(count, &mut gathered);
            for i in 0..count {
                each(workspace, &StreamView::contiguous(&gathered, length, i), first + i);
            }
            workspace.gathered = gathered;
            first += count;
        }
    }

    /// Encodes a stream of one segment behind those in `segment`'s payload.
    fn short(
        &self,
        view: &StreamView<'_>,
        index: usize,
        grids: &mut Grids,
        table: &mut TableBuilder,
        segment: &mut Segment,
        workspace: &mut Workspace<'_, T>,
    ) {
        let start = segment.payload.len();
        for careful in [false, true] {
            segment.clear(start);
            let plan = workspace.planner.plan(view, index, grids, careful);
            let block = self.block(&plan, view, workspace);
            self.segment(&plan, block, view, 0..plan.coded, workspace, segment);
            if plan.surveyed || segment.exceptions.runs() * MANY <= plan.coded {
                let Segment { payload, frames, anchors, exceptions } = &mut *segment;
                let exceptions = std::mem::take(exceptions);
                self.describe(&plan, block, frames, anchors, exceptions, table, |block| {
                    payload.extend_from_slice(block);
                });
                return;
            }
        }
    }

    /// Encodes a stream of several segments.
    fn long<'w>(
        &'w self,
        index: usize,
        grids: &mut Grids,
        part: &mut Part,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) {
        let view = self.view(index);
        for careful in [false, true] {
            let (plan, block) = workspaces.with(
                || self.workspace(),
                |workspace| {
                    let plan = workspace.planner.plan(&view, index, grids, careful);
                    (plan, self.block(&plan, &view, workspace))
                },
            );
            let count = plan.coded.div_ceil(PART / T::SIZE);
            let length = plan.coded.div_ceil(count).next_multiple_of(block);
            let firsts = (0..plan.coded).step_by(length).collect();
            let segments = map(self.request.threads, firsts, |first| {
                let range = first..plan.coded.min(first + length);
                workspaces.with(
                    || self.workspace(),
                    |workspace| {
                        workspace.piece(|workspace, segment| {
                            self.segment(&plan, block, &view, range, workspace, segment);
                        })
                    },
                )
            });
            let runs: usize = segments.iter().map(|(_, segment)| segment.exceptions.runs()).sum();
            if !plan.surveyed && runs * MANY > plan.coded {
                continue;
            }
            let (mut frames, mut anchors) = (Vec::new(), Vec::new());
            let mut exceptions = Exceptions::default();
            for (piece, segment) in segments {
                frames.extend(segment.frames);
                anchors.extend(segment.anchors);
                exceptions.append(segment.exceptions);
                part.payload.push(piece);
            }
            let Part { table, payload } = part;
            self.describe(&plan, block, &frames, &anchors, exceptions, table, |block| {
                if !block.is_empty() {
                    payload.push(Piece::new(block.to_vec()));
                }
            });
            return;
        }
    }

    /// Adds a stream to the table, and hands each block of its exceptions to `add`.
    #[expect(clippy::too_many_arguments, reason = "what a stream consists of")]
    fn describe(
        &self,
        plan: &Plan,
        block: usize,
        frames: &[usize],
        anchors: &[i64],
        mut exceptions: Exceptions,
        table: &mut TableBuilder,
        mut add: impl FnMut(&[u8]),
    ) {
        let length = self.request.shape.length;
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
        table.push(&stream, length);
        frames.iter().for_each(|&bytes| table.push_frame(bytes));
        let mut last = 0_i64;
        for &anchor in anchors {
            table.push_anchor(anchor.wrapping_sub(last));
            last = anchor;
        }
        if exceptions.is_empty() {
            return;
        }
        exceptions.write::<T>(length, |block| {
            table.push_span(block.len());
            add(block);
        });
    }

    /// The block size of a stream's frames.
    fn block(&self, plan: &Plan, view: &StreamView<'_>, workspace: &mut Workspace<'_, T>) -> usize {
        let Workspace { encoder, blocks, .. } = workspace;
        if plan.form == Form::Constant {
            return CONSTANT_BLOCK;
        }
        let Blocks { kernels, samples, k, misses, .. } = blocks;
        encoder.choose_block(plan.coded, plan.width, &mut |first, out| {
            let samples = view.samples(first, out.len(), samples);
            plan.load(kernels, samples, first, k, misses, out);
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
        segment: &mut Segment,
    ) {
        let Workspace { encoder, blocks, .. } = workspace;
        let Blocks { kernels, samples, k, misses, payload } = blocks;
        for first in range.clone().step_by(block) {
            let length = block.min(range.end - first);
            let samples = view.samples::<T>(first, length, samples);
            payload.resize(length, 0);
            plan.load(kernels, samples, first, k, misses, payload);
            for &miss in &*misses {
                let bits = samples[miss as usize].bits();
                segment.exceptions.add(first + miss as usize, 1, bits);
            }
            if plan.form == Form::Constant {
                continue;
            }
            let number = (first / block) as u64;
            let before = segment.payload.len();
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
                Form::Constant | Form::Narrow | Form::Predicted { .. } => {}
            }
            if before == 0 {
                // The others will be about as long; to double the buffer would take more. Behind
                // earlier streams it grows by doubling: those that follow are not known here.
                let written = segment.payload.len() - before;
                let others = (range.len() - length).div_ceil(block);
                segment.payload.reserve_exact((written + written / 16) * others);
            }
        }
    }
}
