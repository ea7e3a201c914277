//! Golden chunks of every format version stay readable, and the encoder's bytes stay the same.
//!
//! `UPDATE_VECTORS=1 cargo test --test compatibility` rewrites them; see tests/vectors/README.md.

mod support;

use h5flac::chunk::{Options, Request};
use h5flac::{ByteOrder, Class, Dtype, ErrorKind, Head, Params, Shape, compress, decompress};
use std::path::Path;
use support::assembled::assembled;
use support::golden::{folder, read};
use support::kinds::Chunk;
use support::vectors::{Case, encoded};

const MOST: usize = 1 << 20;

fn is_updating() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some_and(|value| value == "1")
}

/// Compares a file of tests/vectors with what it should hold, or writes it.
fn golden(name: &str, bytes: &[u8]) {
    if is_updating() {
        std::fs::write(folder().join(name), bytes).unwrap();
        return;
    }
    let found = read(name);
    let same = found.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    assert!(
        found == bytes,
        "{name} has {} bytes and {} are expected; they differ from byte {same} on. If that is \
         meant, see tests/vectors/README.md",
        found.len(),
        bytes.len()
    );
}

fn chunk(case: &Case, threads: usize) -> Vec<u8> {
    let request = Request {
        dtype: case.dtype,
        shape: case.shape,
        fill: case.fill.as_deref(),
        params: case.params,
        quanta: case.quanta.as_deref(),
        affine: None,
        threads,
        alone: false,
    };
    compress(&case.data, &request).unwrap().into_vec()
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    decompress(bytes, MOST, &Options::default()).unwrap()
}

#[test]
fn the_encoder_writes_the_golden_bytes() {
    for case in encoded() {
        let bytes = chunk(&case, 1);
        assert_eq!(chunk(&case, 3), bytes, "{} with 3 threads", case.name);
        golden(&format!("{}.chunk", case.name), &bytes);
        golden(&format!("{}.raw", case.name), &decoded(&bytes));
        if case.is_lossless() {
            assert_eq!(decoded(&bytes), case.data, "{}", case.name);
        }
    }
}

#[test]
fn chunks_that_others_write_are_read() {
    for (name, chunk, raw) in assembled() {
        assert_eq!(decoded(&chunk), raw, "{name}");
        golden(&format!("{name}.chunk"), &chunk);
        golden(&format!("{name}.raw"), &raw);
    }
}

#[test]
fn every_golden_chunk_decodes_to_its_samples() {
    if is_updating() {
        // The other tests are writing them.
        return;
    }
    let chunks = support::golden::chunks();
    let expected = encoded().len() + assembled().len();
    assert!(chunks.len() >= expected, "{} golden chunks of {expected}", chunks.len());
    for Chunk { name, bytes, decoded, .. } in chunks {
        for threads in [1, 3] {
            let options = Options { threads, ..Options::default() };
            let found =
                decompress(&bytes, MOST, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(found == decoded, "{name} with {threads} threads");
        }
        assert_eq!(Head::parse(&bytes).unwrap().raw_len(), decoded.len(), "{name}");
    }
}

#[test]
fn a_later_version_asks_for_a_later_release() {
    let dtype = Dtype::new(Class::Signed, 2, ByteOrder::Little, false).unwrap();
    let request = Request {
        dtype,
        shape: Shape { outer: 1, length: 4, inner: 1 },
        fill: None,
        params: Params::default(),
        quanta: None,
        affine: None,
        threads: 1,
        alone: false,
    };
    let mut chunk = compress(&[1, 0, 2, 0, 3, 0, 4, 0], &request).unwrap().into_vec();
    chunk[4] = 2;
    for error in [
        decompress(&chunk, MOST, &Options::default()).unwrap_err(),
        Head::parse(&chunk).unwrap_err(),
        Head::length(&chunk).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("install a later h5flac"), "{error}");
    }
}

#[test]
fn the_hex_dump_in_the_document_is_the_golden_chunk() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/format.md");
    let document = std::fs::read_to_string(path).unwrap();
    let dump = document.split("```annotated\n").nth(1).expect("a dump in docs/format.md");
    let dump = dump.split("\n```").next().unwrap();
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let (at, rest) = line.split_at(4);
        assert_eq!(usize::from_str_radix(at, 16), Ok(bytes.len()), "{line}");
        // Bytes are pairs of digits one space apart; two spaces end them.
        let pairs = rest.trim_start().split("  ").next().unwrap();
        bytes.extend(pairs.split(' ').map(|pair| u8::from_str_radix(pair, 16).expect(line)));
    }
    if !is_updating() {
        assert_eq!(bytes, read("annotated.chunk"));
    }
}
