#![no_main]
//! See [`h5flac_fuzz::flac_encode`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5flac_fuzz::flac_encode(data));
