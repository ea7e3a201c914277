//! Some samples of some streams of a chunk.

use super::decode::{Options, TASK, allocate};
use super::exceptions::SPAN;
use super::head::Head;
use super::reader::{Fetch, Parts, Place, Reader, Workspace};
use super::references;
use crate::error::{Error, Result};
use crate::parallel::{Workspaces, map};
use crate::quantize::Form;
use crate::sample::Sample;
use crate::with_sample;
use std::ops::Range;

/// Which samples of which streams a partial read wants.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// Streams (outer × inner of elements) to keep, in order, or all of them.
    pub streams: Option<&'a [usize]>,
    /// Sample range of each.
    pub samples: Range<usize>,
}

impl Selection<'_> {
    /// How many streams it keeps of a chunk.
    fn count(&self, head: &Head) -> usize {
        self.streams.map_or(head.shape.streams(), <[usize]>::len)
    }

    /// The chunk's number of its `row`-th stream.
    fn stream(&self, row: usize) -> usize {
        self.streams.map_or(row, |streams| streams[row])
    }

    /// The component streams of those.
    fn components(&self, head: &Head) -> impl Iterator<Item = usize> + '_ {
        let components = head.dtype.components();
        (0..self.count(head)).flat_map(move |row| {
            let first = self.stream(row) * components;
            first..first + components
        })
    }

    /// Bytes of its samples.
    pub(crate) fn bytes(&self, head: &Head) -> Result<usize> {
        let all = head.shape.streams();
        if let Some(n) = self.streams.unwrap_or_default().iter().find(|&&n| n >= all) {
            return Err(Error::invalid(format!("stream {n}, but the chunk has {all}")));
        }
        if self.samples.end > head.shape.length || self.samples.start > self.samples.end {
            return Err(Error::invalid(format!(
                "samples {:?}, but streams have {}",
                self.samples, head.shape.length
            )));
        }
        self.count(head)
            .checked_mul(self.samples.len())
            .and_then(|n| n.checked_mul(head.dtype.element_size()))
            .filter(|&n| n <= isize::MAX as usize)
            .ok_or_else(|| Error::too_large("the selected samples overflow memory"))
    }
}

impl Head {
    /// The byte ranges of the chunk, ascending and disjoint, that `selection` needs besides the
    /// head.
    ///
    /// # Errors
    /// `InvalidArgument` when the chunk has no such samples.
    pub fn byte_ranges(&self, selection: &Selection<'_>) -> Result<Vec<Range<u64>>> {
        if selection.bytes(self)? == 0 {
            return Ok(Vec::new());
        }
        let mut ranges = Vec::new();
        if self.is_raw() {
            ranges.extend(self.raw_pieces_of(selection).map(|i| self.raw_piece(i)));
        } else if self.has_parts() {
            // A visit to each stream is earned: all have bytes, or are in the caller's list.
            for index in selection.components(self) {
                ranges.push(self.frames_range(index, &selection.samples));
                ranges.push(self.exceptions_range(index, &selection.samples));
            }
            let needs = self.needs(selection.components(self), &selection.samples);
            for (&index, samples) in self.predictions().references().iter().zip(&needs) {
                ranges.push(self.frames_range(index, samples));
            }
        }
        Ok(merged(ranges))
    }

    /// Bytes of the frames that hold samples of a stream.
    fn frames_range(&self, index: usize, samples: &Range<usize>) -> Range<u64> {
        let stream = self.stream(index);
        let samples = samples.start..samples.end.min(stream.coded);
        if stream.form == Form::Constant || samples.is_empty() {
            return 0..0;
        }
        let [from, _] = self.frame(index, &stream, samples.start / stream.block);
        let [_, to] = self.frame(index, &stream, (samples.end - 1) / stream.block);
        from.start..to.end
    }

    /// Bytes of the exceptions among samples, one at least, of a stream.
    fn exceptions_range(&self, index: usize, samples: &Range<usize>) -> Range<u64> {
        let stream = self.stream(index);
        if !stream.exceptions {
            return 0..0;
        }
        let from = self.exceptions(index, &stream, samples.start / SPAN).start;
        from..self.exceptions(index, &stream, (samples.end - 1) / SPAN).end
    }

    /// Decodes a selection; `fetch` gives the bytes of any range within [`Head::byte_ranges`].
    /// `out` receives kept streams × samples, row-major, in the chunk's element type.
    ///
    /// # Errors
    /// `InvalidArgument` when the chunk has no such samples or `out` another length, `Corrupt`
    /// and `Truncated` for what the bytes hold.
    pub fn decode_selection<'b>(
        &self,
        selection: &Selection<'_>,
        fetch: &(dyn Fn(Range<u64>) -> Option<&'b [u8]> + Sync),
        out: &mut [u8],
        options: &Options,
    ) -> Result<()> {
        let expected = selection.bytes(self)?;
        if out.len() != expected {
            return Err(Error::invalid(format!(
                "room for {} bytes, and the selection has {expected}",
                out.len()
            )));
        }
        if expected == 0 {
            return Ok(());
        }
        if self.is_raw() {
            return self.copy_raw(selection, fetch, out, options.verify);
        }
        with_sample!(self.dtype, T => self.decode_streams::<T>(selection, fetch, out, options))
    }

    fn decode_streams<'b, T: Sample>(
        &self,
        selection: &Selection<'_>,
        fetch: &Fetch<'_, 'b>,
        out: &mut [u8],
        options: &Options,
    ) -> Result<()> {
        let needs = self.needs(selection.components(self), &selection.samples);
        let parts = Parts { head: self, fetch, verify: options.verify };
        let workspaces = Workspaces::default();
        let references = references::decode(parts, &needs, options.threads, &workspaces)?;
        let components = self.dtype.components();
        let row = selection.samples.len() * self.dtype.element_size();
        let each = (TASK / selection.samples.len()).max(1);
        let tasks = out.chunks_mut(row * each).enumerate().collect();
        let done = map(options.threads, tasks, |(task, out): (usize, &mut [u8])| {
            workspaces.with(Workspace::default, |workspace| {
                let mut reader = Reader::<T>::new(parts, &references, workspace);
                for i in 0..out.len() / row {
                    let stream = selection.stream(task * each + i);
                    for component in 0..components {
                        let place = Place {
                            start: i * row + component * T::SIZE,
                            stride: self.dtype.element_size(),
                        };
                        let index = stream * components + component;
                        reader.add(index, selection.samples.clone(), place, out)?;
                    }
                }
                reader.flush(out)
            })
        });
        done.into_iter().collect()
    }

    /// Position of an element among the raw bytes.
    fn raw_position(&self, stream: usize, sample: usize) -> usize {
        let (outer, inner) = (stream / self.shape.inner, stream % self.shape.inner);
        let row = outer * self.shape.length + sample;
        (row * self.shape.inner + inner) * self.dtype.element_size()
    }

    /// The raw pieces that hold the samples of a selection that is not empty.
    fn raw_pieces_of(&self, selection: &Selection<'_>) -> impl Iterator<Item = usize> + use<> {
        let needed = self.raw_pieces_needed(selection);
        (0..needed.len()).filter(move |&i| needed[i])
    }

    /// For each raw piece, whether it is one of those.
    fn raw_pieces_needed(&self, selection: &Selection<'_>) -> Vec<bool> {
        let (size, checks) = self.raw_pieces();
        let mut pieces = vec![false; checks.len()];
        let Some(streams) = selection.streams else {
            // Piece by piece: a head of few bytes may claim any number of streams.
            let row = self.shape.inner * self.dtype.element_size();
            let (length, samples) = (self.shape.length, &selection.samples);
            for (i, piece) in pieces.iter_mut().enumerate() {
                let first = i * size / row;
                let last = (self.raw_len().min((i + 1) * size) - 1) / row;
                let (from, to) = (first % length, last % length);
                let (begins, ends) = (from < samples.end, to >= samples.start);
                *piece = last - first >= length
                    || if from <= to { begins && ends } else { begins || ends };
            }
            return pieces;
        };
        for &stream in streams {
            let first = self.raw_position(stream, selection.samples.start) / size;
            let last = self.raw_position(stream, selection.samples.end - 1) / size;
            pieces[first..=last].fill(true);
        }
        pieces
    }

    fn copy_raw<'b>(
        &self,
        selection: &Selection<'_>,
        fetch: &Fetch<'_, 'b>,
        out: &mut [u8],
        verify: bool,
    ) -> Result<()> {
        let (size, checks) = self.raw_pieces();
        let mut pieces: Vec<&[u8]> = vec![&[]; checks.len()];
        for i in self.raw_pieces_of(selection) {
            let range = self.raw_piece(i);
            let length = range.end - range.start;
            let bytes = fetch(range)
                .filter(|bytes| bytes.len() as u64 == length)
                .ok_or_else(|| Error::truncated(format!("raw piece {i} is missing")))?;
            if verify && crc32fast::hash(bytes) != checks[i] {
                return Err(Error::corrupt(format!("raw piece {i} does not match its CRC-32")));
            }
            pieces[i] = bytes;
        }
        let element = self.dtype.element_size();
        let mut places = out.chunks_exact_mut(element);
        for row in 0..selection.count(self) {
            let stream = selection.stream(row);
            for (sample, place) in selection.samples.clone().zip(&mut places) {
                let at = self.raw_position(stream, sample);
                place.copy_from_slice(&pieces[at / size][at % size..][..element]);
            }
        }
        Ok(())
    }
}

/// Sorts ranges and joins those that touch.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut all: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

/// Decodes some samples of some streams of a chunk in memory, at most `max_len` bytes of them:
/// kept streams × samples, row-major. Only what they need is touched, and all of that verified.
///
/// # Errors
/// As [`Head::decode_selection`]; `TooLarge` above `max_len`.
pub fn decompress_streams(
    bytes: &[u8],
    selection: &Selection<'_>,
    max_len: usize,
    options: &Options,
) -> Result<Vec<u8>> {
    let head = Head::read(bytes, options.verify)?;
    let length = selection.bytes(&head)?;
    if length > max_len {
        return Err(Error::too_large(format!(
            "the selection has {length} bytes, and at most {max_len} are allowed"
        )));
    }
    let mut out = allocate(length)?;
    let fetch = |range: Range<u64>| {
        bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    };
    head.decode_selection(selection, &fetch, &mut out, options)?;
    Ok(out)
}
