//! Builds and runs C programs against the header, the plugin just built and Debian's libhdf5; calls
//! the filter without any.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod callback;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The plugin that cargo built beside this test.
pub fn plugin() -> PathBuf {
    let folder = std::env::current_exe().expect("own path");
    let so = folder.parent().expect("a folder").join("libh5flac_plugin.so");
    assert!(so.exists(), "{} is missing: the cdylib is built with the tests", so.display());
    so
}

/// A fresh folder for one test, holding a plugin folder with nothing but the plugin.
pub struct Workplace {
    /// The folder.
    pub folder: PathBuf,
}

impl Workplace {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("plugins")).expect("a folder for the test");
        std::fs::copy(plugin(), folder.join("plugins/libh5flac.so")).expect("the plugin");
        Workplace { folder }
    }

    pub fn plugins(&self) -> PathBuf {
        self.folder.join("plugins")
    }

    /// Compiles `tests/c/NAME.c` with `arguments` after it.
    pub fn compile(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = self.folder.join(name);
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-D_GNU_SOURCE", "-g"])
            .arg("-I")
            .arg(root.join("include"))
            .arg(root.join("tests/c").join(format!("{name}.c")))
            .arg("-o")
            .arg(&program)
            .args(arguments);
        success(&mut cc);
        program
    }

    /// A command in this folder that finds the plugin as HDF5 does.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("HDF5_PLUGIN_PATH", self.plugins());
        command
    }
}

/// What pkg-config says about Debian's serial libhdf5.
pub fn hdf5_flags() -> Vec<String> {
    let output = success(Command::new("pkg-config").args(["--cflags", "--libs", "hdf5-serial"]));
    output.split_whitespace().map(str::to_owned).collect()
}

/// Runs a command that must succeed; its standard output.
pub fn success(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}\n{}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Both streams of a command.
pub fn text(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
