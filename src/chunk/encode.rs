//! Raw bytes to a chunk.

use super::exceptions::Exceptions;
use super::head::{PREFIX, TRAILER, coded_head, raw_head};
use super::pieces::{self, Compressed, LEAST_COPIED, Piece};
use super::relations::Relations;
use super::segment::{Blocks, Course, Segment, Stand};
use super::table::{Stream, TableBuilder};
use crate::cross::Prediction;
use crate::error::{Error, Result};
use crate::flac::Encoder;
use crate::layout::{ByteOrder, Dtype, Shape, StreamView};
use crate::parallel::{Workspaces, map};
use crate::params::{Mode, Params, is_step};
use crate::quantize::{Form, Grids, MOST_WIDTH, Plan, Planner, Wishes};
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
    /// becomes a piece, and the rest of the segment is returned beside it. The samples have so
    /// many bytes.
    fn piece(
        &mut self,
        samples: usize,
        encode: impl FnOnce(&mut Self, &mut Segment),
    ) -> (Piece<'static>, Segment) {
        self.encoder.reset();
        let mut segment = Segment { payload: pieces::buffer(samples / 4), ..Segment::default() };
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

/// What a stream is to others, and they to it.
#[derive(Clone, Copy, Default)]
struct Role<'r> {
    /// What it may be predicted from.
    relations: Option<&'r Relations>,
    /// What stands for it in its gaps.
    stand: Option<&'r Stand<'r>>,
    /// Whether others are predicted from it.
    kept: bool,
}

/// How to encode a stream after what was tried first failed.
#[derive(Clone, Copy, Default)]
struct Attempt {
    /// Plan by a survey of every sample.
    careful: bool,
    /// Times that a prediction left more than was expected.
    misfits: u32,
}

impl Attempt {
    /// What to try after this one, whose frames of `plan` have so many exceptions and may not fit.
    fn next(self, plan: &Plan, runs: usize, misfit: bool) -> Option<Self> {
        if misfit {
            return Some(Attempt { misfits: self.misfits + 1, ..self });
        }
        let many = !plan.surveyed && runs * MANY > plan.coded;
        many.then_some(Attempt { careful: true, ..self })
    }

    /// Bits for what a prediction leaves of a stream.
    fn width(self, plan: &Plan) -> u32 {
        if self.misfits == 0 { plan.width + 1 } else { MOST_WIDTH }.min(MOST_WIDTH)
    }
}

/// A stream's plan, and what predicts it.
struct Prospect {
    plan: Plan,
    prediction: Option<Prediction>,
    width: u32,
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
        let workspaces = Workspaces::default();
        let mut parts = Vec::new();
        let relations = self.relate(streams, &workspaces, &mut parts);
        let chosen = relations.as_ref().map_or(&[][..], |relations| &relations.chosen);
        let ranges = self.ranges(streams, chosen);
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

    fn workspace(&self) -> Workspace<'_, T> {
        Workspace {
            planner: Planner::new(&self.wishes, self.request.threads),
            encoder: Encoder::new(self.request.params.level),
            blocks: Blocks::new(kernels()),
            gathered: Vec::new(),
        }
    }

    /// Chooses reference streams and encodes them, each to a part of its own; none where the
    /// streams have too little in common.
    fn relate<'w>(
        &'w self,
        streams: usize,
        workspaces: &Workspaces<Workspace<'w, T>>,
        parts: &mut Vec<(usize, Part)>,
    ) -> Option<Relations> {
        let Request { shape, params, alone, .. } = self.request;
        if *alone {
            return None;
        }
        let size = (streams, shape.length);
        let view = |stream| self.view(stream);
        let mut relations =
            Relations::find::<T>(kernels(), params.level, size, self.wishes.fill, view)?;
        for (i, &stream) in relations.chosen.clone().iter().enumerate() {
            let other = relations.chosen.get(1).filter(|_| i == 0 && self.has_gaps());
            let stand = other.and_then(|&other| self.stand(stream, other, &relations, workspaces));
            let role = Role { relations: Some(&relations), stand: stand.as_ref(), kept: true };
            let mut part = Part::default();
            let (plan, k) = self.long(stream, &mut Grids::default(), role, &mut part, workspaces);
            parts.push((stream, part));
            let view = self.view(stream);
            workspaces.with(
                || self.workspace(),
                |workspace| relations.add(stream, &plan, &view, k, &mut workspace.blocks),
            );
        }
        Some(relations)
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
        workspaces.with(
            || self.workspace(),
            |workspace| {
                let (view, other_view) = (self.view(stream), self.view(other));
                let mut plan = |view: &StreamView<'_>, index| {
                    workspace.planner.plan(view, index, &mut Grids::default(), false)
                };
                let (plan, other) = (plan(&view, stream), plan(&other_view, other));
                relations.stand((&plan, &view), (other, other_view), &mut workspace.blocks)
            },
        )
    }

    /// Encodes consecutive streams.
    fn part<'w>(
        &'w self,
        streams: Range<usize>,
        relations: Option<&Relations>,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) -> Part {
        let mut part = Part::default();
        let mut grids = Grids::default();
        let role = Role { relations, ..Role::default() };
        if self.request.shape.length >= LONG {
            for index in streams {
                self.long(index, &mut grids, role, &mut part, workspaces);
            }
            return part;
        }
        workspaces.with(
            || self.workspace(),
            |workspace| {
                let samples = streams.len() * self.request.shape.length * T::SIZE;
                let (piece, _) = workspace.piece(samples, |workspace, segment| {
                    self.each_view(streams, workspace, |workspace, view, index| {
                        let table = &mut part.table;
                        self.short(view, index, &mut grids, role, table, segment, workspace);
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
    #[expect(
        clippy::too_many_arguments,
        reason = "what all streams of a part share, and the stream"
    )]
    fn short(
        &self,
        view: &StreamView<'_>,
        index: usize,
        grids: &mut Grids,
        role: Role<'_>,
        table: &mut TableBuilder,
        segment: &mut Segment,
        workspace: &mut Workspace<'_, T>,
    ) {
        let start = segment.payload.len();
        let mut attempt = Attempt::default();
        loop {
            segment.clear(start);
            let prospect = self.prospect(view, index, grids, role, attempt, workspace);
            let course = self.course(&prospect, view, role, workspace);
            let Workspace { encoder, blocks, .. } = &mut *workspace;
            course.segment(view, 0..prospect.plan.coded, encoder, blocks, segment, None);
            let (runs, misfit) = (segment.exceptions.runs(), segment.misfit);
            if let Some(next) = attempt.next(&prospect.plan, runs, misfit) {
                attempt = next;
                continue;
            }
            let Segment { payload, frames, anchors, exceptions, .. } = &mut *segment;
            let exceptions = std::mem::take(exceptions);
            self.describe(&course, frames, anchors, exceptions, table, |block| {
                payload.extend_from_slice(block);
            });
            return;
        }
    }

    /// Encodes a stream of any number of segments. Returns its plan, and its integers if they are
    /// to be kept.
    fn long<'w>(
        &'w self,
        index: usize,
        grids: &mut Grids,
        role: Role<'_>,
        part: &mut Part,
        workspaces: &Workspaces<Workspace<'w, T>>,
    ) -> (Plan, Vec<i32>) {
        let view = self.view(index);
        let mut attempt = Attempt::default();
        let mut k = Vec::new();
        loop {
            let prospect = workspaces.with(
                || self.workspace(),
                |workspace| self.prospect(&view, index, grids, role, attempt, workspace),
            );
            let course = workspaces.with(
                || self.workspace(),
                |workspace| self.course(&prospect, &view, role, workspace),
            );
            let plan = &prospect.plan;
            let count = plan.coded.div_ceil(PART / T::SIZE);
            let length = plan.coded.div_ceil(count).next_multiple_of(course.block);
            if role.kept && Relations::takes(plan) {
                k.resize(plan.coded, 0);
            } else {
                k.clear();
            }
            let mut keep = k.chunks_mut(length);
            let starts = (0..plan.coded).step_by(length);
            let firsts = starts.map(|first| (first, keep.next())).collect();
            let segments = map(self.request.threads, firsts, |(first, keep)| {
                let range = first..plan.coded.min(first + length);
                workspaces.with(
                    || self.workspace(),
                    |workspace| {
                        workspace.piece(range.len() * T::SIZE, |workspace, segment| {
                            let Workspace { encoder, blocks, .. } = workspace;
                            course.segment(&view, range, encoder, blocks, segment, keep);
                        })
                    },
                )
            });
            let runs = segments.iter().map(|(_, segment)| segment.exceptions.runs()).sum();
            let misfit = segments.iter().any(|(_, segment)| segment.misfit);
            if let Some(next) = attempt.next(plan, runs, misfit) {
                attempt = next;
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
            self.describe(&course, &frames, &anchors, exceptions, table, |block| {
                if !block.is_empty() {
                    payload.push(Piece::new(block.to_vec()));
                }
            });
            return (*plan, k);
        }
    }

    /// Plans a stream, and looks for what predicts it.
    fn prospect(
        &self,
        view: &StreamView<'_>,
        index: usize,
        grids: &mut Grids,
        role: Role<'_>,
        attempt: Attempt,
        workspace: &mut Workspace<'_, T>,
    ) -> Prospect {
        let mut plan = workspace.planner.plan(view, index, grids, attempt.careful);
        let relations = role.relations.filter(|_| attempt.misfits < 2);
        let prediction = relations.and_then(|r| r.fit(&mut plan, view, &mut workspace.blocks));
        let width = if prediction.is_some() { attempt.width(&plan) } else { plan.width };
        Prospect { plan, prediction, width }
    }

    /// How a stream is coded, with its block size.
    fn course<'c>(
        &self,
        prospect: &'c Prospect,
        view: &StreamView<'_>,
        role: Role<'c>,
        workspace: &mut Workspace<'_, T>,
    ) -> Course<'c> {
        let Prospect { plan, prediction, width } = prospect;
        let references = role.relations.map_or(&[][..], |relations| &relations.references);
        let mut course = Course {
            plan: *plan,
            block: CONSTANT_BLOCK,
            prediction: prediction.as_ref().map(|prediction| (prediction, references)),
            shared: 1,
            width: *width,
            stand: role.stand,
        };
        if plan.form != Form::Constant {
            let Workspace { encoder, blocks, .. } = workspace;
            let block = encoder.choose_block(plan.coded, *width, &mut |first, out| {
                course.load(view, first, blocks, out);
            });
            course.set_block(block);
        }
        course
    }

    /// Adds a stream to the table, and hands each block of its exceptions to `add`.
    fn describe(
        &self,
        course: &Course<'_>,
        frames: &[usize],
        anchors: &[i64],
        mut exceptions: Exceptions,
        table: &mut TableBuilder,
        mut add: impl FnMut(&[u8]),
    ) {
        let Course { plan, block, prediction, width, .. } = course;
        let length = self.request.shape.length;
        if let Some(bits) = plan.padding {
            exceptions.add(plan.coded, length - plan.coded, bits);
        }
        let stream = Stream {
            rule: plan.quantizer.rule,
            form: if prediction.is_some() {
                Form::Predicted { bits: plan.width }
            } else {
                plan.form
            },
            offset: plan.offset,
            factor: plan.factor,
            width: *width,
            block: if plan.form == Form::Constant { 0 } else { *block },
            coded: plan.coded,
            exceptions: !exceptions.is_empty(),
        };
        table.push(&stream, length);
        if let Some((shared, predictors)) = course.predictors() {
            table.push_predictors(shared, &predictors);
        }
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
}
