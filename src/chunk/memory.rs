//! What a call may hold.

use super::head::Head;
use crate::cross::MOST_REFERENCES;
use crate::flac::MAX_BLOCK;
use crate::layout::Shape;

/// Bytes that each thread may hold whatever the chunk.
const WORKSPACE: usize = 1 << 20;

/// Bytes that a byte of a head may become: a value of a column while its list grows, and a row of
/// the table.
const FOR_EACH_BYTE: usize = 64;

/// Most bytes that compressing a chunk of `samples` bytes holds besides its input and output: the
/// compressed chunk, a quarter of the samples, a workspace for each thread, and the integers of
/// streams that others are predicted from.
pub fn most_held(samples: usize, shape: &Shape, threads: usize) -> usize {
    let references = match shape.outer.saturating_mul(shape.inner) {
        1 => 0,
        streams => streams.min(MOST_REFERENCES),
    };
    held(samples, samples, references.saturating_mul(shape.length), threads)
}

fn held(compressed: usize, samples: usize, referenced: usize, threads: usize) -> usize {
    compressed
        .saturating_add(samples / 4)
        .saturating_add(threads.saturating_mul(WORKSPACE))
        .saturating_add(referenced.saturating_mul(size_of::<i32>()))
}

impl Head {
    /// Most bytes that a head of so many holds, and what finds byte ranges in it.
    pub fn most_held(length: usize) -> usize {
        length.saturating_mul(FOR_EACH_BYTE)
    }

    /// Most bytes that decoding holds besides the chunk and the `bytes` of the samples wanted, at
    /// most `each` of a stream: as for [`most_held`].
    pub fn most_held_decoding(&self, bytes: usize, each: usize, threads: usize) -> usize {
        let referenced = if self.is_raw() {
            0
        } else {
            // Whole frames, of what predictions reach as well.
            let predictions = self.predictions();
            let around = predictions.reach().saturating_add(2 * MAX_BLOCK);
            let each = each.saturating_add(around).min(self.shape.length);
            predictions.references().len().saturating_mul(each)
        };
        let compressed = self.chunk_len().map_or(usize::MAX, |n| n as usize);
        held(compressed, bytes, referenced, threads)
    }
}
