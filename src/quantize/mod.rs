//! Sample values ⇄ integers: rules, offsets, factors, the strict bound, and exceptions.

mod affine;
mod dither;
mod fixed;
mod fixed_plan;
mod flat;
mod gaps;
mod grid;
mod noise;
mod outline;
mod plan;
mod planner;
mod quantizer;
#[cfg(test)]
pub(crate) mod random;
mod rule;
mod sketch;
mod step;
mod survey;

pub use dither::Dither;
pub use fixed::{Fixed, Place};
pub(crate) use gaps::fill as fill_gaps;
pub use plan::{Form, MOST_WIDTH, Plan};
pub use planner::{Grids, Planner};
pub use quantizer::Quantizer;
pub use rule::{MOST, POWERS_OF_TEN, Rule};
pub use step::Wishes;
