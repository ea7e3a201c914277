//! What a call may hold.

use super::BLOCK;
use super::encode::together;
use crate::flac::ChannelDecoder;

/// Bytes of an encoder's workspace.
const ENCODER: usize = 1 << 20;

/// Bytes of lists for each task or stream.
const LISTED: usize = 64;

/// Most bytes of files beside the samples as they are, for each frame: the file's start of 42,
/// headers of 14 and of 2 with wasted bits of 4, for two channels, padding, the CRC-16, and what
/// the writer needs behind it.
const AROUND: usize = 80;

/// Most bytes of streams of `length` as files, if their integers have so many.
pub(super) fn most_written(bytes: usize, size: usize, length: usize) -> usize {
    let streams = (bytes / size).div_ceil(length);
    let frames = streams.saturating_mul(length.div_ceil(BLOCK));
    bytes.saturating_add(frames.saturating_mul(AROUND))
}

/// Most bytes that compressing streams of `length` integers of `size` bytes, `bytes` in all, holds
/// besides its input and the copy of the files it returns.
pub fn most_held_compressing(bytes: usize, size: usize, length: usize, threads: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let streams = (bytes / size).div_ceil(length);
    let task = together(length).saturating_mul(size).min(bytes);
    let written = most_written(task, size, length.min(together(length)));
    most_written(bytes, size, length)
        .saturating_add((streams + bytes / task.max(1)).saturating_mul(LISTED))
        .saturating_add(threads.saturating_mul(ENCODER + written))
}

/// Most bytes that decompressing files holds besides its input and output.
pub fn most_held_decompressing(files: &[&[u8]], threads: usize) -> usize {
    // Of two channels what is decoded at a time, and what is decoded alone with a difference and
    // its residual.
    let each = 2 * 4 * (ChannelDecoder::MOST + 1) + 8 + 4;
    let longest = files.iter().map(|file| longest_block(file)).max().unwrap_or(0);
    let tasks = files.len().saturating_add(threads.saturating_mul(64));
    threads.saturating_mul(each * longest + (1 << 16)).saturating_add(tasks.saturating_mul(LISTED))
}

/// What STREAMINFO says, if it is there: longer blocks are refused.
fn longest_block(file: &[u8]) -> usize {
    file.get(10..12).map_or(0, |bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}
