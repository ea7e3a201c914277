//! What precedes a chunk's payload: type, shape, and the table of streams and frames.

use super::bytes::{Cursor, put_varint};
use super::predictions::Predictions;
use super::table::{Stream, Table, TableBuilder};
use crate::error::{Error, Result};
use crate::flac::{FILE_HEADER, file_header};
use crate::layout::{ByteOrder, Class, Dtype, Shape};
use crate::quantize::Form;
use std::cmp::Ordering;
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
/// Streams may predict others.
const REFERENCED: u8 = 4;

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

fn bytes_of(dtype: &Dtype, shape: &Shape) -> Result<usize> {
    shape
        .elements()
        .and_then(|n| n.checked_mul(dtype.element_size()))
        .filter(|&n| n <= isize::MAX as usize)
        .ok_or_else(|| Error::too_large(format!("a chunk of {shape:?} elements")))
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
            .ok_or_else(|| Error::corrupt(format!("a head of {length} bytes")))
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
        if flags & !(RAW | SEEDED | REFERENCED) != 0 {
            return Err(Error::unsupported(format!("flags {flags:#x}: install a later h5flac")));
        }
        if flags & RAW != 0 && flags != RAW || prefix[7] != 0 {
            return Err(Error::corrupt(format!("flags {flags:#x}, {:#x}", prefix[7])));
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
            let seeded = flags & SEEDED != 0;
            let seed = if seeded { u32::from_le_bytes(cursor.array()?) } else { 0 };
            let table = Table::read(&mut cursor, &dtype, &shape, seed, flags & REFERENCED != 0)?;
            let payload = table.payload();
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
    ///
    /// # Errors
    /// None where the head was parsed: parsing it has made sure.
    pub fn chunk_len(&self) -> Result<u64> {
        self.payload
            .checked_add((self.length + TRAILER) as u64)
            .ok_or_else(|| Error::too_large(format!("a payload of {} bytes", self.payload)))
    }

    /// Checks that the chunk has so many bytes.
    ///
    /// # Errors
    /// `Truncated` if it has more, `Corrupt` if it has fewer.
    pub fn check_length(&self, found: u64) -> Result<()> {
        let expected = self.chunk_len()?;
        match found.cmp(&expected) {
            Ordering::Less => {
                Err(Error::truncated(format!("{found} bytes of a chunk of {expected}")))
            }
            Ordering::Equal => Ok(()),
            Ordering::Greater => {
                Err(Error::corrupt(format!("{found} bytes for a chunk of {expected}")))
            }
        }
    }

    /// Whether the payload is the chunk's raw bytes.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.body, Body::Raw(_))
    }

    /// The size of a raw payload's pieces (but the last), and the CRC-32 of each.
    pub(super) fn raw_pieces(&self) -> (usize, &[u32]) {
        match &self.body {
            Body::Raw(pieces) => (pieces.size, &pieces.checks),
            Body::Coded(_) => unreachable!("coded chunks have no raw pieces"),
        }
    }

    /// Bytes of piece `i` of a raw payload.
    pub(super) fn raw_piece(&self, i: usize) -> Range<u64> {
        let (size, _) = self.raw_pieces();
        self.in_chunk((i * size) as u64..self.raw_len().min((i + 1) * size) as u64)
    }

    /// Whether any stream of a coded chunk has frames or exceptions.
    pub(super) fn has_parts(&self) -> bool {
        self.table().has_parts()
    }

    /// Which streams of a coded chunk predict others, and how.
    pub(super) fn predictions(&self) -> &Predictions {
        self.table().predictions()
    }

    fn table(&self) -> &Table {
        match &self.body {
            Body::Coded(table) => table,
            Body::Raw(_) => unreachable!("raw chunks have no table"),
        }
    }

    /// Component stream `index` of a coded chunk.
    pub(super) fn stream(&self, index: usize) -> Stream {
        self.table().stream(index, self.shape.length)
    }

    /// Bytes that the frames and exceptions of a stream have in all.
    pub(super) fn stream_bytes(&self, index: usize) -> u64 {
        self.table().bytes(index)
    }

    /// Bytes of the FLAC frame `frame` of a stream, and of what follows it up to the next.
    pub(super) fn frame(&self, index: usize, stream: &Stream, frame: usize) -> [Range<u64>; 2] {
        self.table().frame(index, stream, frame).map(|range| self.in_chunk(range))
    }

    /// The first k of a frame of a stream of differences.
    pub(super) fn anchor(&self, index: usize, frame: usize) -> i64 {
        self.table().anchor(index, frame)
    }

    /// Bytes of the exceptions among the samples of a span; none where it is empty.
    pub(super) fn exceptions(&self, index: usize, stream: &Stream, span: usize) -> Range<u64> {
        self.in_chunk(self.table().exceptions(index, stream, span))
    }

    /// A range of the payload as one of the chunk.
    fn in_chunk(&self, range: Range<u64>) -> Range<u64> {
        range.start + self.length as u64..range.end + self.length as u64
    }
}

fn head_check(prefix: &[u8], rest: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(prefix);
    crc.update(rest);
    crc.finalize()
}

/// The head of a chunk of coded streams, of which `references`, if any, predict others.
pub fn coded_head(
    table: TableBuilder,
    dtype: &Dtype,
    shape: &Shape,
    seed: Option<u32>,
    references: &[usize],
) -> Vec<u8> {
    let seeded = if seed.is_some() { SEEDED } else { 0 };
    let referenced = if references.is_empty() { 0 } else { REFERENCED };
    let flags = seeded | referenced;
    head(dtype, shape, flags, |out| {
        if let Some(seed) = seed {
            out.extend_from_slice(&seed.to_le_bytes());
        }
        table.write(references, out);
    })
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
