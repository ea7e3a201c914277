//! Promise: a Rust program that contains its libhdf5 is a host like any other.

#[path = "../../tests/support/mod.rs"]
mod support;

use support::{Workplace, success};

fn passes(name: &str, program: &str) {
    let place = Workplace::new(name);
    for threads in ["1", "3"] {
        let told = success(place.run(program).env("H5FLAC_NUM_THREADS", threads));
        assert_eq!(told, "PASS\n");
    }
}

#[test]
fn a_rust_program_with_exported_symbols_is_a_host() {
    passes("rust-exported", env!("CARGO_BIN_EXE_exported"));
}

#[test]
fn a_rust_program_without_symbols_completes_its_words() {
    passes("rust-silent", env!("CARGO_BIN_EXE_silent"));
}
