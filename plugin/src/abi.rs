//! The part of HDF5's C interface that a filter plugin meets, written by hand.
//!
//! Nothing of libhdf5 is linked: one process may hold several, each with the plugin loaded once
//! for all of them. `tests/layout.rs` checks these types against the real headers.

use libc::{c_char, c_int, c_uint, c_void};

/// Identifier of an HDF5 object, 64 bits since HDF5 1.10.
pub type Hid = i64;

/// Filter id of h5flac.
pub const FILTER_ID: c_int = 61868;

/// Version of [`FilterClass`] that every HDF5 since 1.8 reads.
pub const CLASS_VERSION: c_int = 1;

/// What `H5PLget_plugin_type` answers for filters.
pub const PLUGIN_TYPE_FILTER: c_int = 0;

/// A failing filter is skipped and the chunk stored without it.
pub const FLAG_OPTIONAL: c_uint = 0x0001;
/// Decode.
pub const FLAG_REVERSE: c_uint = 0x0100;
/// Do not verify checksums while decoding.
pub const FLAG_SKIP_EDC: c_uint = 0x0200;

/// Most dimensions of a dataspace.
pub const MAX_RANK: usize = 32;

/// `H5D_FILL_VALUE_USER_DEFINED`.
pub const FILL_USER_DEFINED: c_int = 2;

/// `H5T_class_t`.
pub mod class {
    #![allow(missing_docs)]
    use libc::c_int;
    pub const INTEGER: c_int = 0;
    pub const FLOAT: c_int = 1;
    pub const TIME: c_int = 2;
    pub const STRING: c_int = 3;
    pub const BITFIELD: c_int = 4;
    pub const OPAQUE: c_int = 5;
    pub const COMPOUND: c_int = 6;
    pub const REFERENCE: c_int = 7;
    pub const ENUM: c_int = 8;
    pub const VLEN: c_int = 9;
    pub const ARRAY: c_int = 10;
    /// Since HDF5 2.0.
    pub const COMPLEX: c_int = 11;
}

/// `H5T_order_t`: little endian.
pub const ORDER_LITTLE: c_int = 0;
/// `H5T_order_t`: big endian.
pub const ORDER_BIG: c_int = 1;
/// `H5T_sign_t`: two's complement.
pub const SIGN_TWOS_COMPLEMENT: c_int = 1;

/// `H5Z_can_apply_func_t` and `H5Z_set_local_func_t`.
pub type PropertyCallback = unsafe extern "C" fn(dcpl: Hid, type_id: Hid, space: Hid) -> c_int;

/// `H5Z_func_t`.
pub type FilterCallback = unsafe extern "C" fn(
    flags: c_uint,
    cd_nelmts: usize,
    cd_values: *const c_uint,
    nbytes: usize,
    buf_size: *mut usize,
    buf: *mut *mut c_void,
) -> usize;

/// `H5Z_class2_t`.
#[repr(C)]
pub struct FilterClass {
    /// [`CLASS_VERSION`].
    pub version: c_int,
    /// Filter id.
    pub id: c_int,
    /// Whether it encodes.
    pub encoder_present: c_uint,
    /// Whether it decodes.
    pub decoder_present: c_uint,
    /// Stored in files, and shown where the plugin is missing.
    pub name: *const c_char,
    /// Asked before a dataset is created.
    pub can_apply: PropertyCallback,
    /// Completes the filter's parameters for a dataset.
    pub set_local: PropertyCallback,
    /// Encodes or decodes a chunk.
    pub filter: FilterCallback,
}
