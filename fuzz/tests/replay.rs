//! Promise: what fuzzing starts from, what it found worth keeping and what it found wrong pass.

use std::path::Path;

/// The inputs in a folder of this package; none where the folder is missing.
fn inputs(folder: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
    let Ok(listed) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect()
}

fn replay(name: &str) {
    let target = h5flac_fuzz::TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)().into_iter().zip(0..).map(|(seed, i)| (format!("seed {i}"), seed));
    let corpus = inputs("corpus", name);
    assert!(!corpus.is_empty(), "no corpus of {name}");
    for (input, bytes) in seeds.chain(corpus).chain(inputs("findings", name)) {
        // Shown with a failure.
        println!("{name}: {input}");
        (target.run)(&bytes);
    }
}

macro_rules! replays {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($target)),*];
            assert!(h5flac_fuzz::TARGETS.iter().map(|target| target.name).eq(replayed));
        }
    };
}

replays! {
    decompress_chunk
    decompress_streams
    flac_decode
    flac_encode
    round_trip
    filter_callback
}
