//! Promise: a stream's frames are FLAC as any player reads it. libFLAC is the judge.

mod support;

use h5flac::chunk::Selection;
use h5flac::{Head, Mode};
use support::chunk::{Random, dtype_of, request, streams};
use support::index::Index;
use support::kinds::{Chunk, several_blocks};
use support::{assert_same, libflac};

/// A stream of a chunk as a FLAC file.
fn file(chunk: &Chunk, stream: usize) -> Vec<u8> {
    let head = Head::parse(&chunk.bytes).unwrap();
    let mut file = head.file_header(stream).expect("frames").to_vec();
    let selection = Selection { streams: Some(&[stream]), samples: 0..chunk.shape.length };
    for range in head.byte_ranges(&selection).unwrap() {
        file.extend_from_slice(&chunk.bytes[range.start as usize..range.end as usize]);
    }
    file
}

#[test]
fn a_streams_frames_are_a_file_that_libflac_decodes() {
    for level in [0, 5, 8] {
        for (length, deviation) in [(100, 3.0), (5000, 100.0), (70_000, 1e6), (40_000, 2e8)] {
            let mut random = Random::new(length as u64);
            let xs: Vec<i32> = (0..3 * length)
                .map(|i| (deviation * random.gaussian()) as i32 + (i / length) as i32)
                .collect();
            let request = request(dtype_of::<i32>(), streams(3, length), level, Mode::Lossless);
            let chunk = Chunk::new("noise", &xs, &request);
            // Integers in their order, in one frame after another.
            assert!(Index::of(&chunk.bytes).rules_and_forms().into_iter().eq([(0, 1)]));
            for (stream, xs) in xs.chunks(length).enumerate() {
                let what = format!("level {level}, {length} samples, stream {stream}");
                let audio = libflac::decode(&file(&chunk, stream))
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                // The chunk's table has the offset: what FLAC codes is a constant away.
                let offset = xs[0].wrapping_sub(audio.channels[0][0]);
                let found: Vec<i32> =
                    audio.channels[0].iter().map(|&k| k.wrapping_add(offset)).collect();
                assert_same(&found, xs, what);
            }
        }
    }
}

#[test]
fn streams_without_frames_have_no_file() {
    let request = request(dtype_of::<i32>(), streams(2, 100), 5, Mode::Lossless);
    let constant = Head::parse(&Chunk::new("constant", &[7_i32; 200], &request).bytes).unwrap();
    assert!(constant.file_header(0).is_none());
    let head = Head::parse(&several_blocks().bytes).unwrap();
    assert!(head.file_header(0).is_some() && head.file_header(1).is_none());
}
