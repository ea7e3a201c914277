//! The specification of each kernel in plain Rust.

pub mod compare;
pub mod crc16;
pub mod flac_decode;
pub mod flac_encode;
pub mod predict;
pub mod quantize;
pub mod values;

use super::Kernels;

/// Portable kernels.
pub static KERNELS: Kernels = Kernels {
    name: "scalar",
    survey: flac_encode::survey,
    fixed_sums: flac_encode::fixed_sums,
    residual_narrow: flac_encode::residual_narrow,
    residual_wide: flac_encode::residual_wide,
    part_sums: flac_encode::part_sums,
    unary_sums: flac_encode::unary_sums,
    write_rice: flac_encode::write_rice,
    read_plain: flac_decode::read_plain,
    read_residuals: flac_decode::read_residuals,
    restore: flac_decode::restore,
    correlate: flac_encode::correlate,
    add_products: flac_encode::add_products,
    crc16: crc16::crc16,
    extent_i32: quantize::extent_of_integers,
    extent_i64: quantize::extent_of_integers,
    extent_f32: quantize::extent_of_floats,
    extent_f64: quantize::extent_of_floats,
    shift_i32: quantize::shift,
    shift_i64: quantize::shift,
    clamped_sum: quantize::clamped_sum,
    quantize_f32: quantize::quantize,
    quantize_f64: quantize::quantize,
    scale_i32: values::scale_integers,
    scale_f32: values::scale_floats,
    scale_f64: values::scale_floats,
    predict_narrow: predict::predict_narrow,
    predict_wide: predict::predict_wide,
    add: predict::add,
    products: compare::products,
    autocorrelate: compare::autocorrelate,
    filter: compare::filter,
    narrow: compare::narrow,
};
