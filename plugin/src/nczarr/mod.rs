//! The filter as a codec of Zarr's metadata, for netCDF's own Zarr (NCZarr).
//!
//! libnetcdf opens the plugins on HDF5_PLUGIN_PATH itself and asks for `NCZ_get_codec_info`. It keeps
//! two lists of words for a variable. The *visible* ones are those that `nc_def_var_filter` was
//! given, or that [`codec_to_hdf5`] makes of the metadata; [`hdf5_to_codec`] writes them there. The
//! *working* ones are what it calls the filter with, without HDF5: [`modify_parameters`] makes them of
//! the visible ones, as `set_local` does for HDF5. Everything given away is malloc's; the caller frees it.

#![expect(unsafe_code, reason = "called by libnetcdf with its pointers, and gives it memory")]

mod json;
mod library;

use crate::words::{self, MOST_WORDS};
use crate::{abi, entry, guard};
use h5flac::{Error, ErrorKind, Result};
use libc::{c_char, c_int, c_uint, c_void};
use library::{Library, Variable};
use std::ffi::CStr;
use std::slice;

/// Name of the codec in Zarr's metadata, the same for numcodecs.
pub const CODEC_ID: &str = "h5flac";

/// `NCZ_CODEC_CLASS_VER` and `NCZ_CODEC_HDF5`.
const CLASS_VERSION: c_int = 1;
const SORT_HDF5: c_int = 1;

/// `NC_EFILTER` and `NC_ENOMEM`.
const EFILTER: c_int = -132;
const ENOMEM: c_int = -61;

/// `NCZ_codec_t`, unchanged since netCDF 4.9.0.
#[repr(C)]
pub struct Codec {
    version: c_int,
    sort: c_int,
    codecid: *const c_char,
    hdf5id: c_uint,
    initialize: Option<unsafe extern "C" fn()>,
    finalize: Option<unsafe extern "C" fn()>,
    codec_to_hdf5: unsafe extern "C" fn(*const c_char, *mut usize, *mut *mut c_uint) -> c_int,
    hdf5_to_codec: unsafe extern "C" fn(usize, *const c_uint, *mut *mut c_char) -> c_int,
    modify_parameters: unsafe extern "C" fn(
        c_int,
        c_int,
        *mut usize,
        *mut *mut c_uint,
        *mut usize,
        *mut *mut c_uint,
    ) -> c_int,
}

// SAFETY: never written, and its pointers are to constants.
unsafe impl Sync for Codec {}

static CODEC: Codec = Codec {
    version: CLASS_VERSION,
    sort: SORT_HDF5,
    codecid: c"h5flac".as_ptr(),
    hdf5id: abi::FILTER_ID as c_uint,
    initialize: None,
    finalize: None,
    codec_to_hdf5: entry::codec_to_hdf5,
    hdf5_to_codec: entry::hdf5_to_codec,
    modify_parameters: entry::modify_parameters,
};

/// Gives netCDF the codec.
#[unsafe(no_mangle)]
pub extern "C" fn NCZ_get_codec_info() -> *const c_void {
    (&raw const CODEC).cast()
}

/// Runs `body` for netCDF: its error becomes this thread's last one and a line of netCDF's log.
fn call(address: *const c_void, body: impl FnOnce() -> Result<()>) -> c_int {
    match guard::run(body) {
        Ok(()) => 0,
        Err(error) => {
            let message = guard::remember(&error.to_string());
            show(address, &message);
            if error.kind() == ErrorKind::TooLarge { ENOMEM } else { EFILTER }
        }
    }
}

/// Shows a message to netCDF's user, if a libnetcdf called.
pub fn show(address: *const c_void, message: &CStr) {
    if let Some(library) = Library::calling(address) {
        library.log(message);
    }
}

/// Whether a libnetcdf called, whose functions can be asked.
pub fn called_from(address: *const c_void) -> bool {
    Library::calling(address).is_some()
}

/// Words from a caller's pointer.
///
/// # Safety
/// `words` has `count` words or is null, and stays while they are used.
unsafe fn borrowed<'a>(count: usize, words: *const c_uint) -> Result<&'a [u32]> {
    match count {
        0 => Ok(&[]),
        1..=MOST_WORDS if !words.is_null() => {
            // SAFETY: the caller's promise.
            Ok(unsafe { slice::from_raw_parts(words, count) })
        }
        _ => Err(Error::invalid(format!("{count} parameter words are not h5flac's"))),
    }
}

/// A copy in malloc's memory, for the caller to free.
fn given_away<T: Copy>(items: &[T]) -> Result<*mut T> {
    // SAFETY: no precondition; at least one byte, so null means none could be had.
    let copy = unsafe { libc::malloc(size_of_val(items).max(1)) }.cast::<T>();
    if copy.is_null() {
        return Err(Error::too_large(format!("no memory for {} bytes", size_of_val(items))));
    }
    // SAFETY: as many bytes, aligned for anything.
    unsafe { copy.copy_from_nonoverlapping(items.as_ptr(), items.len()) };
    Ok(copy)
}

fn missing(pointer: &str) -> Error {
    Error::invalid(format!("no {pointer}: netCDF passed a null pointer"))
}

/// Makes words of the codec in Zarr's metadata.
///
/// # Safety
/// Called by libnetcdf through [`crate::entry`]: a zero-terminated string, and pointers to a count
/// and to words.
pub unsafe extern "C" fn codec_to_hdf5(
    codec: *const c_char,
    count: *mut usize,
    words: *mut *mut c_uint,
    address: *const c_void,
) -> c_int {
    call(address, || {
        if codec.is_null() || count.is_null() || words.is_null() {
            return Err(missing("codec"));
        }
        // SAFETY: the caller's promise.
        let codec = unsafe { CStr::from_ptr(codec) };
        let params = json::parse(codec.to_bytes())
            .map_err(|e| e.within(format!("codec {}", codec.to_string_lossy())))?;
        let made = params.to_words();
        // SAFETY: the caller's promise.
        unsafe {
            *words = given_away(&made)?;
            *count = made.len();
        }
        Ok(())
    })
}

/// Makes the codec for Zarr's metadata of words, as passed or as HDF5 stores them.
///
/// # Safety
/// Called by libnetcdf through [`crate::entry`]: as many words as the count says, and a pointer to
/// a string.
pub unsafe extern "C" fn hdf5_to_codec(
    count: usize,
    words: *const c_uint,
    codec: *mut *mut c_char,
    address: *const c_void,
) -> c_int {
    call(address, || {
        if codec.is_null() {
            return Err(missing("place for the codec"));
        }
        // SAFETY: the caller's promise.
        let params = words::params(unsafe { borrowed(count, words) }?)?;
        let json = json::write(&params) + "\0";
        // SAFETY: the caller's promise.
        unsafe { *codec = given_away(json.as_bytes())?.cast() };
        Ok(())
    })
}

/// Makes working words of the visible ones, which it leaves as they are.
///
/// # Safety
/// Called by libnetcdf through [`crate::entry`]: ids of that library, pointers to counts, to as many
/// words from malloc, or to null.
pub unsafe extern "C" fn modify_parameters(
    ncid: c_int,
    varid: c_int,
    visible_count: *mut usize,
    visible: *mut *mut c_uint,
    working_count: *mut usize,
    working: *mut *mut c_uint,
    address: *const c_void,
) -> c_int {
    call(address, || {
        if [visible_count, working_count].iter().any(|p| p.is_null())
            || [visible, working].iter().any(|p| p.is_null())
        {
            return Err(missing("words"));
        }
        // SAFETY: the caller's promise.
        let visible = unsafe { borrowed(*visible_count, *visible) }?;
        let made = complete(ncid, varid, visible, address)?;
        // SAFETY: the caller's promise; what was there is netCDF's to free, from malloc.
        unsafe {
            let copy = given_away(&made)?;
            libc::free((*working).cast());
            *working = copy;
            *working_count = made.len();
        }
        Ok(())
    })
}

/// Words with the variable's type, chunk and fill value. Where there is no library to ask, and
/// where a variable that is only read does not suit the encoder, they stay as they are: decoding
/// needs no more, and the encoder refuses words without a type and shape.
fn complete(
    ncid: c_int,
    varid: c_int,
    visible: &[u32],
    address: *const c_void,
) -> Result<Vec<u32>> {
    let Some(library) = Library::calling(address) else {
        words::params(visible)?;
        return Ok(visible.to_vec());
    };
    let variable = Variable { library: &library, ncid, varid };
    let completed = || {
        let params = words::params(visible)?;
        match variable.describe(&params) {
            Ok(local) => Ok(local.to_words(&params).to_vec()),
            Err(_) if variable.is_only_read() => Ok(visible.to_vec()),
            Err(error) => Err(error),
        }
    };
    completed().map_err(|e: Error| e.within(format!("variable {}", variable.name())))
}
