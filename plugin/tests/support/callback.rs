//! Calls of the filter, as libhdf5 makes them.

#![expect(unsafe_code, reason = "calls the filter as libhdf5 does")]

use h5flac_plugin::capi::h5flac_last_error;
use h5flac_plugin::entry;
use std::ffi::CStr;
use std::{ptr, slice};

/// Runs the filter on malloc'd memory with room for `room` bytes more, as a program without a host
/// would. `Err` carries the last error of a refusal, after checking that nothing was touched.
pub fn filter(
    flags: u32,
    words: Option<&[u32]>,
    count: usize,
    data: &[u8],
    room: usize,
) -> Result<Vec<u8>, String> {
    let capacity = data.len() + room;
    // SAFETY: malloc's memory of the length given, and as many words as `count` wherever the
    // filter reads them.
    unsafe {
        let start = libc::malloc(capacity.max(1));
        assert!(!start.is_null());
        ptr::copy_nonoverlapping(data.as_ptr(), start.cast(), data.len());
        let (mut buffer, mut size) = (start, capacity);
        let words = words.map_or(ptr::null(), <[u32]>::as_ptr);
        let length = entry::filter(flags, count, words, data.len(), &mut size, &mut buffer);
        let result = if length == 0 {
            assert_eq!((buffer, size), (start, capacity), "a refusal touched its arguments");
            let same = slice::from_raw_parts(buffer.cast::<u8>(), data.len()) == data;
            assert!(same, "a refusal changed the data");
            Err(last_error())
        } else {
            assert!(size >= length, "buf_size below the returned length");
            Ok(slice::from_raw_parts(buffer.cast::<u8>(), length).to_vec())
        };
        libc::free(buffer);
        result
    }
}

/// Asks whether the filter can be applied, and has it complete parameter words, from a program
/// whose functions it cannot find. The last error of a refusal.
pub fn apply(ids: [i64; 3]) -> Result<(), String> {
    let [dcpl, type_id, space] = ids;
    // SAFETY: without a host, identifiers mean nothing.
    let answers =
        unsafe { [entry::can_apply(dcpl, type_id, space), entry::set_local(dcpl, type_id, space)] };
    match answers {
        [1, 0] => Ok(()),
        [-1, -1] => Err(last_error()),
        other => panic!("answers {other:?}"),
    }
}

/// What the last refusal on this thread said; not that a panic was caught.
fn last_error() -> String {
    // SAFETY: zero-terminated, and valid until the next error of this thread.
    let message = unsafe { CStr::from_ptr(h5flac_last_error()) }.to_str().unwrap().to_owned();
    assert!(!message.is_empty() && !message.contains("internal error"), "{message}");
    message
}
