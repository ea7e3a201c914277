#![no_main]
//! See [`h5flac_fuzz::decompress_chunk`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5flac_fuzz::decompress_chunk(data));
