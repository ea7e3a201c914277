#![no_main]
//! See [`h5flac_fuzz::round_trip`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5flac_fuzz::round_trip(data));
