//! Restoring one frame, of which each sample waits for the one before.
//!
//! Products of the newest samples are those that the next one waits for: they are made one by one,
//! which takes the least time. The others, four or more samples old, are made in vectors.

use crate::simd::scalar::flac_decode::magnitudes;
use crate::simd::{MAX_ORDER, Restore};
use core::arch::x86_64::*;

/// Samples whose products are made one by one, and those of a vector.
const NEWEST: usize = 4;
const LANES: usize = 4;

/// See [`crate::simd::scalar::flac_decode::restore_narrow`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn restore_narrow(samples: &mut [i32], frame: &Restore) -> u32 {
    match frame.order {
        0..=4 => restore_by::<0>(samples, frame),
        5..=8 => restore_by::<1>(samples, frame),
        9..=12 => restore_by::<2>(samples, frame),
        13..=16 => restore_by::<3>(samples, frame),
        17..=24 => restore_by::<5>(samples, frame),
        _ => restore_by::<7>(samples, frame),
    }
}

/// Sums for the samples to come.
struct Sums<const VECTORS: usize> {
    coefficients: [i32; MAX_ORDER],
    older: [__m128i; VECTORS],
    /// All of the next samples.
    next: [i32; NEWEST],
    /// Of the samples after those: what the older ones add.
    later: [__m128i; VECTORS],
}

impl<const VECTORS: usize> Sums<VECTORS> {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn new(coefficients: [i32; MAX_ORDER]) -> Self {
        let mut older = [_mm_setzero_si128(); VECTORS];
        let (fours, _) = coefficients[NEWEST..].as_chunks::<LANES>();
        for (vector, &[a, b, c, d]) in older.iter_mut().zip(fours) {
            *vector = _mm_setr_epi32(a, b, c, d);
        }
        let later = [_mm_setzero_si128(); VECTORS];
        Sums { coefficients, older, next: [0; NEWEST], later }
    }

    /// Adds the products of the newest sample, and moves on by one.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn push(&mut self, x: i32) {
        let last = self.later.first().map_or(0, |sums| _mm_cvtsi128_si32(*sums));
        for j in 0..NEWEST {
            let sum = if j + 1 < NEWEST { self.next[j + 1] } else { last };
            self.next[j] = sum.wrapping_add(self.coefficients[j].wrapping_mul(x));
        }
        let x = _mm_set1_epi32(x);
        for v in 0..VECTORS {
            let after = if v + 1 < VECTORS { self.later[v + 1] } else { _mm_setzero_si128() };
            let sums = _mm_alignr_epi8::<4>(after, self.later[v]);
            self.later[v] = _mm_add_epi32(sums, _mm_mullo_epi32(self.older[v], x));
        }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn restore_by<const VECTORS: usize>(samples: &mut [i32], frame: &Restore) -> u32 {
    let shift = frame.shift & 31;
    let (warm_up, rest) = samples.split_at_mut(frame.order);
    let mut sums = Sums::<VECTORS>::new(frame.coefficients);
    for &x in &*warm_up {
        sums.push(x);
    }
    for x in &mut *rest {
        *x = x.wrapping_add(sums.next[0] >> shift);
        sums.push(*x);
    }
    magnitudes(rest)
}
