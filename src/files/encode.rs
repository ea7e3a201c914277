//! Streams to files.

use super::memory::most_written;
use super::{BLOCK, Integer, WIDTH};
use crate::error::{Error, Result};
use crate::flac::{Encoder, StreamInfo};
use crate::parallel::{self, Workspaces};

/// Sample rate in Hz.
const RATE: u32 = 44_100;

/// Samples that share predictors, and are worth a task of their own.
const SEGMENT: usize = 32 * BLOCK;

/// Streams from here on have too many frames for a frame's number.
const TOO_LONG: u64 = (BLOCK as u64) << 31;

/// Files of streams, one after another.
#[derive(Debug)]
pub struct Files {
    pieces: Vec<Vec<u8>>,
    /// Bytes of each file.
    pub lengths: Vec<usize>,
}

impl Files {
    /// Bytes of all files.
    pub fn len(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies all files to `out`, which has room for them and nothing else.
    pub fn write_to(self, out: &mut [u8]) {
        let mut rest = out;
        // Each is freed once it is copied.
        for piece in self.pieces {
            let (now, after) = rest.split_at_mut(piece.len());
            now.copy_from_slice(&piece);
            rest = after;
        }
        assert!(rest.is_empty(), "room for the files and nothing else");
    }
}

/// Buffers of a thread.
struct Workspace {
    encoder: Encoder,
    out: Vec<u8>,
    low: Vec<i32>,
    high: Vec<i32>,
}

/// Integers of a task: short streams together, or a segment of a long one.
pub(super) fn together(length: usize) -> usize {
    if length <= SEGMENT { SEGMENT / length * length } else { SEGMENT }
}

/// Compresses streams of `length` integers each, one after another in `integers`. The bytes do not
/// depend on `threads`.
///
/// # Errors
/// `InvalidArgument` for a level above 8, and when `integers` are not whole streams; `TooLarge` for
/// streams of 2^43 integers.
pub fn compress<T: Integer>(
    integers: &[T],
    length: usize,
    level: u32,
    threads: usize,
) -> Result<Files> {
    if level > 8 {
        return Err(Error::invalid(format!("level {level}; use 0 to 8")));
    }
    if length == 0 || !integers.len().is_multiple_of(length) {
        return Err(Error::invalid(format!(
            "{} integers in streams of {length}; streams need one integer at least",
            integers.len()
        )));
    }
    if length as u64 >= TOO_LONG {
        return Err(Error::too_large(format!("streams of {length} integers; use fewer than 2^43")));
    }
    let size = together(length);
    let tasks: Vec<(usize, &[T])> = integers
        .chunks(size.max(length))
        .flat_map(|streams| (0..).step_by(size).zip(streams.chunks(size)))
        .collect();
    let workspaces = Workspaces::default();
    let new = || Workspace {
        encoder: Encoder::new(level),
        out: Vec::new(),
        low: Vec::new(),
        high: Vec::new(),
    };
    let done = parallel::map(threads, tasks, |(first, samples)| {
        workspaces.with(new, |workspace| encode(samples, first, length, workspace))
    });
    let mut files = Files { pieces: Vec::with_capacity(done.len()), lengths: Vec::new() };
    files.lengths.reserve_exact(integers.len() / length);
    for (first, piece, lengths) in done {
        match files.lengths.last_mut() {
            // Another segment of the same stream.
            Some(last) if first > 0 => *last += piece.len(),
            _ => files.lengths.extend(lengths),
        }
        files.pieces.push(piece);
    }
    Ok(files)
}

/// Encodes streams, or the segment of one that begins at sample `first`. Returns that, the bytes
/// and how many each stream has.
fn encode<T: Integer>(
    samples: &[T],
    first: usize,
    length: usize,
    workspace: &mut Workspace,
) -> (usize, Vec<u8>, Vec<usize>) {
    let Workspace { encoder, out, low, high } = workspace;
    out.clear();
    let bytes = size_of_val(samples);
    out.reserve_exact(most_written(bytes, size_of::<T>(), length.min(samples.len())));
    let mut lengths = Vec::with_capacity(samples.len().div_ceil(length));
    for stream in samples.chunks(length) {
        let start = out.len();
        if first == 0 {
            let info = StreamInfo {
                shortest_block: BLOCK,
                longest_block: BLOCK,
                rate: RATE,
                channels: T::CHANNELS,
                width: WIDTH,
                // More than the field holds are unknown.
                samples: Some(length as u64).filter(|n| n >> 36 == 0).unwrap_or(0),
            };
            out.extend(info.file_header());
        }
        encoder.reset();
        for (block, number) in stream.chunks(BLOCK).zip((first / BLOCK) as u64..) {
            low.resize(block.len(), 0);
            high.resize(block.len(), 0);
            T::split(block, low, high);
            let channels = [&low[..], &high[..]];
            encoder.encode_channels(&channels[..T::CHANNELS], WIDTH, BLOCK, number, out);
        }
        lengths.push(out.len() - start);
    }
    // No longer than need be: all of them are kept until the last one is there.
    (first, out.to_vec(), lengths)
}
