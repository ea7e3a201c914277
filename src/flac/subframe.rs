//! Subframes (RFC 9639 section 9.2): a channel's block, stored plainly or as a predictor's
//! residual.

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::residual;
use crate::error::{Error, Result};
use crate::simd::{Kernels, MAX_ORDER, Residual, Restore};

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
            reader.skip(wasted);
            if wasted >= width {
                return Err(Error::corrupt(format!("all of {width} bits are wasted")));
            }
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

fn read_predictor(reader: &mut BitReader<'_>, kind: Kind) -> Result<Predictor> {
    let mut coefficients = [0; MAX_ORDER];
    match kind {
        Kind::Linear(order) => {
            let precision = reader.take(4) as u32 + 1;
            if precision == 16 {
                return Err(Error::corrupt("invalid coefficient precision code 15"));
            }
            let shift = reader.take_signed(5);
            if shift < 0 {
                return Err(Error::corrupt(format!(
                    "predictor's shift is {shift}, expected 0 to 15"
                )));
            }
            for q in &mut coefficients[..order] {
                *q = reader.take_signed(precision) as i32;
            }
            Ok((coefficients, shift as u32))
        }
        Kind::Fixed(order) => {
            coefficients[..order].copy_from_slice(FIXED[order]);
            Ok((coefficients, 0))
        }
        Kind::Constant | Kind::Verbatim => Ok((coefficients, 0)),
    }
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
    /// Takes the OR of the folded residuals. Returns that of the magnitudes, which the samples have
    /// where nothing predicts them.
    pub fn take(&mut self, folded: u32) -> u32 {
        if let Some(restore) = &mut self.restore {
            restore.folded = folded;
        }
        folded >> 1
    }

    /// Completes restored samples, whose `magnitudes` are the OR of x for x ≥ 0 and of −1 − x
    /// for x < 0.
    ///
    /// # Errors
    /// `Corrupt` when they do not fit their width.
    pub fn finish(&self, magnitudes: u32, samples: &mut [i32]) -> Result<()> {
        if magnitudes >> (self.width - 1) != 0 {
            return Err(too_wide(self.width));
        }
        if self.wasted > 0 {
            samples.iter_mut().for_each(|x| *x <<= self.wasted);
        }
        Ok(())
    }
}

/// Reads a subframe of `block` samples of `width` bits, at most 33, up to the residual's parts;
/// those, where there is a residual, are for the kernel. Where samples are predicted, `out`
/// receives the warm-up. It has room for the samples wanted: all, or [`MAX_ORDER`] at least.
///
/// # Errors
/// `Corrupt` for what RFC 9639 rules out, and for samples that 32 bits do not hold.
pub fn open<'b, 'o>(
    reader: &mut BitReader<'b>,
    kernels: &Kernels,
    width: u32,
    block: usize,
    out: &'o mut [i32],
) -> Result<(Pending, Option<Residual<'b, 'o>>)> {
    let Head { kind, wasted } = Head::read(reader, width)?;
    if width > 32 && wasted > 0 {
        return Err(too_wide(32));
    }
    let width = width - wasted;
    let mut pending = Pending { restore: None, wasted, width: width.min(32) };
    let order = match kind {
        Kind::Constant => {
            read_samples(reader, kernels, width, &mut out[..1])?;
            let value = out[0] << wasted;
            out.fill(value);
            return Ok((pending, None));
        }
        Kind::Verbatim => {
            read_samples(reader, kernels, width, out)?;
            pending.finish(0, out)?;
            return Ok((pending, None));
        }
        Kind::Fixed(order) | Kind::Linear(order) => order,
    };
    check_order(order, block)?;
    let length = out.len();
    let (warm_up, rest) = out.split_at_mut(order);
    read_samples(reader, kernels, width, warm_up)?;
    let (coefficients, shift) = read_predictor(reader, kind)?;
    if order > 0 {
        pending.restore = Some(Restore {
            start: 0,
            length,
            order,
            shift,
            coefficients,
            width: pending.width,
            folded: 0,
            magnitudes: 0,
        });
    }
    Ok((pending, Some(residual::open(reader, order, block, rest)?)))
}

/// Reads samples of at most 33 bits.
fn read_samples(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    width: u32,
    out: &mut [i32],
) -> Result<()> {
    if width <= 32 {
        (kernels.read_plain)(reader, width, out);
        return Ok(());
    }
    for x in out {
        *x = i32::try_from(reader.take_signed(width)).map_err(|_| too_wide(32))?;
    }
    Ok(())
}

/// Reads a subframe and restores its samples.
///
/// # Errors
/// `Corrupt` for what RFC 9639 rules out, samples of more than `width` bits among it.
pub fn read_whole(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    width: u32,
    out: &mut [i32],
) -> Result<()> {
    let (mut pending, residual) = open(reader, kernels, width, out.len(), out)?;
    let Some(mut residual) = residual else { return Ok(()) };
    (kernels.read_residuals)(std::slice::from_mut(&mut residual));
    *reader = residual.reader.clone();
    let magnitudes = pending.take(residual::close(&residual)?);
    let Some(mut restore) = pending.restore else { return pending.finish(magnitudes, out) };
    (kernels.restore)(out, std::slice::from_mut(&mut restore));
    pending.finish(restore.magnitudes, out)
}

/// [`read_whole`] for samples of up to 33 bits. `residual` is as long as `out`, for its use.
///
/// # Errors
/// As those.
pub fn read_side(
    reader: &mut BitReader<'_>,
    kernels: &Kernels,
    width: u32,
    out: &mut [i64],
    residual: &mut [i32],
) -> Result<()> {
    let Head { kind, wasted } = Head::read(reader, width)?;
    let width = width - wasted;
    match kind {
        Kind::Constant => out.fill(reader.take_signed(width)),
        Kind::Verbatim => out.iter_mut().for_each(|x| *x = reader.take_signed(width)),
        Kind::Fixed(order) | Kind::Linear(order) => {
            check_order(order, out.len())?;
            out[..order].iter_mut().for_each(|x| *x = reader.take_signed(width));
            let (coefficients, shift) = read_predictor(reader, kind)?;
            let mut opened = residual::open(reader, order, out.len(), &mut residual[order..])?;
            (kernels.read_residuals)(std::slice::from_mut(&mut opened));
            *reader = opened.reader.clone();
            residual::close(&opened)?;
            for (i, &r) in (order..).zip(&residual[order..]) {
                // |Σ| ≤ 32·2^14·2^32 = 2^51, since no sample before has more than its bits.
                let before = out[i - order..i].iter().rev();
                let sum: i64 = before.zip(coefficients).map(|(x, q)| x * i64::from(q)).sum();
                let x = i64::from(r) + (sum >> shift);
                if (x ^ (x >> 63)) >> (width - 1) != 0 {
                    return Err(too_wide(width));
                }
                out[i] = x;
            }
        }
    }
    out.iter_mut().for_each(|x| *x <<= wasted);
    Ok(())
}

fn check_order(order: usize, length: usize) -> Result<()> {
    if order >= length {
        return Err(Error::corrupt(format!(
            "predictor of order {order} in a block of {length} samples"
        )));
    }
    Ok(())
}

fn too_wide(width: u32) -> Error {
    Error::corrupt(format!("a sample needs more than {width} bits"))
}
