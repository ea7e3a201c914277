//! Streams as whole FLAC files, without HDF5.

use super::chunks::thread_count;
use super::{input, one, output, status};
use crate::memory::{Buffer, afford};
use h5flac::files::{self, Integer};
use h5flac::{Error, Result};
use libc::{c_int, c_uint, c_void};

/// Compresses streams of native integers, each to a FLAC file in new memory, to be freed with
/// [`super::chunks::h5flac_free`].
///
/// # Safety
/// `streams * length` integers of `size` bytes at `integers`, room for `streams` numbers at
/// `lengths`; `bytes` and `total` are written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_flac_compress(
    integers: *const c_void,
    size: c_uint,
    streams: u64,
    length: u64,
    level: c_uint,
    threads: c_uint,
    bytes: *mut *mut c_void,
    total: *mut u64,
    lengths: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, total, lengths) = unsafe {
            (one("bytes", bytes)?, one("total", total)?, output("lengths", lengths, streams)?)
        };
        let count = product(streams, length)?;
        let shape = (super::size(length)?, level, thread_count(threads));
        // SAFETY: the caller's promise.
        let files = unsafe {
            match size {
                4 => compress(input("integers", integers.cast::<i32>(), count)?, shape),
                8 => compress(input("integers", integers.cast::<i64>(), count)?, shape),
                other => Err(wrong_size(other)),
            }
        }?;
        let mut buffer = Buffer::new(None, files.len())?;
        lengths.iter_mut().zip(&files.lengths).for_each(|(out, &n)| *out = n as u64);
        *total = files.len() as u64;
        files.write_to(buffer.bytes());
        *bytes = buffer.into_raw();
        Ok(())
    })
}

fn compress<T: Integer>(
    integers: &[T],
    (length, level, threads): (usize, u32, usize),
) -> Result<files::Files> {
    let held = files::most_held_compressing(size_of_val(integers), size_of::<T>(), length, threads);
    afford(held)?;
    files::compress(integers, length, level, threads)
}

/// Decodes some samples of FLAC files to native integers.
///
/// # Safety
/// `bytes_length` bytes at `bytes`; `count` numbers at `starts` and at `lengths`; room for
/// `count * sample_count` integers of `size` bytes at `out`, which overlaps nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_flac_decompress(
    bytes: *const c_void,
    bytes_length: u64,
    starts: *const u64,
    lengths: *const u64,
    count: u64,
    size: c_uint,
    length: u64,
    first_sample: u64,
    sample_count: u64,
    out: *mut c_void,
    threads: c_uint,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, starts, lengths) = unsafe {
            (
                input("bytes", bytes.cast::<u8>(), bytes_length)?,
                input("starts", starts, count)?,
                input("lengths", lengths, count)?,
            )
        };
        afford(size_of::<&[u8]>() * starts.len())?;
        let files: Vec<&[u8]> = starts
            .iter()
            .zip(lengths)
            .enumerate()
            .map(|(i, (&start, &length))| {
                file(bytes, start, length).map_err(|e| e.within(format!("stream {i}")))
            })
            .collect::<Result<_>>()?;
        let first = super::size(first_sample)?;
        let end = first
            .checked_add(super::size(sample_count)?)
            .ok_or_else(|| Error::too_large("sample range overflows"))?;
        let (length, threads) = (super::size(length)?, thread_count(threads));
        let integers = product(count, sample_count)?;
        afford(files::most_held_decompressing(&files, threads))?;
        // SAFETY: the caller's promise.
        unsafe {
            match size {
                4 => {
                    let out = output("out", out.cast::<i32>(), integers)?;
                    files::decompress(&files, length, first..end, out, threads)
                }
                8 => {
                    let out = output("out", out.cast::<i64>(), integers)?;
                    files::decompress(&files, length, first..end, out, threads)
                }
                other => Err(wrong_size(other)),
            }
        }
    })
}

/// The bytes of a file.
fn file(bytes: &[u8], start: u64, length: u64) -> Result<&[u8]> {
    let (from, all) = (super::size(start)?, bytes.len());
    let end = from.checked_add(super::size(length)?);
    end.and_then(|end| bytes.get(from..end)).ok_or_else(|| {
        Error::truncated(format!("{length} bytes from byte {start} on, but there are {all}"))
    })
}

fn product(streams: u64, samples: u64) -> Result<u64> {
    streams
        .checked_mul(samples)
        .ok_or_else(|| Error::too_large(format!("{streams} streams of {samples} integers")))
}

fn wrong_size(size: c_uint) -> Error {
    Error::invalid(format!("integers of {size} bytes; use 4 or 8"))
}
