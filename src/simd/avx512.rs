//! Kernels for x86-64 processors with AVX-512 as of 2019: F, BW, CD, DQ, VL, VBMI2 and VNNI.
//!
//! Those where vectors of 512 bits make a difference; the others are those of AVX2.

#![expect(unsafe_code, reason = "calls functions compiled for instructions that were detected")]

mod lanes;
mod residual;
mod restore;
mod rice;

use super::{Kernels, Residual, Restore, avx2};

/// The table; only for processors that [`is_supported`] finds to have the instructions.
pub static KERNELS: Kernels =
    Kernels { name: "avx512", read_residuals, restore, residual_narrow, ..avx2::KERNELS };

/// Whether this processor has the instructions.
pub fn is_supported() -> bool {
    avx2::is_supported()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512vnni")
}

kernels! {
    "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2,avx512vnni";
    read_residuals = rice::read_residuals, (residuals: &mut [Residual<'_, '_>]);
    restore = restore::restore, (data: &mut [i32], frames: &mut [Restore]);
    residual_narrow = residual::residual_narrow,
        (samples: &[i32], coefficients: &[i32], shift: u32, out: &mut [i32]);
}
