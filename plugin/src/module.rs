//! Which loaded library called, and its functions.
//!
//! A process may hold several libhdf5 and libnetcdf (each Python wheel brings its own), loaded so
//! that no search by name alone finds the right one. A call's return address tells: return address →
//! module → that module's own symbols.

#![expect(unsafe_code, reason = "asks the dynamic linker for modules and symbols")]

use crate::environment;
use libc::{c_int, c_void};
use std::ptr;

/// Declares a struct `Functions` of a library's functions, which all versions since the oldest that
/// is served export with these signatures; `resolve` finds them in a module.
macro_rules! functions {
    ($($name:ident: fn($($arg:ty),*) -> $ret:ty;)*) => {
        /// The calling library's functions, by their names in its reference manual.
        #[allow(non_snake_case, missing_docs)]
        pub struct Functions { $(pub $name: unsafe extern "C" fn($($arg),*) -> $ret,)* }

        impl Functions {
            fn resolve(module: &crate::module::Module) -> Option<Self> {
                Some(Functions {
                    $($name: {
                        let symbol = module.symbol(concat!(stringify!($name), "\0"))?;
                        // SAFETY: the library exports a function of this name and signature.
                        unsafe {
                            std::mem::transmute::<
                                *mut libc::c_void,
                                unsafe extern "C" fn($($arg),*) -> $ret,
                            >(symbol)
                        }
                    },)*
                })
            }
        }
    };
}
pub(crate) use functions;

/// A loaded object, and a handle that keeps it loaded.
pub struct Module {
    base: *mut c_void,
    handle: *mut c_void,
}

impl Module {
    /// The module that holds `address`, if it has a symbol of its own by this zero-terminated name.
    pub fn holding(address: *const c_void, name: &'static str) -> Option<Self> {
        let info = locate(address)?;
        // By its name, or the main program, whose name is whatever it was started as.
        [info.dli_fname, ptr::null()].into_iter().find_map(|file| {
            // SAFETY: dladdr gave a zero-terminated name; NOLOAD loads nothing.
            let handle = unsafe { libc::dlopen(file, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
            if handle.is_null() {
                return None;
            }
            let module = Module { base: info.dli_fbase, handle };
            module.symbol(name).is_some().then_some(module)
        })
    }

    /// A symbol by its zero-terminated name, if it lies in this very module: a handle's search
    /// goes on into dependencies, and for the main program into everything global.
    pub fn symbol(&self, name: &'static str) -> Option<*mut c_void> {
        debug_assert!(name.ends_with('\0'));
        // SAFETY: a live handle and a zero-terminated name.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr().cast()) };
        (!symbol.is_null() && locate(symbol)?.dli_fbase == self.base).then_some(symbol)
    }

    /// Whether both are the same loaded object.
    pub fn is(&self, other: &Module) -> bool {
        self.base == other.base
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: a handle of our own, used no more.
        unsafe { libc::dlclose(self.handle) };
    }
}

fn locate(address: *const c_void) -> Option<libc::Dl_info> {
    // SAFETY: dladdr takes any address and fills the struct when it returns nonzero.
    unsafe {
        let mut info = std::mem::zeroed::<libc::Dl_info>();
        (libc::dladdr(address, &mut info) != 0).then_some(info)
    }
}

/// Where this module was called from: what [`crate::entry`] passed on, or else found by unwinding.
pub fn caller(passed_on: *const c_void) -> *const c_void {
    if passed_on.is_null() || environment::unwind_for_host() { unwound_caller() } else { passed_on }
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        trace: unsafe extern "C" fn(context: *mut c_void, found: *mut c_void) -> c_int,
        found: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// `_URC_NO_REASON`, go on, and `_URC_NORMAL_STOP`.
const GO_ON: c_int = 0;
const STOP: c_int = 4;

/// The first return address outside this module, found by unwinding the stack: for processors
/// where the entry points do not pass it on.
fn unwound_caller() -> *const c_void {
    struct Search {
        own: *mut c_void,
        found: *const c_void,
    }
    unsafe extern "C" fn visit(context: *mut c_void, search: *mut c_void) -> c_int {
        // SAFETY: `search` is the struct below, alive during the walk; `context` is the unwinder's.
        let (search, address) =
            unsafe { (&mut *search.cast::<Search>(), _Unwind_GetIP(context) as *const c_void) };
        if locate(address).is_some_and(|info| info.dli_fbase == search.own) {
            return GO_ON;
        }
        search.found = address;
        STOP
    }
    let Some(own) = locate(unwound_caller as *const c_void) else { return ptr::null() };
    let mut search = Search { own: own.dli_fbase, found: ptr::null() };
    // SAFETY: `visit` gets back the pointer it expects.
    unsafe { _Unwind_Backtrace(visit, (&raw mut search).cast()) };
    search.found
}
