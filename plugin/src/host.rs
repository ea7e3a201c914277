//! Which libhdf5 called, and its functions.
//!
//! A process may hold several libhdf5 (each Python wheel brings its own) and one image of this
//! plugin serves them all. Identifiers of one mean nothing, or something else, to another. So
//! each call is traced to its library ([`crate::module`]).

#![expect(unsafe_code, reason = "calls the functions of a libhdf5")]

use crate::abi::Hid;
use crate::module::{Module, functions};
use libc::{c_char, c_int, c_uint, c_void};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Oldest libhdf5 whose identifiers are 64 bits wide.
const OLDEST: (c_uint, c_uint) = (1, 10);

functions! {
    H5get_libversion: fn(*mut c_uint, *mut c_uint, *mut c_uint) -> c_int;
    H5allocate_memory: fn(usize, bool) -> *mut c_void;
    H5resize_memory: fn(*mut c_void, usize) -> *mut c_void;
    H5free_memory: fn(*mut c_void) -> c_int;
    H5Tget_class: fn(Hid) -> c_int;
    H5Tget_size: fn(Hid) -> usize;
    H5Tget_order: fn(Hid) -> c_int;
    H5Tget_sign: fn(Hid) -> c_int;
    H5Tget_precision: fn(Hid) -> usize;
    H5Tencode: fn(Hid, *mut c_void, *mut usize) -> c_int;
    H5Tget_super: fn(Hid) -> Hid;
    H5Tget_nmembers: fn(Hid) -> c_int;
    H5Tget_member_name: fn(Hid, c_uint) -> *mut c_char;
    H5Tget_member_type: fn(Hid, c_uint) -> Hid;
    H5Tget_member_offset: fn(Hid, c_uint) -> usize;
    H5Tclose: fn(Hid) -> c_int;
    H5Sget_simple_extent_ndims: fn(Hid) -> c_int;
    H5Sget_simple_extent_dims: fn(Hid, *mut u64, *mut u64) -> c_int;
    H5Pget_nfilters: fn(Hid) -> c_int;
    H5Pget_filter2: fn(
        Hid, c_uint, *mut c_uint, *mut usize, *mut c_uint, usize, *mut c_char, *mut c_uint
    ) -> c_int;
    H5Pget_filter_by_id2: fn(
        Hid, c_int, *mut c_uint, *mut usize, *mut c_uint, usize, *mut c_char, *mut c_uint
    ) -> c_int;
    H5Pmodify_filter: fn(Hid, c_int, c_uint, usize, *const c_uint) -> c_int;
    H5Pfill_value_defined: fn(Hid, *mut c_int) -> c_int;
    H5Pget_fill_value: fn(Hid, Hid, *mut c_void) -> c_int;
    H5Ecreate_stack: fn() -> Hid;
    H5Eset_current_stack: fn(Hid) -> c_int;
}

/// `H5Epush2`.
type Push = unsafe extern "C" fn(
    stack: Hid,
    file: *const c_char,
    func: *const c_char,
    line: c_uint,
    class: Hid,
    major: Hid,
    minor: Hid,
    format: *const c_char,
    ...
) -> c_int;

/// A libhdf5 that called this plugin. Never unloaded once known, so its functions stay.
pub struct Host {
    module: Module,
    /// Its functions.
    pub functions: Functions,
    push: Push,
    is_paused: Option<unsafe extern "C" fn(Hid, *mut bool) -> c_int>,
    /// `H5E_ERR_CLS_g`, `H5E_PLINE_g`, `H5E_CALLBACK_g`: set while the library is running.
    error_ids: [*const Hid; 3],
}

// SAFETY: addresses of code and of variables that a running libhdf5 never changes.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// `H5E_DEFAULT`: the current error stack.
const CURRENT_STACK: Hid = 0;

impl Host {
    fn resolve(module: Module) -> Option<Self> {
        let functions = Functions::resolve(&module)?;
        let (mut major, mut minor, mut release) = (0, 0, 0);
        // SAFETY: three valid pointers, as H5get_libversion wants.
        unsafe { (functions.H5get_libversion)(&mut major, &mut minor, &mut release) };
        if (major, minor) < OLDEST {
            return None;
        }
        let push = module.symbol("H5Epush2\0")?;
        let is_paused = module.symbol("H5Eis_paused\0");
        let data = |name| module.symbol(name).map(|p| p.cast_const().cast::<Hid>());
        let error_ids =
            [data("H5E_ERR_CLS_g\0")?, data("H5E_PLINE_g\0")?, data("H5E_CALLBACK_g\0")?];
        // SAFETY: libhdf5 exports functions of these names and signatures.
        let (push, is_paused) = unsafe {
            (
                std::mem::transmute::<*mut c_void, Push>(push),
                is_paused.map(|p| {
                    std::mem::transmute::<
                        *mut c_void,
                        unsafe extern "C" fn(Hid, *mut bool) -> c_int,
                    >(p)
                }),
            )
        };
        Some(Host { module, functions, push, is_paused, error_ids })
    }

    /// Allocates `len` bytes of any values; null when it cannot.
    pub fn allocate(&self, len: usize) -> *mut c_void {
        // SAFETY: no precondition.
        unsafe { (self.functions.H5allocate_memory)(len, false) }
    }

    /// Resizes what this library allocated; null when it cannot, and then nothing has changed.
    ///
    /// # Safety
    /// `memory` came from this library's allocator and is used no more, unless this gives null.
    pub unsafe fn resize(&self, memory: *mut c_void, len: usize) -> *mut c_void {
        // SAFETY: the caller's promise.
        unsafe { (self.functions.H5resize_memory)(memory, len) }
    }

    /// Frees what this library allocated.
    ///
    /// # Safety
    /// `memory` came from this library's allocator and is used no more.
    pub unsafe fn free(&self, memory: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { (self.functions.H5free_memory)(memory) };
    }

    /// Puts `message` where the library's user sees it. Any later call into the library but
    /// the return from the callback may clear it.
    ///
    /// HDF5 1.14.4 to 2.0 set their stack aside around a filter callback and drop what is pushed
    /// on it; replacing the current stack by one of our own survives that.
    pub fn push_error(&self, callback: &CStr, message: &CStr) {
        // SAFETY: the ids are variables of the library, initialised since it is running; all
        // strings are zero-terminated and the format takes exactly one of them.
        unsafe {
            let mut paused = false;
            let aside =
                self.is_paused.is_some_and(|ask| ask(CURRENT_STACK, &mut paused) >= 0 && paused);
            let stack = if aside { (self.functions.H5Ecreate_stack)() } else { CURRENT_STACK };
            if stack < 0 {
                return;
            }
            let [class, major, minor] = self.error_ids.map(|id| *id);
            (self.push)(
                stack,
                c"h5flac".as_ptr(),
                callback.as_ptr(),
                0,
                class,
                major,
                minor,
                c"%s".as_ptr(),
                message.as_ptr(),
            );
            if aside {
                (self.functions.H5Eset_current_stack)(stack);
            }
        }
    }
}

/// Hosts found so far, by return address. Only ever grows, by one entry per call site, and takes
/// no lock: a child forked while another thread is here finds it whole.
static KNOWN: AtomicPtr<Known> = AtomicPtr::new(ptr::null_mut());

struct Known {
    address: usize,
    host: &'static Host,
    next: *const Known,
}

/// Iterates over what [`KNOWN`] holds.
fn known() -> impl Iterator<Item = &'static Known> {
    // SAFETY: entries are leaked boxes, complete before they are published with `Release`.
    let first = unsafe { KNOWN.load(Ordering::Acquire).as_ref() };
    // SAFETY: `next` is null or an entry published earlier.
    std::iter::successors(first, |k| unsafe { k.next.as_ref() })
}

/// The libhdf5 that holds `address`, if that module exports HDF5's functions and is at
/// least version 1.10. A static program without exported symbols has none.
pub fn at(address: *const c_void) -> Option<&'static Host> {
    if let Some(k) = known().find(|k| k.address == address as usize) {
        return Some(k.host);
    }
    let module = Module::holding(address, "H5get_libversion\0")?;
    let host = match known().find(|k| k.host.module.is(&module)) {
        Some(k) => k.host,
        None => Box::leak(Box::new(Host::resolve(module)?)),
    };
    let entry = Box::leak(Box::new(Known { address: address as usize, host, next: ptr::null() }));
    let mut head = KNOWN.load(Ordering::Acquire);
    loop {
        entry.next = head;
        match KNOWN.compare_exchange_weak(head, entry, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some(host),
            Err(now) => head = now,
        }
    }
}
