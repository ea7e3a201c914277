//! From an HDF5 datatype to ours, or a refusal that names it.

#![expect(unsafe_code, reason = "asks the calling library about a datatype")]

use crate::abi::{self, Hid, class};
use crate::host::Host;
use h5flac::{ByteOrder, Class, Dtype, Error, Result};
use std::ffi::CStr;

/// A datatype id that is ours to close.
struct Owned<'h>(Hid, &'h Host);

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // SAFETY: an id that this library gave us.
        unsafe { (self.1.functions.H5Tclose)(self.0) };
    }
}

impl<'h> Owned<'h> {
    fn new(id: Hid, host: &'h Host) -> Result<Self> {
        if id < 0 { Err(broken("a part of the datatype")) } else { Ok(Owned(id, host)) }
    }
}

fn broken(what: &str) -> Error {
    Error::invalid(format!("this HDF5 library cannot tell {what}"))
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!(
        "cannot compress {what}; h5flac takes integers, floats, enums, booleans and complex \
         numbers: create this dataset without the filter"
    ))
}

/// Describes the datatype `id` of `host`.
///
/// # Errors
/// `Unsupported`, naming the datatype, for all but integers and IEEE floats of full precision,
/// enums over such integers, and complex numbers over such floats.
pub fn describe(host: &Host, id: Hid) -> Result<Dtype> {
    let f = &host.functions;
    // SAFETY: here and below: ids that this library gave us, and valid pointers for its answers.
    let (kind, size) = unsafe { ((f.H5Tget_class)(id), (f.H5Tget_size)(id)) };
    match kind {
        class::INTEGER => integer(host, id, size),
        class::FLOAT => float(host, id, size),
        class::ENUM => {
            // SAFETY: as above.
            let base = Owned::new(unsafe { (f.H5Tget_super)(id) }, host)?;
            integer(host, base.0, size)
        }
        class::COMPLEX => {
            // SAFETY: as above.
            let part = Owned::new(unsafe { (f.H5Tget_super)(id) }, host)?;
            complex(host, part.0, size)
        }
        class::COMPOUND => compound(host, id, size),
        class::STRING => Err(refused("strings")),
        class::VLEN => Err(refused("variable-length data")),
        class::REFERENCE => Err(refused("references")),
        class::OPAQUE => Err(refused("opaque data")),
        class::BITFIELD => Err(refused("bit fields")),
        class::ARRAY => Err(refused("array elements (use more dimensions instead)")),
        class::TIME => Err(refused("HDF5 times")),
        other => Err(refused(&format!("datatype class {other}"))),
    }
}

fn order(host: &Host, id: Hid, size: usize) -> Result<ByteOrder> {
    // SAFETY: as in `describe`.
    match unsafe { (host.functions.H5Tget_order)(id) } {
        abi::ORDER_LITTLE => Ok(ByteOrder::Little),
        abi::ORDER_BIG => Ok(ByteOrder::Big),
        _ if size == 1 => Ok(ByteOrder::Little),
        other => Err(refused(&format!("numbers in byte order {other} (neither little nor big)"))),
    }
}

fn integer(host: &Host, id: Hid, size: usize) -> Result<Dtype> {
    let f = &host.functions;
    // SAFETY: as in `describe`.
    let (precision, signed) =
        unsafe { ((f.H5Tget_precision)(id), (f.H5Tget_sign)(id) == abi::SIGN_TWOS_COMPLEMENT) };
    if precision != size * 8 {
        return Err(refused(&format!("integers of {precision} bits in {size} bytes")));
    }
    if !matches!(size, 1 | 2 | 4 | 8) {
        return Err(refused(&format!("integers of {size} bytes")));
    }
    let class = if signed { Class::Signed } else { Class::Unsigned };
    Dtype::new(class, size, order(host, id, size)?, false)
}

/// Exponent and mantissa bits of IEEE 754's binary formats, by bytes.
const IEEE: [(u8, u8, u8); 3] = [(2, 5, 10), (4, 8, 23), (8, 11, 52)];

/// Bytes of a float's description: 2 of H5Tencode, then the datatype message of the file format:
/// 8 of every type, and 12 of a float.
const FLOAT_MESSAGE: usize = 22;

/// Compares a float's description with those of IEEE formats. H5Tget_fields and its sisters would
/// tell the same, but static programs seldom contain them.
fn float(host: &Host, id: Hid, size: usize) -> Result<Dtype> {
    let mut message = [0u8; FLOAT_MESSAGE];
    let mut length = message.len();
    // SAFETY: as in `describe`; room for as many bytes as `length` says.
    let status =
        unsafe { (host.functions.H5Tencode)(id, message.as_mut_ptr().cast(), &mut length) };
    if status < 0 || length > message.len() {
        return Err(broken("a float's layout"));
    }
    let order = order(host, id, size)?;
    if IEEE.iter().any(|&(bytes, e, m)| message[3..] == ieee_message(order, bytes, e, m)[3..]) {
        return Dtype::new(Class::Float, size, order, false);
    }
    let (exponent, mantissa) = (message[15], message[17]);
    Err(refused(&match (size, exponent, mantissa) {
        (2, 8, 7) => "bfloat16 numbers".to_owned(),
        (8.., 15, 63..) => format!("long double numbers of {size} bytes"),
        _ => format!(
            "floats of {size} bytes with {exponent} exponent and {mantissa} mantissa bits (not IEEE \
             half, single or double)"
        ),
    }))
}

/// What H5Tencode says of an IEEE float: no padding, sign above exponent above mantissa, whose
/// leading 1 is implied. The first three bytes are versions.
fn ieee_message(order: ByteOrder, bytes: u8, exponent: u8, mantissa: u8) -> [u8; FLOAT_MESSAGE] {
    const LEADING_ONE_IMPLIED: u8 = 2 << 4;
    let mut message = [0; FLOAT_MESSAGE];
    message[3] = LEADING_ONE_IMPLIED | u8::from(order == ByteOrder::Big);
    message[4] = mantissa + exponent;
    message[6] = bytes;
    message[12] = bytes * 8;
    message[14..18].copy_from_slice(&[mantissa, exponent, 0, mantissa]);
    let bias = (1u32 << (exponent - 1)) - 1;
    message[18..].copy_from_slice(&bias.to_le_bytes());
    message
}

fn complex(host: &Host, part: Hid, size: usize) -> Result<Dtype> {
    let part = float(host, part, size / 2)?;
    Dtype::new(Class::Float, part.size, part.order, true)
}

/// h5py writes complex numbers as a compound of two floats named r and i.
fn compound(host: &Host, id: Hid, size: usize) -> Result<Dtype> {
    let f = &host.functions;
    // SAFETY: as in `describe`; member numbers below the count, names freed by their owner.
    unsafe {
        let named = |i, expected: &CStr| {
            let name = (f.H5Tget_member_name)(id, i);
            let same = !name.is_null() && CStr::from_ptr(name) == expected;
            if !name.is_null() {
                host.free(name.cast());
            }
            same
        };
        if (f.H5Tget_nmembers)(id) != 2 || !named(0, c"r") || !named(1, c"i") {
            return Err(refused("compound records (store each field as a dataset of its own)"));
        }
        let real = Owned::new((f.H5Tget_member_type)(id, 0), host)?;
        let imaginary = Owned::new((f.H5Tget_member_type)(id, 1), host)?;
        let sizes = (f.H5Tget_size)(real.0) == size / 2
            && (f.H5Tget_size)(imaginary.0) == size / 2
            && (f.H5Tget_member_offset)(id, 0) == 0
            && (f.H5Tget_member_offset)(id, 1) == size / 2;
        let floats = [&real, &imaginary].map(|t| (f.H5Tget_class)(t.0) == class::FLOAT);
        if !sizes || floats != [true, true] {
            return Err(refused("compounds of r and i that are not two equal floats side by side"));
        }
        let dtype = complex(host, real.0, size)?;
        if complex(host, imaginary.0, size)? != dtype {
            return Err(refused("complex numbers whose parts differ in byte order"));
        }
        Ok(dtype)
    }
}
