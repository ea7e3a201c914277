//! Promise: whatever the filter is handed, it answers 0 with every argument untouched, or does its work.

#![expect(unsafe_code, reason = "calls the filter as libhdf5 does")]

mod support;

use h5flac::{ByteOrder, Class, Dtype, Params, Shape};
use h5flac_plugin::abi::{FLAG_OPTIONAL, FLAG_REVERSE, FLAG_SKIP_EDC};
use h5flac_plugin::entry;
use h5flac_plugin::words::{COUNT, Local};
use std::ffi::c_void;
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

#[test]
fn data_that_are_not_ours_are_refused() {
    for data in [samples(), vec![0; 5000], vec![0xff; 31], vec![1]] {
        assert!(on(FLAG_REVERSE, &words(), &data).is_err());
        assert!(filter(FLAG_REVERSE, None, 0, &data).is_err());
    }
}
