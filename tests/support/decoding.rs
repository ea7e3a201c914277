//! Decodes within the memory that the bytes and the caller's limit account for.

use super::kinds::Chunk;
use super::memory::{earned, most_held};
use h5flac::chunk::{Options, Selection};
use h5flac::{Head, Result, decompress, decompress_into, decompress_streams};
use std::ops::Range;

pub const VERIFIED: Options = Options { verify: true, threads: 1 };
pub const UNVERIFIED: Options = Options { verify: false, threads: 1 };

/// Decodes all, at most `limit` bytes.
pub fn decode(bytes: &[u8], limit: usize, options: &Options) -> Result<Vec<u8>> {
    let (result, held) = most_held(|| decompress(bytes, limit, options));
    assert!(held <= earned(bytes.len(), limit), "{held} bytes for {}: {bytes:02x?}", bytes.len());
    if let Ok(decoded) = &result {
        assert!(decoded.len() <= limit);
        // HDF5 gets memory that held something else: no byte of that may stay.
        let mut out = vec![0xa5; decoded.len()];
        assert_eq!(decompress_into(bytes, &mut out, options), Ok(()));
        assert!(out == *decoded, "not every byte is written: {bytes:02x?}");
    }
    result
}

/// A few samples of a stream, and what they are.
pub struct Part {
    pub stream: usize,
    pub samples: Range<usize>,
    pub decoded: Vec<u8>,
}

impl Part {
    /// Those in the middle of a chunk's last stream.
    pub fn new(chunk: &Chunk) -> Part {
        let stream = chunk.shape.streams() - 1;
        let middle = chunk.shape.length / 2;
        let samples = middle.saturating_sub(4)..chunk.shape.length.min(middle + 5);
        let decoded = chunk.select(&[stream], samples.clone());
        Part { stream, samples, decoded }
    }

    /// The first sample of the first stream of any bytes.
    pub fn unknown() -> Part {
        Part { stream: 0, samples: 0..1, decoded: Vec::new() }
    }

    /// Decodes these samples of other bytes.
    pub fn decode(&self, bytes: &[u8], limit: usize, options: &Options) -> Result<Vec<u8>> {
        let streams = [self.stream];
        let selection = Selection { streams: Some(&streams), samples: self.samples.clone() };
        let (result, held) = most_held(|| decompress_streams(bytes, &selection, limit, options));
        let most = earned(bytes.len(), limit);
        assert!(held <= most, "{held} bytes for {}: {bytes:02x?}", bytes.len());
        result
    }
}

/// Decodes in every way there is; any answer will do. Whether there is one of all samples.
pub fn survive(bytes: &[u8], part: &Part) -> bool {
    let limit = 1 << 20;
    let mut decoded = false;
    for options in [VERIFIED, UNVERIFIED] {
        decoded |= decode(bytes, limit, &options).is_ok();
        let _ = part.decode(bytes, limit, &options);
    }
    let (head, held) = most_held(|| Head::parse(bytes));
    assert!(held <= earned(bytes.len(), 0), "{held} bytes for the head {bytes:02x?}");
    if let Ok(head) = head {
        let samples = 0..head.shape.length.min(100);
        let selection = Selection { streams: None, samples };
        let (_, held) = most_held(|| head.byte_ranges(&selection));
        assert!(held <= earned(bytes.len(), 0), "{held} bytes for the ranges of {bytes:02x?}");
    }
    decoded
}
