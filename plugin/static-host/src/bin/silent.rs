//! Linked as Rust programs are: the plugin finds nothing in it. It is refused what needs questions,
//! and completes its words.

use static_host::{WORDS, completed_words, last_error, write, write_and_read};

fn main() -> static_host::Result<()> {
    assert!(write("silent.h5", &WORDS).is_err());
    assert!(last_error().contains("h5flac_params_complete"), "{}", last_error());
    write_and_read("silent.h5", &completed_words())
}
