//! Sample values ⇄ integers: rules, offsets, factors, the strict bound, and exceptions.

mod dither;
mod rule;

pub use dither::Dither;
pub use rule::{MOST, POWERS_OF_TEN, Rule};
