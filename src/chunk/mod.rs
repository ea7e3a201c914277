//! Many streams and their index: the bytes that HDF5 stores for one chunk.

use crate::error::Result;
use crate::layout::{Dtype, Shape};
use crate::params::Params;
use std::ops::Range;

/// A compressed chunk, in parts that are copied once to where they go.
pub struct Compressed {
    parts: Vec<Vec<u8>>,
}

impl Compressed {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// Never: a chunk has at least its prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the chunk into `out` of exactly `len` bytes, freeing each part as it goes.
    pub fn write_to(self, _out: &mut [u8]) {
        todo!()
    }

    /// The chunk as one vector.
    pub fn into_vec(self) -> Vec<u8> {
        todo!()
    }
}

/// What the encoder is told about a chunk besides its bytes.
pub struct Request<'a> {
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its shape around the stream axis.
    pub shape: Shape,
    /// User-defined fill value: one element's bytes in the chunk's byte order.
    pub fill: Option<&'a [u8]>,
    /// What the user asked for.
    pub params: Params,
    /// One quanta for each stream (outer × inner, complex parts share theirs), instead of
    /// the mode's. Floats only.
    pub quanta: Option<&'a [f64]>,
    /// Threads to use, at least 1.
    pub threads: usize,
}

/// Compresses a chunk's raw bytes.
///
/// # Errors
/// `InvalidArgument` when `data` is not as long as type and shape say or a quanta is not
/// positive and finite; `TooLarge` when memory runs out. Never because of sample values.
pub fn compress(_data: &[u8], _request: &Request<'_>) -> Result<Compressed> {
    todo!()
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Verify the chunk's CRC-32 (H5Z_FLAG_SKIP_EDC clears it).
    pub verify: bool,
    /// Threads to use, at least 1.
    pub threads: usize,
}

/// The parsed head of a chunk: all but the payload.
pub struct Head {
    /// Type of the chunk's elements.
    pub dtype: Dtype,
    /// The chunk's shape around its stream axis.
    pub shape: Shape,
}

/// Which samples of which streams a partial read wants.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// Streams (outer × inner of elements) to keep, in order, or all of them.
    pub streams: Option<&'a [usize]>,
    /// Sample range of each.
    pub samples: Range<usize>,
}

impl Head {
    /// Bytes to fetch first: the fixed prefix, which gives the length of the head.
    pub const PREFIX: usize = 0;

    /// Length of the whole head (prefix included) from a chunk's first [`Head::PREFIX`] bytes.
    pub fn length(_prefix: &[u8]) -> Result<usize> {
        todo!()
    }

    /// Parses and verifies a head.
    pub fn parse(_bytes: &[u8]) -> Result<Head> {
        todo!()
    }

    /// Raw bytes of the whole chunk.
    pub fn raw_len(&self) -> usize {
        todo!()
    }

    /// The byte ranges of the chunk, ascending and disjoint, that `selection` needs besides the head.
    pub fn byte_ranges(&self, _selection: &Selection<'_>) -> Result<Vec<Range<u64>>> {
        todo!()
    }

    /// Decodes a selection; `fetch` gives the bytes of any range within [`Head::byte_ranges`].
    /// `out` receives kept streams × samples, row-major, in the chunk's element type.
    pub fn decode_selection<'b>(
        &self,
        _selection: &Selection<'_>,
        _fetch: &(dyn Fn(Range<u64>) -> Option<&'b [u8]> + Sync),
        _out: &mut [u8],
        _options: &Options,
    ) -> Result<()> {
        todo!()
    }
}

/// Decompresses a chunk.
///
/// # Errors
/// `Corrupt`, `Truncated`, `Unsupported` (a newer format version).
pub fn decompress(_bytes: &[u8], _max_len: usize, _options: &Options) -> Result<Vec<u8>> {
    todo!()
}

/// Decompresses a chunk into `out`, exactly as long as the raw chunk.
pub fn decompress_into(_bytes: &[u8], _out: &mut [u8], _options: &Options) -> Result<()> {
    todo!()
}

/// Decodes some samples of some streams of a chunk in memory.
pub fn decompress_streams(
    _bytes: &[u8],
    _selection: &Selection<'_>,
    _max_len: usize,
    _options: &Options,
) -> Result<Vec<u8>> {
    todo!()
}
