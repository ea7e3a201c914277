//! One program shows its symbols to the plugin, the other does not.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bin=exported=-rdynamic");
}
