//! The inner loops behind one table of functions, chosen once at run time.
//!
//! `scalar` is the specification of each kernel; every other table gives the same bits.

pub mod scalar;

use crate::flac::BitWriter;

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

/// The inner loops. One table per instruction set; all give identical results.
pub struct Kernels {
    /// Name of the instruction set, as in `H5FLAC_KERNELS`.
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
    /// See [`scalar::flac_encode::apply_window`].
    pub apply_window: fn(&[i32], &[f32], &mut [f64]),
    /// See [`scalar::flac_encode::autocorrelation`].
    pub autocorrelation: fn(&[f64], usize, &mut [f64]),
}

/// The table this process uses: the widest the CPU runs, or the one `H5FLAC_KERNELS` names.
pub fn kernels() -> &'static Kernels {
    &scalar::KERNELS
}
