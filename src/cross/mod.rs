//! Streams that predict each other: what the streams of one instrument have in common is coded once.
//!
//! A few *reference* streams of a chunk predict the others: a [`Predictor`] is a finite impulse
//! response filter for each of some references, whose sum is subtracted from a stream's integers
//! before FLAC sees them.

mod predictor;

pub use predictor::{
    MOST_COEFFICIENT, MOST_LAG, MOST_REFERENCES, MOST_SHIFT, MOST_TAPS, Predictor, Reference, Term,
};
