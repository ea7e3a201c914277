//! Streams to files.

use super::{BLOCK, Integer, WIDTH};
use crate::error::{Error, Result};
use crate::flac::{Encoder, StreamInfo};
use crate::parallel::{self, Workspaces};

/// Sample rate in Hz.
const RATE: u32 = 44_100;

/// Blocks that share predictors: what a thread takes at a time.
const SEGMENT: usize = 32;

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
    low: Vec<i32>,
    high: Vec<i32>,
}

/// Compresses streams of `length` integers each, one after another in `integers`.
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
    let streams = integers.chunks(length);
    let segment = |(i, samples)| (i * SEGMENT, samples);
    let segments: Vec<(usize, &[T])> = streams
        .flat_map(|stream| stream.chunks(SEGMENT * BLOCK).enumerate().map(segment))
        .collect();
    let workspaces = Workspaces::default();
    let new = || Workspace { encoder: Encoder::new(level), low: Vec::new(), high: Vec::new() };
    let pieces = parallel::map(threads, segments, |(number, samples)| {
        workspaces.with(new, |workspace| encode(samples, number as u64, length, workspace))
    });
    let of_stream = length.div_ceil(SEGMENT * BLOCK);
    let lengths =
        pieces.chunks(of_stream).map(|pieces| pieces.iter().map(Vec::len).sum()).collect();
    Ok(Files { pieces, lengths })
}

/// Encodes the frames from `number` on, with the file's start before the first.
fn encode<T: Integer>(
    samples: &[T],
    number: u64,
    length: usize,
    workspace: &mut Workspace,
) -> Vec<u8> {
    let Workspace { encoder, low, high } = workspace;
    let mut out = Vec::new();
    if number == 0 {
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
    for (block, number) in samples.chunks(BLOCK).zip(number..) {
        low.resize(block.len(), 0);
        high.resize(block.len(), 0);
        T::split(block, low, high);
        let channels = [&low[..], &high[..]];
        encoder.encode_channels(&channels[..T::CHANNELS], WIDTH, BLOCK, number, &mut out);
    }
    out
}
