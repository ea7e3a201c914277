//! What fuzzing starts from, besides the corpus.

use crate::support::kinds::chunks;
use std::path::Path;

/// The golden chunks of `tests/vectors`, and small ones of every kind that the encoder makes.
pub fn all_chunks() -> Vec<Vec<u8>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let listed = std::fs::read_dir(&vectors).expect("tests/vectors beside this package");
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "chunk"));
    paths.sort();
    assert!(!paths.is_empty(), "no golden chunk in {}", vectors.display());
    let golden = paths.iter().map(|path| std::fs::read(path).expect("a readable file"));
    golden.chain(chunks(60).into_iter().map(|chunk| chunk.bytes)).collect()
}

/// Each of those behind each of some bytes.
pub fn chunks_behind(beginnings: &[&[u8]]) -> Vec<Vec<u8>> {
    let chunks = all_chunks();
    let behind = |start: &&[u8]| chunks.iter().map(|chunk| [start, &chunk[..]].concat()).collect();
    beginnings.iter().flat_map(|start| -> Vec<Vec<u8>> { behind(start) }).collect()
}
