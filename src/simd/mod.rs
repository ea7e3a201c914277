//! The inner loops behind one table of functions, chosen once at run time.
//!
//! `scalar` is the specification of each kernel; every other table gives the same bits.

/// Compiles kernels for instructions, each behind a function that a table can hold.
#[cfg(target_arch = "x86_64")]
macro_rules! kernels {
    ($features:literal; $($name:ident = $body:path, ($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        fn $name($($argument: $type),*) $(-> $result)? {
            #[target_feature(enable = $features)]
            fn compiled($($argument: $type),*) $(-> $result)? {
                $body($($argument),*)
            }
            // SAFETY: the table is used where its module's `is_supported` holds.
            unsafe { compiled($($argument),*) }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod scalar;

use crate::flac::{BitReader, BitWriter};
use crate::quantize::Quantizer;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most coefficients of a linear predictor (RFC 9639 section 9.2.6).
pub const MAX_ORDER: usize = 32;

/// Bits of the lower half of a sample: as many as any sum is shifted by, at most.
pub const HALF: u32 = 15;

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

/// A coded residual to be read: parts (RFC 9639 section 9.2.7), each a parameter and its codes.
pub struct Residual<'b, 'o> {
    /// Before the first parameter; after the last code when the residual was read.
    pub reader: BitReader<'b>,
    /// Bits of a parameter, 4 or 5. All ones stand for plain numbers.
    pub parameter_bits: u32,
    /// How many parts to read, at least 1.
    pub parts: usize,
    /// Numbers of the first part, and of each other one.
    pub lengths: [usize; 2],
    /// The numbers of all parts; reading ends within the last one where this has no room for more.
    pub out: &'o mut [i32],
    /// Result: OR of the folded numbers (0, −1, 1, −2, … are 0, 1, 2, 3, …); none when the bytes
    /// end within or a number leaves ±(2^31 − 1), and then the numbers are unspecified.
    pub folded: Option<u32>,
}

/// What one pass over samples tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent<T> {
    /// The least number; NaN is none.
    pub least: T,
    /// The largest number, less than `least` where there is none.
    pub most: T,
    /// Whether all samples have the same bits.
    pub same: bool,
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
    /// Bits that every sample should fit, 1 to 32.
    pub width: u32,
    /// OR of the folded residuals (0, −1, 1, −2, … are 0, 1, 2, 3, …).
    pub folded: u32,
    /// Result: OR of the restored x for x ≥ 0 and of −1 − x for x < 0, or u32::MAX.
    pub magnitudes: u32,
}

impl Restore {
    /// What the magnitudes of the samples are likely to be after a warm-up of these. Encoders that
    /// know their data declare few bits, one too many perhaps; where 32 are declared, samples are
    /// taken to grow to 16 times the warm-up.
    fn likely(&self, magnitudes: u32) -> u32 {
        match self.width {
            32 => magnitudes.saturating_mul(16) | 15,
            width => magnitudes | ((1 << (width - 1)) - 1) >> 1,
        }
    }

    /// Whether 32-bit arithmetic probably suffices after a warm-up of these `magnitudes`.
    pub fn may_fit_narrow(&self, magnitudes: u32) -> bool {
        self.fits_narrow(self.likely(magnitudes))
    }

    /// Whether products of 16 bits do as well.
    pub fn may_fit_short(&self, magnitudes: u32) -> bool {
        self.likely(magnitudes) < 1 << 15
    }

    /// Whether 32-bit arithmetic that wraps gives exact samples, all of whose `magnitudes` are
    /// no larger: then no sum before the first sample that might be wrong wrapped.
    pub fn fits_narrow(&self, magnitudes: u32) -> bool {
        let [sum, sample] = self.bounds(32 - magnitudes.leading_zeros());
        sum < 1 << 31 && sample < 1 << 31
    }

    /// Whether 32 bits suffice for sums of products of the upper and of the lower [`HALF`] bits of
    /// samples, and for the samples, as long as those have the declared width.
    pub fn fits_halves(&self) -> bool {
        let [halves, _] = self.bounds(HALF);
        let [_, sample] = self.bounds(self.width - 1);
        self.width <= 2 * HALF && halves < 1 << 31 && sample < 1 << 31
    }

    /// Bounds of sums and samples after samples of magnitudes of so many bits.
    fn bounds(&self, bits: u32) -> [u64; 2] {
        let coefficients = self.coefficients[..self.order].iter();
        let q: u64 = coefficients.map(|q| u64::from(q.unsigned_abs())).sum();
        // |x| ≤ 2^bits, |r| ≤ (folded >> 1) + 1, and Σ|q| ≤ 2^19 leaves room in 64 bits.
        let sum = q << bits;
        [sum, (sum >> self.shift) + 1 + u64::from(self.folded >> 1) + 1]
    }
}

/// What a coefficient of a predictor multiplies: a sample of another stream for each prediction.
#[derive(Clone, Copy, Debug)]
pub struct Tap<'a> {
    /// At most 15 bits and a sign.
    pub coefficient: i32,
    /// As many as there are predictions.
    pub samples: &'a [i32],
}

type Quantize<T> = fn(&[T], &Quantizer, i64, &mut [i32], &mut Vec<u32>);
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
    /// See [`scalar::flac_decode::read_residuals`].
    pub read_residuals: fn(&mut [Residual<'_, '_>]),
    /// See [`scalar::flac_decode::restore`].
    pub restore: fn(&mut [i32], &mut [Restore]),
    /// See [`scalar::flac_encode::correlate`].
    pub correlate: fn(&[f64], &mut [f64]),
    /// See [`scalar::flac_encode::add_products`].
    pub add_products: AddProducts,
    /// See [`scalar::crc16`].
    pub crc16: fn(&[u8]) -> u16,
    /// See [`scalar::quantize::extent_of_integers`].
    pub extent_i32: fn(&[i32]) -> Extent<i32>,
    /// The same.
    pub extent_i64: fn(&[i64]) -> Extent<i64>,
    /// The same.
    pub extent_f32: fn(&[f32]) -> Extent<f32>,
    /// The same.
    pub extent_f64: fn(&[f64]) -> Extent<f64>,
    /// See [`scalar::quantize::shift`].
    pub shift_i32: fn(&[i32], i64, &mut [i32]),
    /// The same.
    pub shift_i64: fn(&[i64], i64, &mut [i32]),
    /// See [`scalar::quantize::clamped_sum`].
    pub clamped_sum: fn(&[i32], i32, i32) -> i64,
    /// See [`scalar::quantize::quantize`].
    pub quantize_f32: Quantize<f32>,
    /// The same.
    pub quantize_f64: Quantize<f64>,
    /// See [`scalar::values::scale_integers`].
    pub scale_i32: fn(&[i32], i32, i32, &mut [i32]),
    /// See [`scalar::values::scale_floats`].
    pub scale_f32: fn(&[i32], [f64; 3], &mut [f32]),
    /// The same.
    pub scale_f64: fn(&[i32], [f64; 3], &mut [f64]),
    /// See [`scalar::predict::predict_narrow`].
    pub predict_narrow: fn(&[Tap<'_>], u32, &mut [i32]),
    /// See [`scalar::predict::predict_wide`].
    pub predict_wide: fn(&[Tap<'_>], u32, &mut [i32]),
    /// See [`scalar::predict::add`].
    pub add: fn(&[i32], &mut [i32]) -> u32,
    /// See [`scalar::compare::products`].
    pub products: fn(&[i16], &[i16], &mut [i64]),
    /// See [`scalar::compare::autocorrelate`].
    pub autocorrelate: fn(&[f64]) -> [f64; 9],
    /// See [`scalar::compare::filter`].
    pub filter: fn(&[f64], &[f64; 8], &mut [f64]) -> f64,
    /// See [`scalar::compare::narrow`].
    pub narrow: fn(&[f64], f64, f64, &mut [i16]),
}

/// All tables whose instructions this processor has, the slowest first.
pub fn tables() -> &'static [&'static Kernels] {
    static PORTABLE: [&Kernels; 1] = [&scalar::KERNELS];
    #[cfg(target_arch = "x86_64")]
    {
        static ALL: [&Kernels; 3] = [&scalar::KERNELS, &avx2::KERNELS, &avx512::KERNELS];
        if avx512::is_supported() {
            return &ALL;
        }
        if avx2::is_supported() {
            return &ALL[..2];
        }
    }
    &PORTABLE
}

/// The index of the table this process uses, one too large; 0 until it is chosen. No lock, which a
/// fork could leave held: to choose twice is no harm.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Makes this process use another of its [`tables`], for tests that compare them.
#[doc(hidden)]
pub fn choose(table: usize) {
    assert!(table < tables().len(), "table {table}");
    CHOSEN.store(table + 1, Ordering::Relaxed);
}

/// The table this process uses: the fastest, or the one that the environment variable
/// `H5FLAC_KERNELS` names, if there is one of this name.
pub fn kernels() -> &'static Kernels {
    let tables = tables();
    let chosen = match CHOSEN.load(Ordering::Relaxed) {
        0 => {
            let wanted = std::env::var("H5FLAC_KERNELS").unwrap_or_default();
            let named = tables.iter().position(|table| table.name == wanted);
            let chosen = named.unwrap_or(tables.len() - 1);
            CHOSEN.store(chosen + 1, Ordering::Relaxed);
            chosen
        }
        n => n - 1,
    };
    tables[chosen]
}
