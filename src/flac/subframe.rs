//! Subframes (RFC 9639 section 9.2): a channel's block, stored plainly or as a predictor's
//! residual.

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::residual;
use crate::error::{Error, Result};
use crate::simd::{Kernels, MAX_ORDER, Restore};

/// What a subframe stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value for all samples.
    Constant,
    /// The samples.
    Verbatim,
    /// The residual of a fixed predictor of this order, 0 to 4.
    Fixed(usize),
    /// The residual of a linear predictor of this order, 1 to 32.
    Linear(usize),
}

/// Coefficients of the fixed predictors, for the newest sample first.
pub const FIXED: [&[i32]; 5] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];

/// The first bits of a subframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What follows.
    pub kind: Kind,
    /// Zero bits at the end of every sample, which are not stored.
    pub wasted: u32,
}

impl Head {
    /// Reads the head of a subframe whose samples have `width` bits.
    ///
    /// # Errors
    /// `Corrupt` for reserved codes, and when no bit of the samples is left.
    pub fn read(reader: &mut BitReader<'_>, width: u32) -> Result<Head> {
        let code = reader.take(7) as usize;
        let kind = match code {
            0 => Kind::Constant,
            1 => Kind::Verbatim,
            8..=12 => Kind::Fixed(code - 8),
            32..=63 => Kind::Linear(code - 31),
            _ => return Err(Error::corrupt(format!("reserved subframe type {code:#09b}"))),
        };
        let mut wasted = 0;
        if reader.take(1) == 1 {
            // 33 bits at most, so that one word shows whether there are too many.
            wasted = reader.word().leading_zeros() + 1;
            if wasted >= width {
                return Err(Error::corrupt(format!("all of {width} bits are wasted")));
            }
            reader.skip(wasted);
        }
        Ok(Head { kind, wasted })
    }

    /// Writes it.
    pub fn write(&self, out: &mut BitWriter<'_>) {
        let code = match self.kind {
            Kind::Constant => 0,
            Kind::Verbatim => 1,
            Kind::Fixed(order) => 8 + order,
            Kind::Linear(order) => 31 + order,
        };
        out.put((code as u64) << 1 | u64::from(self.wasted > 0), 8);
        if self.wasted > 0 {
            out.put(1, self.wasted);
        }
    }
}

/// Coefficients, for the newest sample first, and right shift of the sum.
type Predictor = ([i32; MAX_ORDER], u32);

fn fixed(order: usize) -> Predictor {
    let mut coefficients = [0; MAX_ORDER];
    coefficients[..order].copy_from_slice(FIXED[order]);
    (coefficients, 0)
}

fn read_linear(reader: &mut BitReader<'_>, order: usize) -> Result<Predictor> {
    let precision = reader.take(4) as u32 + 1;
    if precision == 16 {
        return Err(Error::corrupt("invalid coefficient precision code 15"));
    }
    let shift = reader.take_signed(5);
    if shift < 0 {
        return Err(Error::corrupt(format!("predictor's shift is {shift}, expected 0 to 15")));
    }
    let mut coefficients = [0; MAX_ORDER];
    for q in &mut coefficients[..order] {
        *q = reader.take_signed(precision) as i32;
    }
    Ok((coefficients, shift as u32))
}

/// What is left to do for a subframe that was read.
pub struct Pending {
    /// How its samples follow from warm-up and residual; none where they are there.
    pub restore: Option<Restore>,
    /// Bits to shift restored samples up by.
    pub wasted: u32,
    /// Bits that restored samples must fit before that.
    pub width: u32,
}

impl Pending {
    /// Completes restored samples, whose `magnitudes` are the OR of x for x ≥ 0 and of −1 − x
    /// for x < 0.
    ///
    /// # Errors
    /// `Corrupt` when they do not fit their width.
    pub fn finish(&self, magnitudes: u32, samples: &mut [i32]) -> Result<()> {
        if magnitudes >> (self.width - 1) != 0 {
            return Err(Error::corrupt(format!("a sample needs more than {} bits", self.width)));
        }
        if self.wasted > 0 {
            samples.iter_mut().for_each(|x| *x <<= self.wasted);
        }
        Ok(())
    }
}

/// Reads a subframe of `out.len()` samples of `width` bits, at most 32. Where they are predicted,
/// `out` receives warm-up and residual.
///
/// # Errors
/// `Corrupt` for what RFC 9639 rules out.
pub fn read(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    width: u32,
    out: &mut [i32],
) -> Result<Pending> {
    let Head { kind, wasted } = Head::read(reader, width)?;
    let width = width - wasted;
    let mut pending = Pending { restore: None, wasted, width };
    let order = match kind {
        Kind::Constant => {
            out.fill((reader.take_signed(width) as i32) << wasted);
            return Ok(pending);
        }
        Kind::Verbatim => {
            (kernels.read_plain)(reader, width, out);
            pending.finish(0, out)?;
            return Ok(pending);
        }
        Kind::Fixed(order) | Kind::Linear(order) => order,
    };
    if order > out.len() {
        return Err(order_over_block(order, out.len()));
    }
    let length = out.len();
    let (warm_up, rest) = out.split_at_mut(order);
    (kernels.read_plain)(reader, width, warm_up);
    let (coefficients, shift) = match kind {
        Kind::Linear(order) => read_linear(reader, order)?,
        _ => fixed(order),
    };
    let folded = residual::read(reader, kernels, order, rest)?;
    if order == 0 {
        pending.finish(folded >> 1, out)?;
    } else {
        pending.restore =
            Some(Restore { start: 0, length, order, shift, coefficients, folded, magnitudes: 0 });
    }
    Ok(pending)
}

fn order_over_block(order: usize, length: usize) -> Error {
    Error::corrupt(format!("predictor of order {order} in a block of {length} samples"))
}
