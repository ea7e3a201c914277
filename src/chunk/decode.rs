//! A chunk to raw bytes.

use super::head::{Head, TRAILER};
use super::reader::{BATCH, Parts, Place, Reader, Workspace};
use super::references;
use crate::error::{Error, Result};
use crate::layout::Shape;
use crate::parallel::{Workspaces, map};
use crate::sample::Sample;
use crate::with_sample;
use std::collections::BTreeMap;
use std::ops::Range;

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Verify the checksums (H5Z_FLAG_SKIP_EDC clears it).
    pub verify: bool,
    /// Threads to use, at least 1.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { verify: true, threads: 1 }
    }
}

/// Zeroed memory, if there is any.
pub(crate) fn allocate<N: Copy + Default>(length: usize) -> Result<Vec<N>> {
    let mut out = Vec::new();
    resize(&mut out, length)?;
    Ok(out)
}

/// Gives an empty vector a length, of zeros, if there is memory for it.
pub(super) fn resize<N: Copy + Default>(out: &mut Vec<N>, length: usize) -> Result<()> {
    out.try_reserve_exact(length).map_err(|_| {
        let bytes = length.saturating_mul(size_of::<N>());
        Error::too_large(format!("no memory for {bytes} bytes"))
    })?;
    out.resize(length, N::default());
    Ok(())
}

/// Decompresses a chunk of at most `max_len` raw bytes.
///
/// # Errors
/// `Corrupt`, `Truncated`, `Unsupported` (a later format version), `TooLarge` when the chunk says
/// that it has more.
pub fn decompress(bytes: &[u8], max_len: usize, options: &Options) -> Result<Vec<u8>> {
    let head = Head::read(bytes, options.verify)?;
    let length = head.raw_len();
    if length > max_len {
        return Err(Error::too_large(format!(
            "the chunk decodes to {length} bytes, and at most {max_len} are allowed"
        )));
    }
    let mut out = allocate(length)?;
    head.decompress_into(bytes, &mut out, options)?;
    Ok(out)
}

/// Decompresses a chunk into `out`, exactly as long as the raw chunk.
///
/// # Errors
/// As [`decompress`]; `InvalidArgument` when `out` has another length.
pub fn decompress_into(bytes: &[u8], out: &mut [u8], options: &Options) -> Result<()> {
    // The head first: for bytes that are something else it has the better message.
    Head::read(bytes, options.verify)?.decompress_into(bytes, out, options)
}

impl Head {
    /// Decompresses the chunk that this is the head of, all its `bytes`, into `out`, exactly as
    /// long as the raw chunk.
    ///
    /// # Errors
    /// As [`decompress_into`].
    pub fn decompress_into(&self, bytes: &[u8], out: &mut [u8], options: &Options) -> Result<()> {
        if self.raw_len() != out.len() {
            return Err(Error::invalid(format!(
                "room for {} bytes, and the chunk decodes to {}",
                out.len(),
                self.raw_len()
            )));
        }
        self.check_length(bytes.len() as u64)?;
        let (covered, check) =
            bytes.split_last_chunk::<TRAILER>().expect("longer than its trailer");
        if options.verify && crc32(covered, options.threads) != u32::from_le_bytes(*check) {
            return Err(Error::corrupt(
                "the chunk does not match its CRC-32: its bytes were changed",
            ));
        }
        if self.is_raw() {
            out.copy_from_slice(&covered[covered.len() - out.len()..]);
            return Ok(());
        }
        with_sample!(self.dtype, T => whole::<T>(self, covered, out, options.threads))
    }
}

/// Bytes of which a thread sums at least so many up.
const LEAST_SUMMED: usize = 1 << 19;

/// The CRC-32 of some bytes.
fn crc32(bytes: &[u8], threads: usize) -> u32 {
    let share = bytes.len().div_ceil(threads).max(LEAST_SUMMED);
    let sums = map(threads, bytes.chunks(share).collect(), |share| {
        let mut sum = crc32fast::Hasher::new();
        sum.update(share);
        sum
    });
    let mut all = crc32fast::Hasher::new();
    sums.iter().for_each(|sum| all.combine(sum));
    all.finalize()
}

/// Samples that a thread decodes at a time, about.
pub(super) const TASK: usize = 1 << 18;

/// Tasks that are enough to keep a thread busy until all are done.
const TASKS: usize = 2;

/// Longest block that the encoder makes: tasks that begin at multiples of it cut no frame.
const GRAIN: usize = crate::flac::MAX_BLOCK;

/// Samples for which a thread keeps the integers of references at a time, unless a task has more.
const WINDOW: usize = 1 << 17;

/// Samples of a task where references predict, at least; at most as many frames as are decoded side
/// by side.
const ROWS: usize = 1 << 16;

/// A window is so many times as long as what predictions need beyond it: what is decoded for two
/// windows is little beside what is for one.
const TIMES_REACH: usize = 16;

/// Samples of consecutive rows of streams, and room for them.
struct Task<'o> {
    /// The first row of streams: a number along the outer axis.
    outer: usize,
    samples: Range<usize>,
    out: &'o mut [u8],
}

/// Divides a chunk, whose streams have `row` bytes of each sample, `side` of them, into tasks.
fn divide<'o>(
    shape: Shape,
    side: usize,
    row: usize,
    rows: usize,
    threads: usize,
    out: &'o mut [u8],
) -> Vec<Task<'o>> {
    let mut tasks = Vec::new();
    if shape.length <= rows {
        // Larger where there are streams enough for all threads: frames of several streams fill
        // the lanes that the last frames of one would leave idle.
        let share = shape.outer / (TASKS * threads);
        let each = (TASK / side.saturating_mul(shape.length).min(TASK)).max(share).max(1);
        for (i, out) in out.chunks_mut(each * shape.length * row).enumerate() {
            tasks.push(Task { outer: i * each, samples: 0..shape.length, out });
        }
    } else {
        for (outer, out) in out.chunks_mut(shape.length * row).enumerate() {
            for (i, out) in out.chunks_mut(rows * row).enumerate() {
                let samples = i * rows..shape.length.min((i + 1) * rows);
                tasks.push(Task { outer, samples, out });
            }
        }
    }
    tasks
}

/// Decodes all streams of a coded chunk, whose checksum holds.
fn whole<T: Sample>(head: &Head, bytes: &[u8], out: &mut [u8], threads: usize) -> Result<()> {
    let shape = head.shape;
    // Component streams side by side in memory.
    let side = shape.inner * head.dtype.components();
    let row = side * T::SIZE;
    let mut rows = (TASK / side).max(1).next_multiple_of(GRAIN);
    // One window of time, or several where references predict: as much is kept of those.
    let mut window = usize::MAX;
    let references = head.predictions().references();
    if let Some(block) = references.iter().map(|&index| head.stream(index).block).max() {
        rows = rows.min((BATCH * block).max(ROWS).next_multiple_of(GRAIN));
        window = (WINDOW * threads).max(TIMES_REACH * head.predictions().reach());
    }
    let mut windows: BTreeMap<usize, Vec<Task<'_>>> = BTreeMap::new();
    for task in divide(shape, side, row, rows, threads, out) {
        windows.entry(task.samples.start / window).or_default().push(task);
    }
    let fetch = |range: Range<u64>| bytes.get(range.start as usize..range.end as usize);
    let parts = Parts { head, fetch: &fetch, verify: false };
    let workspaces = Workspaces::default();
    for tasks in windows.into_values() {
        let start = tasks[0].samples.start;
        let end = tasks[tasks.len() - 1].samples.end;
        let needs = head.needs(0..shape.outer * side, &(start..end));
        let references = references::decode(parts, &needs, threads, &workspaces)?;
        let done = map(threads, tasks, |Task { outer, samples, out }| {
            workspaces.with(Workspace::default, |workspace| {
                let slab = samples.len() * row;
                let streams = out.len() / slab * side;
                let mut reader = Reader::<T>::new(parts, &references, workspace);
                for i in 0..streams {
                    let place = Place { start: i / side * slab + i % side * T::SIZE, stride: row };
                    reader.add(outer * side + i, samples.clone(), place, out)?;
                }
                reader.flush(out)
            })
        });
        done.into_iter().collect::<Result<()>>()?;
    }
    Ok(())
}
