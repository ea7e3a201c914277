#![no_main]
//! See [`h5flac_fuzz::decompress_streams`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5flac_fuzz::decompress_streams(data));
