//! The C interface of `include/h5flac.h`: chunks without HDF5, and help with parameter words.
//!
//! Every function that can fail returns a status, 0 for success, and leaves its message behind
//! [`h5flac_last_error`]. Pointers are checked for null and lengths for sense; that a pointer has the
//! bytes its length says is the caller's promise.

pub mod chunks;
pub mod files;
pub mod params;
pub mod selection;
pub mod stored;

use crate::guard;
use h5flac::{ByteOrder, Class, Dtype, Error, ErrorKind, Result, Shape};
use libc::{c_char, c_int, c_uint};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

/// Type and shape of a chunk, `h5flac_layout` in the header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Layout {
    /// 0 signed, 1 unsigned, 2 float.
    pub number_class: c_uint,
    /// Bytes of a component.
    pub size: c_uint,
    /// 0 or 1.
    pub big_endian: c_uint,
    /// 0 or 1.
    pub is_complex: c_uint,
    /// Product of the axes before the stream axis.
    pub outer: u64,
    /// Samples in a stream.
    pub length: u64,
    /// Product of the axes after the stream axis.
    pub inner: u64,
}

impl Layout {
    fn read(&self) -> Result<(Dtype, Shape)> {
        let class = match self.number_class {
            0 => Class::Signed,
            1 => Class::Unsigned,
            2 => Class::Float,
            other => return Err(Error::invalid(format!("number class {other}; use 0 to 2"))),
        };
        let flag = |name: &str, value: c_uint| match value {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::invalid(format!("{name} is {other}; use 0 or 1"))),
        };
        let order =
            if flag("big_endian", self.big_endian)? { ByteOrder::Big } else { ByteOrder::Little };
        let complex = flag("is_complex", self.is_complex)?;
        let dtype = Dtype::new(class, self.size as usize, order, complex)?;
        let shape = Shape {
            outer: size(self.outer)?,
            length: size(self.length)?,
            inner: size(self.inner)?,
        };
        Ok((dtype, shape))
    }

    fn of(dtype: Dtype, shape: Shape) -> Self {
        Layout {
            number_class: match dtype.class {
                Class::Signed => 0,
                Class::Unsigned => 1,
                Class::Float => 2,
            },
            size: dtype.size as c_uint,
            big_endian: c_uint::from(dtype.order == ByteOrder::Big),
            is_complex: c_uint::from(dtype.complex),
            outer: shape.outer as u64,
            length: shape.length as u64,
            inner: shape.inner as u64,
        }
    }
}

/// Whether [`params::h5flac_params_complete`] was ever called: see [`words_were_completed`].
static COMPLETED: AtomicBool = AtomicBool::new(false);

/// Whether this process completes parameter words itself, for want of a host to ask.
pub fn words_were_completed() -> bool {
    COMPLETED.load(Ordering::Relaxed)
}

/// Runs `body` with its error as a status and the thread's last error.
fn status(body: impl FnOnce() -> Result<()>) -> c_int {
    match guard::run(body) {
        Ok(()) => 0,
        Err(error) => {
            guard::remember(&error.to_string());
            match error.kind() {
                ErrorKind::InvalidArgument => -1,
                ErrorKind::Unsupported => -2,
                ErrorKind::Corrupt => -3,
                ErrorKind::Truncated => -4,
                ErrorKind::TooLarge => -5,
                ErrorKind::Io => -7,
                _ => -6,
            }
        }
    }
}

fn size(value: u64) -> Result<usize> {
    usize::try_from(value)
        .ok()
        .filter(|&n| n <= isize::MAX as usize)
        .ok_or_else(|| Error::too_large(format!("a size of {value}")))
}

/// Checks that `count` elements of `T` at `start` can be a slice.
fn checked<T>(name: &str, start: *const T, count: u64) -> Result<usize> {
    let count = size(count)?;
    if start.is_null() && count > 0 {
        return Err(Error::invalid(format!("{name} is null")));
    }
    if !start.is_aligned() {
        return Err(Error::invalid(format!("{name} is not aligned")));
    }
    count
        .checked_mul(size_of::<T>())
        .filter(|&bytes| bytes <= isize::MAX as usize)
        .map(|_| count)
        .ok_or_else(|| Error::too_large(format!("{name} has {count} elements")))
}

/// `count` elements at `start`, which may be null when there are none.
///
/// # Safety
/// The caller of the C function promised them for the call's duration.
unsafe fn input<'a, T>(name: &str, start: *const T, count: u64) -> Result<&'a [T]> {
    match checked(name, start, count)? {
        0 => Ok(&[]),
        // SAFETY: checked above, and the caller's promise.
        n => Ok(unsafe { slice::from_raw_parts(start, n) }),
    }
}

/// `count` writable elements at `start`, which may be null when there are none.
///
/// # Safety
/// The caller of the C function promised them for the call's duration, initialised and not shared.
unsafe fn output<'a, T>(name: &str, start: *mut T, count: u64) -> Result<&'a mut [T]> {
    match checked(name, start, count)? {
        0 => Ok(&mut []),
        // SAFETY: checked above, and the caller's promise.
        n => Ok(unsafe { slice::from_raw_parts_mut(start, n) }),
    }
}

/// One value at `start`.
///
/// # Safety
/// As [`output`].
unsafe fn one<'a, T>(name: &str, start: *mut T) -> Result<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { output(name, start, 1) }.map(|values| &mut values[0])
}

/// Version of this library.
#[unsafe(no_mangle)]
pub extern "C" fn h5flac_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Message of the last failure on the calling thread, from HDF5's callbacks too; empty before any.
#[unsafe(no_mangle)]
pub extern "C" fn h5flac_last_error() -> *const c_char {
    guard::last_error()
}
