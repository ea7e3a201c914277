//! Streams of integers as whole FLAC files, one after another: what the Python package flacarray
//! stores.
//!
//! 32-bit integers are one channel, 64-bit integers two: channel 0 has the low 32 bits, channel 1
//! the high ones, and x = (channel 1 << 32) | (channel 0 as unsigned). Files have 32 bits per
//! sample; those that are written have a rate of 44.1 kHz and blocks of 4096 samples.

mod decode;
mod encode;
mod integer;
mod memory;
mod reader;

pub use decode::decompress;
pub use encode::{Files, compress};
pub use integer::Integer;
pub use memory::{most_held_compressing, most_held_decompressing};

/// Samples of a block that is written.
const BLOCK: usize = 4096;

/// Bits per sample of every channel.
const WIDTH: u32 = 32;
