//! Consecutive streams of a chunk to a part of its table and of its payload.

use super::encode::{Chunk, PART};
use super::exceptions::Exceptions;
use super::pieces::Piece;
use super::relations::Relations;
use super::segment::{Blocks, Course, Segment, Stand};
use super::spare;
use super::table::{Stream, TableBuilder};
use crate::cross::Prediction;
use crate::flac::Encoder;
use crate::layout::StreamView;
use crate::parallel::{Workspaces, map};
use crate::quantize::{Form, Grids, MOST_WIDTH, Plan, Planner};
use crate::sample::Sample;
use crate::simd::kernels;
use std::ops::Range;

/// Streams of at least this many samples are long.
const LONG: usize = 1 << 16;

/// More runs of exceptions than one in so many samples were not expected of a plan that is no survey.
const MANY: usize = 64;

/// Samples of a constant stream that are searched for exceptions at once.
const CONSTANT_BLOCK: usize = 4096;

/// What consecutive streams became.
#[derive(Default)]
pub struct Part {
    pub table: TableBuilder,
    pub payload: Vec<Piece<'static>>,
}

/// Buffers of one thread.
pub struct Workspace<'a, T> {
    pub planner: Planner<'a, T>,
    encoder: Encoder,
    pub blocks: Blocks<T>,
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
        let mut segment = Segment { payload: spare::BYTES.take(samples / 4), ..Segment::default() };
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
pub struct Role<'r> {
    /// What it may be predicted from.
    pub relations: Option<&'r Relations>,
    /// What stands for it in its gaps.
    pub stand: Option<&'r Stand<'r>>,
    /// Whether others are predicted from it.
    pub kept: bool,
}

/// How to encode a stream after what was tried first failed.
#[derive(Clone, Copy, Default)]
struct Attempt {
    /// Plan by a survey of every sample.
    careful: bool,
    /// Leave the most bits to what a prediction leaves, which had more than was expected.
    wide: bool,
}

impl Attempt {
    /// What to try after this one, whose frames of `plan` have so many exceptions and may not fit.
    fn next(self, plan: &Plan, runs: usize, misfit: bool) -> Option<Self> {
        if misfit {
            return Some(Attempt { wide: true, ..self });
        }
        let many = !plan.surveyed && runs * MANY > plan.coded;
        many.then_some(Attempt { careful: true, ..self })
    }

    /// Bits for what a prediction leaves of a stream; modulo 2^32 all fit the most.
    fn width(self, plan: &Plan) -> u32 {
        if self.wide { MOST_WIDTH } else { (plan.width + 1).min(MOST_WIDTH) }
    }
}

/// A stream's plan, and what predicts it.
struct Prospect {
    plan: Plan,
    prediction: Option<Prediction>,
    width: u32,
}

impl<T: Sample> Chunk<'_, '_, T> {
    /// Runs `work` with a workspace of this chunk.
    pub fn with_workspace<'w, R>(
        &'w self,
        workspaces: &Workspaces<Workspace<'w, T>>,
        work: impl FnOnce(&mut Workspace<'w, T>) -> R,
    ) -> R {
        workspaces.with(|| self.workspace(), work)
    }

    fn workspace(&self) -> Workspace<'_, T> {
        Workspace {
            planner: Planner::new(&self.wishes, self.fixed, self.request.threads),
            encoder: Encoder::new(self.request.params.level),
            blocks: Blocks::new(kernels()),
            gathered: Vec::new(),
        }
    }

    /// Encodes consecutive streams.
    pub fn part<'w>(
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
        self.with_workspace(workspaces, |workspace| {
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
        });
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
    pub fn long<'w>(
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
            let prospect = self.with_workspace(workspaces, |workspace| {
                self.prospect(&view, index, grids, role, attempt, workspace)
            });
            let course = self.with_workspace(workspaces, |workspace| {
                self.course(&prospect, &view, role, workspace)
            });
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
                self.with_workspace(workspaces, |workspace| {
                    workspace.piece(range.len() * T::SIZE, |workspace, segment| {
                        let Workspace { encoder, blocks, .. } = workspace;
                        course.segment(&view, range, encoder, blocks, segment, keep);
                    })
                })
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
        let fit = |r: &Relations| r.fit(&mut plan, view, &mut workspace.blocks);
        let prediction = role.relations.and_then(fit);
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
                if !course.load(view, first, blocks, out) {
                    // The stream will be encoded anew, with another width.
                    out.fill(0);
                }
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
            offset: plan.zero::<T>(),
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
