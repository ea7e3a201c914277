#![no_main]
//! See [`h5flac_fuzz::filter_callback`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5flac_fuzz::filter_callback(data));
