//! The golden chunks of tests/vectors.

use super::kinds::Chunk;
use h5flac::Head;
use std::path::{Path, PathBuf};

/// Where they are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A file of that folder.
pub fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All of them, by name.
pub fn chunks() -> Vec<Chunk> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".chunk").map(String::from))
        .collect();
    names.sort_unstable();
    let chunk = |name: String| {
        let (bytes, decoded) = (read(&format!("{name}.chunk")), read(&format!("{name}.raw")));
        let Head { dtype, shape, .. } =
            Head::parse(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        Chunk { name, dtype, shape, bytes, decoded }
    };
    names.into_iter().map(chunk).collect()
}
