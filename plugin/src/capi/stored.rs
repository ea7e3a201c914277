//! Chunks in an open file, of which no more is read than selections of them need.

use super::chunks::{decode_all, options};
use super::selection::{CSelection, Pieces, Wanted};
use super::{Layout, input, output, size, status};
use crate::memory::{self, afford};
use h5flac::chunk::{Head, Options};
use h5flac::parallel::{Workspaces, map};
use h5flac::{Class, Dtype, Error, ErrorKind, Result, Shape};
use libc::{c_int, c_uint};
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::slice;

/// Bytes of a chunk that are read at first: the head of most.
const FIRST: usize = 1 << 14;

/// Chunks of so many bytes are read at once.
const SMALL: usize = 1 << 15;

/// Ranges that are no farther apart are read as one: to copy so many bytes takes no longer than to
/// ask the system once more.
const GAP: u64 = 1 << 13;

/// `h5flac_piece` in the header.
#[repr(C)]
pub struct CPiece {
    /// First byte of the chunk in the file.
    pub address: u64,
    /// Bytes of the chunk.
    pub length: u64,
    /// What is wanted of it.
    pub selection: CSelection,
    /// Where each selected stream goes.
    pub rows: *const Row,
}

/// Where the samples of a stream go.
#[repr(transparent)]
pub struct Row(*mut u8);

// SAFETY: rows do not overlap, by the caller's promise, so that each is written by one thread.
unsafe impl Sync for Row {}

/// A file, and the type and shape of its chunks.
struct Source<'f> {
    file: &'f File,
    /// Bytes of the file.
    length: u64,
    dtype: Dtype,
    shape: Shape,
}

impl Source<'_> {
    /// Reads bytes from byte `at` on.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let wanted = out.len();
        self.file.read_exact_at(out, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.ends_before(at + wanted as u64),
            _ => failed(&format!("reading {wanted} bytes from byte {at} on"), &error),
        })
    }

    fn ends_before(&self, end: u64) -> Error {
        Error::truncated(format!(
            "goes on to byte {end} of the file, which ends after {}",
            self.length
        ))
    }

    /// Checks that a chunk is of this type and shape.
    fn check(&self, head: &Head) -> Result<()> {
        // Booleans are bytes, of either class.
        let byte = |t: Dtype| t.size == 1 && matches!(t.class, Class::Signed | Class::Unsigned);
        let same = head.dtype == self.dtype || byte(head.dtype) && byte(self.dtype);
        if same && head.shape == self.shape {
            return Ok(());
        }
        let named = |t: Dtype, Shape { outer, length, inner }: Shape| {
            format!("{t} of shape ({outer}, {length}, {inner})")
        };
        Err(Error::corrupt(format!(
            "holds {}, and {} was expected",
            named(head.dtype, head.shape),
            named(self.dtype, self.shape)
        )))
    }
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}"))
}

/// Memory of a thread.
#[derive(Default)]
struct Room {
    first: Vec<u8>,
    rest: Vec<u8>,
    out: Vec<u8>,
}

/// So many bytes of a buffer, of any values.
fn room(buffer: &mut Vec<u8>, length: usize) -> Result<&mut [u8]> {
    if buffer.len() < length {
        *buffer = Vec::new();
        buffer
            .try_reserve_exact(length)
            .map_err(|_| Error::too_large(format!("no memory for {length} bytes")))?;
        buffer.resize(length, 0);
    }
    Ok(&mut buffer[..length])
}

/// A part of a chunk.
struct Piece<'p> {
    address: u64,
    length: usize,
    wanted: Wanted,
    rows: &'p [Row],
    /// Bytes of each row.
    row: usize,
}

impl<'p> Piece<'p> {
    /// Checks what the caller passed.
    ///
    /// # Safety
    /// A selection as in [`CSelection`], and as many rows.
    unsafe fn of(piece: &'p CPiece, source: &Source<'_>) -> Result<Self> {
        // SAFETY: the caller's promise.
        let wanted = unsafe { Wanted::read(&piece.selection) }?;
        let (count, row) = wanted.extent(&source.dtype, &source.shape)?;
        // SAFETY: the caller's promise.
        let rows = unsafe { input("rows", piece.rows, count as u64) }?;
        if let Some(i) = rows.iter().position(|row| row.0.is_null()) {
            return Err(Error::invalid(format!("row {i} is null")));
        }
        let end = piece.address.saturating_add(piece.length);
        if end > source.length {
            return Err(source.ends_before(end));
        }
        Ok(Piece { address: piece.address, length: size(piece.length)?, wanted, rows, row })
    }

    /// Reads and decodes it.
    fn read(&self, source: &Source<'_>, options: &Options, memory: &mut Room) -> Result<()> {
        if self.rows.is_empty() || self.row == 0 {
            return Ok(());
        }
        let in_a_row = self.rows.windows(2).all(|two| two[1].0 == two[0].0.wrapping_add(self.row));
        let bytes = self.row * self.rows.len();
        if in_a_row {
            // SAFETY: the rows are memory of the caller, one after another, that nobody else uses.
            let out = unsafe { slice::from_raw_parts_mut(self.rows[0].0, bytes) };
            return self.decode(source, options, &mut memory.first, &mut memory.rest, out);
        }
        let out = room(&mut memory.out, bytes)?;
        self.decode(source, options, &mut memory.first, &mut memory.rest, out)?;
        for (row, samples) in self.rows.iter().zip(out.chunks_exact(self.row)) {
            // SAFETY: memory of the caller that nobody else uses.
            unsafe { slice::from_raw_parts_mut(row.0, self.row) }.copy_from_slice(samples);
        }
        Ok(())
    }

    fn decode(
        &self,
        source: &Source<'_>,
        options: &Options,
        first: &mut Vec<u8>,
        rest: &mut Vec<u8>,
        out: &mut [u8],
    ) -> Result<()> {
        let first = self.first(source, first)?;
        let head = memory::head(first)?;
        source.check(&head)?;
        let length = head.chunk_len()?;
        if length > self.length as u64 {
            return Err(Error::truncated(format!("{} bytes of a chunk of {length}", self.length)));
        }
        if self.wanted.is_all(&head) {
            let whole = if first.len() == self.length {
                first
            } else {
                let whole = room(rest, self.length)?;
                source.read(self.address, whole)?;
                whole
            };
            return decode_all(&head, whole, out, options);
        }
        afford(Head::most_held(first.len()))?;
        let mut ranges = head.byte_ranges(&self.wanted.selection())?;
        ranges.retain(|range| range.end > first.len() as u64);
        merge(&mut ranges);
        let total = ranges.iter().map(|range| range.end - range.start).sum();
        let rest = room(rest, size(total)?)?;
        let mut left = &mut *rest;
        for range in &ranges {
            let (piece, behind) = left.split_at_mut((range.end - range.start) as usize);
            source.read(self.address + range.start, piece)?;
            left = behind;
        }
        let pieces = Pieces::of(first, &ranges, rest);
        self.wanted.decode(&head, &|range| pieces.get(range), out, options)
    }

    /// The first bytes of the chunk, its head among them.
    fn first<'r>(&self, source: &Source<'_>, buffer: &'r mut Vec<u8>) -> Result<&'r mut [u8]> {
        let first = if self.length <= SMALL { self.length } else { FIRST };
        let bytes = room(buffer, first)?;
        source.read(self.address, bytes)?;
        let length = Head::length(bytes)?;
        if length > self.length {
            return Err(Error::truncated(format!(
                "ends after {} bytes, within its head of {length}",
                self.length
            )));
        }
        let all = first.max(length);
        if all > first {
            source.read(self.address, room(buffer, all)?)?;
        }
        room(buffer, all)
    }
}

/// Makes ascending ranges that are close to each other one.
fn merge(ranges: &mut Vec<Range<u64>>) {
    ranges.dedup_by(|next, last| {
        let close = next.start - last.end <= GAP;
        if close {
            last.end = next.end;
        }
        close
    });
}

/// Decodes some samples of some streams of chunks in an open file.
///
/// # Safety
/// `file` is open for reading; `layout` is null or one; `count` pieces, each with a selection as in
/// [`CSelection`] and a pointer for each of its streams, to its samples' memory, which overlaps
/// nothing; `failed` is null or written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_read_streams(
    file: c_int,
    layout: *const Layout,
    pieces: *const CPiece,
    count: u64,
    threads: c_uint,
    failed: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (layout, pieces, failed) = unsafe {
            (
                layout.as_ref().ok_or_else(|| Error::invalid("layout is null"))?,
                input("pieces", pieces, count)?,
                output("failed", failed, u64::from(!failed.is_null()))?,
            )
        };
        if file < 0 {
            return Err(Error::invalid(format!("file is {file}; pass one that is open")));
        }
        // SAFETY: open, by the caller's promise, and not closed here.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(file) });
        // SAFETY: the caller's promise.
        unsafe { read(&file, layout, pieces, threads) }.map_err(|(i, error)| {
            failed.fill(i as u64);
            error
        })
    })
}

/// An error, and the number of the piece that it is about.
type Failure = (usize, Error);

/// Reads pieces, as many side by side as there are threads for.
///
/// # Safety
/// As for [`h5flac_read_streams`].
unsafe fn read(
    file: &File,
    layout: &Layout,
    pieces: &[CPiece],
    threads: c_uint,
) -> std::result::Result<(), Failure> {
    let general = |error| (0, error);
    let metadata = file.metadata().map_err(|e| general(failed("the file", &e)))?;
    // Devices do not say how long they are.
    let length = if metadata.is_file() { metadata.len() } else { u64::MAX };
    let (dtype, shape) = layout.read().map_err(general)?;
    let source = Source { file, length, dtype, shape };
    afford(pieces.len().saturating_mul(size_of::<(usize, Piece<'_>)>())).map_err(general)?;
    let pieces: Vec<_> = pieces
        .iter()
        .enumerate()
        // SAFETY: the caller's promise.
        .map(|(i, piece)| Ok((i, unsafe { Piece::of(piece, &source) }.map_err(|e| (i, e))?)))
        .collect::<std::result::Result<_, Failure>>()?;
    let all = options(threads);
    // A piece on each thread, or, where they are fewer, on as many as it keeps busy.
    let each = Options { threads: if pieces.len() < all.threads { all.threads } else { 1 }, ..all };
    let memory = Workspaces::default();
    let done = map(all.threads, pieces, |(i, piece)| {
        memory.with(Room::default, |room| piece.read(&source, &each, room)).map_err(|e| (i, e))
    });
    done.into_iter().collect()
}
