//! Error-bounded compression of time streams as FLAC, in self-describing chunks.

#[doc(hidden)]
pub mod sample;

pub mod chunk;
pub mod error;
pub mod flac;
pub mod layout;
pub mod parallel;
pub mod params;
pub mod quantize;
pub mod simd;

pub use chunk::{Compressed, Head, compress, decompress, decompress_into, decompress_streams};
pub use error::{Error, ErrorKind, Result};
pub use layout::{ByteOrder, Class, Dtype, Shape};
pub use params::{Mode, Params};
