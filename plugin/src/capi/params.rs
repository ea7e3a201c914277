//! Parameter words for `H5Pset_filter`.

use super::{COMPLETED, Layout, input, output, status};
use crate::words::{self, Local};
use h5flac::params::USER_WORDS;
use h5flac::{Error, Mode, Params, Result};
use libc::{c_double, c_int, c_uint, c_void};
use std::sync::atomic::Ordering;

/// Stream axis and dither of the options word; other bits are for `from_words` to refuse.
unsafe fn fill(cd_values: *mut c_uint, level: c_uint, mode: Mode, options: c_uint) -> c_int {
    status(|| {
        // SAFETY: the caller promised USER_WORDS words.
        let out = unsafe { output("cd_values", cd_values, USER_WORDS as u64) }?;
        let mut words = Params { level, mode, axis: 0, dither: false }.to_words();
        words[4] = options;
        out.copy_from_slice(&Params::from_words(&words)?.to_words());
        Ok(())
    })
}

/// Words for lossless coding.
///
/// # Safety
/// `cd_values` has room for five words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_lossless(
    cd_values: *mut c_uint,
    level: c_uint,
    options: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(cd_values, level, Mode::Lossless, options) }
}

/// Words for a fixed quanta.
///
/// # Safety
/// `cd_values` has room for five words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_quanta(
    cd_values: *mut c_uint,
    level: c_uint,
    quanta: c_double,
    options: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(cd_values, level, Mode::Quanta(quanta), options) }
}

/// Words for the quanta numerator × 10^−power.
///
/// # Safety
/// `cd_values` has room for five words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_decimal(
    cd_values: *mut c_uint,
    level: c_uint,
    numerator: c_uint,
    power: c_uint,
    options: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(cd_values, level, Mode::Decimal { numerator, power }, options) }
}

/// Words for quanta = std(stream)/10^digits.
///
/// # Safety
/// `cd_values` has room for five words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_precision(
    cd_values: *mut c_uint,
    level: c_uint,
    digits: c_uint,
    options: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(cd_values, level, Mode::Precision(digits), options) }
}

/// Words for quanta = sigma_noise/q.
///
/// # Safety
/// `cd_values` has room for five words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_noise(
    cd_values: *mut c_uint,
    level: c_uint,
    q: c_double,
    options: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(cd_values, level, Mode::Noise(q), options) }
}

/// Completes parameter words as `set_local` would, for programs whose libhdf5 cannot be asked.
///
/// # Safety
/// `completed` has room for 16 words, `params` has `param_count`; `layout` is null or one, and
/// `fill_value` null or one element.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_params_complete(
    completed: *mut c_uint,
    params: *const c_uint,
    param_count: u64,
    layout: *const Layout,
    fill_value: *const c_void,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (params, layout) = unsafe {
            (
                read_params(params, param_count)?,
                layout.as_ref().ok_or_else(|| Error::invalid("layout is null"))?,
            )
        };
        let (dtype, shape) = layout.read()?;
        // SAFETY: the caller's promise: null or an element of this type.
        let fill = unsafe { read_fill(fill_value, dtype.element_size()) }?;
        let words = Local::new(dtype, shape, fill)?.to_words(&params);
        // SAFETY: the caller's promise. Only now, as `params` may be the same memory.
        unsafe { output("completed", completed, words::COUNT as u64) }?.copy_from_slice(&words);
        COMPLETED.store(true, Ordering::Relaxed);
        Ok(())
    })
}

/// Parameter words as passed or as completed.
///
/// # Safety
/// `count` words at `start`.
pub(super) unsafe fn read_params(start: *const c_uint, count: u64) -> Result<Params> {
    // SAFETY: the caller's promise.
    let given = unsafe { input("params", start, count) }?;
    words::params(given)
}

/// A fill value, unless it is null.
///
/// # Safety
/// Null or `size` bytes.
pub(super) unsafe fn read_fill<'a>(start: *const c_void, size: usize) -> Result<Option<&'a [u8]>> {
    if start.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { input("fill_value", start.cast(), size as u64) }.map(Some)
}
