//! Some samples of some streams: from a chunk in memory, or from the byte ranges they need.

use super::chunks::{decode_all, options};
use super::{input, one, output, size, status};
use crate::memory::{self, afford};
use h5flac::chunk::{Head, Options, Selection};
use h5flac::{Dtype, Error, Result, Shape};
use libc::{c_int, c_uint, c_void};
use std::ops::Range;

/// `h5flac_selection` in the header.
#[repr(C)]
pub struct CSelection {
    /// Stream numbers, or null for all.
    pub streams: *const u64,
    /// How many stream numbers.
    pub stream_count: u64,
    /// First sample of each.
    pub first_sample: u64,
    /// Samples of each.
    pub sample_count: u64,
}

/// `h5flac_range` in the header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CRange {
    /// First byte, from the start of the chunk.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// Checked copy of a [`CSelection`].
pub(super) struct Wanted {
    streams: Option<Vec<usize>>,
    samples: Range<usize>,
}

impl Wanted {
    /// # Safety
    /// `selection` is null or one whose streams are null or as many as it says.
    pub(super) unsafe fn read(selection: *const CSelection) -> Result<Self> {
        // SAFETY: the caller's promise.
        let given =
            unsafe { selection.as_ref() }.ok_or_else(|| Error::invalid("selection is null"))?;
        let first = size(given.first_sample)?;
        let end = first
            .checked_add(size(given.sample_count)?)
            .ok_or_else(|| Error::too_large("sample range overflows"))?;
        if given.streams.is_null() && given.stream_count != 0 {
            return Err(Error::invalid("streams is null, but stream_count is not 0"));
        }
        let streams = if given.streams.is_null() {
            None
        } else {
            // SAFETY: the caller's promise.
            let numbers = unsafe { input("streams", given.streams, given.stream_count) }?;
            let mut streams = Vec::new();
            streams
                .try_reserve_exact(numbers.len())
                .map_err(|_| Error::too_large("no memory for the list of streams"))?;
            for &n in numbers {
                streams.push(size(n)?);
            }
            Some(streams)
        };
        Ok(Wanted { streams, samples: first..end })
    }

    pub(super) fn selection(&self) -> Selection<'_> {
        Selection { streams: self.streams.as_deref(), samples: self.samples.clone() }
    }

    /// Samples of each stream.
    pub(super) fn samples(&self) -> usize {
        self.samples.len()
    }

    /// Whether a chunk that is decoded whole is the selection, in its order.
    pub(super) fn is_all(&self, head: &Head) -> bool {
        let mut streams = self.streams.iter().flatten().enumerate();
        let all = self.streams.as_ref().is_none_or(|s| s.len() == head.shape.streams());
        let in_order = all && streams.all(|(i, &stream)| i == stream);
        in_order && head.shape.inner == 1 && self.samples == (0..head.shape.length)
    }

    /// How many streams it has of chunks of a type and shape, and the bytes of each.
    pub(super) fn extent(&self, dtype: &Dtype, shape: &Shape) -> Result<(usize, usize)> {
        let all = shape.streams();
        if let Some(n) = self.streams.iter().flatten().find(|&&n| n >= all) {
            return Err(Error::invalid(format!("stream {n}, but the chunk has {all}")));
        }
        if self.samples.end > shape.length {
            return Err(Error::invalid(format!(
                "samples {:?}, but streams have {}",
                self.samples, shape.length
            )));
        }
        let streams = self.streams.as_ref().map_or(all, Vec::len);
        let row = self.samples.len().checked_mul(dtype.element_size());
        row.filter(|&row| {
            row.checked_mul(streams).is_some_and(|bytes| bytes <= isize::MAX as usize)
        })
        .map(|row| (streams, row))
        .ok_or_else(|| Error::too_large("the selected samples overflow memory"))
    }

    /// Checks that the selection exists in the chunk and fills `out` exactly.
    fn fits(&self, head: &Head, out: &[u8]) -> Result<()> {
        let (streams, row) = self.extent(&head.dtype, &head.shape)?;
        if streams * row != out.len() {
            return Err(Error::invalid(format!(
                "out has {} bytes for {streams} streams of {} samples of {} bytes",
                out.len(),
                self.samples.len(),
                head.dtype.element_size()
            )));
        }
        Ok(())
    }

    /// Decodes it where there is memory for that.
    pub(super) fn decode<'b>(
        &self,
        head: &Head,
        fetch: &(dyn Fn(Range<u64>) -> Option<&'b [u8]> + Sync),
        out: &mut [u8],
        options: &Options,
    ) -> Result<()> {
        afford(head.most_held_decoding(out.len(), self.samples.len(), options.threads))?;
        head.decode_selection(&self.selection(), fetch, out, options)
    }
}

/// Bytes of a chunk, each with the place where it begins, ascending.
pub(super) struct Fetched<'b>(Vec<(u64, &'b [u8])>);

impl<'b> Fetched<'b> {
    /// The first bytes of a chunk, and ascending ranges whose bytes come one after another.
    pub(super) fn of(first: &'b [u8], ranges: &[Range<u64>], mut bytes: &'b [u8]) -> Self {
        let mut pieces = vec![(0, first)];
        for range in ranges {
            let (piece, rest) = bytes.split_at((range.end - range.start) as usize);
            bytes = rest;
            pieces.push((range.start, piece));
        }
        Fetched(pieces)
    }

    /// The bytes of a range, where a piece has them all.
    pub(super) fn get(&self, range: Range<u64>) -> Option<&'b [u8]> {
        let at = self.0.partition_point(|piece| piece.0 <= range.start).checked_sub(1)?;
        let (start, piece) = self.0[at];
        let from = usize::try_from(range.start - start).ok()?;
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        piece.get(from..from.checked_add(length)?)
    }
}

/// Decodes some samples of some streams of a chunk in memory.
///
/// # Safety
/// `length` bytes at `chunk`, `out_length` at `out`, not overlapping; a selection as in [`CSelection`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_decompress_streams(
    chunk: *const c_void,
    length: u64,
    selection: *const CSelection,
    out: *mut c_void,
    out_length: u64,
    threads: c_uint,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, wanted, out) = unsafe {
            (
                input("chunk", chunk.cast::<u8>(), length)?,
                Wanted::read(selection)?,
                output("out", out.cast::<u8>(), out_length)?,
            )
        };
        let head = memory::head(bytes)?;
        wanted.fits(&head, out)?;
        let options = options(threads);
        if wanted.is_all(&head) {
            return decode_all(&head, bytes, out, &options);
        }
        let fetch = |range: Range<u64>| {
            let (start, end) =
                (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            bytes.get(start..end)
        };
        wanted.decode(&head, &fetch, out, &options)
    })
}

/// Bytes of a chunk to read first, before its head's length is known.
#[unsafe(no_mangle)]
pub extern "C" fn h5flac_prefix_length() -> u64 {
    Head::PREFIX as u64
}

/// Length of a chunk's head from its prefix.
///
/// # Safety
/// `length` bytes at `prefix`; `head_length` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_head_length(
    prefix: *const c_void,
    length: u64,
    head_length: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, head_length) = unsafe {
            (input("prefix", prefix.cast::<u8>(), length)?, one("head_length", head_length)?)
        };
        *head_length = Head::length(bytes.get(..Head::PREFIX).unwrap_or(bytes))? as u64;
        Ok(())
    })
}

/// The byte ranges that a selection needs besides the head.
///
/// # Safety
/// `head_length` bytes at `head`; a selection as in [`CSelection`]; room for `capacity` ranges;
/// `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_byte_ranges(
    head: *const c_void,
    head_length: u64,
    selection: *const CSelection,
    ranges: *mut CRange,
    capacity: u64,
    count: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, wanted, out, count) = unsafe {
            (
                input("head", head.cast::<u8>(), head_length)?,
                Wanted::read(selection)?,
                output("ranges", ranges, capacity)?,
                one("count", count)?,
            )
        };
        let head = memory::head(bytes)?;
        afford(Head::most_held(head_length as usize))?;
        let found = head.byte_ranges(&wanted.selection())?;
        for (place, range) in out.iter_mut().zip(&found) {
            *place = CRange { start: range.start, length: range.end - range.start };
        }
        *count = found.len() as u64;
        Ok(())
    })
}

/// Decodes a selection from its byte ranges.
///
/// # Safety
/// `head_length` bytes at `head`; a selection as in [`CSelection`]; `count` ranges and as many
/// pointers, each to its range's bytes; `out_length` bytes at `out`, not overlapping any of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_decompress_ranges(
    head: *const c_void,
    head_length: u64,
    selection: *const CSelection,
    ranges: *const CRange,
    bytes: *const *const c_void,
    count: u64,
    out: *mut c_void,
    out_length: u64,
    threads: c_uint,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (head, wanted, ranges, bytes, out) = unsafe {
            (
                input("head", head.cast::<u8>(), head_length)?,
                Wanted::read(selection)?,
                input("ranges", ranges, count)?,
                input("bytes", bytes, count)?,
                output("out", out.cast::<u8>(), out_length)?,
            )
        };
        let head = memory::head(head)?;
        wanted.fits(&head, out)?;
        let mut pieces: Vec<(u64, &[u8])> = Vec::with_capacity(ranges.len());
        for (range, &start) in ranges.iter().zip(bytes) {
            // SAFETY: the caller's promise.
            let piece = unsafe { input("a range's bytes", start.cast::<u8>(), range.length) }?;
            pieces.push((range.start, piece));
        }
        pieces.sort_by_key(|piece| piece.0);
        let fetched = Fetched(pieces);
        wanted.decode(&head, &|range| fetched.get(range), out, &options(threads))
    })
}
