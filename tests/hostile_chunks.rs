//! Promise: no bytes whatever make the library panic, or take memory that neither they nor the
//! caller's limit account for, though their checksums be right.

mod support;

use h5flac::chunk::Selection;
use h5flac::{ErrorKind, Head, decompress, decompress_into, decompress_streams};
use proptest::prelude::*;
use support::checksums::seal;
use support::chunk::Random;
use support::claims::{Claims, float_code, sealed, varint};
use support::decoding::{Part, UNVERIFIED, VERIFIED, decode, survive};
use support::effort::{cases, times};
use support::golden;
use support::index::{Index, swapped};
use support::kinds::{Chunk, assert_complete, chunks, several_blocks};
use support::memory::{Counting, most_held};

#[global_allocator]
static MEMORY: Counting = Counting;

/// The golden chunks, and small chunks of every kind.
fn specimens() -> Vec<Chunk> {
    let small = chunks(150);
    assert_complete(&small);
    small.into_iter().chain(golden::chunks()).chain([several_blocks()]).collect()
}

#[test]
fn heads_that_lie_under_right_checksums_are_survived() {
    let (mut decoded, mut refused) = (0, 0);
    for chunk in &specimens() {
        let part = Part::new(chunk);
        let head = chunk.head();
        let mut random = Random::new(head as u64);
        // Rather the tables than long columns of frame lengths.
        let interesting: Vec<usize> = (5..7).chain(Head::PREFIX..head.min(120)).collect();
        for _ in 0..800 * times() {
            let mut bytes = chunk.bytes.clone();
            for _ in 0..1 + random.below(3) {
                let at = interesting[random.below(interesting.len())];
                bytes[at] = match random.below(5) {
                    0 => random.bits() as u8,
                    1 => bytes[at].wrapping_add(1),
                    2 => bytes[at] ^ 1 << random.below(8),
                    3 => 0xff,
                    // Another number of bytes in a varint.
                    _ => bytes[at] ^ 0x80,
                };
            }
            seal(&mut bytes);
            if survive(&bytes, &part) { decoded += 1 } else { refused += 1 }
        }
    }
    assert!(decoded > 1000 && refused > 1000, "{decoded} decoded, {refused} refused");
}

#[test]
fn bytes_inserted_and_removed_under_right_checksums_are_survived() {
    for chunk in &specimens() {
        let part = Part::new(chunk);
        let mut random = Random::new(chunk.bytes.len() as u64);
        for _ in 0..300 * times() {
            let mut bytes = chunk.bytes.clone();
            let at = Head::PREFIX + random.below(chunk.head() - Head::PREFIX);
            let mut length = (chunk.head() - Head::PREFIX) as u64;
            if random.below(2) == 0 {
                bytes.remove(at);
                length -= 1;
            } else {
                let more = 1 + random.below(9);
                let value = [0xff, random.bits() as u8][random.below(2)];
                bytes.splice(at..at, vec![value; more]);
                length += more as u64;
            }
            bytes[8..16].copy_from_slice(&length.to_le_bytes());
            seal(&mut bytes);
            survive(&bytes, &part);
        }
    }
}

#[test]
fn payloads_that_lie_under_a_right_checksum_are_survived() {
    for chunk in &specimens() {
        let (head, end) = (chunk.head(), chunk.bytes.len() - 4);
        let part = Part::new(chunk);
        let mut random = Random::new(end as u64);
        for _ in 0..if head < end { 200 * times() } else { 0 } {
            let mut bytes = chunk.bytes.clone();
            for _ in 0..1 + random.below(3) {
                bytes[head + random.below(end - head)] = random.bits() as u8;
            }
            seal(&mut bytes);
            survive(&bytes, &part);
        }
    }
}

#[test]
fn swapped_entries_under_right_checksums_are_survived() {
    let (mut decoded, mut refused) = (0, 0);
    for chunk in &specimens() {
        let part = Part::new(chunk);
        for (_, a, b) in Index::of(&chunk.bytes).pairs(&chunk.bytes) {
            let mut bytes = swapped(&chunk.bytes, a, b);
            seal(&mut bytes);
            if survive(&bytes, &part) { decoded += 1 } else { refused += 1 }
        }
    }
    assert!(decoded > 1000 && refused > 100, "{decoded} decoded, {refused} refused");
}

/// Chunks of few bytes that say that they decode to a million bytes and more, and may.
fn bombs(length: u64) -> Vec<(&'static str, Vec<u8>)> {
    let of = |code: u8, shape, columns, rest: &[u8]| Claims::new(code, shape, columns, rest);
    let constant = [0, 14, 1, 0, 0, 0, 0, 0, 0, 0];
    let quanta = float_code(0.5);
    // Blocks of exceptions: none has any, or each is one run of zeros.
    let spans = length.div_ceil(1 << 16);
    let mut run = vec![0];
    varint(65_535 << 2, &mut run);
    run.extend(crc32fast::hash(&run).to_le_bytes());
    let exceptions = [0, 14, 1, 0, 0, 0, 0, 0, 0, 1];
    let all = of(2 << 2, [1, length, 1], exceptions, &[0, run.len() as u8]);
    let none = of(2 << 2, [1, length, 1], exceptions, &[0, 0]);
    vec![
        ("one stream", of(2 << 2, [1, length, 1], constant, &[]).chunk(&[])),
        ("streams of one sample", of(2 << 2, [length, 1, 1], constant, &[]).chunk(&[])),
        ("streams side by side", of(2 << 2, [1, 1, length], constant, &[]).chunk(&[])),
        (
            "padding",
            of(2 << 2, [1, length, 1], [0, 14, 1, 0, 0, 0, 0, 0, length - 1, 0], &[]).chunk(&[]),
        ),
        (
            "dither",
            Claims {
                flags: 2,
                ..of(10, [1, length, 1], [3, 14, 1, 0, 0, 0, quanta, 0, 0, 0], &[])
            }
            .chunk(&[]),
        ),
        ("exceptions", all.chunk(&run.repeat(spans.min(16) as usize))),
        ("no exceptions", none.chunk(&[])),
    ]
}

#[test]
fn a_bomb_takes_no_more_than_the_caller_allows() {
    let single = Selection { streams: Some(&[0]), samples: 0..1 };
    let empty = Selection { streams: None, samples: 0..0 };
    for (name, bytes) in bombs(1 << 50) {
        let few = |what: &str, work: &dyn Fn() -> Option<ErrorKind>| {
            let (kind, held) = most_held(work);
            assert!(held < 1 << 16, "{name}: {what} holds {held} bytes");
            kind
        };
        assert!(bytes.len() < 1000, "{name}");
        // One length does for 65536 blocks of exceptions, not for more.
        let spans = name.ends_with("exceptions");
        let kind = if spans { ErrorKind::Corrupt } else { ErrorKind::TooLarge };
        let refused = |work: &dyn Fn() -> h5flac::Result<()>| work().err().map(|e| e.kind());
        for options in [VERIFIED, UNVERIFIED] {
            let all = || refused(&|| decompress(&bytes, 1 << 20, &options).map(drop));
            assert_eq!(few("decompress", &all), Some(kind), "{name}");
            let into = || refused(&|| decompress_into(&bytes, &mut [0; 4000], &options));
            assert!(few("decompress_into", &into).is_some(), "{name}");
            for selection in [&single, &empty] {
                let part = || {
                    let part = decompress_streams(&bytes, selection, 1 << 20, &options);
                    part.err().map(|e| e.kind())
                };
                let found = few("decompress_streams", &part);
                assert!(found.is_none() || spans, "{name}: {found:?}");
            }
            let most = Selection { streams: None, samples: 0..1 };
            let part = || refused(&|| decompress_streams(&bytes, &most, 3, &options).map(drop));
            assert!(few("decompress_streams", &part).is_some(), "{name}");
        }
    }
}

#[test]
fn a_bomb_that_the_caller_wants_takes_its_own_size() {
    let length = 1 << 20;
    for (name, bytes) in bombs(length as u64) {
        let size = Head::parse(&bytes).unwrap().raw_len();
        assert!(size >= length && bytes.len() < 1000, "{name}");
        let (result, held) = most_held(|| decompress(&bytes, size, &VERIFIED));
        assert_eq!(result.map(|decoded| decoded.len()), Ok(size), "{name}");
        assert!(held <= size + (1 << 20), "{name}: {held} bytes for {size}");
        let result = decompress(&bytes, size - 1, &VERIFIED).map_err(|e| e.kind());
        assert_eq!(result, Err(ErrorKind::TooLarge), "{name}");
    }
}

/// A chunk of int32 streams in blocks of 65535 that says that its streams are alike but for their
/// kinds and details, `rest` behind the columns of its table, and no payload.
fn claiming(shape: [u64; 3], kinds: &[u64], width: u64, details: &[u64], rest: &[u8]) -> Vec<u8> {
    let columns = [0, 0, 1, width, 65_535, 0, 0, 0, 0, 0];
    let mut claims = Claims { flags: 4, ..Claims::new(2 << 2, shape, columns, rest) };
    (claims.columns[0], claims.columns[5]) = (kinds.to_vec(), details.to_vec());
    claims.chunk(&[])
}

#[test]
fn streams_that_claim_to_predict_each_other_earn_no_memory_by_that() {
    let length = 32_768 * 65_535;
    // Reference 0, and one predictor of a coefficient 1 at a lag of 2^16 (zigzag 2^17); frames of
    // no bytes.
    let lag = [0x80, 0x80, 8];
    let far = [&[1, 0, 0, 1, 0, 0][..], &lag, &[1, 2], &[0, 0]].concat();
    let cases = [
        (
            "frames without bytes",
            claiming([2, length, 1], &[0x10, 0x40], 4, &[0, 9], &far),
            "stream 0: frame 255: 0 bytes",
        ),
        (
            "a predictor for each of many frames",
            claiming([2, length, 1], &[0x10, 0x40], 4, &[0, 9], &[1, 0, 1, 0, 0, 0]),
            "head: stream 1: 32768 predictors in 3 bytes",
        ),
        (
            "more predicted streams than bytes",
            claiming([1 << 40, 1, 1], &[0x40], 4, &[9], &[1, 0, 0, 0, 0, 0]),
            "head: predictors of 1099511627776 streams in 4 bytes",
        ),
    ];
    for (name, bytes, expected) in cases {
        let part = |stream: usize| {
            let selection = Selection { streams: Some(&[stream]), samples: 1 << 24..(1 << 24) + 1 };
            let decode = || decompress_streams(&bytes, &selection, 4, &VERIFIED);
            let (result, held) = most_held(decode);
            assert!(held < 1 << 21, "{name}: {held} bytes held");
            result.expect_err(name).to_string()
        };
        let error = part(1);
        assert!(error.starts_with(expected), "{name}: {error}");
        assert!(decode(&bytes, 1 << 20, &VERIFIED).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Head::length(&bytes);
        survive(&bytes, &Part::unknown());
    }

    #[test]
    fn any_head_under_right_checksums_is_survived(
        code in 0_u8..64,
        flags in 0_u8..8,
        shape in prop::collection::vec(prop_oneof![
            prop::collection::vec(1_u8..128, 1..2),
            prop::collection::vec(any::<u8>(), 1..10),
        ], 3),
        fields in prop::collection::vec(prop_oneof![
            // Columns of one value, and of several.
            (0_u8..64).prop_map(|value| vec![0, value]),
            prop::collection::vec(any::<u8>(), 1..12),
        ], 0..14),
    ) {
        let rest = [shape.concat(), fields.concat()].concat();
        survive(&sealed(code, flags, &rest, &[]), &Part::unknown());
    }
}
