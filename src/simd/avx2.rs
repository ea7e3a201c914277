//! Kernels for x86-64 processors with AVX2, BMI, LZCNT and PCLMULQDQ: those since about 2013.
//!
//! Most are the portable kernels compiled for these instructions; where that is not enough, a
//! submodule has one of its own.

#![expect(unsafe_code, reason = "calls functions compiled for instructions that were detected")]

mod crc16;
pub mod flac_encode;
mod lanes;
mod quantize;
pub mod restore;
pub mod rice;
mod write_rice;

use super::scalar::{self, compare, flac_decode, predict, quantize as portable, values};
use super::{Extent, Kernels, MAX_ORDER, Residual, Restore, Survey, Tap};
use crate::flac::{BitReader, BitWriter};
use crate::quantize::Quantizer;

/// The table; only for processors that [`is_supported`] finds to have the instructions.
pub static KERNELS: Kernels = Kernels {
    name: "avx2",
    survey,
    fixed_sums,
    residual_narrow,
    residual_wide,
    part_sums,
    unary_sums,
    write_rice,
    read_plain,
    read_residuals,
    restore,
    correlate,
    add_products,
    crc16,
    extent_i32,
    extent_i64,
    extent_f32,
    extent_f64,
    shift_i32,
    shift_i64,
    clamped_sum,
    quantize_f32,
    quantize_f64,
    scale_i32,
    scale_f32,
    scale_f64,
    predict_narrow,
    predict_wide,
    add,
    products,
    autocorrelate,
    filter,
    narrow,
};

/// Whether this processor has the instructions.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

kernels! {
    "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq";
    survey = scalar::flac_encode::survey, (samples: &[i32]) -> Survey;
    fixed_sums = scalar::flac_encode::fixed_sums, (samples: &[i32], width: u32) -> [u64; 5];
    residual_narrow = flac_encode::residual_narrow,
        (samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]);
    residual_wide = flac_encode::residual_wide,
        (samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]) -> bool;
    part_sums = flac_encode::part_sums,
        (residual: &[i32], size: usize, sums: &mut [u64], ors: &mut [u32]);
    unary_sums = flac_encode::unary_sums, (part: &[i32], first: u32) -> [u64; 3];
    write_rice = write_rice::write_rice, (part: &[i32], parameter: u32, out: &mut BitWriter<'_>);
    read_plain = flac_decode::read_plain, (reader: &mut BitReader<'_>, width: u32, out: &mut [i32]);
    read_residuals = rice::read_residuals, (residuals: &mut [Residual<'_, '_>]);
    restore = restore::restore, (data: &mut [i32], frames: &mut [Restore]);
    correlate = scalar::flac_encode::correlate, (x: &[f64], out: &mut [f64]);
    add_products = scalar::flac_encode::add_products,
        (vectors: &[[f64; MAX_ORDER]; 4], weights: &[f64; 4], out: &mut [[f64; MAX_ORDER]]);
    crc16 = crc16::crc16, (bytes: &[u8]) -> u16;
    extent_i32 = portable::extent_of_integers, (samples: &[i32]) -> Extent<i32>;
    extent_i64 = portable::extent_of_integers, (samples: &[i64]) -> Extent<i64>;
    extent_f32 = portable::extent_of_floats, (samples: &[f32]) -> Extent<f32>;
    extent_f64 = portable::extent_of_floats, (samples: &[f64]) -> Extent<f64>;
    shift_i32 = portable::shift, (samples: &[i32], offset: i64, out: &mut [i32]);
    shift_i64 = portable::shift, (samples: &[i64], offset: i64, out: &mut [i32]);
    clamped_sum = portable::clamped_sum, (integers: &[i32], low: i32, high: i32) -> i64;
    quantize_f32 = quantize::singles,
        (samples: &[f32], quantizer: &Quantizer, offset: i64, out: &mut [i32],
         misses: &mut Vec<u32>);
    quantize_f64 = quantize::doubles,
        (samples: &[f64], quantizer: &Quantizer, offset: i64, out: &mut [i32],
         misses: &mut Vec<u32>);
    scale_i32 = values::scale_integers, (k: &[i32], factor: i32, offset: i32, out: &mut [i32]);
    scale_f32 = values::scale_floats, (k: &[i32], numbers: [f64; 3], out: &mut [f32]);
    scale_f64 = values::scale_floats, (k: &[i32], numbers: [f64; 3], out: &mut [f64]);
    predict_narrow = predict::predict_narrow, (taps: &[Tap<'_>], shift: u32, out: &mut [i32]);
    predict_wide = predict::predict_wide, (taps: &[Tap<'_>], shift: u32, out: &mut [i32]);
    add = predict::add, (predictions: &[i32], samples: &mut [i32]) -> u32;
    products = compare::products, (a: &[i16], b: &[i16], sums: &mut [i64]);
    autocorrelate = compare::autocorrelate, (samples: &[f64]) -> [f64; 9];
    filter = compare::filter,
        (samples: &[f64], coefficients: &[f64; 8], out: &mut [f64]) -> f64;
    narrow = compare::narrow, (samples: &[f64], scale: f64, most: f64, out: &mut [i16]);
}
