//! The environment variables that h5flac reads, at each call and never while it is loaded.

#![expect(unsafe_code, reason = "reads the environment without a lock that fork could leave held")]

use crate::memory;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads beyond this are a typing error.
const MOST_THREADS: usize = 256;

fn variable(name: &CStr) -> Option<&[u8]> {
    // SAFETY: zero-terminated name. The value is read at once, as every C library in the process
    // does it; a concurrent setenv is the caller's race.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    }
}

/// Threads for one chunk, by `H5FLAC_NUM_THREADS`: a number, or `auto` for one per processor.
/// One when it is not set or says anything else, and where more cannot be had: a filter must not
/// fail over a setting.
pub fn threads() -> usize {
    memory::threads(variable(c"H5FLAC_NUM_THREADS").map_or(1, parse_threads))
}

fn parse_threads(value: &[u8]) -> usize {
    let text = value.trim_ascii();
    if text.eq_ignore_ascii_case(b"auto") {
        return processors();
    }
    let number = str::from_utf8(text).ok().and_then(|t| t.parse::<usize>().ok());
    number.unwrap_or(1).clamp(1, MOST_THREADS)
}

fn processors() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    match COUNT.load(Ordering::Relaxed) {
        0 => {
            let n = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
            COUNT.store(n, Ordering::Relaxed);
            n
        }
        n => n,
    }
}

/// Whether `H5FLAC_HOST=unwind` asks to find callers as on processors other than x86-64.
pub fn unwind_for_host() -> bool {
    variable(c"H5FLAC_HOST") == Some(b"unwind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_count_means_one_thread() {
        for text in ["", "0", "-3", "two", "1.5", "99999999999999999999999"] {
            assert_eq!(parse_threads(text.as_bytes()), 1, "{text:?}");
        }
        assert_eq!(parse_threads(b" 4 "), 4);
        assert_eq!(parse_threads(b"100000"), MOST_THREADS);
        assert!(parse_threads(b"AUTO") >= 1);
    }
}
