//! Streams that predict each other: what the streams of one instrument have in common is coded once.
//!
//! A few *reference* streams of a chunk predict the others: a [`Predictor`] is a finite impulse
//! response filter for each of some references, whose sum is subtracted from a stream's integers
//! before FLAC sees them. [`choose`] finds the references, a [`Fitter`] the predictors; both
//! compare a few windows of the streams, behind a filter that makes them white.

mod choice;
mod effort;
mod fit;
mod least_squares;
mod predictor;
mod windows;

pub use choice::{Choice, ReadStream, choose};
pub use effort::{Effort, effort};
pub use fit::{Fit, Fitter};
pub use predictor::{
    MOST_COEFFICIENT, MOST_LAG, MOST_REFERENCES, MOST_SHIFT, MOST_TAPS, Prediction, Predictor,
    Reference, Term,
};
pub use windows::{RARE, Read, hold};
