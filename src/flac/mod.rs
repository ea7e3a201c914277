//! Streams of integers ⇄ FLAC frames (RFC 9639).
//!
//! The interface is a chunk's: a [`Decoder`] takes many frames of any streams at once, an
//! [`Encoder`] is a workspace reused from block to block, and neither allocates per sample.

mod analysis;
mod batch;
mod bit_reader;
mod bit_writer;
mod blocks;
mod channel;
mod channels;
mod crc;
mod decoder;
mod encoder;
mod file;
mod finder;
mod frame;
mod level;
mod metadata;
mod partition;
mod residual;
mod search;
mod sequence;
mod subframe;

pub use bit_reader::BitReader;
pub use bit_writer::BitWriter;
pub use decoder::{Decoder, Frame};
pub use encoder::Encoder;
pub use file::{Audio, read_file};
pub use metadata::{FILE_HEADER, file_header};

pub(crate) use channels::ChannelDecoder;
pub(crate) use file::FrameReader;
pub(crate) use finder::{Finder, Found};
pub(crate) use metadata::StreamInfo;

/// Largest block the encoder chooses.
pub const MAX_BLOCK: usize = 16384;
