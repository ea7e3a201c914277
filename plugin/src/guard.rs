//! The one shape of every callback: no panic leaves it, and its error is seen.

use h5flac::{Error, Result};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(panic = "abort")]
compile_error!("h5flac runs inside other people's processes: build it with panic = \"unwind\"");

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::new(CString::default());
}

/// Runs `body` for HDF5. On failure the message becomes this thread's last error and goes to `show`;
/// the caller gets `sentinel`.
pub fn call<T>(sentinel: T, show: impl FnOnce(&CStr), body: impl FnOnce() -> Result<T>) -> T {
    run(body).unwrap_or_else(|error| {
        show(&remember(&error.to_string()));
        sentinel
    })
}

/// Runs `body`, with a panic as an error that asks to be reported.
pub fn run<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let what = panic_message(&*payload);
        // A payload's destructor could panic in turn.
        std::mem::forget(payload);
        Err(Error::corrupt(format!("internal error, please report it to h5flac: {what}")))
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "panic without a message".to_owned()
    }
}

/// Makes `message` this thread's last error.
pub fn remember(message: &str) -> CString {
    let text: Vec<u8> = message.bytes().filter(|&b| b != 0).collect();
    let text = CString::new(text).unwrap_or_default();
    // While a thread ends its locals may be gone: then nobody can ask for them either.
    let _ = LAST_ERROR.try_with(|last| last.replace(text.clone()));
    text
}

/// This thread's last error, empty when there was none; valid until its next one.
pub fn last_error() -> *const libc::c_char {
    LAST_ERROR.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
