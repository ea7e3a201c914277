//! The three callbacks of the filter, each with the address it was called from.

#![expect(unsafe_code, reason = "called by libhdf5 with its pointers, and calls it back")]

use crate::abi::{self, Hid};
use crate::host::{self, Host};
use crate::memory::{self, Buffer, afford};
use crate::words::{self, Local, MOST_WORDS};
use crate::{capi, datatype, environment, guard, module, nczarr};
use h5flac::chunk::{self, Compressed, Head, Options, Request};
use h5flac::{Dtype, Error, Params, Result, Shape};
use libc::{c_int, c_uint, c_void};
use std::ffi::CStr;
use std::{ptr, slice};

/// Largest chunk that a file can hold unless its chunks are declared in the local block.
const MOST_UNDECLARED: usize = u32::MAX as usize;

fn calling(address: *const c_void) -> Option<&'static Host> {
    host::at(module::caller(address))
}

/// Shows the error of a callback that HDF5 called.
fn shown(callback: &CStr, host: Option<&Host>) -> impl FnOnce(&CStr) {
    move |message| {
        if let Some(host) = host {
            host.push_error(callback, message);
        }
    }
}

/// Refuses what cannot be compressed: −1 with a message, since 0 is ignored for optional filters.
///
/// # Safety
/// Called by libhdf5 through [`crate::entry`].
pub unsafe extern "C" fn can_apply(
    dcpl: Hid,
    type_id: Hid,
    space: Hid,
    address: *const c_void,
) -> c_int {
    let host = calling(address);
    guard::call(-1, shown(c"can_apply", host), || match host {
        Some(host) => examine(host, dcpl, type_id, space).map(|_| 1),
        None => hostless().map(|()| 1),
    })
}

/// Completes the parameter words with the chunk's type and shape, afresh at every call.
///
/// # Safety
/// Called by libhdf5 through [`crate::entry`].
pub unsafe extern "C" fn set_local(
    dcpl: Hid,
    type_id: Hid,
    space: Hid,
    address: *const c_void,
) -> c_int {
    let host = calling(address);
    guard::call(-1, shown(c"set_local", host), || {
        let Some(host) = host else { return hostless().map(|()| 0) };
        let found = examine(host, dcpl, type_id, space)?;
        let fill = fill_value(host, dcpl, type_id, found.dtype.element_size())?;
        let fill = fill.as_ref().map(|bytes| &bytes[..found.dtype.element_size()]);
        let words = Local::new(found.dtype, found.shape, fill)?.to_words(&found.params);
        // SAFETY: a property list of this library, and as many words as the count says.
        let status = unsafe {
            (host.functions.H5Pmodify_filter)(
                dcpl,
                abi::FILTER_ID,
                found.flags,
                words.len(),
                words.as_ptr(),
            )
        };
        if status < 0 {
            return Err(Error::invalid("HDF5 did not take the completed parameter words"));
        }
        Ok(0)
    })
}

/// A program that exports no HDF5 function cannot be asked about its datatypes. It may still
/// create datasets if it completed the words itself.
fn hostless() -> Result<()> {
    if capi::words_were_completed() {
        return Ok(());
    }
    Err(Error::unsupported(
        "the calling program holds an HDF5 library older than 1.10 or one whose functions it does \
         not export: link it with -rdynamic, or complete the parameter words with \
         h5flac_params_complete first",
    ))
}

/// A dataset that can be compressed.
struct Found {
    flags: c_uint,
    params: Params,
    dtype: Dtype,
    shape: Shape,
}

/// Asks for everything but the fill value. HDF5 calls `can_apply` again when a dataset that was
/// opened is written or extended, with a property list whose fill value has no datatype: there
/// H5Pget_fill_value crashes (2.0.0).
fn examine(host: &Host, dcpl: Hid, type_id: Hid, space: Hid) -> Result<Found> {
    if dcpl < 0 || type_id < 0 || space < 0 {
        return Err(Error::unsupported(
            "cannot compress a group's links; use this filter on datasets",
        ));
    }
    let f = &host.functions;
    let mut flags = 0;
    let mut words = [0; MOST_WORDS];
    let mut count = words.len();
    // SAFETY: a property list of this library; pointers to as many words as `count` says.
    let status = unsafe {
        (f.H5Pget_filter_by_id2)(
            dcpl,
            abi::FILTER_ID,
            &mut flags,
            &mut count,
            words.as_mut_ptr(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status < 0 || count > words.len() {
        return Err(Error::invalid("HDF5 does not give the parameter words"));
    }
    let params = words::params(&words[..count])?;
    alone_at_the_start(host, dcpl)?;
    let dtype = datatype::describe(host, type_id)?;
    let shape = Shape::from_dims(&dimensions(host, space)?, params.axis as usize)?;
    Local::new(dtype, shape, None)?;
    Ok(Found { flags, params, dtype, shape })
}

/// A filter before this one would hand it bytes that are no longer samples.
fn alone_at_the_start(host: &Host, dcpl: Hid) -> Result<()> {
    let filter = |i: c_uint| {
        let mut name = [0u8; 64];
        let (mut flags, mut config, mut count) = (0, 0, 0usize);
        // SAFETY: no words asked for, and a name buffer of the length given.
        let id = unsafe {
            (host.functions.H5Pget_filter2)(
                dcpl,
                i,
                &mut flags,
                &mut count,
                ptr::null_mut(),
                name.len(),
                name.as_mut_ptr().cast(),
                &mut config,
            )
        };
        let text: Vec<u8> = name.into_iter().take_while(|&b| b != 0).collect();
        (id, String::from_utf8_lossy(&text).into_owned())
    };
    // SAFETY: a property list of this library.
    let count = unsafe { (host.functions.H5Pget_nfilters)(dcpl) }.max(0) as c_uint;
    let (first, name) = filter(0);
    if first != abi::FILTER_ID {
        let name = if name.is_empty() { format!("filter {first}") } else { name };
        return Err(scrambled(&name));
    }
    if (1..count).any(|i| filter(i).0 == abi::FILTER_ID) {
        return Err(Error::invalid("h5flac is twice in the pipeline; once is enough"));
    }
    Ok(())
}

/// The refusal of a filter before this one.
pub fn scrambled(by: &str) -> Error {
    Error::invalid(format!(
        "{by} stands before h5flac in the filter pipeline and changes the samples: remove it \
         (h5flac needs no shuffle; a checksum goes after it)"
    ))
}

fn dimensions(host: &Host, space: Hid) -> Result<Vec<usize>> {
    let mut dims = [0u64; abi::MAX_RANK];
    let f = &host.functions;
    // SAFETY: a dataspace of this library; room for as many dimensions as one can have.
    let rank = unsafe {
        match (f.H5Sget_simple_extent_ndims)(space) {
            rank @ 1..=32
                if (f.H5Sget_simple_extent_dims)(space, dims.as_mut_ptr(), ptr::null_mut())
                    == rank =>
            {
                rank
            }
            rank => return Err(Error::invalid(format!("a chunk of {rank} dimensions"))),
        }
    };
    dims[..rank as usize]
        .iter()
        .map(|&d| usize::try_from(d))
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::too_large("chunk dimensions exceed this machine's memory"))
}

fn fill_value(
    host: &Host,
    dcpl: Hid,
    type_id: Hid,
    size: usize,
) -> Result<Option<[u8; words::MAX_ELEMENT]>> {
    let f = &host.functions;
    let mut defined = 0;
    let mut value = [0; words::MAX_ELEMENT];
    debug_assert!(size <= value.len());
    // SAFETY: a property list and a datatype of this library; `value` holds an element of it.
    unsafe {
        if (f.H5Pfill_value_defined)(dcpl, &mut defined) < 0 {
            return Err(Error::invalid("HDF5 does not tell whether there is a fill value"));
        }
        if defined != abi::FILL_USER_DEFINED {
            return Ok(None);
        }
        if (f.H5Pget_fill_value)(dcpl, type_id, value.as_mut_ptr().cast()) < 0 {
            return Err(Error::invalid("the fill value does not convert to the dataset's type"));
        }
    }
    Ok(Some(value))
}

/// Encodes or decodes a chunk; 0 with every argument untouched when it cannot.
///
/// # Safety
/// Called by libhdf5 or libnetcdf through [`crate::entry`]: `cd_values` has `cd_nelmts` words, and `*buf`
/// at least `nbytes` bytes from the caller's allocator.
pub unsafe extern "C" fn filter(
    flags: c_uint,
    cd_nelmts: usize,
    cd_values: *const c_uint,
    nbytes: usize,
    buf_size: *mut usize,
    buf: *mut *mut c_void,
    address: *const c_void,
) -> usize {
    let host = calling(address);
    let encoding = flags & abi::FLAG_REVERSE == 0;
    let show = |message: &CStr| match host {
        // HDF5 stores the chunk without an optional filter that fails: nobody has an error to see.
        Some(_) if encoding && flags & abi::FLAG_OPTIONAL != 0 => {}
        Some(host) => host.push_error(c"filter", message),
        None => nczarr::show(address, message),
    };
    guard::call(0, show, || {
        // SAFETY: the caller's promise; null is checked.
        let (words, input) = unsafe {
            if buf.is_null() || buf_size.is_null() || (*buf).is_null() {
                return Err(Error::invalid("no buffer"));
            }
            if cd_nelmts > MOST_WORDS || (cd_values.is_null() && cd_nelmts > 0) {
                return Err(Error::invalid(format!(
                    "{cd_nelmts} parameter words are not h5flac's"
                )));
            }
            if nbytes == 0 || nbytes > isize::MAX as usize {
                return Err(Error::invalid(format!("a chunk of {nbytes} bytes")));
            }
            let words = match cd_nelmts {
                0 => &[][..],
                n => slice::from_raw_parts(cd_values, n),
            };
            (words, slice::from_raw_parts((*buf).cast::<u8>().cast_const(), nbytes))
        };
        let output = if encoding {
            match encode(words, input)?.detached() {
                Ok(chunk) if chunk.len() <= nbytes => Output::Here(chunk),
                Ok(chunk) => Output::There(Buffer::of(host, chunk)?),
                Err(chunk) => Output::There(Buffer::of(host, chunk)?),
            }
        } else {
            let reading = Reading { host, address, verify: flags & abi::FLAG_SKIP_EDC == 0 };
            Output::There(decode(reading, words, input)?)
        };
        // SAFETY: checked not null; the input is read no more, has `nbytes` bytes, and came from
        // `host`'s allocator or, without a host to ask, from malloc.
        let output = unsafe {
            match output {
                Output::Here(chunk) => {
                    let length = chunk.len();
                    chunk.write_to(slice::from_raw_parts_mut((*buf).cast::<u8>(), length));
                    Buffer::shrunk(host, *buf, length)
                }
                Output::There(output) => {
                    Buffer::release(host, *buf);
                    output
                }
            }
        };
        let length = output.length();
        // SAFETY: checked not null.
        unsafe {
            *buf = output.into_raw();
            *buf_size = length;
        }
        Ok(length)
    })
}

/// What a call gives back.
enum Output {
    /// A chunk that goes where its samples were: fresh memory costs more than to fill it.
    Here(Compressed<'static>),
    There(Buffer),
}

/// Works only on chunks that `set_local` announced: HDF5 up to 2.0 calls the filter for
/// variable-length data without asking first, on pointers into its heap.
fn encode<'a>(words: &[u32], input: &'a [u8]) -> Result<Compressed<'a>> {
    let local = Local::from_words(words)?.ok_or_else(|| {
        Error::invalid(
            "parameter words without the dataset's type and shape; where the calling program \
                 shows no function to ask for them, link it with -rdynamic, or complete the words \
                 with h5flac_params_complete",
        )
    })?;
    if local.chunk_bytes() != input.len() {
        return Err(Error::invalid(format!(
            "a chunk of {} bytes, but the parameter words announce {}",
            input.len(),
            local.chunk_bytes()
        )));
    }
    let request = Request {
        dtype: local.dtype(),
        shape: local.shape(),
        fill: local.fill(),
        params: words::params(words)?,
        quanta: None,
        affine: None,
        threads: environment::threads(),
        alone: false,
    };
    afford(chunk::most_held(input.len(), &request.shape, request.threads))?;
    chunk::compress(input, &request)
}

/// Who reads a chunk, and how.
struct Reading {
    host: Option<&'static Host>,
    address: *const c_void,
    verify: bool,
}

impl Reading {
    /// The chunk in what was stored under its name. netCDF (up to 4.10 at least) writes a chunk
    /// over an older one without shortening the file: what follows is the rest of that.
    fn chunk<'a>(&self, head: &Head, stored: &'a [u8]) -> Result<&'a [u8]> {
        match usize::try_from(head.chunk_len()?) {
            Ok(length)
                if length < stored.len()
                    && self.host.is_none()
                    && nczarr::called_from(self.address) =>
            {
                Ok(&stored[..length])
            }
            _ => Ok(stored),
        }
    }
}

fn decode(reading: Reading, words: &[u32], stored: &[u8]) -> Result<Buffer> {
    let declared = Local::from_words(words)?.map(|local| local.chunk_bytes());
    let head = memory::head(stored)?;
    let length = head.raw_len();
    match declared {
        Some(bytes) if bytes != length => {
            return Err(Error::corrupt(format!(
                "the chunk decodes to {length} bytes, but its dataset has chunks of {bytes}"
            )));
        }
        None if length > MOST_UNDECLARED => {
            return Err(Error::too_large(format!(
                "the chunk claims to decode to {length} bytes, and no parameter word confirms it"
            )));
        }
        _ => {}
    }
    let options = Options { verify: reading.verify, threads: environment::threads() };
    let mut output = Buffer::new(reading.host, length)?;
    afford(head.most_held_decoding(length, head.shape.length, options.threads))?;
    head.decompress_into(reading.chunk(&head, stored)?, output.bytes(), &options)?;
    Ok(output)
}
