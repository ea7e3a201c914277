//! Streams of integers ⇄ FLAC frames (RFC 9639).
//!
//! The interface is a chunk's: a [`Decoder`] takes many frames of any streams at once, an
//! [`Encoder`] is a workspace reused from block to block, and neither allocates per sample.

mod analysis;
mod bit_writer;
mod blocks;
mod crc;
mod encoder;
mod level;
mod partition;
mod search;
mod window;

pub use bit_writer::BitWriter;
pub use encoder::Encoder;

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

/// Largest block the encoder chooses.
pub const MAX_BLOCK: usize = 16384;
