//! The block size of a stream.

use super::level::Level;
use super::search::Search;
use crate::simd::Kernels;

/// Chooses a block size for a stream of `length` samples.
pub fn choose(
    _kernels: &Kernels,
    level: &Level,
    _search: &mut Search,
    length: usize,
    _width: u32,
    _read: &mut dyn FnMut(usize, &mut [i32]),
) -> usize {
    length.min(*level.blocks.last().expect("a block size at least"))
}
