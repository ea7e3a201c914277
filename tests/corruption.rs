//! Promise: damaged chunks are errors, never other values, and no bytes whatever make the library
//! panic, or take memory that neither they nor the caller's limit account for.

mod support;

use h5flac::chunk::{Options, Selection};
use h5flac::{Head, Result, decompress, decompress_into, decompress_streams};
use proptest::prelude::*;
use support::chunk::Random;
use support::kinds::{Chunk, assert_complete, chunks, several_blocks};
use support::memory::{Counting, most_held};

#[global_allocator]
static MEMORY: Counting = Counting;

const VERIFIED: Options = Options { verify: true, threads: 1 };
const UNVERIFIED: Options = Options { verify: false, threads: 1 };

/// Most bytes that decoding `input` bytes to at most `output` may hold.
fn earned(input: usize, output: usize) -> usize {
    (64 << 20) + 16 * input + output
}

/// Small chunks of every kind.
fn small() -> Vec<Chunk> {
    let chunks = chunks(150);
    assert_complete(&chunks);
    chunks
}

/// Decodes all, and at most `limit` bytes of it, within the memory that is earned.
fn decode(bytes: &[u8], limit: usize, options: &Options) -> Result<Vec<u8>> {
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

/// Decodes a part of the last stream, within the memory that is earned.
fn decode_part(bytes: &[u8], part: &Part, limit: usize, options: &Options) -> Result<Vec<u8>> {
    let streams = [part.stream];
    let selection = Selection { streams: Some(&streams), samples: part.samples.clone() };
    let (result, held) = most_held(|| decompress_streams(bytes, &selection, limit, options));
    assert!(held <= earned(bytes.len(), limit), "{held} bytes for {}: {bytes:02x?}", bytes.len());
    result
}

/// A few samples of a stream, and what they are.
struct Part {
    stream: usize,
    samples: std::ops::Range<usize>,
    decoded: Vec<u8>,
}

impl Part {
    fn new(chunk: &Chunk) -> Part {
        let stream = chunk.shape.streams() - 1;
        let middle = chunk.shape.length / 2;
        let samples = middle - 4..middle + 5;
        let decoded = chunk.select(&[stream], samples.clone());
        Part { stream, samples, decoded }
    }
}

/// Damaged bytes must not decode; a part of them that is not touched may.
fn check(chunk: &Chunk, part: &Part, damaged: &[u8], what: &str) {
    let limit = chunk.decoded.len();
    let name = chunk.name;
    assert!(decode(damaged, limit, &VERIFIED).is_err(), "{name}: {what} is not noticed");
    if let Ok(found) = decode_part(damaged, part, limit, &VERIFIED) {
        assert!(found == part.decoded, "{name}: {what} changes samples");
    }
    let _ = decode(damaged, limit, &UNVERIFIED);
    let _ = decode_part(damaged, part, limit, &UNVERIFIED);
}

#[test]
fn every_flipped_bit_is_noticed() {
    for chunk in &small() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(chunk, &part, &bytes, &format!("bit {bit}"));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(decode(&bytes, chunk.decoded.len(), &VERIFIED).as_ref() == Ok(&chunk.decoded));
    }
}

#[test]
fn a_part_is_right_where_the_damage_is_elsewhere() {
    let chunk = several_blocks();
    let part = Part::new(&chunk);
    let mut bytes = chunk.bytes.clone();
    let (mut right, mut refused) = (0, 0);
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        match decode_part(&bytes, &part, chunk.decoded.len(), &VERIFIED) {
            Ok(found) => {
                assert!(found == part.decoded, "bit {bit} changes samples");
                right += 1;
            }
            Err(_) => refused += 1,
        }
        if bit % 61 == 0 {
            check(&chunk, &part, &bytes, &format!("bit {bit}"));
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // The part is in one of five blocks.
    assert!(right > 3 * refused && refused > bytes.len(), "{right} right, {refused} refused");
}

#[test]
fn every_byte_overwritten_is_noticed() {
    for chunk in &small() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for at in 0..bytes.len() {
            let original = bytes[at];
            for value in [0, 255].into_iter().filter(|&value| value != original) {
                bytes[at] = value;
                check(chunk, &part, &bytes, &format!("byte {at} as {value}"));
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn every_truncation_and_every_byte_too_many_is_noticed() {
    for chunk in &small() {
        let part = Part::new(chunk);
        for length in 0..chunk.bytes.len() {
            check(chunk, &part, &chunk.bytes[..length], &format!("an end at byte {length}"));
        }
        for more in [&[0][..], &[255], &[0; 4], &chunk.bytes] {
            let bytes = [&chunk.bytes, more].concat();
            check(chunk, &part, &bytes, &format!("{} more bytes", more.len()));
            let result = decode(&bytes, chunk.decoded.len(), &UNVERIFIED);
            assert!(result.is_err(), "{}: {} more bytes", chunk.name, more.len());
        }
    }
}

#[test]
fn swapped_bytes_are_noticed() {
    for chunk in &small() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for at in 1..bytes.len() {
            if bytes[at - 1] != bytes[at] {
                bytes.swap(at - 1, at);
                check(chunk, &part, &bytes, &format!("bytes {} and {at} swapped", at - 1));
                bytes.swap(at - 1, at);
            }
        }
    }
}

/// Makes both checksums right again, as far as the head's length allows.
fn seal(bytes: &mut [u8]) {
    let Ok(head) = Head::length(bytes) else { return };
    if head + 4 <= bytes.len() {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..16]);
        crc.update(&bytes[Head::PREFIX..head]);
        bytes[16..Head::PREFIX].copy_from_slice(&crc.finalize().to_le_bytes());
    }
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Decodes in every way there is; any answer will do.
fn survive(bytes: &[u8], part: &Part) -> bool {
    let limit = 1 << 20;
    let mut decoded = false;
    for options in [VERIFIED, UNVERIFIED] {
        decoded |= decode(bytes, limit, &options).is_ok();
        let _ = decode_part(bytes, part, limit, &options);
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

#[test]
fn heads_that_lie_under_right_checksums_are_survived() {
    let (mut decoded, mut refused) = (0, 0);
    for chunk in small().iter().chain([&several_blocks()]) {
        let part = Part::new(chunk);
        let head = chunk.head();
        let mut random = Random::new(head as u64);
        // Rather the tables than long columns of frame lengths.
        let interesting: Vec<usize> = (5..7).chain(Head::PREFIX..head.min(120)).collect();
        for _ in 0..2000 {
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
    for chunk in &small() {
        let part = Part::new(chunk);
        let mut random = Random::new(chunk.bytes.len() as u64);
        for _ in 0..500 {
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
    for chunk in &small() {
        let (head, end) = (chunk.head(), chunk.bytes.len() - 4);
        let part = Part::new(chunk);
        let mut random = Random::new(end as u64);
        for _ in 0..if head < end { 1000 } else { 0 } {
            let mut bytes = chunk.bytes.clone();
            for _ in 0..1 + random.below(3) {
                bytes[head + random.below(end - head)] = random.bits() as u8;
            }
            seal(&mut bytes);
            survive(&bytes, &part);
        }
    }
}

/// A chunk that says that its streams are alike but for their kinds and details, `rest` behind the
/// columns of its table, and no payload.
fn claiming(shape: [u64; 3], kinds: &[u8], width: u8, details: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xf1, 0xac, b'h', b'5', 1, 8, 4, 0];
    bytes.resize(Head::PREFIX, 0);
    for mut size in shape {
        while size >= 0x80 {
            bytes.push(size as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
    }
    let column = |bytes: &mut Vec<u8>, values: &[u8]| {
        bytes.push(u8::from(values.len() > 1));
        bytes.extend_from_slice(values);
    };
    column(&mut bytes, kinds);
    [&[0][..], &[1], &[width]].iter().for_each(|values| column(&mut bytes, values));
    // Blocks of 65535 samples.
    bytes.extend_from_slice(&[0, 0xff, 0xff, 3]);
    column(&mut bytes, details);
    [0; 4].iter().for_each(|value| column(&mut bytes, &[*value]));
    bytes.extend_from_slice(rest);
    let length = (bytes.len() - Head::PREFIX) as u64;
    bytes[8..16].copy_from_slice(&length.to_le_bytes());
    bytes.resize(bytes.len() + 4, 0);
    seal(&mut bytes);
    bytes
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
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let part = Part { stream: 0, samples: 0..1, decoded: Vec::new() };
        let _ = Head::length(&bytes);
        survive(&bytes, &part);
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
        let mut bytes = vec![0xf1, 0xac, b'h', b'5', 1, code, flags, 0];
        bytes.resize(Head::PREFIX, 0);
        bytes.extend(shape.concat());
        bytes.extend(fields.concat());
        let length = (bytes.len() - Head::PREFIX) as u64;
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        bytes.resize(bytes.len() + 4, 0);
        seal(&mut bytes);
        survive(&bytes, &Part { stream: 0, samples: 0..1, decoded: Vec::new() });
    }
}
