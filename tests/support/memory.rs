//! An allocator that knows the most memory that a thread, and that all of them, ever held.

#![expect(unsafe_code, reason = "allocators are unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, counted.
pub struct Counting;

thread_local! {
    /// Bytes now and at most; without destructor, so that the allocator may use them at any time.
    static HELD: Cell<[isize; 2]> = const { Cell::new([0; 2]) };
}

/// Bytes of all threads, now and at most.
static NOW: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    let all = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(all, Ordering::Relaxed);
    let [now, most] = HELD.get();
    let now = now + bytes;
    HELD.set([now, most.max(now)]);
}

/// Runs `work` and returns the most bytes that this thread held meanwhile beyond those before,
/// asked for in vain included.
pub fn most_held<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let [before, _] = HELD.get();
    HELD.set([before; 2]);
    let result = work();
    (result, (HELD.get()[1] - before) as usize)
}

/// The same of all threads together; nothing else may run beside `work`.
pub fn most_held_by_all<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = work();
    (result, (MOST.load(Ordering::Relaxed) - before) as usize)
}

/// Most bytes that decoding `input` bytes to at most `output` may hold.
pub fn earned(input: usize, output: usize) -> usize {
    (64 << 20) + 16 * input + output
}

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is the same.
        let place = unsafe { System.alloc(layout) };
        if place.is_null() {
            count(-(layout.size() as isize));
        }
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(place, layout) }
    }
}
