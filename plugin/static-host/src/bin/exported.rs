//! Linked with `-rdynamic`: the plugin finds the functions of the libhdf5 inside.

fn main() -> static_host::Result<()> {
    static_host::write_and_read("exported.h5", &static_host::WORDS)
}
