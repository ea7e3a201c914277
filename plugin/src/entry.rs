//! The addresses that HDF5 calls: each passes its return address on as one more argument.

#![expect(unsafe_code, reason = "reads the return address off the stack")]

#[cfg(not(all(target_arch = "x86_64", unix)))]
pub use unwound::{can_apply, filter, set_local};
#[cfg(all(target_arch = "x86_64", unix))]
pub use x86_64::{can_apply, filter, set_local};

/// System V calling convention: integer arguments in rdi, rsi, rdx, rcx, r8, r9, then the stack;
/// at entry the return address is at [rsp], and rsp + 8 is a multiple of 16.
#[cfg(all(target_arch = "x86_64", unix))]
mod x86_64 {
    use crate::abi::Hid;
    use crate::filter as callbacks;
    use libc::{c_int, c_uint, c_void};
    use std::arch::naked_asm;

    /// `H5Z_can_apply_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    #[unsafe(naked)]
    pub unsafe extern "C" fn can_apply(dcpl: Hid, type_id: Hid, space: Hid) -> c_int {
        naked_asm!(
            ".cfi_startproc",
            "mov rcx, [rsp]",
            "jmp {}",
            ".cfi_endproc",
            sym callbacks::can_apply,
        )
    }

    /// `H5Z_set_local_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    #[unsafe(naked)]
    pub unsafe extern "C" fn set_local(dcpl: Hid, type_id: Hid, space: Hid) -> c_int {
        naked_asm!(
            ".cfi_startproc",
            "mov rcx, [rsp]",
            "jmp {}",
            ".cfi_endproc",
            sym callbacks::set_local,
        )
    }

    /// `H5Z_func_t`. The push is the seventh argument and realigns the stack for the call.
    ///
    /// # Safety
    /// Called by libhdf5.
    #[unsafe(naked)]
    pub unsafe extern "C" fn filter(
        flags: c_uint,
        cd_nelmts: usize,
        cd_values: *const c_uint,
        nbytes: usize,
        buf_size: *mut usize,
        buf: *mut *mut c_void,
    ) -> usize {
        naked_asm!(
            ".cfi_startproc",
            "push qword ptr [rsp]",
            ".cfi_adjust_cfa_offset 8",
            "call {}",
            "add rsp, 8",
            ".cfi_adjust_cfa_offset -8",
            "ret",
            ".cfi_endproc",
            sym callbacks::filter,
        )
    }
}

/// Without a return address: null makes the callbacks unwind the stack for it.
#[cfg(not(all(target_arch = "x86_64", unix)))]
mod unwound {
    use crate::abi::Hid;
    use crate::filter as callbacks;
    use libc::{c_int, c_uint, c_void};
    use std::ptr::null;

    /// `H5Z_can_apply_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    pub unsafe extern "C" fn can_apply(dcpl: Hid, type_id: Hid, space: Hid) -> c_int {
        // SAFETY: the caller's promise.
        unsafe { callbacks::can_apply(dcpl, type_id, space, null()) }
    }

    /// `H5Z_set_local_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    pub unsafe extern "C" fn set_local(dcpl: Hid, type_id: Hid, space: Hid) -> c_int {
        // SAFETY: the caller's promise.
        unsafe { callbacks::set_local(dcpl, type_id, space, null()) }
    }

    /// `H5Z_func_t`.
    ///
    /// # Safety
    /// Called by libhdf5.
    pub unsafe extern "C" fn filter(
        flags: c_uint,
        cd_nelmts: usize,
        cd_values: *const c_uint,
        nbytes: usize,
        buf_size: *mut usize,
        buf: *mut *mut c_void,
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe { callbacks::filter(flags, cd_nelmts, cd_values, nbytes, buf_size, buf, null()) }
    }
}
