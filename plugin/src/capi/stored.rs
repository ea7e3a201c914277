//! Chunks in an open file, of which no more is read than selections of them need.

use super::chunks::{decode_all, options};
use super::selection::{CSelection, Fetched, Wanted};
use super::{Layout, input, output, size, status};
use crate::memory::{self, afford};
use crate::words::Local;
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
use std::sync::Mutex;

/// Bytes of a chunk that are read at first: the head of most.
const FIRST: usize = 1 << 14;

/// Chunks of so many bytes are read at once.
const SMALL: usize = 1 << 15;

/// Ranges that are no farther apart are read as one: to copy so many bytes takes no longer than to
/// ask the system once more.
const GAP: u64 = 1 << 13;

/// No chunk takes so many bytes more than its samples do.
const LARGEST_OVERHEAD: u64 = 4096;

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
    dtype: Dtype,
    shape: Shape,
    /// Most bytes that a chunk may have.
    most: u64,
    /// Chunks that are decoded at the same time.
    side_by_side: usize,
}

impl<'f> Source<'f> {
    fn new(file: &'f File, layout: &Layout, side_by_side: usize) -> Result<Self> {
        let (dtype, shape) = layout.read()?;
        let most = Local::new(dtype, shape, None)?.chunk_bytes() as u64 + LARGEST_OVERHEAD;
        Ok(Source { file, dtype, shape, most, side_by_side })
    }

    /// Reads bytes from byte `at` on.
    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let wanted = out.len();
        self.file.read_exact_at(out, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::truncated(format!(
                "goes on to byte {} of the file, which ends before",
                at.saturating_add(wanted as u64)
            )),
            _ => Error::new(
                ErrorKind::Io,
                format!("reading {wanted} bytes of the file from byte {at} on: {error}"),
            ),
        })
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
    length: u64,
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
        Ok(Piece { address: piece.address, length: piece.length, wanted, rows, row })
    }

    /// Reads and decodes it.
    fn read(&self, source: &Source<'_>, options: &Options, memory: &mut Room) -> Result<()> {
        if self.rows.is_empty() || self.row == 0 {
            return Ok(());
        }
        let Room { first, rest, out } = memory;
        let follows = |two: &[Row]| two[1].0 == two[0].0.wrapping_add(self.row);
        let bytes = self.row * self.rows.len();
        if self.rows.windows(2).all(follows) {
            // SAFETY: the rows are memory of the caller, one after another, that nobody else uses.
            let out = unsafe { slice::from_raw_parts_mut(self.rows[0].0, bytes) };
            return self.decode(source, options, first, rest, out);
        }
        let out = room(out, bytes)?;
        self.decode(source, options, first, rest, out)?;
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
        let first = self.beginning(source, first)?;
        let head = memory::head(first)?;
        source.check(&head)?;
        head.check_length(self.length)?;
        let held = head.most_held_decoding(out.len(), self.wanted.samples(), options.threads);
        let held = held.saturating_add(Head::most_held(first.len()));
        // The others that are decoded now take as much.
        afford(held.saturating_mul(source.side_by_side))?;
        if self.wanted.is_all(&head) {
            let length = size(self.length)?;
            let whole = if first.len() == length {
                first
            } else {
                let whole = room(rest, length)?;
                source.read(self.address, whole)?;
                whole
            };
            return decode_all(&head, whole, out, options);
        }
        let mut ranges = head.byte_ranges(&self.wanted.selection())?;
        ranges.retain(|range| range.end > first.len() as u64);
        merge(&mut ranges);
        let total = ranges.iter().map(|range| range.end - range.start).sum();
        let rest = room(rest, size(total)?)?;
        let mut left = &mut *rest;
        for range in &ranges {
            let (bytes, behind) = left.split_at_mut((range.end - range.start) as usize);
            source.read(self.address.saturating_add(range.start), bytes)?;
            left = behind;
        }
        let fetched = Fetched::of(first, &ranges, rest);
        self.wanted.decode(&head, &|range| fetched.get(range), out, options)
    }

    /// The first bytes of the chunk, its head among them.
    fn beginning<'r>(&self, source: &Source<'_>, buffer: &'r mut Vec<u8>) -> Result<&'r mut [u8]> {
        if self.length > source.most {
            return Err(Error::corrupt(format!(
                "has {} bytes, and no chunk of its type and shape takes more than {}",
                self.length, source.most
            )));
        }
        let whole = size(self.length)?;
        let known = if whole <= SMALL { whole } else { FIRST };
        let bytes = room(buffer, known)?;
        source.read(self.address, bytes)?;
        let head = Head::length(bytes)?;
        if head > whole {
            return Err(Error::truncated(format!(
                "ends after {whole} bytes, within its head of {head}"
            )));
        }
        if head > known {
            source.read(self.address, room(buffer, head)?)?;
        }
        room(buffer, head.max(known))
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
        let failed = unsafe { output("failed", failed, u64::from(!failed.is_null())) }?;
        failed.fill(count);
        // SAFETY: the caller's promise.
        let (layout, pieces) = unsafe {
            (
                layout.as_ref().ok_or_else(|| Error::invalid("layout is null"))?,
                input("pieces", pieces, count)?,
            )
        };
        if file < 0 {
            return Err(Error::invalid(format!("file is {file}; pass one that is open")));
        }
        // SAFETY: open, by the caller's promise, and not closed here.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(file) });
        let options = options(threads);
        let source = Source::new(&file, layout, options.threads.min(pieces.len()))?;
        // SAFETY: the caller's promise.
        unsafe { read(&source, pieces, &options) }.map_err(|(i, error)| {
            failed.fill(i as u64);
            error
        })
    })
}

/// The number of a piece, and what is wrong with it.
type Failure = (usize, Error);

/// Reads pieces, as many side by side as there are threads for; the first that fails is told.
///
/// # Safety
/// Each piece has a selection as in [`CSelection`] and a pointer for each of its streams.
unsafe fn read(
    source: &Source<'_>,
    pieces: &[CPiece],
    options: &Options,
) -> std::result::Result<(), Failure> {
    let mut checked = Vec::new();
    checked
        .try_reserve_exact(pieces.len())
        .map_err(|_| (pieces.len(), Error::too_large("no memory for the list of pieces")))?;
    for (i, piece) in pieces.iter().enumerate() {
        // SAFETY: the caller's promise.
        checked.push((i, unsafe { Piece::of(piece, source) }.map_err(|error| (i, error))?));
    }
    let threads = options.threads;
    // A piece on each thread, or, where they are fewer, on as many as it keeps busy.
    let each = Options { threads: if pieces.len() < threads { threads } else { 1 }, ..*options };
    let memory = Workspaces::default();
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let is_before = |i: usize, failure: &Option<Failure>| failure.as_ref().is_none_or(|f| i < f.0);
    map(threads, checked, |(i, piece)| {
        let known = failure.lock().expect("nothing panics with it");
        if !is_before(i, &known) {
            return;
        }
        drop(known);
        if let Err(error) = memory.with(Room::default, |room| piece.read(source, &each, room)) {
            let mut known = failure.lock().expect("nothing panics with it");
            if is_before(i, &known) {
                *known = Some((i, error));
            }
        }
    });
    failure.into_inner().expect("nothing panics with it").map_or(Ok(()), Err)
}
