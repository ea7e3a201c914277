//! The table of a coded chunk: its streams, and where their frames and exceptions are.

use super::bytes::{Cursor, put_varint};
use super::column::{Builder, Column};
use super::exceptions::SPAN;
use super::low_bits;
use super::predictions::{Predictions, put_predictors, put_references};
use crate::arithmetic::{unzigzag, zigzag};
use crate::cross::Predictor;
use crate::error::{Error, Result};
use crate::layout::{Class, Dtype, Shape};
use crate::params::is_step;
use crate::quantize::{Dither, Fixed, Form, POWERS_OF_TEN, Rule};
use std::ops::Range;

/// Most frame or exception lengths that may be stored as one value for all.
const MOST_SAME: u64 = 1 << 16;

/// Bytes of the CRC-32 of what is behind a frame.
const CHECK: i64 = 4;

/// A stream as the table describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// How an integer becomes a sample.
    pub rule: Rule,
    /// How the integers are coded.
    pub form: Form,
    /// Added to factor·k.
    pub offset: i64,
    /// Multiplies k.
    pub factor: u64,
    /// Bits per sample of its FLAC frames.
    pub width: u32,
    /// Samples of each frame but the last.
    pub block: usize,
    /// Samples in its frames; for the rest, padding, k is 0.
    pub coded: usize,
    /// Whether it has exceptions.
    pub exceptions: bool,
}

impl Stream {
    /// Its frames.
    pub fn frames(&self) -> usize {
        if self.form == Form::Constant { 0 } else { self.coded.div_ceil(self.block) }
    }

    /// Bits that each of its k fits, where those have 32 at most.
    pub fn bits(&self) -> u32 {
        if let Form::Predicted { bits } = self.form { bits } else { self.width }
    }

    /// Whether the table has an anchor for each of its frames.
    fn has_anchors(&self) -> bool {
        matches!(self.form, Form::Difference { .. } | Form::Fixed { .. })
    }

    /// Bytes behind the FLAC frame of `samples` samples, where these tell.
    pub fn low_bytes(&self, samples: usize) -> usize {
        match self.form {
            Form::Split { low } => low_bits::bytes(samples, low) + 4,
            _ => 0,
        }
    }
}

/// Where a stream's parts begin among those of all streams.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    frame: usize,
    anchor: usize,
    span: usize,
    /// First byte in the payload.
    start: u64,
}

/// Fields of every stream, in the order of [`TableBuilder::push`].
const FIELDS: usize = 10;

/// Those fields as stored.
#[derive(Debug)]
struct Columns([Column; FIELDS]);

/// The table of a coded chunk.
#[derive(Debug)]
pub struct Table {
    columns: Columns,
    seed: u32,
    predictions: Predictions,
    /// Empty when no stream has frames or exceptions.
    rows: Vec<Row>,
    /// Sums of frame lengths up to each frame, and in all.
    frame_sums: Vec<u64>,
    /// The same of exception blocks.
    span_sums: Vec<u64>,
    anchors: Vec<i64>,
}

/// Floats are stored with their bits reversed: few bits of mantissa make a short varint.
fn float_code(x: f64) -> u64 {
    x.to_bits().reverse_bits()
}

fn float(code: u64) -> f64 {
    f64::from_bits(code.reverse_bits())
}

impl Columns {
    fn read(cursor: &mut Cursor<'_>, streams: u64) -> Result<Self> {
        let mut columns = [const { Column::Same(0) }; FIELDS];
        for column in &mut columns {
            *column = Column::read(cursor, streams)?;
        }
        Ok(Columns(columns))
    }

    fn are_same(&self) -> bool {
        self.0.iter().all(|column| matches!(column, Column::Same(_)))
    }

    /// The description of component stream `index`.
    fn stream(&self, index: usize, length: usize, seed: u32) -> Result<Stream> {
        let fields = self.0.each_ref().map(|column| column.get(index));
        let [kind, offset, factor, width, block, detail, parameter, second, padding, spanned] =
            fields;
        let strange = |what: &str, value: u64| {
            Err(Error::corrupt(format!("{what} {value} of kind {kind:#x}")))
        };
        let quanta = float(parameter);
        let (rule, parameters) = match kind & 15 {
            0 => (Rule::Ordered, 0),
            1 => (Rule::Quanta(quanta), 1),
            2 => {
                let (numerator, power) = (parameter as u32, (parameter >> 32) as u32);
                if numerator == 0 || power as usize >= POWERS_OF_TEN.len() {
                    return strange("decimal quanta", parameter);
                }
                (Rule::Decimal { numerator, power }, 1)
            }
            3 => (Rule::Dithered(quanta, Dither::new(seed, index as u64)), 1),
            4 => (Rule::Affine { step: quanta, offset: float(second) }, 2),
            5 => (Rule::Folded, 0),
            other => {
                return Err(Error::unsupported(format!(
                    "decoding rule {other}: install a later h5flac"
                )));
            }
        };
        let form = match kind >> 4 {
            0 => Form::Constant,
            1 => Form::Narrow,
            2 if (1..=63).contains(&detail) => Form::Split { low: detail as u32 },
            2 => return strange("low bits", detail),
            3 => Form::Difference { step: unzigzag(detail) },
            4 if (4..=32).contains(&detail) => Form::Predicted { bits: detail as u32 },
            4 => return strange("bits", detail),
            5 if kind == 5 << 4 && offset == 0 && factor == 1 => {
                // What is no exponent of the type is refused where that is known.
                Form::Fixed { exponent: i32::try_from(unzigzag(detail)).unwrap_or(i32::MAX) }
            }
            5 => return strange("rule, offset or factor of floats in fixed point", kind),
            other => {
                return Err(Error::unsupported(format!(
                    "stream form {other}: install a later h5flac"
                )));
            }
        };
        if matches!(rule, Rule::Quanta(_) | Rule::Dithered(..) | Rule::Affine { .. })
            && !is_step(quanta)
        {
            return strange("quanta with bits", quanta.to_bits());
        }
        if parameters < 1 && parameter != 0 {
            return strange("unused parameter", parameter);
        }
        if parameters < 2 && second != 0 || !float(second).is_finite() {
            return strange("second parameter", second);
        }
        let framed = form != Form::Constant;
        if framed != (4..=32).contains(&width) || !framed && width != 0 {
            return strange("width", width);
        }
        if framed != (1..=65535).contains(&block) || !framed && block != 0 {
            return strange("block size", block);
        }
        if matches!(form, Form::Constant | Form::Narrow) && detail != 0 {
            return strange("unused detail", detail);
        }
        if factor == 0 {
            return strange("factor", factor);
        }
        let coded = usize::try_from(padding).ok().and_then(|p| length.checked_sub(p));
        let Some(coded) = coded.filter(|&coded| coded > 0) else {
            return strange("padding", padding);
        };
        if spanned > 1 {
            return strange("exceptions flag", spanned);
        }
        Ok(Stream {
            rule,
            form,
            offset: unzigzag(offset),
            factor,
            width: width as u32,
            block: block as usize,
            coded,
            exceptions: spanned == 1,
        })
    }
}

impl Table {
    /// Reads the table of a chunk of this type and shape: what follows its seed. `referenced`
    /// says that streams may predict others.
    ///
    /// # Errors
    /// `Corrupt`, `Truncated`, `Unsupported`, `TooLarge`.
    pub fn read(
        cursor: &mut Cursor<'_>,
        dtype: &Dtype,
        shape: &Shape,
        seed: u32,
        referenced: bool,
    ) -> Result<Self> {
        // No overflow: the chunk's bytes do not.
        let streams = shape.streams() * dtype.components();
        let length = shape.length;
        let columns = Columns::read(cursor, streams as u64)?;
        let spans = length.div_ceil(SPAN) as u64;
        // One visit where all streams are alike; else each has bytes of its own in some column.
        let (distinct, times) = if columns.are_same() { (1, streams as u64) } else { (streams, 1) };
        let too_many = || Error::corrupt("more frames than any chunk has");
        let (mut frames, mut anchors, mut blocks, mut predicted) = (0_u64, 0_u64, 0_u64, 0_u64);
        for index in 0..distinct.min(streams) {
            let place = |e: Error| e.within(format!("stream {index}"));
            let stream = columns.stream(index, length, seed).map_err(place)?;
            if dtype.class != Class::Float && stream.rule != Rule::Ordered {
                return Err(place(Error::corrupt("a decoding rule of floats for integers")));
            }
            if stream.form != Form::Constant && stream.block < 16 && stream.block < stream.coded {
                return Err(place(Error::corrupt(format!("blocks of {} samples", stream.block))));
            }
            let add = |sum: u64, more: u64| {
                more.checked_mul(times).and_then(|n| n.checked_add(sum)).ok_or_else(too_many)
            };
            let count = stream.frames() as u64;
            frames = add(frames, count)?;
            match stream.form {
                Form::Fixed { exponent } if !Fixed::fits(dtype, exponent, stream.width) => {
                    return Err(place(Error::corrupt(format!(
                        "{} bits of multiples of 2^{exponent} for {dtype}",
                        stream.width
                    ))));
                }
                Form::Difference { .. } | Form::Fixed { .. } => anchors = add(anchors, count)?,
                Form::Predicted { .. } if !referenced => {
                    return Err(place(Error::corrupt(
                        "form 4 in a chunk without references (flag 4)",
                    )));
                }
                Form::Predicted { .. } => predicted = add(predicted, 1)?,
                _ => {}
            }
            if stream.exceptions {
                blocks = add(blocks, spans)?;
            }
        }
        let stream = |index| columns.stream(index, length, seed).expect("valid as the others");
        let predictions = match referenced {
            true => Predictions::read(cursor, streams, predicted, stream)?,
            false => Predictions::default(),
        };
        if anchors > cursor.left() as u64 {
            return Err(Error::truncated(format!("{anchors} anchors in {} bytes", cursor.left())));
        }
        let mut table = Table {
            columns,
            seed,
            predictions,
            rows: Vec::new(),
            frame_sums: vec![0],
            span_sums: vec![0],
            anchors: (0..anchors).map(|_| cursor.varint().map(unzigzag)).collect::<Result<_>>()?,
        };
        table.frame_sums = sums(cursor, frames, "frame")?;
        table.span_sums = sums(cursor, blocks, "exception block")?;
        table.locate(streams, length)?;
        Ok(table)
    }

    /// Finds where each stream begins. There are at most as many as frames and exception blocks
    /// together, or each has bytes of its own in some column.
    fn locate(&mut self, streams: usize, length: usize) -> Result<()> {
        if self.frame_sums.len() + self.span_sums.len() == 2 {
            return Ok(());
        }
        let mut at = Row::default();
        self.rows.reserve_exact(streams);
        for index in 0..streams {
            self.rows.push(at);
            let stream = self.columns.stream(index, length, self.seed)?;
            let frames = stream.frames();
            let mut bytes = self.frame_sums[at.frame + frames] - self.frame_sums[at.frame];
            if let Some(full) = frames.checked_sub(1) {
                let last = stream.coded - full * stream.block;
                bytes = bytes
                    .checked_add(full as u64 * stream.low_bytes(stream.block) as u64)
                    .and_then(|b| b.checked_add(stream.low_bytes(last) as u64))
                    .ok_or_else(|| Error::too_large("frames of more than 2^64 bytes"))?;
            }
            if stream.has_anchors() {
                let anchors = &mut self.anchors[at.anchor..at.anchor + frames];
                let mut last = 0_i64;
                for anchor in &mut *anchors {
                    last = last.wrapping_add(*anchor);
                    *anchor = last;
                }
                if let Form::Fixed { .. } = stream.form {
                    let low = sum_up(anchors, stream.block)
                        .map_err(|e| e.within(format!("stream {index}")))?;
                    bytes = bytes
                        .checked_add(low)
                        .ok_or_else(|| Error::too_large("frames of more than 2^64 bytes"))?;
                }
                at.anchor += frames;
            }
            if stream.exceptions {
                let spans = length.div_ceil(SPAN);
                bytes = bytes
                    .checked_add(self.span_sums[at.span + spans] - self.span_sums[at.span])
                    .ok_or_else(|| Error::too_large("exceptions of more than 2^64 bytes"))?;
                at.span += spans;
            }
            at.frame += frames;
            at.start = at
                .start
                .checked_add(bytes)
                .ok_or_else(|| Error::too_large("a payload of more than 2^64 bytes"))?;
        }
        self.rows.push(at);
        Ok(())
    }

    /// Bytes of the payload.
    pub fn payload(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.start)
    }

    /// Bytes in the payload of a stream's frames and exceptions.
    pub fn bytes(&self, index: usize) -> u64 {
        if self.has_parts() { self.rows[index + 1].start - self.rows[index].start } else { 0 }
    }

    /// Whether any stream has frames or exceptions.
    pub fn has_parts(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Which streams predict others, and how.
    pub fn predictions(&self) -> &Predictions {
        &self.predictions
    }

    /// Component stream `index`, whose chunk has streams of `length` samples.
    pub fn stream(&self, index: usize, length: usize) -> Stream {
        let stream = self.columns.stream(index, length, self.seed);
        stream.expect("checked while it was read")
    }

    /// Bytes in the payload of a stream's FLAC frame, and of what follows it up to the next.
    pub fn frame(&self, index: usize, stream: &Stream, frame: usize) -> [Range<u64>; 2] {
        let row = self.rows[index];
        let samples = stream.block.min(stream.coded - frame * stream.block);
        let (before, low) = match stream.form {
            Form::Fixed { .. } => {
                let sum = |frame: usize| self.anchors[row.anchor + frame] as u64;
                let before = frame.checked_sub(1).map_or(0, sum);
                (before, sum(frame) - before)
            }
            _ => {
                let before = frame as u64 * stream.low_bytes(stream.block) as u64;
                (before, stream.low_bytes(samples) as u64)
            }
        };
        let sum = |frame: usize| self.frame_sums[row.frame + frame];
        let origin = row.start - sum(0) + before;
        let [start, end] = [origin + sum(frame), origin + sum(frame + 1)];
        [start..end, end..end + low]
    }

    /// The first k of a frame of a stream of differences.
    pub fn anchor(&self, index: usize, frame: usize) -> i64 {
        self.anchors[self.rows[index].anchor + frame]
    }

    /// Bytes in the payload of the exceptions among the samples of a span; none where it is empty.
    pub fn exceptions(&self, index: usize, stream: &Stream, span: usize) -> Range<u64> {
        if !stream.exceptions {
            return 0..0;
        }
        let (row, next) = (self.rows[index], self.rows[index + 1]);
        let sum = |span: usize| self.span_sums[span];
        // They follow the frames, so they end where the next stream begins.
        let origin = next.start - sum(next.span);
        origin + sum(row.span + span)..origin + sum(row.span + span + 1)
    }
}

/// Replaces the bytes behind frames in fixed point by their sums up to each frame and with it; returns
/// that of all.
fn sum_up(lengths: &mut [i64], block: usize) -> Result<u64> {
    // A place has 63 bits at most.
    let most = 8 * block as i64 + CHECK;
    let mut sum = 0_i64;
    for length in lengths {
        if !(CHECK..=most).contains(length) {
            return Err(Error::corrupt(format!(
                "{length} bytes behind a frame of {block} samples"
            )));
        }
        // No overflow: each of these is told by a byte of the head.
        sum += *length;
        *length = sum;
    }
    Ok(sum as u64)
}

/// Reads a column of lengths as its sums.
fn sums(cursor: &mut Cursor<'_>, count: u64, what: &str) -> Result<Vec<u64>> {
    let column = Column::read(cursor, count)?;
    if matches!(column, Column::Same(_)) && count > MOST_SAME {
        return Err(Error::corrupt(format!("one length for {count} {what}s")));
    }
    let mut sums = Vec::with_capacity(count as usize + 1);
    let mut sum = 0_u64;
    sums.push(sum);
    for row in 0..count as usize {
        sum = sum
            .checked_add(column.get(row))
            .ok_or_else(|| Error::too_large(format!("{what}s of more than 2^64 bytes")))?;
        sums.push(sum);
    }
    Ok(sums)
}

/// A table in the making: rows of some streams, in order.
#[derive(Default)]
pub struct TableBuilder {
    columns: [Builder; FIELDS],
    predictors: Vec<u8>,
    anchors: Vec<u8>,
    frames: Builder,
    spans: Builder,
}

impl TableBuilder {
    /// Adds a stream of `length` samples.
    pub fn push(&mut self, stream: &Stream, length: usize) {
        let (rule, parameter, second) = match stream.rule {
            Rule::Ordered => (0, 0, 0),
            Rule::Quanta(quanta) => (1, float_code(quanta), 0),
            Rule::Decimal { numerator, power } => {
                (2, u64::from(numerator) | u64::from(power) << 32, 0)
            }
            Rule::Dithered(quanta, _) => (3, float_code(quanta), 0),
            Rule::Affine { step, offset } => (4, float_code(step), float_code(offset)),
            Rule::Folded => (5, 0, 0),
        };
        let (form, detail) = match stream.form {
            Form::Constant => (0, 0),
            Form::Narrow => (1, 0),
            Form::Split { low } => (2, u64::from(low)),
            Form::Fixed { exponent } => (5, zigzag(i64::from(exponent))),
            Form::Difference { step } => (3, zigzag(step)),
            Form::Predicted { bits } => (4, u64::from(bits)),
        };
        let values = [
            rule | form << 4,
            zigzag(stream.offset),
            stream.factor,
            u64::from(stream.width),
            stream.block as u64,
            detail,
            parameter,
            second,
            (length - stream.coded) as u64,
            u64::from(stream.exceptions),
        ];
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
    }

    /// Adds the length of the last stream's next frame.
    pub fn push_frame(&mut self, length: usize) {
        self.frames.push(length as u64);
    }

    /// Adds the predictors of the last stream, of form 4: each for `frames` of its frames, or one
    /// for all where that is 0.
    pub fn push_predictors(&mut self, frames: usize, predictors: &[Predictor]) {
        put_predictors(frames, predictors, &mut self.predictors);
    }

    /// Adds the first k of the last stream's next frame, as its difference from the one before.
    pub fn push_anchor(&mut self, difference: i64) {
        put_varint(zigzag(difference), &mut self.anchors);
    }

    /// Adds the length of the last stream's next block of exceptions.
    pub fn push_span(&mut self, length: usize) {
        self.spans.push(length as u64);
    }

    /// Adds the streams of a later part.
    pub fn append(&mut self, later: &TableBuilder) {
        for (column, later) in self.columns.iter_mut().zip(&later.columns) {
            column.append(later);
        }
        self.predictors.extend_from_slice(&later.predictors);
        self.anchors.extend_from_slice(&later.anchors);
        self.frames.append(&later.frames);
        self.spans.append(&later.spans);
    }

    /// Appends the table of a chunk of which these streams, if any, predict others.
    pub fn write(self, references: &[usize], out: &mut Vec<u8>) {
        for column in self.columns {
            column.write(u64::MAX, out);
        }
        if !references.is_empty() {
            put_references(references, out);
        }
        out.extend_from_slice(&self.predictors);
        out.extend_from_slice(&self.anchors);
        self.frames.write(MOST_SAME, out);
        self.spans.write(MOST_SAME, out);
    }
}
