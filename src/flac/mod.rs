//! Streams of integers ⇄ FLAC frames (RFC 9639).
//!
//! The interface is a chunk's: a [`Decoder`] takes many frames of any streams at once, an
//! [`Encoder`] is a workspace reused from block to block, and neither allocates per sample.

use crate::error::Result;

/// A frame as the chunk's index promises it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The frame's bytes, sync code to CRC-16, nothing more.
    pub bytes: &'a [u8],
    /// Samples it must decode to.
    pub samples: usize,
    /// Declared bits per sample of its stream, 4 to 32.
    pub width: u32,
    /// Frame number in its stream.
    pub number: u64,
}

/// Decoder workspace of one thread.
#[derive(Default)]
pub struct Decoder {}

impl Decoder {
    /// Decodes mono frames side by side; `out` receives their samples one frame after another
    /// and has exactly the sum of their lengths. `verify` checks each frame's CRC-16.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated`, within "frame i" of the list.
    pub fn decode(&mut self, _frames: &[Frame<'_>], _out: &mut [i32], _verify: bool) -> Result<()> {
        todo!()
    }
}

/// Encoder workspace of one thread.
pub struct Encoder {}

/// Largest block the encoder chooses.
pub const MAX_BLOCK: usize = 16384;

impl Encoder {
    /// A workspace for effort `level` (0 to 8).
    pub fn new(_level: u32) -> Self {
        Encoder {}
    }

    /// Chooses the block size of a stream of `length` samples of `width` bits. `read(first, out)`
    /// gives any of its samples.
    pub fn choose_block(
        &mut self,
        length: usize,
        _width: u32,
        _read: &mut dyn FnMut(usize, &mut [i32]),
    ) -> usize {
        length.min(4096)
    }

    /// Forgets the previous block's model. Called at fixed places of a stream, so that bytes do
    /// not depend on how its blocks are spread over threads.
    pub fn reset(&mut self) {}

    /// Appends one mono frame holding `samples` to `out` and returns its length in bytes.
    /// `block` is the stream's block size; only the last block may be shorter.
    pub fn encode(
        &mut self,
        _samples: &[i32],
        _width: u32,
        _block: usize,
        _number: u64,
        _out: &mut Vec<u8>,
    ) -> usize {
        todo!()
    }
}
