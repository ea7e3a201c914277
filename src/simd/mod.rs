//! The inner loops behind one table of functions, chosen once at run time.
//!
//! `scalar` is the specification of each kernel; every other table gives the same bits.

pub mod scalar;

use crate::flac::{BitReader, BitWriter};

/// Most coefficients of a linear predictor (RFC 9639 section 9.2.6).
pub const MAX_ORDER: usize = 32;

/// What one pass over a block tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// OR of x for x ≥ 0 and of −1 − x for x < 0.
    pub magnitudes: u32,
    /// OR of the samples' bits.
    pub bits: u32,
    /// OR of the bits in which a sample differs from the first one.
    pub changes: u32,
}

/// A frame to be restored: in the samples from `start` on, `order` of warm-up, then its residual.
#[derive(Clone, Copy, Debug)]
pub struct Restore {
    /// First sample.
    pub start: usize,
    /// Samples, warm-up included.
    pub length: usize,
    /// Order of the predictor, 1 to 32 and at most `length`.
    pub order: usize,
    /// Right shift of its sum, 0 to 15.
    pub shift: u32,
    /// Its coefficients of at most 15 bits, for the newest sample first.
    pub coefficients: [i32; MAX_ORDER],
    /// OR of the folded residuals (0, −1, 1, −2, … are 0, 1, 2, 3, …).
    pub folded: u32,
    /// Result: OR of the restored x for x ≥ 0 and of −1 − x for x < 0, or u32::MAX.
    pub magnitudes: u32,
}

impl Restore {
    /// Whether 32-bit arithmetic that wraps gives exact samples, all of whose `magnitudes` are
    /// no larger: then no sum before the first sample that might be wrong wrapped.
    pub fn fits_narrow(&self, magnitudes: u32) -> bool {
        let coefficients = self.coefficients[..self.order].iter();
        let q: u64 = coefficients.map(|q| u64::from(q.unsigned_abs())).sum();
        // |x| ≤ 2^bits, |r| ≤ (folded >> 1) + 1, and Σ|q| ≤ 2^19 leaves room in 64 bits.
        let sum = q << (32 - magnitudes.leading_zeros());
        let sample = (sum >> self.shift) + 1 + u64::from(self.folded >> 1) + 1;
        sum < 1 << 31 && sample < 1 << 31
    }
}

type AddProducts = fn(&[[f64; MAX_ORDER]; 4], &[f64; 4], &mut [[f64; MAX_ORDER]]);

/// The inner loops. One table per instruction set; all give identical results.
pub struct Kernels {
    /// Name of the instruction set.
    pub name: &'static str,
    /// See [`scalar::flac_encode::survey`].
    pub survey: fn(&[i32]) -> Survey,
    /// See [`scalar::flac_encode::fixed_sums`].
    pub fixed_sums: fn(&[i32], u32) -> [u64; 5],
    /// See [`scalar::flac_encode::residual_narrow`].
    pub residual_narrow: fn(&[i32], &[i32], u32, &mut [i32]),
    /// See [`scalar::flac_encode::residual_wide`].
    pub residual_wide: fn(&[i32], &[i32], u32, &mut [i32]) -> bool,
    /// See [`scalar::flac_encode::part_sums`].
    pub part_sums: fn(&[i32], usize, &mut [u64], &mut [u32]),
    /// See [`scalar::flac_encode::unary_sums`].
    pub unary_sums: fn(&[i32], u32) -> [u64; 3],
    /// See [`scalar::flac_encode::write_rice`].
    pub write_rice: fn(&[i32], u32, &mut BitWriter<'_>),
    /// See [`scalar::flac_decode::read_plain`].
    pub read_plain: fn(&mut BitReader<'_>, u32, &mut [i32]),
    /// See [`scalar::flac_decode::read_rice`].
    pub read_rice: fn(&mut BitReader<'_>, u32, &mut [i32]) -> Option<u32>,
    /// See [`scalar::flac_decode::restore`].
    pub restore: fn(&mut [i32], &mut [Restore]),
    /// See [`scalar::flac_encode::correlate`].
    pub correlate: fn(&[f64], &mut [f64]),
    /// See [`scalar::flac_encode::add_products`].
    pub add_products: AddProducts,
}

/// The table this process uses.
pub fn kernels() -> &'static Kernels {
    &scalar::KERNELS
}
