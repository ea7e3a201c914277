//! The parts that a compressed chunk is put together from.

use super::spare;
use crate::parallel::map;
use std::borrow::Cow;

/// Consecutive bytes of a chunk, and their CRC-32.
pub struct Piece<'a> {
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
    crc: crc32fast::Hasher,
}

impl<'a> Piece<'a> {
    /// Of these bytes.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        let bytes = bytes.into();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes);
        Piece { bytes, crc }
    }
}

/// A compressed chunk, in pieces that are copied once to where they go.
pub struct Compressed<'a> {
    pieces: Vec<Piece<'a>>,
    threads: usize,
}

/// A chunk below this many bytes is copied on one thread.
pub const LEAST_COPIED: usize = 1 << 20;

impl<'a> Compressed<'a> {
    /// Adds the CRC-32 of all pieces.
    pub fn sealed(mut pieces: Vec<Piece<'a>>, threads: usize) -> Self {
        let mut crc = crc32fast::Hasher::new();
        pieces.iter().for_each(|piece| crc.combine(&piece.crc));
        pieces.push(Piece::new(crc.finalize().to_le_bytes().to_vec()));
        Compressed { pieces, threads }
    }

    /// The chunk apart from the samples that it was made of, which may then be overwritten; as it
    /// is when it holds them raw.
    pub fn detached(self) -> Result<Compressed<'static>, Self> {
        if self.pieces.iter().any(|piece| matches!(piece.bytes, Cow::Borrowed(_))) {
            return Err(self);
        }
        let owned = |piece: Piece<'a>| Piece {
            bytes: Cow::Owned(piece.bytes.into_owned()),
            crc: piece.crc,
        };
        let pieces = self.pieces.into_iter().map(owned).collect();
        Ok(Compressed { pieces, threads: self.threads })
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len()).sum()
    }

    /// Never: a chunk has at least its prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the chunk into `out` of exactly `len` bytes, letting go of each piece.
    pub fn write_to(self, out: &mut [u8]) {
        let threads = if out.len() < LEAST_COPIED { 1 } else { self.threads };
        let mut rest = out;
        let mut places = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces {
            let (place, after) = rest.split_at_mut(piece.bytes.len());
            places.push((piece, place));
            rest = after;
        }
        map(threads, places, |(piece, place)| {
            place.copy_from_slice(&piece.bytes);
            if let Cow::Owned(bytes) = piece.bytes {
                spare::BYTES.keep(bytes);
            }
        });
    }

    /// The chunk as one vector.
    pub fn into_vec(self) -> Vec<u8> {
        let mut out = vec![0; self.len()];
        self.write_to(&mut out);
        out
    }
}
