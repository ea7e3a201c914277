//! The specification of each kernel in plain Rust.

use super::Kernels;

/// Portable kernels.
pub static KERNELS: Kernels = Kernels { name: "scalar" };
