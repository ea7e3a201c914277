//! Files to streams.

use super::{Integer, WIDTH};
use crate::error::{Error, Result};
use crate::flac::read_file;
use crate::parallel;
use std::ops::Range;

/// Where a file lies among bytes.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its first byte.
    pub start: usize,
    /// Its bytes.
    pub length: usize,
}

/// Decodes some `samples` of files that have `length` each, one file after another, into `out`.
///
/// # Errors
/// `InvalidArgument` for samples that files of this length do not have, and when `out` is not for so
/// many; `Corrupt` and `Truncated`, within "stream i".
pub fn decompress<T: Integer>(
    bytes: &[u8],
    files: &[File],
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
    if samples.is_empty() {
        return Ok(());
    }
    let items = files.iter().zip(out.chunks_mut(samples.len())).enumerate().collect();
    let results = parallel::map(threads, items, |(i, (file, out))| {
        decode(bytes, file, length, samples.clone(), out)
            .map_err(|e| e.within(format!("stream {i}")))
    });
    results.into_iter().collect()
}

fn decode<T: Integer>(
    bytes: &[u8],
    file: &File,
    length: usize,
    samples: Range<usize>,
    out: &mut [T],
) -> Result<()> {
    let end = file.start.checked_add(file.length);
    let file = end.and_then(|end| bytes.get(file.start..end)).ok_or_else(|| {
        Error::truncated(format!(
            "{} bytes from byte {} on, but there are {}",
            file.length,
            file.start,
            bytes.len()
        ))
    })?;
    let audio = read_file(file, length * T::CHANNELS)?;
    if (audio.channels.len(), audio.width) != (T::CHANNELS, WIDTH) {
        return Err(Error::corrupt(format!(
            "{} channels of {} bits, expected {} of {WIDTH}",
            audio.channels.len(),
            audio.width,
            T::CHANNELS
        )));
    }
    let found = audio.channels[0].len();
    if found != length {
        return Err(Error::truncated(format!("{found} samples, expected {length}")));
    }
    let [low, high] = [0, T::CHANNELS - 1].map(|i| &audio.channels[i][samples.clone()]);
    T::join(low, high, out);
    Ok(())
}
