//! Which libnetcdf called, and what it tells of a variable.

#![expect(unsafe_code, reason = "calls the functions of a libnetcdf")]

use crate::abi;
use crate::filter::scrambled;
use crate::module::{self, Module, functions};
use crate::words::Local;
use h5flac::{ByteOrder, Class, Dtype, Error, Mode, Params, Result, Shape};
use libc::{c_char, c_int, c_uint, c_void};
use std::ffi::CStr;
use std::ptr;

functions! {
    nc_strerror: fn(c_int) -> *const c_char;
    nc_def_var_endian: fn(c_int, c_int, c_int) -> c_int;
    nc_inq_varname: fn(c_int, c_int, *mut c_char) -> c_int;
    nc_inq_vartype: fn(c_int, c_int, *mut c_int) -> c_int;
    nc_inq_varndims: fn(c_int, c_int, *mut c_int) -> c_int;
    nc_inq_var_chunking: fn(c_int, c_int, *mut c_int, *mut usize) -> c_int;
    nc_inq_var_endian: fn(c_int, c_int, *mut c_int) -> c_int;
    nc_inq_var_fill: fn(c_int, c_int, *mut c_int, *mut c_void) -> c_int;
    nc_inq_var_filter_ids: fn(c_int, c_int, *mut usize, *mut c_uint) -> c_int;
}

/// `nclog`.
type Log = unsafe extern "C" fn(tag: c_int, format: *const c_char, ...);

/// `NCLOGERR` since 4.9.3, printed to standard error unless the program has sent it elsewhere; in
/// earlier versions `NCLOGWARN`, printed where the environment variable NCLOGGING asks for it.
const LOG_ERROR: c_int = 1;

/// `NC_EPERM`: the file is only read.
const EPERM: c_int = -37;
/// `NC_CHUNKED`.
const CHUNKED: c_int = 0;
/// `NC_ENDIAN_LITTLE`, `NC_ENDIAN_BIG`; 0 is the machine's order.
const LITTLE: c_int = 1;
const BIG: c_int = 2;
/// `NC_MAX_NAME`, and a zero.
const NAME_BYTES: usize = 257;

/// Bytes of the widest number in netCDF.
const MAX_NUMBER: usize = 8;

/// Names of filters that netCDF users put before others.
const FILTERS: [(c_uint, &str); 3] = [(1, "deflate"), (2, "shuffle"), (3, "fletcher32")];

/// The libnetcdf that called this plugin, for as long as that call runs.
pub struct Library {
    functions: Functions,
    log: Log,
    /// Keeps the functions there.
    _module: Module,
}

impl Library {
    /// The libnetcdf that called, if that module exports netCDF's functions. `address` is what the
    /// entry point passed on.
    pub fn calling(address: *const c_void) -> Option<Self> {
        let module = Module::holding(module::caller(address), "nc_inq_var_chunking\0")?;
        let functions = Functions::resolve(&module)?;
        let log = module.symbol("nclog\0")?;
        // SAFETY: libnetcdf exports a function of this name and signature.
        let log = unsafe { std::mem::transmute::<*mut c_void, Log>(log) };
        Some(Library { functions, log, _module: module })
    }

    /// Writes a message to netCDF's log, the only place where its command line tools show one.
    pub fn log(&self, message: &CStr) {
        // SAFETY: zero-terminated strings, and the format takes exactly one.
        unsafe { (self.log)(LOG_ERROR, c"h5flac: %s".as_ptr(), message.as_ptr()) };
    }

    /// An error where netCDF's status is one.
    fn check(&self, what: &str, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: a function of this library that gives a zero-terminated string for any number.
        let told = unsafe { CStr::from_ptr((self.functions.nc_strerror)(status)) };
        Err(Error::invalid(format!("netCDF does not tell {what}: {}", told.to_string_lossy())))
    }
}

/// A variable of a netCDF file that is being defined or opened.
pub struct Variable<'l> {
    pub library: &'l Library,
    pub ncid: c_int,
    pub varid: c_int,
}

impl Variable<'_> {
    /// Its name, or a stand-in.
    pub fn name(&self) -> String {
        let mut name = [0u8; NAME_BYTES];
        let f = &self.library.functions;
        // SAFETY: here and below: ids that this library gave us, and room for its answers.
        unsafe { (f.nc_inq_varname)(self.ncid, self.varid, name.as_mut_ptr().cast()) };
        match CStr::from_bytes_until_nul(&name) {
            Ok(name) if !name.is_empty() => name.to_string_lossy().into_owned(),
            _ => format!("number {}", self.varid),
        }
    }

    /// Whether its file is only read. netCDF has no inquiry for it that knows of files just made;
    /// but it refuses to set what is set already.
    pub fn is_only_read(&self) -> bool {
        let f = &self.library.functions;
        let mut endian = 0;
        // SAFETY: as above.
        unsafe {
            (f.nc_inq_var_endian)(self.ncid, self.varid, &mut endian) == 0
                && (f.nc_def_var_endian)(self.ncid, self.varid, endian) == EPERM
        }
    }

    /// What its chunks look like.
    ///
    /// # Errors
    /// `Unsupported` for what is not a number; `InvalidArgument` for a variable without chunks, for
    /// filters before this one, for a fill value that precision cannot tell from samples, and as
    /// [`Shape::from_dims`] and [`Local::new`].
    pub fn describe(&self, params: &Params) -> Result<Local> {
        let dtype = self.dtype()?;
        self.alone_at_the_start()?;
        let shape = Shape::from_dims(&self.chunk()?, params.axis as usize)?;
        let mut fill = self.fill()?;
        if let (Class::Float, Mode::Precision(_), Some(value)) = (dtype.class, params.mode, fill) {
            known_later(dtype, value)?;
        }
        if dtype.order != ByteOrder::NATIVE {
            fill.iter_mut().for_each(|value| value[..dtype.size].reverse());
        }
        Local::new(dtype, shape, fill.as_ref().map(|value| &value[..dtype.size]))
    }

    fn dtype(&self) -> Result<Dtype> {
        let f = &self.library.functions;
        let (mut kind, mut endian) = (0, 0);
        // SAFETY: as above.
        let status = unsafe { (f.nc_inq_vartype)(self.ncid, self.varid, &mut kind) };
        self.library.check("the variable's type", status)?;
        // SAFETY: as above.
        let status = unsafe { (f.nc_inq_var_endian)(self.ncid, self.varid, &mut endian) };
        self.library.check("the variable's byte order", status)?;
        let order = match endian {
            LITTLE => ByteOrder::Little,
            BIG => ByteOrder::Big,
            _ => ByteOrder::NATIVE,
        };
        // NC_BYTE to NC_STRING.
        let (class, size) = match kind {
            1 => (Class::Signed, 1),
            2 => return Err(refused("characters")),
            3 => (Class::Signed, 2),
            4 => (Class::Signed, 4),
            5 => (Class::Float, 4),
            6 => (Class::Float, 8),
            7 => (Class::Unsigned, 1),
            8 => (Class::Unsigned, 2),
            9 => (Class::Unsigned, 4),
            10 => (Class::Signed, 8),
            11 => (Class::Unsigned, 8),
            12 => return Err(refused("strings")),
            other => return Err(refused(&format!("netCDF type {other}"))),
        };
        Dtype::new(class, size, order, false)
    }

    /// A filter before this one would hand it bytes that are no longer samples.
    fn alone_at_the_start(&self) -> Result<()> {
        let f = &self.library.functions;
        let mut count = 0;
        // SAFETY: as above; null asks for the count alone.
        let status = unsafe {
            (f.nc_inq_var_filter_ids)(self.ncid, self.varid, &mut count, ptr::null_mut())
        };
        self.library.check("the variable's filters", status)?;
        let mut ids = vec![0; count];
        // SAFETY: as above.
        let status = unsafe {
            (f.nc_inq_var_filter_ids)(self.ncid, self.varid, &mut count, ids.as_mut_ptr())
        };
        self.library.check("the variable's filters", status)?;
        match ids.first() {
            Some(&id) if id != abi::FILTER_ID as c_uint => {
                let name = FILTERS.iter().find(|(known, _)| *known == id);
                Err(scrambled(&name.map_or(format!("filter {id}"), |(_, name)| (*name).to_owned())))
            }
            _ => Ok(()),
        }
    }

    fn chunk(&self) -> Result<Vec<usize>> {
        let f = &self.library.functions;
        let (mut rank, mut storage) = (0, CHUNKED);
        // SAFETY: as above.
        let status = unsafe { (f.nc_inq_varndims)(self.ncid, self.varid, &mut rank) };
        self.library.check("the variable's dimensions", status)?;
        let mut chunk = vec![0; rank.max(0) as usize];
        // SAFETY: as above; as many sizes as dimensions.
        let status = unsafe {
            (f.nc_inq_var_chunking)(self.ncid, self.varid, &mut storage, chunk.as_mut_ptr())
        };
        self.library.check("the variable's chunks", status)?;
        if storage != CHUNKED || chunk.is_empty() {
            return Err(Error::invalid(
                "it has no chunks; give it dimensions, and chunks with nc_def_var_chunking",
            ));
        }
        Ok(chunk)
    }

    /// One element of the fill value, netCDF's default included, in this machine's byte order.
    fn fill(&self) -> Result<Option<[u8; MAX_NUMBER]>> {
        let f = &self.library.functions;
        let (mut none, mut value) = (0, [0u8; MAX_NUMBER]);
        // SAFETY: as above; `value` holds an element.
        let status = unsafe {
            (f.nc_inq_var_fill)(self.ncid, self.varid, &mut none, value.as_mut_ptr().cast())
        };
        self.library.check("the variable's fill value", status)?;
        Ok((none == 0).then_some(value))
    }
}

/// Refuses a fill value that will not be known for one, so that precision would take its step from
/// something like 1e36. netCDF fills chunks in this machine's byte order, whatever the variable's.
/// It writes floats into its metadata with six digits: when the file is opened again, chunks hold
/// another fill value than that of the metadata, such as the default 9.969209968386869e36.
fn known_later(dtype: Dtype, value: [u8; MAX_NUMBER]) -> Result<()> {
    if dtype.order != ByteOrder::NATIVE {
        return Err(Error::invalid(
            "netCDF fills Zarr's chunks in this machine's byte order, and the variable has another: \
             precision would take its step from that; leave the byte order to netCDF, or use noise \
             or quanta",
        ));
    }
    let found = match dtype.size {
        4 => f64::from(f32::from_ne_bytes([value[0], value[1], value[2], value[3]])),
        _ => f64::from_ne_bytes(value),
    };
    let stored: f64 = format!("{found:.5e}").parse().unwrap_or(found);
    let read = if dtype.size == 4 { f64::from(stored as f32) } else { stored };
    if read == found || !found.is_finite() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "its fill value {found:e} becomes {stored:e} in Zarr's metadata, where netCDF writes six \
         digits, and would later count as a sample in the standard deviation that precision \
         uses: set a fill value of six digits, such as -9999, or use noise or quanta"
    )))
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!(
        "cannot compress {what}; h5flac takes integers and floats: define this variable without \
         the filter"
    ))
}
