//! What precedes a chunk's payload: type, shape, and the table of streams and frames.

use super::bytes::{Cursor, put_varint, unzigzag, zigzag};
use super::column::{Builder, Column};
use super::exceptions::SPAN;
use super::low_bits;
use crate::error::{Error, Result};
use crate::flac::{FILE_HEADER, file_header};
use crate::layout::{ByteOrder, Class, Dtype, Shape};
use crate::quantize::{Dither, Form, POWERS_OF_TEN, Rule};
use std::ops::Range;

/// First bytes of every chunk.
const MAGIC: [u8; 4] = [0xf1, 0xac, b'h', b'5'];
/// Version of the format.
const VERSION: u8 = 1;
/// Prefix: magic 4, version, type, flags, zero, length of the rest of the head 8, CRC-32 4.
pub const PREFIX: usize = 20;
/// Bytes of the prefix that its CRC-32 covers; the rest of the head follows them.
const COVERED: usize = 16;
/// The CRC-32 of all that precedes, at the end of every chunk.
pub const TRAILER: usize = 4;

/// The payload is the chunk's raw bytes.
const RAW: u8 = 1;
/// A dither seed follows the shape.
const SEEDED: u8 = 2;

/// Most frame or exception lengths that may be stored as one value for all.
const MOST_SAME: u64 = 1 << 16;

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

    /// Bytes behind the FLAC frame of `samples` samples.
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

/// Fields of every stream, as stored.
#[derive(Debug)]
struct Columns {
    kind: Column,
    offset: Column,
    factor: Column,
    width: Column,
    block: Column,
    detail: Column,
    parameter: Column,
    second: Column,
    padding: Column,
    spanned: Column,
}

/// The table of a coded chunk.
#[derive(Debug)]
struct Table {
    columns: Columns,
    seed: u32,
    /// Empty when no stream has frames or exceptions.
    rows: Vec<Row>,
    /// Sums of frame lengths up to each frame, and in all.
    frame_sums: Vec<u64>,
    /// The same of exception blocks.
    span_sums: Vec<u64>,
    anchors: Vec<i64>,
}

/// CRC-32s of a raw payload's pieces.
#[derive(Debug)]
struct Pieces {
    size: usize,
    checks: Vec<u32>,
}

#[derive(Debug)]
enum Body {
    Raw(Pieces),
    Coded(Box<Table>),
}

/// The parsed head of a chunk: all but the payload.
#[derive(Debug)]
pub struct Head {
    /// Type of the chunk's elements.
    pub dtype: Dtype,
    /// The chunk's shape around its stream axis.
    pub shape: Shape,
    body: Body,
    length: usize,
    raw_len: usize,
    payload: u64,
}

fn type_code(dtype: &Dtype) -> u8 {
    let class = match dtype.class {
        Class::Signed => 0,
        Class::Unsigned => 1,
        Class::Float => 2,
    };
    class
        | (dtype.size.ilog2() as u8) << 2
        | u8::from(dtype.order == ByteOrder::Big) << 4
        | u8::from(dtype.complex) << 5
}

fn dtype(code: u8) -> Result<Dtype> {
    let class = match code & 3 {
        0 => Class::Signed,
        1 => Class::Unsigned,
        2 => Class::Float,
        _ => return Err(Error::corrupt("number class 3; known are 0 to 2")),
    };
    if code >> 6 != 0 {
        return Err(Error::corrupt(format!("type code {code:#x} has an unknown bit")));
    }
    let order = if code >> 4 & 1 == 1 { ByteOrder::Big } else { ByteOrder::Little };
    Dtype::new(class, 1 << (code >> 2 & 3), order, code >> 5 & 1 == 1)
        .map_err(|e| Error::corrupt(e.to_string()))
}

/// Floats are stored with their bits reversed: few bits of mantissa make a short varint.
fn float_code(x: f64) -> u64 {
    x.to_bits().reverse_bits()
}

fn float(code: u64) -> f64 {
    f64::from_bits(code.reverse_bits())
}

fn bytes_of(dtype: &Dtype, shape: &Shape) -> Result<usize> {
    shape
        .elements()
        .and_then(|n| n.checked_mul(dtype.element_size()))
        .filter(|&n| n <= isize::MAX as usize)
        .ok_or_else(|| Error::too_large(format!("a chunk of {shape:?} elements")))
}

impl Columns {
    fn read(cursor: &mut Cursor<'_>, streams: u64) -> Result<Self> {
        let mut column = || Column::read(cursor, streams);
        Ok(Columns {
            kind: column()?,
            offset: column()?,
            factor: column()?,
            width: column()?,
            block: column()?,
            detail: column()?,
            parameter: column()?,
            second: column()?,
            padding: column()?,
            spanned: column()?,
        })
    }

    fn are_same(&self) -> bool {
        let all = [
            &self.kind,
            &self.offset,
            &self.factor,
            &self.width,
            &self.block,
            &self.detail,
            &self.parameter,
            &self.second,
            &self.padding,
            &self.spanned,
        ];
        all.into_iter().all(|c| matches!(c, Column::Same(_)))
    }

    /// The description of component stream `index`.
    fn stream(&self, index: usize, length: usize, seed: u32) -> Result<Stream> {
        let [kind, factor, width, block, detail, parameter, second, padding, spanned] = [
            &self.kind,
            &self.factor,
            &self.width,
            &self.block,
            &self.detail,
            &self.parameter,
            &self.second,
            &self.padding,
            &self.spanned,
        ]
        .map(|column| column.get(index));
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
            other => {
                return Err(Error::unsupported(format!(
                    "stream form {other}: install a later h5flac"
                )));
            }
        };
        if matches!(rule, Rule::Quanta(_) | Rule::Dithered(..) | Rule::Affine { .. })
            && !(quanta.is_normal() && quanta > 0.0)
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
            offset: unzigzag(self.offset.get(index)),
            factor,
            width: width as u32,
            block: block as usize,
            coded,
            exceptions: spanned == 1,
        })
    }
}

impl Table {
    fn read(cursor: &mut Cursor<'_>, dtype: &Dtype, shape: &Shape, seeded: bool) -> Result<Self> {
        let seed = if seeded { u32::from_le_bytes(cursor.array()?) } else { 0 };
        // No overflow: the chunk's bytes do not.
        let streams = shape.streams() * dtype.components();
        let length = shape.length;
        let columns = Columns::read(cursor, streams as u64)?;
        let spans = length.div_ceil(SPAN) as u64;
        // One visit where all streams are alike; else each has bytes of its own in some column.
        let (distinct, times) = if columns.are_same() { (1, streams as u64) } else { (streams, 1) };
        let too_many = || Error::corrupt("more frames than any chunk has");
        let (mut frames, mut anchors, mut blocks) = (0_u64, 0_u64, 0_u64);
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
            if matches!(stream.form, Form::Difference { .. }) {
                anchors = add(anchors, count)?;
            }
            if stream.exceptions {
                blocks = add(blocks, spans)?;
            }
        }
        if anchors > cursor.left() as u64 {
            return Err(Error::truncated(format!("{anchors} anchors in {} bytes", cursor.left())));
        }
        let mut table = Table {
            columns,
            seed,
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
            if let Form::Difference { .. } = stream.form {
                let anchors = &mut self.anchors[at.anchor..at.anchor + frames];
                let mut last = 0_i64;
                for anchor in anchors {
                    last = last.wrapping_add(*anchor);
                    *anchor = last;
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

impl Head {
    /// Bytes to fetch first: the fixed prefix, which gives the length of the head.
    pub const PREFIX: usize = PREFIX;

    /// Length of the whole head (prefix included) from a chunk's first [`Head::PREFIX`] bytes.
    ///
    /// # Errors
    /// `Truncated` for fewer bytes, `Corrupt` for those of something else, `Unsupported` for a
    /// later version of the format.
    pub fn length(prefix: &[u8]) -> Result<usize> {
        let Some(prefix) = prefix.first_chunk::<PREFIX>() else {
            return Err(Error::truncated(format!(
                "{} bytes, and an h5flac chunk begins with {PREFIX}",
                prefix.len()
            )));
        };
        if prefix[..4] != MAGIC {
            return Err(Error::corrupt(format!(
                "begins with {:02x?}, and an h5flac chunk with {MAGIC:02x?}: these bytes were \
                 written by something else, or overwritten",
                &prefix[..4]
            )));
        }
        if prefix[4] != VERSION {
            return Err(Error::unsupported(format!(
                "format version {}, and this h5flac reads version {VERSION}: install a later h5flac",
                prefix[4]
            )));
        }
        let length = u64::from_le_bytes(prefix[8..16].try_into().expect("8 bytes"));
        usize::try_from(length)
            .ok()
            .and_then(|n| n.checked_add(PREFIX))
            .ok_or_else(|| Error::too_large(format!("a head of {length} bytes")))
    }

    /// Parses and verifies a head; bytes after it do no harm.
    ///
    /// # Errors
    /// `Truncated`, `Corrupt`, `Unsupported` for a later version of the format.
    pub fn parse(bytes: &[u8]) -> Result<Head> {
        Self::read(bytes, true)
    }

    pub(super) fn read(bytes: &[u8], verify: bool) -> Result<Head> {
        Self::read_inner(bytes, verify).map_err(|e| e.within("head"))
    }

    fn read_inner(bytes: &[u8], verify: bool) -> Result<Head> {
        let length = Self::length(bytes)?;
        let Some(head) = bytes.get(..length) else {
            return Err(Error::truncated(format!("{} bytes of {length}", bytes.len())));
        };
        let (prefix, rest) = head.split_at(PREFIX);
        let stored = u32::from_le_bytes(prefix[COVERED..].try_into().expect("4 bytes"));
        if verify && head_check(&prefix[..COVERED], rest) != stored {
            return Err(Error::corrupt("does not match its CRC-32"));
        }
        let (dtype, flags) = (dtype(prefix[5])?, prefix[6]);
        if flags & !(RAW | SEEDED) != 0 || flags == RAW | SEEDED || prefix[7] != 0 {
            return Err(Error::corrupt(format!("unknown flags {flags:#x}, {:#x}", prefix[7])));
        }
        let mut cursor = Cursor::new(rest);
        let shape = Shape { outer: cursor.size()?, length: cursor.size()?, inner: cursor.size()? };
        let raw_len = bytes_of(&dtype, &shape)?;
        if raw_len == 0 {
            return Err(Error::corrupt(format!("a chunk of {shape:?} elements")));
        }
        let (body, payload) = if flags & RAW != 0 {
            let size = cursor.size()?;
            let whole = size > 0 && size % dtype.element_size() == 0;
            if !whole || size > raw_len || raw_len.div_ceil(size) != cursor.left() / 4 {
                return Err(Error::corrupt(format!("raw pieces of {size} bytes")));
            }
            let checks = (0..raw_len.div_ceil(size))
                .map(|_| cursor.array().map(u32::from_le_bytes))
                .collect::<Result<_>>()?;
            (Body::Raw(Pieces { size, checks }), raw_len as u64)
        } else {
            let table = Table::read(&mut cursor, &dtype, &shape, flags & SEEDED != 0)?;
            let payload = table.rows.last().map_or(0, |row| row.start);
            (Body::Coded(Box::new(table)), payload)
        };
        if cursor.left() > 0 {
            return Err(Error::corrupt(format!("{} bytes after its end", cursor.left())));
        }
        let head = Head { dtype, shape, body, length, raw_len, payload };
        // From here on no byte position overflows.
        let _ = head.chunk_len()?;
        Ok(head)
    }

    /// Raw bytes of the whole chunk.
    pub fn raw_len(&self) -> usize {
        self.raw_len
    }

    /// What makes the FLAC frames of component stream `index` (outer, inner, component) a FLAC
    /// file; none where it has no frames.
    pub fn file_header(&self, index: usize) -> Option<[u8; FILE_HEADER]> {
        if self.is_raw() || index >= self.shape.streams() * self.dtype.components() {
            return None;
        }
        let stream = self.stream(index);
        // FLAC counts to 2^36; 0 is an unknown number.
        let samples = Some(stream.coded as u64).filter(|&n| n < 1 << 36).unwrap_or(0);
        (stream.form != Form::Constant).then(|| file_header(stream.width, stream.block, samples))
    }

    /// Bytes of the whole chunk.
    pub(super) fn chunk_len(&self) -> Result<u64> {
        self.payload
            .checked_add((self.length + TRAILER) as u64)
            .ok_or_else(|| Error::too_large(format!("a payload of {} bytes", self.payload)))
    }

    /// Whether the payload is the chunk's raw bytes.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.body, Body::Raw(_))
    }

    /// Where the raw payload begins, and its pieces of equal size (but the last) with the CRC-32
    /// of each.
    pub(super) fn raw_pieces(&self) -> (usize, usize, &[u32]) {
        match &self.body {
            Body::Raw(pieces) => (self.length, pieces.size, &pieces.checks),
            Body::Coded(_) => (self.length, 1, &[]),
        }
    }

    /// Whether any stream of a coded chunk has frames or exceptions.
    pub(super) fn has_parts(&self) -> bool {
        !self.table().rows.is_empty()
    }

    fn table(&self) -> &Table {
        match &self.body {
            Body::Coded(table) => table,
            Body::Raw(_) => unreachable!("raw chunks have no table"),
        }
    }

    /// Component stream `index` of a coded chunk.
    pub(super) fn stream(&self, index: usize) -> Stream {
        let table = self.table();
        let stream = table.columns.stream(index, self.shape.length, table.seed);
        stream.expect("checked while it was read")
    }

    /// Bytes of the FLAC frame `frame` of a stream, and of what follows it up to the next.
    pub(super) fn frame(&self, index: usize, stream: &Stream, frame: usize) -> [Range<u64>; 2] {
        let table = self.table();
        let row = table.rows[index];
        let samples = stream.block.min(stream.coded - frame * stream.block);
        let before = frame as u64 * stream.low_bytes(stream.block) as u64;
        let sum = |frame: usize| table.frame_sums[row.frame + frame];
        let origin = self.length as u64 + row.start - sum(0) + before;
        let [start, end] = [origin + sum(frame), origin + sum(frame + 1)];
        [start..end, end..end + stream.low_bytes(samples) as u64]
    }

    /// The first k of a frame of a stream of differences.
    pub(super) fn anchor(&self, index: usize, frame: usize) -> i64 {
        let table = self.table();
        table.anchors[table.rows[index].anchor + frame]
    }

    /// Bytes of the exceptions among the samples of a span; none where it is empty.
    pub(super) fn exceptions(&self, index: usize, stream: &Stream, span: usize) -> Range<u64> {
        if !stream.exceptions {
            return 0..0;
        }
        let table = self.table();
        let (row, next) = (table.rows[index], table.rows[index + 1]);
        let sum = |span: usize| table.span_sums[span];
        // They follow the frames, so they end where the next stream begins.
        let origin = self.length as u64 + next.start - sum(next.span);
        origin + sum(row.span + span)..origin + sum(row.span + span + 1)
    }
}

fn head_check(prefix: &[u8], rest: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(prefix);
    crc.update(rest);
    crc.finalize()
}

/// A table in the making: rows of some streams, in order.
#[derive(Default)]
pub struct TableBuilder {
    columns: [Builder; 10],
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
            Form::Difference { step } => (3, zigzag(step)),
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
        self.anchors.extend_from_slice(&later.anchors);
        self.frames.append(&later.frames);
        self.spans.append(&later.spans);
    }

    /// The whole head, prefix included.
    pub fn finish(self, dtype: &Dtype, shape: &Shape, seed: Option<u32>) -> Vec<u8> {
        let flags = if seed.is_some() { SEEDED } else { 0 };
        head(dtype, shape, flags, |out| {
            if let Some(seed) = seed {
                out.extend_from_slice(&seed.to_le_bytes());
            }
            for column in self.columns {
                column.write(u64::MAX, out);
            }
            out.extend_from_slice(&self.anchors);
            self.frames.write(MOST_SAME, out);
            self.spans.write(MOST_SAME, out);
        })
    }
}

/// Most pieces of a raw payload, and fewest bytes of one.
const MOST_PIECES: usize = 64;
const LEAST_PIECE: usize = 1 << 16;

/// The head of a chunk whose payload is `data` as it is.
pub fn raw_head(data: &[u8], dtype: &Dtype, shape: &Shape) -> Vec<u8> {
    // A multiple of every element's size.
    let size = data.len().div_ceil(MOST_PIECES).next_multiple_of(16).max(LEAST_PIECE);
    let size = size.min(data.len());
    head(dtype, shape, RAW, |out| {
        put_varint(size as u64, out);
        for piece in data.chunks(size) {
            out.extend_from_slice(&crc32fast::hash(piece).to_le_bytes());
        }
    })
}

fn head(dtype: &Dtype, shape: &Shape, flags: u8, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[VERSION, type_code(dtype), flags, 0]);
    out.resize(PREFIX, 0);
    for size in [shape.outer, shape.length, shape.inner] {
        put_varint(size as u64, &mut out);
    }
    rest(&mut out);
    let length = (out.len() - PREFIX) as u64;
    out[8..COVERED].copy_from_slice(&length.to_le_bytes());
    let (prefix, rest) = out.split_at(PREFIX);
    let check = head_check(&prefix[..COVERED], rest);
    out[COVERED..PREFIX].copy_from_slice(&check.to_le_bytes());
    out
}
