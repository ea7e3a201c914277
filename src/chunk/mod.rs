//! Many streams and their index: the bytes that HDF5 stores for one chunk.
//!
//! A chunk describes itself: `docs/format.md` specifies its bytes. The `head` (type, shape, table
//! of streams, lengths of frames) comes first, then each stream's FLAC frames and
//! `exceptions`, then a CRC-32 of it all. `encode` and `decode` are the two directions.

mod bits;
mod bytes;
mod column;
mod decode;
mod encode;
mod exceptions;
mod head;
mod inspect;
mod low_bits;
mod memory;
mod part;
mod pieces;
mod predictions;
mod reader;
mod references;
mod relations;
mod segment;
mod select;
mod spare;
mod table;
mod tails;
mod values;

pub(crate) use decode::allocate;
pub use decode::{Options, decompress, decompress_into};
pub use encode::{MOST_OVERHEAD, Request, compress};
pub use head::Head;
pub use inspect::{Coding, StreamInfo};
pub use memory::most_held;
pub use pieces::Compressed;
pub use select::{Selection, decompress_streams};
pub use spare::forget_spare_buffers;
