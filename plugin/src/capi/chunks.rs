//! Whole chunks in memory.

use super::params::{read_fill, read_params};
use super::{Layout, input, one, output, status};
use crate::environment;
use crate::memory::{self, Buffer, afford};
use crate::words::Local;
use h5flac::chunk::{self, Head, Options, Request};
use h5flac::{Error, Params, Result};
use libc::{c_double, c_int, c_uint, c_void};

/// Most threads that a caller may ask for.
const MOST_THREADS: c_uint = 256;

/// Decoding options for `threads`, where 0 is what the environment says.
pub(super) fn options(threads: c_uint) -> Options {
    Options { verify: true, threads: thread_count(threads) }
}

/// `threads` that a caller asks for, where 0 is what the environment says.
pub(super) fn thread_count(threads: c_uint) -> usize {
    match threads {
        0 => environment::threads(),
        n => memory::threads(n.min(MOST_THREADS) as usize),
    }
}

/// Compresses a chunk into new memory, to be freed with [`h5flac_free`].
///
/// # Safety
/// Each pointer has as many elements as the count after it says; `layout` is null or one,
/// `fill_value` null or one element; `chunk` and `chunk_length` are written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_compress(
    data: *const c_void,
    data_length: u64,
    layout: *const Layout,
    fill_value: *const c_void,
    params: *const c_uint,
    param_count: u64,
    quanta: *const c_double,
    quanta_count: u64,
    threads: c_uint,
    chunk: *mut *mut c_void,
    chunk_length: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (data, layout, params, quanta, chunk, chunk_length) = unsafe {
            (
                input("data", data.cast::<u8>(), data_length)?,
                layout.as_ref().ok_or_else(|| Error::invalid("layout is null"))?,
                read_params(params, param_count)?,
                input("quanta", quanta, quanta_count)?,
                one("chunk", chunk)?,
                one("chunk_length", chunk_length)?,
            )
        };
        let (dtype, shape) = layout.read()?;
        // SAFETY: the caller's promise: null or an element of this type.
        let fill = unsafe { read_fill(fill_value, dtype.element_size()) }?;
        // A checked layout: the core multiplies what it holds.
        let local = Local::new(dtype, shape, fill)?;
        if !quanta.is_empty() && quanta.len() != shape.streams() {
            return Err(Error::invalid(format!(
                "{} quanta for {} streams; pass one for each, or none",
                quanta.len(),
                shape.streams()
            )));
        }
        let request = Request {
            dtype,
            shape,
            fill: local.fill(),
            params,
            quanta: (!quanta.is_empty()).then_some(quanta),
            affine: None,
            threads: thread_count(threads),
            alone: false,
        };
        give(data, &request, chunk, chunk_length)
    })
}

/// Compresses a chunk, where there is memory for that, into memory that the caller frees.
fn give(
    data: &[u8],
    request: &Request<'_>,
    chunk: &mut *mut c_void,
    chunk_length: &mut u64,
) -> Result<()> {
    afford(chunk::most_held(data.len(), &request.shape, request.threads))?;
    let buffer = Buffer::of(None, chunk::compress(data, request)?)?;
    *chunk_length = buffer.length() as u64;
    *chunk = buffer.into_raw();
    Ok(())
}

/// Compresses a chunk of values step·n + offset as others quantized them, all bits coming back.
///
/// # Safety
/// `data_length` bytes at `data`, `count` numbers at `steps` and at `offsets`; `layout` is null or
/// one; `chunk` and `chunk_length` are written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_compress_affine(
    data: *const c_void,
    data_length: u64,
    layout: *const Layout,
    steps: *const c_double,
    offsets: *const c_double,
    count: u64,
    level: c_uint,
    threads: c_uint,
    chunk: *mut *mut c_void,
    chunk_length: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (data, layout, steps, offsets, chunk, chunk_length) = unsafe {
            (
                input("data", data.cast::<u8>(), data_length)?,
                layout.as_ref().ok_or_else(|| Error::invalid("layout is null"))?,
                input("steps", steps, count)?,
                input("offsets", offsets, count)?,
                one("chunk", chunk)?,
                one("chunk_length", chunk_length)?,
            )
        };
        let (dtype, shape) = layout.read()?;
        // A checked layout: the core multiplies what it holds.
        let local = Local::new(dtype, shape, None)?;
        let affine: Vec<_> = steps.iter().copied().zip(offsets.iter().copied()).collect();
        let request = Request {
            dtype,
            shape,
            fill: local.fill(),
            params: Params { level, ..Params::default() },
            quanta: None,
            affine: Some(&affine),
            threads: thread_count(threads),
            alone: false,
        };
        give(data, &request, chunk, chunk_length)
    })
}

/// Frees what [`h5flac_compress`] gave; null is fine.
///
/// # Safety
/// Memory from there, freed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_free(chunk: *mut c_void) {
    // SAFETY: malloc's memory, by the caller's promise.
    unsafe { libc::free(chunk) };
}

/// Type and shape of a chunk, from its head.
///
/// # Safety
/// `length` bytes at `chunk`; `layout` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_describe(
    chunk: *const c_void,
    length: u64,
    layout: *mut Layout,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, layout) =
            unsafe { (input("chunk", chunk.cast::<u8>(), length)?, one("layout", layout)?) };
        let head = memory::head(bytes)?;
        *layout = Layout::of(head.dtype, head.shape);
        Ok(())
    })
}

/// `h5flac_stream` in the header.
#[repr(C)]
pub struct CStream {
    /// [`h5flac::chunk::Coding`] as its number.
    pub coding: c_uint,
    /// Bits per sample of the FLAC frames.
    pub width: c_uint,
    /// The step.
    pub quanta: f64,
    /// The value of integer 0.
    pub offset: f64,
    /// FLAC frames.
    pub frames: u64,
    /// Bytes of frames and exceptions.
    pub bytes: u64,
    /// Samples beside the frames.
    pub exceptions: u64,
    /// 0 or 1.
    pub predicted: u64,
    /// 0 or 1.
    pub reference: u64,
    /// Common factor of the integers.
    pub factor: u64,
    /// Bits per sample beside the frames.
    pub low_bits: u64,
}

/// How the streams of a chunk are stored.
///
/// # Safety
/// `length` bytes at `chunk`; room for `capacity` streams; `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_streams(
    chunk: *const c_void,
    length: u64,
    streams: *mut CStream,
    capacity: u64,
    count: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, out, count) = unsafe {
            (
                input("chunk", chunk.cast::<u8>(), length)?,
                output("streams", streams, capacity)?,
                one("count", count)?,
            )
        };
        let head = memory::head(bytes)?;
        for (index, place) in out.iter_mut().enumerate().take(head.component_streams()) {
            let info = head.inspect(bytes, index)?;
            *place = CStream {
                coding: info.coding as c_uint,
                width: info.width,
                quanta: info.quanta,
                offset: info.offset,
                frames: info.frames,
                bytes: info.bytes,
                exceptions: info.exceptions,
                predicted: u64::from(info.predicted),
                reference: u64::from(info.reference),
                factor: info.factor,
                low_bits: u64::from(info.low_bits),
            };
        }
        *count = head.component_streams() as u64;
        Ok(())
    })
}

/// Decompresses a chunk into `out` of exactly its raw length.
///
/// # Safety
/// `length` bytes at `chunk`, `out_length` at `out`, not overlapping.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn h5flac_decompress(
    chunk: *const c_void,
    length: u64,
    out: *mut c_void,
    out_length: u64,
    threads: c_uint,
) -> c_int {
    status(|| {
        // SAFETY: the caller's promise.
        let (bytes, out) = unsafe {
            (
                input("chunk", chunk.cast::<u8>(), length)?,
                output("out", out.cast::<u8>(), out_length)?,
            )
        };
        let head = memory::head(bytes)?;
        let raw = head.raw_len();
        if raw != out.len() {
            return Err(Error::invalid(format!(
                "out has {} bytes, and the chunk decodes to {raw}",
                out.len()
            )));
        }
        decode_all(&head, bytes, out, &options(threads))
    })
}

/// Decodes a whole chunk into `out` of its raw length, where there is memory for that.
pub(super) fn decode_all(
    head: &Head,
    bytes: &[u8],
    out: &mut [u8],
    options: &Options,
) -> Result<()> {
    afford(head.most_held_decoding(out.len(), head.shape.length, options.threads))?;
    head.decompress_into(bytes, out, options)
}
