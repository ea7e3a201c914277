//! What the fuzz targets do with the bytes that a fuzzer makes up: one function for each.
//!
//! `fuzz_targets` hands them to libFuzzer, `tests/replay.rs` runs them on seeds, on the committed
//! corpus and on past findings, without it. A promise that does not hold is a panic.

mod chunks;
mod filter;
mod flac;
mod round_trip;
mod seeds;
mod signal;

pub use chunks::{decompress_chunk, decompress_streams};
pub use filter::filter_callback;
pub use flac::{flac_decode, flac_encode};
pub use round_trip::round_trip;

#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../../plugin/tests/support/callback.rs"]
mod callback;

/// Counts what a target's thread holds, in every program of this package.
#[global_allocator]
static MEMORY: support::memory::Counting = support::memory::Counting;

/// A fuzz target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it does with some bytes.
    pub run: fn(&[u8]),
    /// Bytes to start from, besides the committed corpus.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 6] = [
    Target { name: "decompress_chunk", run: decompress_chunk, seeds: chunks::whole_seeds },
    Target { name: "decompress_streams", run: decompress_streams, seeds: chunks::part_seeds },
    Target { name: "flac_decode", run: flac_decode, seeds: flac::decode_seeds },
    Target { name: "flac_encode", run: flac_encode, seeds: flac::encode_seeds },
    Target { name: "round_trip", run: round_trip, seeds: round_trip::seeds },
    Target { name: "filter_callback", run: filter_callback, seeds: filter::seeds },
];

/// Runs `work` with each table of kernels that this processor has: one result of all of them.
fn same_with_all_kernels<R: PartialEq + std::fmt::Debug>(work: impl Fn() -> R) -> R {
    let tables = h5flac::simd::tables();
    let with = |table| {
        h5flac::simd::choose(table);
        work()
    };
    let result = with(tables.len() - 1);
    for (i, table) in tables.iter().enumerate().rev().skip(1) {
        assert!(with(i) == result, "{} kernels give another result than the fastest", table.name);
    }
    h5flac::simd::choose(tables.len() - 1);
    result
}

/// Runs `work` within the memory that `input` bytes and at most `output` more earn.
fn within<R>(input: usize, output: usize, work: impl FnOnce() -> R) -> R {
    let (result, held) = support::memory::most_held(work);
    assert!(
        held <= support::memory::earned(input, output),
        "{held} bytes for {input} of input, {output} of output"
    );
    result
}
