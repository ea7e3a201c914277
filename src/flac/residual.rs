//! Reading residuals (RFC 9639 section 9.2.7).

use super::bit_reader::BitReader;
use crate::error::{Error, Result};
use crate::simd::Residual;

/// Reads what comes before the parts of a residual that follows `order` samples of warm-up in a
/// `block`; the kernel reads those into `out`, as many numbers as there is room for.
///
/// # Errors
/// `Corrupt` for what RFC 9639 rules out: reserved methods, partitions that do not divide the
/// block or are shorter than the warm-up.
pub fn open<'b, 'o>(
    reader: &BitReader<'b>,
    order: usize,
    block: usize,
    out: &'o mut [i32],
) -> Result<Residual<'b, 'o>> {
    let mut reader = reader.clone();
    let parameter_bits = match reader.take(2) {
        0 => 4,
        1 => 5,
        method => return Err(Error::corrupt(format!("reserved residual coding method {method}"))),
    };
    let parts = 1 << reader.take(4);
    let size = block / parts;
    if size * parts != block || size < order {
        return Err(Error::corrupt(format!(
            "block of {block} samples, {order} of them warm-up, in {parts} partitions"
        )));
    }
    let parts = (out.len() + order).div_ceil(size).max(1);
    Ok(Residual { reader, parameter_bits, parts, lengths: [size - order, size], out, folded: None })
}

/// The OR of the folded numbers that were read (0, −1, 1, −2, … are 0, 1, 2, 3, …).
///
/// # Errors
/// `Corrupt` for residuals outside ±(2^31 − 1).
pub fn close(residual: &Residual<'_, '_>) -> Result<u32> {
    residual.folded.ok_or_else(|| Error::corrupt("a residual is outside ±(2^31 − 1)"))
}
