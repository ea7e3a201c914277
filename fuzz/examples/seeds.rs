//! `seeds TARGET FOLDER` writes what fuzzing a target starts from into a folder.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = &arguments[..] else { panic!("usage: seeds TARGET FOLDER") };
    let target = h5flac_fuzz::TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("no target {name}"));
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    for (i, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{i:04}")), seed)?;
    }
    Ok(())
}
