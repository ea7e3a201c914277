//! What a call may hold.

use crate::cross::MOST_REFERENCES;
use crate::layout::Shape;

/// Bytes that each thread may hold whatever the chunk.
const WORKSPACE: usize = 1 << 20;

/// Most bytes that compressing or decompressing a chunk of `samples` bytes holds besides its input
/// and output: the compressed chunk, a quarter of the samples, a workspace for each thread, and
/// the integers of streams that others are predicted from.
pub fn most_held(compressed: usize, samples: usize, shape: &Shape, threads: usize) -> usize {
    let references = match shape.outer.saturating_mul(shape.inner) {
        1 => 0,
        streams => streams.min(MOST_REFERENCES),
    };
    compressed
        .saturating_add(samples / 4)
        .saturating_add(threads.saturating_mul(WORKSPACE))
        .saturating_add(references.saturating_mul(shape.length).saturating_mul(size_of::<i32>()))
}
