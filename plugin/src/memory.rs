//! Memory: buffers that change hands with HDF5, from its own allocator or malloc where it has none
//! to ask, and whether there is enough for what the core works with.

#![expect(unsafe_code, reason = "foreign memory")]

use crate::host::Host;
use h5flac::{Compressed, Error, Head, Result, chunk, parallel};
use libc::c_void;
use std::hint::black_box;
use std::ptr;

/// Makes sure that malloc has `bytes` in one piece, and leaves them there: the core takes less, and
/// Rust ends the process when it cannot have what it takes.
///
/// # Errors
/// `TooLarge` when there is not so much.
pub fn afford(bytes: usize) -> Result<()> {
    let found = || {
        // SAFETY: memory that is freed at once. Without the black box the compiler may assume
        // that there is enough, and ask for none.
        unsafe {
            let memory = black_box(libc::malloc(bytes));
            libc::free(memory);
            !memory.is_null()
        }
    };
    if found() {
        return Ok(());
    }
    chunk::forget_spare_buffers();
    if found() {
        return Ok(());
    }
    Err(Error::too_large(format!("no memory: to work on this may take {bytes} bytes")))
}

/// Addresses that a thread reserves: glibc's malloc tries 128 MiB for its blocks, and where it can
/// have none gives each block, however small, a page. The rest is its stack.
const FOR_A_THREAD: usize = 136 << 20;

/// Threads that a call which wants so many has: all, which are running then, or one, where they
/// cannot be had.
pub fn threads(wanted: usize) -> usize {
    if wanted > 1 && addresses(wanted.saturating_mul(FOR_A_THREAD)) {
        parallel::started(wanted)
    } else {
        1
    }
}

/// Whether so many bytes of address space are free.
fn addresses(bytes: usize) -> bool {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: addresses of the system's choice, given back at once.
    unsafe {
        let start = libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, kind, -1, 0);
        start != libc::MAP_FAILED && libc::munmap(start, bytes) == 0
    }
}

/// Parses a chunk's head where there is memory for it.
///
/// # Errors
/// As [`Head::parse`], and `TooLarge` when there is none.
pub fn head(bytes: &[u8]) -> Result<Head> {
    afford(Head::most_held(Head::length(bytes)?.min(bytes.len())))?;
    Head::parse(bytes)
}

/// Memory that is freed unless it is given away. Its bytes may have any values.
pub struct Buffer {
    start: *mut u8,
    length: usize,
    host: Option<&'static Host>,
}

impl Buffer {
    /// Allocates `length` bytes, at least one.
    ///
    /// # Errors
    /// `TooLarge` when there is no memory.
    pub fn new(host: Option<&'static Host>, length: usize) -> Result<Self> {
        let size = length.max(1);
        let start = match host {
            Some(host) => host.allocate(size),
            // SAFETY: no precondition.
            None => unsafe { libc::calloc(size, 1) },
        };
        if start.is_null() || size > isize::MAX as usize {
            return Err(Error::too_large(format!("no memory for {length} bytes")));
        }
        Ok(Buffer { start: start.cast(), length, host })
    }

    /// A buffer that holds a chunk.
    ///
    /// # Errors
    /// `TooLarge` when there is no memory.
    pub fn of(host: Option<&'static Host>, chunk: Compressed<'_>) -> Result<Self> {
        let mut buffer = Buffer::new(host, chunk.len())?;
        chunk.write_to(buffer.bytes());
        Ok(buffer)
    }

    /// Its bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this length, and ours alone. Zeroed by calloc, or come from a
        // library that the compiler knows nothing of: then each byte has some value.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// Bytes in all.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The first `length` bytes of memory from `host`'s allocator, or malloc's, without the rest.
    ///
    /// # Safety
    /// `memory` came from there, has `length` bytes with values, and is used no more.
    pub unsafe fn shrunk(host: Option<&'static Host>, memory: *mut c_void, length: usize) -> Self {
        let size = length.max(1);
        // SAFETY: the caller's promise.
        let less = unsafe {
            match host {
                Some(host) => host.resize(memory, size),
                None => libc::realloc(memory, size),
            }
        };
        let start = if less.is_null() { memory } else { less };
        Buffer { start: start.cast(), length, host }
    }

    /// Gives the memory away.
    pub fn into_raw(self) -> *mut c_void {
        let start = self.start.cast();
        std::mem::forget(self);
        start
    }

    /// Frees memory of `host`'s allocator, or malloc's.
    ///
    /// # Safety
    /// `memory` came from there and is used no more.
    pub unsafe fn release(host: Option<&Host>, memory: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe {
            match host {
                Some(host) => host.free(memory),
                None => libc::free(memory),
            }
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` by the same allocator, and not given away.
        unsafe { Buffer::release(self.host, self.start.cast()) };
    }
}
