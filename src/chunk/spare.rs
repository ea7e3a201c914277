//! Buffers that were used, for the next chunks: to fill fresh memory takes longer than to encode.

use std::sync::Mutex;

/// Bytes of all spare buffers of a kind at most, and of one at least.
const MOST: usize = 8 << 20;
const LEAST: usize = 1 << 14;

/// Spare buffers of one kind. Nobody waits for the lock, which a fork could leave held.
pub struct Spare<N>(Mutex<Vec<Vec<N>>>);

/// Bytes of a chunk to be.
pub static BYTES: Spare<u8> = Spare::new();

/// Integers of streams that others are predicted from.
pub static INTEGERS: Spare<i32> = Spare::new();

impl<N> Spare<N> {
    const fn new() -> Self {
        Spare(Mutex::new(Vec::new()))
    }

    /// An empty buffer for about so many: of the spare ones the smallest that holds them, or the
    /// largest.
    pub fn take(&self, count: usize) -> Vec<N> {
        let Ok(mut spare) = self.0.try_lock() else { return Vec::new() };
        let distance = |buffer: &Vec<N>| match buffer.capacity() {
            least if least >= count => (0, least),
            most => (1, usize::MAX - most),
        };
        let best = (0..spare.len()).min_by_key(|&i| distance(&spare[i]));
        best.map_or(Vec::new(), |i| spare.swap_remove(i))
    }

    /// Takes a buffer back.
    pub fn keep(&self, mut buffer: Vec<N>) {
        buffer.clear();
        let bytes = |buffer: &Vec<N>| buffer.capacity() * size_of::<N>();
        if bytes(&buffer) >= LEAST
            && let Ok(mut spare) = self.0.try_lock()
            && spare.iter().map(bytes).sum::<usize>() + bytes(&buffer) <= MOST
        {
            spare.push(buffer);
        }
    }

    fn forget(&self) {
        if let Ok(mut spare) = self.0.try_lock() {
            spare.clear();
        }
    }
}

/// Gives the memory of spare buffers back.
pub fn forget_spare_buffers() {
    BYTES.forget();
    INTEGERS.forget();
}
