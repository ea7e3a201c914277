//! The inner loops behind one table of functions, chosen once at run time.
//!
//! `scalar` is the specification of each kernel; every other table gives the same bits.

pub mod scalar;

/// The inner loops. One table per instruction set; all give identical results.
pub struct Kernels {
    /// Name of the instruction set, as in `H5FLAC_KERNELS`.
    pub name: &'static str,
}

/// The table this process uses: the widest the CPU runs, or the one `H5FLAC_KERNELS` names.
pub fn kernels() -> &'static Kernels {
    &scalar::KERNELS
}
