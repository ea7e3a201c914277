//! Promise: whatever the filter is handed, it answers 0 with every argument untouched, or does its work.

#![expect(unsafe_code, reason = "calls the filter as libhdf5 does")]

mod support;

use h5flac::{ByteOrder, Class, Dtype, Head, Params, Shape};
use h5flac_plugin::abi::{FLAG_OPTIONAL, FLAG_REVERSE, FLAG_SKIP_EDC};
use h5flac_plugin::entry;
use h5flac_plugin::words::{COUNT, Local};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr;
use support::callback;

const SAMPLES: usize = 4000;

fn words() -> [u32; COUNT] {
    let dtype = Dtype::new(Class::Signed, 4, ByteOrder::Little, false).unwrap();
    let shape = Shape { outer: 4, length: SAMPLES / 4, inner: 1 };
    Local::new(dtype, shape, None).unwrap().to_words(&Params::default())
}

fn samples() -> Vec<u8> {
    (0..SAMPLES as i32).flat_map(|i| (i * 91 % 733 - i / 9).to_le_bytes()).collect()
}

/// Runs the filter, with room for nothing more than the data.
fn filter(flags: u32, words: Option<&[u32]>, count: usize, data: &[u8]) -> Result<Vec<u8>, String> {
    callback::filter(flags, words, count, data, 0)
}

fn on(flags: u32, words: &[u32], data: &[u8]) -> Result<Vec<u8>, String> {
    filter(flags, Some(words), words.len(), data)
}

#[test]
fn chunks_come_back_with_and_without_words() {
    let chunk = on(0, &words(), &samples()).unwrap();
    assert!(chunk.len() < samples().len());
    assert_eq!(on(FLAG_REVERSE, &words(), &chunk), Ok(samples()));
    assert_eq!(on(FLAG_REVERSE | FLAG_SKIP_EDC, &words(), &chunk), Ok(samples()));
    assert_eq!(on(FLAG_REVERSE, &words()[..5], &chunk), Ok(samples()));
    assert_eq!(filter(FLAG_REVERSE, None, 0, &chunk), Ok(samples()));
}

#[test]
fn the_encoder_leaves_alone_what_was_not_announced() {
    for flags in [0, FLAG_OPTIONAL] {
        assert!(filter(flags, None, 0, &samples()).unwrap_err().contains("without the dataset"));
        assert!(on(flags, &words()[..5], &samples()).unwrap_err().contains("without the dataset"));
        assert!(on(flags, &words(), &samples()[4..]).unwrap_err().contains("announce 16000"));
        let mut wrong = words();
        wrong[1] = 9;
        assert!(on(flags, &wrong, &samples()).unwrap_err().contains("unknown mode 9"));
        wrong = words();
        wrong[5] += 1 << 12;
        assert!(on(flags, &wrong, &samples()).unwrap_err().contains("install a later h5flac"));
    }
}

#[test]
fn senseless_calls_are_refused() {
    let chunk = on(0, &words(), &samples()).unwrap();
    for flags in [0, FLAG_REVERSE] {
        assert!(on(flags, &words(), &[]).unwrap_err().contains("0 bytes"));
        assert!(filter(flags, None, 3, &chunk).unwrap_err().contains("3 parameter words"));
        let count = usize::MAX;
        assert!(filter(flags, Some(&words()), count, &chunk).unwrap_err().contains("parameter"));
        let (mut size, mut none) = (16, ptr::null_mut::<c_void>());
        // SAFETY: null pointers are what is tested.
        unsafe {
            let words = words();
            let call = |size, buf| entry::filter(flags, COUNT, words.as_ptr(), 16, size, buf);
            assert_eq!(call(&mut size, ptr::null_mut()), 0);
            assert_eq!(call(ptr::null_mut(), &mut none), 0);
            assert_eq!(call(&mut size, &mut none), 0);
        }
        assert_eq!(size, 16);
    }
}

#[test]
fn words_that_contradict_the_chunk_are_refused() {
    let chunk = on(0, &words(), &samples()).unwrap();
    for at in 5..12 {
        for bit in 0..32 {
            let mut wrong = words();
            wrong[at] ^= 1 << bit;
            // Word 5 alone may describe another type of the same size: the chunk's own head counts.
            match on(FLAG_REVERSE, &wrong, &chunk) {
                Ok(bytes) => assert!(at == 5 && bytes == samples(), "word {at} bit {bit}"),
                Err(message) => assert!(!message.is_empty()),
            }
        }
    }
}

#[test]
fn every_flipped_byte_and_every_truncation_is_reported() {
    let chunk = on(0, &words(), &samples()).unwrap();
    for at in (0..chunk.len()).step_by(7).chain(chunk.len() - 8..chunk.len()) {
        let mut wrong = chunk.clone();
        wrong[at] ^= 0x41;
        assert!(on(FLAG_REVERSE, &words(), &wrong).is_err(), "byte {at} of {}", chunk.len());
        assert!(on(FLAG_REVERSE, &words(), &chunk[..at]).is_err(), "truncated to {at}");
    }
    let long = [&chunk[..], &[0]].concat();
    assert!(on(FLAG_REVERSE, &words(), &long).is_err());
}

/// A golden chunk.
struct Golden {
    name: String,
    words: [u32; COUNT],
    chunk: Vec<u8>,
    raw: Vec<u8>,
}

/// All of them, with the words that their datasets would have.
fn golden() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|e| e == "chunk"));
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let chunk = std::fs::read(&path).unwrap();
        let Head { dtype, shape, .. } = Head::parse(&chunk).unwrap();
        let words = Local::new(dtype, shape, None).unwrap().to_words(&Params::default());
        Golden { name, words, chunk, raw: std::fs::read(path.with_extension("raw")).unwrap() }
    };
    paths.map(read).collect()
}

#[test]
fn damage_to_golden_chunks_is_an_error_or_without_verification_some_answer() {
    let chunks = golden();
    assert!(chunks.len() > 50);
    for Golden { name, words, chunk, raw } in chunks {
        assert!(on(FLAG_REVERSE, &words, &chunk).as_ref() == Ok(&raw), "{name}");
        // Every place in small chunks, about as many in larger ones.
        let step = (chunk.len() / 200).max(1);
        for at in (0..chunk.len()).step_by(step).chain(0..24) {
            let bit = chunk[at] ^ 1 << (at % 8);
            for byte in [0, 255, bit].into_iter().filter(|&byte| byte != chunk[at]) {
                let mut wrong = chunk.clone();
                wrong[at] = byte;
                let what = format!("{name}: byte {at} as {byte}");
                assert!(on(FLAG_REVERSE, &words, &wrong).is_err(), "{what}");
                if let Ok(answer) = on(FLAG_REVERSE | FLAG_SKIP_EDC, &words, &wrong) {
                    assert_eq!(answer.len(), raw.len(), "{what}");
                }
            }
            for flags in [FLAG_REVERSE, FLAG_REVERSE | FLAG_SKIP_EDC] {
                assert!(on(flags, &words, &chunk[..at]).is_err(), "{name}: an end at byte {at}");
            }
        }
        for more in [&[0][..], &[0; 4], &chunk] {
            let long = [&chunk, more].concat();
            for flags in [FLAG_REVERSE, FLAG_REVERSE | FLAG_SKIP_EDC] {
                assert!(on(flags, &words, &long).is_err(), "{name}: {} more", more.len());
            }
        }
    }
}

/// A chunk of constant streams: a few bytes that decode to any size.
fn bomb(outer: u64, length: u64) -> Vec<u8> {
    let mut rest = Vec::new();
    for mut size in [outer, length, 1] {
        while size > 127 {
            rest.push(size as u8 | 128);
            size >>= 7;
        }
        rest.push(size as u8);
    }
    for value in [0, 14, 1, 0, 0, 0, 0, 0, 0, 0] {
        rest.extend([0, value]);
    }
    // Type code 8: int32.
    let mut chunk = vec![0xf1, 0xac, b'h', b'5', 1, 8, 0, 0];
    chunk.extend((rest.len() as u64).to_le_bytes());
    let check = crc32fast::hash(&[&chunk[..], &rest].concat());
    chunk.extend(check.to_le_bytes());
    chunk.extend(rest);
    let check = crc32fast::hash(&chunk);
    chunk.extend(check.to_le_bytes());
    chunk
}

#[test]
fn a_bomb_is_bounded_by_the_chunks_of_its_dataset() {
    let small = bomb(4, SAMPLES as u64 / 4);
    assert_eq!(on(FLAG_REVERSE, &words(), &small), Ok([7, 0, 0, 0].repeat(SAMPLES)));
    for flags in [FLAG_REVERSE, FLAG_REVERSE | FLAG_SKIP_EDC] {
        for (outer, length) in
            [(5, 1000), (1, 3999), (1 << 30, 1 << 30), (1, 1 << 60), (1 << 59, 1)]
        {
            let large = bomb(outer, length);
            assert!(large.len() < 100);
            let told = on(flags, &words(), &large).unwrap_err();
            assert!(told.contains("but its dataset has chunks of 16000"), "{told}");
            // Without words, HDF5's own limit.
            if outer * length > 1 << 30 {
                let told = on(flags, &words()[..5], &large).unwrap_err();
                assert!(told.contains("no parameter word confirms it"), "{told}");
                assert_eq!(filter(flags, None, 0, &large), Err(told));
            }
        }
    }
}

#[test]
fn memory_that_is_not_there_is_an_error() {
    let dtype = Dtype::new(Class::Signed, 4, ByteOrder::Little, false).unwrap();
    let shape = Shape { outer: 1 << 59, length: 1, inner: 1 };
    let words = Local::new(dtype, shape, None).unwrap().to_words(&Params::default());
    let told = on(FLAG_REVERSE, &words, &bomb(1 << 59, 1)).unwrap_err();
    assert!(told.contains("no memory for 2305843009213693952 bytes"), "{told}");
}

#[test]
fn words_of_any_number_are_read_as_ours_or_refused() {
    let chunk = on(0, &words(), &samples()).unwrap();
    let mut long = words().to_vec();
    long.resize(100, 0);
    for count in 0..=long.len() {
        let whole = count <= 5 || count == COUNT;
        match on(FLAG_REVERSE, &long[..count], &chunk) {
            Ok(bytes) => assert!(whole && bytes == samples(), "{count} words"),
            Err(told) => {
                assert!(!whole && told.contains("parameter words"), "{count} words: {told}")
            }
        }
        let encoded = on(0, &long[..count], &samples());
        assert_eq!(encoded.is_ok(), count == COUNT, "{count} words: {encoded:?}");
    }
    let mut later = words();
    later[5] += 1 << 12;
    let told = on(FLAG_REVERSE, &later, &chunk).unwrap_err();
    assert!(
        told.contains("parameter words of layout 2") && told.contains("install a later h5flac")
    );
    // What the user asked for does not matter to a reader.
    for at in 0..5 {
        let mut strange = words();
        strange[at] = u32::MAX;
        assert_eq!(on(FLAG_REVERSE, &strange, &chunk), Ok(samples()), "word {at}");
    }
}

#[test]
fn data_that_are_not_ours_are_refused() {
    // fletcher32 takes four bytes off chunks that have fewer.
    let few = (1..40).flat_map(|length| [vec![0; length], vec![0xff; length]]);
    for data in few.chain([samples(), vec![0; 5000]]) {
        assert!(on(FLAG_REVERSE, &words(), &data).is_err());
        assert!(filter(FLAG_REVERSE, None, 0, &data).is_err());
    }
}
