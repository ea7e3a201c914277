//! The addresses that HDF5 and netCDF call: each passes its return address on as one more argument.

#![expect(unsafe_code, reason = "reads the return address off the stack")]

use crate::abi::Hid;
use crate::{filter as callbacks, nczarr};
use libc::{c_char, c_int, c_uint, c_void};

/// Defines an entry point that goes on to a callback, with the return address as the argument that
/// is named first. System V calling convention: integer arguments in rdi, rsi, rdx, rcx, r8, r9,
/// then the stack; at entry the return address is at [rsp], and rsp + 8 is a multiple of 16.
#[cfg(all(target_arch = "x86_64", unix))]
macro_rules! entry {
    (fourth, $(#[$doc:meta])* $name:ident($($arg:ident: $type:ty,)*) -> $ret:ty, $callback:path) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name($($arg: $type,)*) -> $ret {
            std::arch::naked_asm!(
                ".cfi_startproc",
                "mov rcx, [rsp]",
                "jmp {}",
                ".cfi_endproc",
                sym $callback,
            )
        }
    };
    // The push is the seventh argument and realigns the stack for the call.
    (seventh, $(#[$doc:meta])* $name:ident($($arg:ident: $type:ty,)*) -> $ret:ty, $callback:path) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name($($arg: $type,)*) -> $ret {
            std::arch::naked_asm!(
                ".cfi_startproc",
                "push qword ptr [rsp]",
                ".cfi_adjust_cfa_offset 8",
                "call {}",
                "add rsp, 8",
                ".cfi_adjust_cfa_offset -8",
                "ret",
                ".cfi_endproc",
                sym $callback,
            )
        }
    };
}

/// Without a return address: null makes the callbacks unwind the stack for it.
#[cfg(not(all(target_arch = "x86_64", unix)))]
macro_rules! entry {
    ($place:ident, $(#[$doc:meta])* $name:ident($($arg:ident: $type:ty,)*) -> $ret:ty, $callback:path) => {
        $(#[$doc])*
        pub unsafe extern "C" fn $name($($arg: $type,)*) -> $ret {
            // SAFETY: the caller's promises, passed on.
            unsafe { $callback($($arg,)* std::ptr::null()) }
        }
    };
}

entry!(
    fourth,
    /// `H5Z_can_apply_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    can_apply(dcpl: Hid, type_id: Hid, space: Hid,) -> c_int,
    callbacks::can_apply
);

entry!(
    fourth,
    /// `H5Z_set_local_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    set_local(dcpl: Hid, type_id: Hid, space: Hid,) -> c_int,
    callbacks::set_local
);

entry!(
    seventh,
    /// `H5Z_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5 or libnetcdf.
    filter(
        flags: c_uint,
        cd_nelmts: usize,
        cd_values: *const c_uint,
        nbytes: usize,
        buf_size: *mut usize,
        buf: *mut *mut c_void,
    ) -> usize,
    callbacks::filter
);

entry!(
    fourth,
    /// `NCZ_codec_to_hdf5`.
    ///
    /// # Safety
    /// Called by libnetcdf.
    codec_to_hdf5(codec: *const c_char, count: *mut usize, words: *mut *mut c_uint,) -> c_int,
    nczarr::codec_to_hdf5
);

entry!(
    fourth,
    /// `NCZ_hdf5_to_codec`.
    ///
    /// # Safety
    /// Called by libnetcdf.
    hdf5_to_codec(count: usize, words: *const c_uint, codec: *mut *mut c_char,) -> c_int,
    nczarr::hdf5_to_codec
);

entry!(
    seventh,
    /// `NCZ_modify_parameters`.
    ///
    /// # Safety
    /// Called by libnetcdf.
    modify_parameters(
        ncid: c_int,
        varid: c_int,
        visible_count: *mut usize,
        visible: *mut *mut c_uint,
        working_count: *mut usize,
        working: *mut *mut c_uint,
    ) -> c_int,
    nczarr::modify_parameters
);
