//! How the plugin is linked: never unmapped, and with its own copy of the unwinder.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") != "linux" {
        return;
    }
    // HDF5 unloads plugins when it closes, while threads and thread locals may still live.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if target("ENV") != "gnu" {
        return;
    }
    // The standard library asks for -lgcc_s; found first, this script answers with the static
    // unwinder, so that the plugin needs nothing but libc.
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")
        .expect("OUT_DIR is writable");
    println!("cargo:rustc-cdylib-link-arg=-L{out}");
}
