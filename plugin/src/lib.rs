//! HDF5 filter plugin and C interface of h5flac.
//!
//! A shell over the core's chunks. HDF5 asks for the filter (`H5PLget_plugin_info`), then calls it
//! through [`entry`]; [`host`] finds out which libhdf5 that was; [`guard`] keeps panics in and brings
//! errors out; [`filter`] does the work, with the parameter words as [`words`] lays them out.
//! [`nczarr`] makes it a codec of netCDF's Zarr. [`capi`] is the C interface of `include/h5flac.h`.

#![expect(unsafe_code, reason = "exports two symbols to HDF5")]

pub mod abi;
pub mod capi;
mod datatype;
pub mod entry;
pub mod environment;
pub mod filter;
pub mod guard;
pub mod host;
pub mod memory;
pub mod module;
pub mod nczarr;
pub mod words;

use abi::FilterClass;
use libc::{c_int, c_void};

/// Stored in every file and shown where the plugin is missing, so it says what to install.
pub const NAME: &std::ffi::CStr =
    c"h5flac: FLAC time streams (to read: install h5flac, put libh5flac.so on HDF5_PLUGIN_PATH)";

struct Shared(FilterClass);

// SAFETY: never written, and its pointers are to constants.
unsafe impl Sync for Shared {}

static CLASS: Shared = Shared(FilterClass {
    version: abi::CLASS_VERSION,
    id: abi::FILTER_ID,
    encoder_present: 1,
    decoder_present: 1,
    name: NAME.as_ptr(),
    can_apply: entry::can_apply,
    set_local: entry::set_local,
    filter: entry::filter,
});

/// Tells HDF5 that this is a filter.
#[unsafe(no_mangle)]
pub extern "C" fn H5PLget_plugin_type() -> c_int {
    abi::PLUGIN_TYPE_FILTER
}

/// Gives HDF5 the filter; also for `H5Zregister`.
#[unsafe(no_mangle)]
pub extern "C" fn H5PLget_plugin_info() -> *const c_void {
    (&raw const CLASS.0).cast()
}
