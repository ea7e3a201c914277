//! Reading residuals (RFC 9639 section 9.2.7).

use super::bit_reader::BitReader;
use crate::error::{Error, Result};
use crate::simd::Kernels;

/// Reads the residual that follows `order` samples of warm-up into `out`. Returns the OR of its
/// folded values (0, −1, 1, −2, … are 0, 1, 2, 3, …).
///
/// # Errors
/// `Corrupt` for what RFC 9639 rules out: reserved methods, partitions that do not divide the
/// block or are shorter than the warm-up, residuals outside ±(2^31 − 1).
pub fn read(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    order: usize,
    out: &mut [i32],
) -> Result<u32> {
    let parameter_bits = match reader.take(2) {
        0 => 4,
        1 => 5,
        method => return Err(Error::corrupt(format!("reserved residual coding method {method}"))),
    };
    let escape = (1 << parameter_bits) - 1;
    let partition_order = reader.take(4);
    let block = out.len() + order;
    let size = block >> partition_order;
    if size << partition_order != block || size < order {
        return Err(Error::corrupt(format!(
            "block of {block} samples, {order} of them warm-up, in {} partitions",
            1 << partition_order
        )));
    }
    let mut or = 0;
    let mut rest = out;
    let mut length = size - order;
    for _ in 0..1 << partition_order {
        let (now, after) = rest.split_at_mut(length);
        let parameter = reader.take(parameter_bits) as u32;
        if parameter == escape {
            match reader.take(5) as u32 {
                0 => now.fill(0),
                width => {
                    (kernels.read_plain)(reader, width, now);
                    or |= now.iter().fold(0, |or, &r| or | ((r << 1) ^ (r >> 31)) as u32);
                }
            }
        } else {
            let folded = (kernels.read_rice)(reader, parameter, now);
            or |= folded.ok_or_else(|| Error::corrupt("a residual is outside ±(2^31 − 1)"))?;
        }
        (rest, length) = (after, size);
    }
    Ok(or)
}
