//! Promise: damaged chunks are errors, never other values, a panic, or memory that neither their
//! bytes nor the caller's limit account for. A part of a chunk is right, or an error.
//!
//! Without checksums any answer will do, within the same memory.

mod support;

use support::checksums::seal;
use support::decoding::{Part, UNVERIFIED, VERIFIED, decode};
use support::index::{Index, swapped};
use support::kinds::{Chunk, assert_complete, chunks, several_blocks};
use support::memory::Counting;
use support::{effort, golden};

#[global_allocator]
static MEMORY: Counting = Counting;

/// Bytes of samples that a chunk is decoded to without verification in all damages of one kind,
/// about: enough for damage everywhere in a small one, and in the head of a large one.
const DECODED: usize = 16 << 20;

/// The golden chunks, and small chunks of every kind.
fn specimens() -> Vec<Chunk> {
    let small = chunks(150);
    assert_complete(&small);
    let mut all = golden::chunks();
    assert!(all.len() > 50, "{} golden chunks", all.len());
    all.extend(small);
    all
}

/// Whether damage at one of `count` places, `each` of them to a byte of the chunk, is decoded
/// without verification too: in the head, and at evenly spread places behind it.
fn goes_unverified(chunk: &Chunk, at: usize, count: usize, each: usize) -> bool {
    let most = DECODED / chunk.decoded.len() * effort::times();
    // An odd step visits every bit of a byte.
    let step = count.div_ceil(most) | 1;
    at < chunk.head() * each || at.is_multiple_of(step)
}

/// Damaged bytes must not decode; a part of them that is not touched may.
fn check(chunk: &Chunk, part: &Part, damaged: &[u8], what: impl Fn() -> String) {
    let limit = chunk.decoded.len();
    let name = &chunk.name;
    assert!(decode(damaged, limit, &VERIFIED).is_err(), "{name}: {} is not noticed", what());
    if let Ok(found) = part.decode(damaged, limit, &VERIFIED) {
        assert!(found == part.decoded, "{name}: {} changes samples", what());
    }
}

/// Any answer will do, within the memory of an intact chunk.
fn survive(chunk: &Chunk, part: &Part, damaged: &[u8]) {
    let limit = chunk.decoded.len();
    let _ = decode(damaged, limit, &UNVERIFIED);
    let _ = part.decode(damaged, limit, &UNVERIFIED);
}

#[test]
fn every_flipped_bit_is_noticed() {
    for chunk in &specimens() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(chunk, &part, &bytes, || format!("bit {bit}"));
            if goes_unverified(chunk, bit, 8 * bytes.len(), 8) {
                survive(chunk, &part, &bytes);
            }
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
        match part.decode(&bytes, chunk.decoded.len(), &VERIFIED) {
            Ok(found) => {
                assert!(found == part.decoded, "bit {bit} changes samples");
                right += 1;
            }
            Err(_) => refused += 1,
        }
        if bit % 61 == 0 {
            check(&chunk, &part, &bytes, || format!("bit {bit}"));
            survive(&chunk, &part, &bytes);
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // The part is in one of five blocks.
    assert!(right > 3 * refused && refused > bytes.len(), "{right} right, {refused} refused");
}

#[test]
fn every_byte_overwritten_is_noticed() {
    for chunk in &specimens() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for at in 0..bytes.len() {
            let original = bytes[at];
            for value in [0, 255].into_iter().filter(|&value| value != original) {
                bytes[at] = value;
                check(chunk, &part, &bytes, || format!("byte {at} as {value}"));
                if goes_unverified(chunk, at, bytes.len(), 1) {
                    survive(chunk, &part, &bytes);
                }
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn every_truncation_and_every_byte_too_many_is_noticed() {
    for chunk in &specimens() {
        let part = Part::new(chunk);
        for length in 0..chunk.bytes.len() {
            let bytes = &chunk.bytes[..length];
            check(chunk, &part, bytes, || format!("an end at byte {length}"));
            if goes_unverified(chunk, length, chunk.bytes.len(), 1) {
                survive(chunk, &part, bytes);
            }
        }
        for more in [&[0][..], &[255], &[0; 4], &chunk.bytes] {
            let bytes = [&chunk.bytes, more].concat();
            check(chunk, &part, &bytes, || format!("{} more bytes", more.len()));
            let result = decode(&bytes, chunk.decoded.len(), &UNVERIFIED);
            assert!(result.is_err(), "{}: {} more bytes", chunk.name, more.len());
        }
    }
}

#[test]
fn swapped_bytes_are_noticed() {
    for chunk in &specimens() {
        let part = Part::new(chunk);
        let mut bytes = chunk.bytes.clone();
        for at in 0..bytes.len() - 1 {
            if bytes[at] != bytes[at + 1] {
                bytes.swap(at, at + 1);
                check(chunk, &part, &bytes, || format!("bytes {at} and {} swapped", at + 1));
                if goes_unverified(chunk, at, bytes.len(), 1) {
                    survive(chunk, &part, &bytes);
                }
                bytes.swap(at, at + 1);
            }
        }
    }
}

#[test]
fn swapped_entries_of_the_index_are_noticed() {
    let mut lists = std::collections::BTreeMap::new();
    for chunk in &specimens() {
        let part = Part::new(chunk);
        for (list, a, b) in Index::of(&chunk.bytes).pairs(&chunk.bytes) {
            let bytes = swapped(&chunk.bytes, a, b);
            check(chunk, &part, &bytes, || format!("{list} at {a:?} and {b:?} swapped"));
            survive(chunk, &part, &bytes);
            *lists.entry(list).or_insert(0) += 1;
        }
    }
    assert!(lists.len() >= 17, "only these have two different entries: {lists:?}");
}

#[test]
fn without_verification_nothing_but_checksums_is_ignored() {
    for chunk in &specimens() {
        let limit = chunk.decoded.len();
        let part = Part::new(chunk);
        for check in Index::of(&chunk.bytes).checks {
            let mut bytes = chunk.bytes.clone();
            bytes[check.start] ^= 0x10;
            let what = format!("{}: the checksum at {check:?}", chunk.name);
            assert!(decode(&bytes, limit, &VERIFIED).is_err(), "{what}");
            assert!(decode(&bytes, limit, &UNVERIFIED).as_ref() == Ok(&chunk.decoded), "{what}");
            if let Ok(found) = part.decode(&bytes, limit, &VERIFIED) {
                assert!(found == part.decoded, "{what}");
            }
            let found = part.decode(&bytes, limit, &UNVERIFIED);
            assert!(found.as_ref() == Ok(&part.decoded), "{what}");
        }
    }
}

#[test]
fn a_part_is_verified_without_the_checksum_of_the_chunk() {
    let (mut refused, mut right) = (0, 0);
    for chunk in &specimens() {
        let part = Part::new(chunk);
        for check in Index::of(&chunk.bytes).checks {
            let mut bytes = chunk.bytes.clone();
            bytes[check.start] ^= 0x10;
            seal(&mut bytes);
            // That of the head, and that of the chunk, are right again.
            let limit = chunk.decoded.len();
            match part.decode(&bytes, limit, &VERIFIED) {
                Err(_) => refused += 1,
                Ok(found) => {
                    assert!(found == part.decoded, "{}: {check:?}", chunk.name);
                    right += 1;
                }
            }
        }
    }
    assert!(refused > 100 && right > 100, "{refused} refused, {right} right");
}
