//! Promise: a part of a chunk is the same slice of the whole, from the bytes that it names alone.

mod support;

use h5flac::chunk::{Options, Selection};
use h5flac::{ErrorKind, Head, Mode, Result, decompress_streams};
use std::ops::Range;
use support::chunk::{Random, dtype_of, request, streams};
use support::kinds::{Chunk, assert_complete, chunks, several_blocks};
use support::partial::decode_ranges;

/// Decodes a selection from nothing but its byte ranges; returns how many bytes those are, too.
fn decode(chunk: &Chunk, selection: &Selection<'_>, threads: usize) -> Result<(Vec<u8>, u64)> {
    let head = Head::parse(&chunk.bytes[..chunk.head()])?;
    let options = Options { threads, ..Options::default() };
    let (out, ranges) = decode_ranges(&head, &chunk.bytes, selection, &options)?;
    for range in &ranges {
        assert!(range.start >= chunk.head() as u64);
        assert!(range.end <= chunk.bytes.len() as u64 - 4);
    }
    Ok((out, ranges.iter().map(|range| range.end - range.start).sum()))
}

fn check(chunk: &Chunk, selection: &Selection<'_>) {
    let all: Vec<usize> = (0..chunk.shape.streams()).collect();
    let kept = selection.streams.unwrap_or(&all);
    let expected = chunk.select(kept, selection.samples.clone());
    let what = format!("{}: {selection:?}", chunk.name);
    for threads in [1, 3] {
        let (found, _) =
            decode(chunk, selection, threads).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(found == expected, "{what}, {threads} threads");
    }
    let whole = decompress_streams(&chunk.bytes, selection, expected.len(), &Options::default());
    assert!(whole.as_ref() == Ok(&expected), "{what}");
}

#[test]
fn any_part_is_the_same_slice_of_the_whole() {
    let mut all = vec![several_blocks()];
    for length in [40, 3000, 70_000] {
        let chunks = chunks(length);
        if length == 3000 {
            assert_complete(&chunks);
        }
        all.extend(chunks);
    }
    for chunk in &all {
        let (length, count) = (chunk.shape.length, chunk.shape.streams());
        let mut random = Random::new(length as u64);
        for samples in [0..length, 0..0, length..length, length - 1..length, 0..1] {
            check(chunk, &Selection { streams: None, samples });
        }
        for _ in 0..12 {
            let list: Vec<usize> = (0..random.below(6)).map(|_| random.below(count)).collect();
            let start = random.below(length);
            let longest = [20, length][random.below(2)];
            let samples = start..length.min(start + random.below(longest));
            check(chunk, &Selection { streams: Some(&list), samples: samples.clone() });
            check(chunk, &Selection { streams: None, samples });
        }
    }
}

#[test]
fn what_a_chunk_has_not_is_refused_in_words() {
    for chunk in &chunks(40) {
        let (length, count) = (chunk.shape.length, chunk.shape.streams());
        let refused = |streams: Option<&[usize]>, samples: Range<usize>| {
            let selection = Selection { streams, samples };
            let ours = decode(chunk, &selection, 1).unwrap_err();
            let whole = decompress_streams(&chunk.bytes, &selection, 1 << 20, &Options::default());
            assert_eq!(Err(&ours), whole.as_ref());
            assert_eq!(ours.kind(), ErrorKind::InvalidArgument, "{ours}");
            ours.to_string()
        };
        assert!(refused(Some(&[0, count]), 0..1).contains(&format!("stream {count}")));
        assert!(refused(Some(&[usize::MAX]), 0..0).contains("stream"));
        assert!(refused(None, 0..length + 1).contains(&format!("streams have {length}")));
        assert!(refused(None, usize::MAX - 1..usize::MAX).contains("samples"));
        let reversed = Range { start: 2, end: 1 };
        assert!(refused(Some(&[0]), reversed).contains("samples 2..1"));
        let selection = Selection { streams: None, samples: 0..length };
        let few = chunk.decoded.len() - 1;
        let error = decompress_streams(&chunk.bytes, &selection, few, &Options::default());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn a_hundred_samples_need_a_small_part_of_the_bytes() {
    let mut random = Random::new(8);
    let xs: Vec<i32> = (0..1_000_000).map(|_| (100.0 * random.gaussian()) as i32).collect();
    for count in [1, 10, 1000] {
        let shape = streams(count, xs.len() / count);
        let request = request(dtype_of::<i32>(), shape, 5, Mode::Lossless);
        let chunk = Chunk::new("long", &xs, &request);
        for _ in 0..20 {
            let start = random.below(shape.length - 99);
            let list = [random.below(count)];
            let selection = Selection { streams: Some(&list), samples: start..start + 100 };
            let (found, fetched) = decode(&chunk, &selection, 1).unwrap();
            assert!(found == chunk.select(&list, start..start + 100));
            let bytes = fetched as usize + chunk.head();
            assert!(20 * bytes < chunk.bytes.len(), "{bytes} of {}", chunk.bytes.len());
        }
    }
}
