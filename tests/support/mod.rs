//! What the tests share: signals, chunks, FLAC streams as this library writes them, the judge.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod adversary;
pub mod assembled;
pub mod checksums;
pub mod chunk;
pub mod claims;
pub mod decoding;
pub mod effort;
pub mod files;
pub mod golden;
pub mod index;
pub mod kinds;
pub mod libflac;
pub mod memory;
pub mod partial;
pub mod promise;
pub mod scribe;
pub mod signal;
pub mod vectors;

use h5flac::flac::{Decoder, Encoder, FILE_HEADER, Frame, file_header};

/// A stream as this library encodes it.
pub struct Stream {
    /// A FLAC file.
    pub file: Vec<u8>,
    pub width: u32,
    /// Bytes and samples of each frame.
    pub frames: Vec<(usize, usize)>,
}

impl Stream {
    /// Encodes `samples` at the block size that the encoder chooses for `width` and `level`.
    pub fn encode(samples: &[i32], width: u32, level: u32) -> Stream {
        let mut encoder = Encoder::new(level);
        let mut read =
            |first: usize, out: &mut [i32]| out.copy_from_slice(&samples[first..][..out.len()]);
        let block = encoder.choose_block(samples.len(), width, &mut read);
        let mut file = file_header(width, block, samples.len() as u64).to_vec();
        let frames = samples
            .chunks(block)
            .zip(0..)
            .map(|(x, number)| (encoder.encode(x, width, block, number, &mut file), x.len()))
            .collect();
        Stream { file, width, frames }
    }

    /// Its frames as a chunk's index would give them.
    pub fn frames(&self) -> Vec<Frame<'_>> {
        let mut rest = &self.file[FILE_HEADER..];
        let frames = self.frames.iter().zip(0..).map(|(&(length, samples), number)| {
            let (bytes, after) = rest.split_at(length);
            rest = after;
            Frame { bytes, samples, wanted: samples, width: self.width, number }
        });
        frames.collect()
    }

    /// Decodes its frames.
    pub fn decode(&self, decoder: &mut Decoder) -> Result<Vec<i32>, (usize, h5flac::Error)> {
        let mut out = vec![0; self.frames.iter().map(|frame| frame.1).sum()];
        decoder.decode(&self.frames(), &mut out, true)?;
        Ok(out)
    }
}

/// Fails with the first difference.
pub fn assert_same(found: &[i32], expected: &[i32], what: impl std::fmt::Display) {
    assert_eq!(found.len(), expected.len(), "{what}: number of samples");
    if let Some(i) = (0..found.len()).find(|&i| found[i] != expected[i]) {
        panic!("{what}: sample {i} is {}, expected {}", found[i], expected[i]);
    }
}
