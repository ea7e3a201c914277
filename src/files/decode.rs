//! Files to streams.

use super::reader::{Covered, Reader, Wanted};
use super::{BLOCK, Integer};
use crate::error::{Error, Result};
use crate::parallel::{self, Workspaces};
use std::ops::Range;

/// Samples that are worth a task of their own: what is decoded at a time, a few times.
const TASK: usize = 64 * BLOCK;

/// Tasks for each thread where there are enough samples, so that all end at about the same time.
const TASKS: usize = 8;

/// Decodes some `samples` of `files` that have `length` each, one after another, into `out`.
///
/// CRCs are verified, MD5s are not. Where all samples are wanted, every frame is read and nothing
/// else may be there; where some are, the frames that hold them.
///
/// # Errors
/// `InvalidArgument` for samples that files of this length do not have, and when `out` is not for so
/// many; `Corrupt` and `Truncated`, within "stream i: frame j".
pub fn decompress<T: Integer>(
    files: &[&[u8]],
    length: usize,
    samples: Range<usize>,
    out: &mut [T],
    threads: usize,
) -> Result<()> {
    if samples.start > samples.end || samples.end > length {
        return Err(Error::invalid(format!("samples {samples:?} of streams of {length}")));
    }
    if files.len().checked_mul(samples.len()) != Some(out.len()) {
        return Err(Error::invalid(format!(
            "room for {} integers; {} streams of {} are wanted",
            out.len(),
            files.len(),
            samples.len()
        )));
    }
    if out.is_empty() {
        return Ok(());
    }
    let wanted = Wanted { length, samples };
    let count = wanted.samples.len();
    let readers = Workspaces::default();
    if files.len() < 4 * threads && count >= threads.max(2) * TASK && threads > 1 {
        for (stream, (file, out)) in files.iter().zip(out.chunks_exact_mut(count)).enumerate() {
            read_in_parts(file, &wanted, out, threads, &readers)
                .map_err(|e| e.within(format!("stream {stream}")))?;
        }
        return Ok(());
    }
    let least = TASK.div_ceil(count);
    let together = if threads > 1 { files.len().div_ceil(threads * TASKS) } else { files.len() };
    let together = together.max(least).min(files.len());
    let tasks = files.chunks(together).zip(out.chunks_mut(together * count)).enumerate().collect();
    let done = parallel::map(threads, tasks, |(task, (files, out))| {
        readers.with(Reader::default, |reader| reader.read(files, task * together, &wanted, out))
    });
    done.into_iter().collect()
}

/// Reads one stream on several threads.
fn read_in_parts<T: Integer>(
    file: &[u8],
    wanted: &Wanted,
    out: &mut [T],
    threads: usize,
    readers: &Workspaces<Reader>,
) -> Result<()> {
    let Wanted { length, samples } = wanted.clone();
    let part = samples.len().div_ceil(threads * TASKS).next_multiple_of(TASK);
    let mut parts = Vec::new();
    let (mut rest, mut start) = (&mut *out, samples.start);
    while start < samples.end {
        // Most frames start at multiples of their length, and none is read twice.
        let end = (start + 1).next_multiple_of(part).min(samples.end);
        let (now, after) = rest.split_at_mut(end - start);
        parts.push((Wanted { length, samples: start..end }, now));
        (rest, start) = (after, end);
    }
    let read = parallel::map(threads, parts, |(wanted, out)| {
        readers.with(Reader::default, |reader| reader.read_part(file, &wanted, out))
    });
    let read: Option<Vec<Covered>> = read.into_iter().collect();
    if read.is_some_and(|parts| parts.windows(2).all(|pair| pair[0].meets(&pair[1]))) {
        return Ok(());
    }
    readers.with(Reader::default, |reader| reader.read_slowly(file, wanted, out))
}
