//! Restoring samples of which sums fit 32 bits.

use super::one::restore_narrow;
use super::{Lanes, NARROW};
use crate::simd::Restore;
use crate::simd::avx2::lanes::{load, store, transpose};
use core::arch::x86_64::*;

/// Restores in wrapping 32-bit arithmetic, as `restore_narrow`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn narrow_lanes<const ORDER: usize>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<NARROW>,
) {
    let mut coefficients = [_mm256_setzero_si256(); ORDER];
    for (lag, q) in coefficients.iter_mut().enumerate() {
        *q = load(&lanes.coefficients(frames, lag));
    }
    let push = |sums: &mut [__m256i; ORDER], x, _| {
        for j in 0..ORDER - 1 {
            sums[j] = _mm256_add_epi32(sums[j + 1], _mm256_mullo_epi32(coefficients[j], x));
        }
        sums[ORDER - 1] = _mm256_mullo_epi32(coefficients[ORDER - 1], x);
    };
    let shift = shifts(frames, lanes);
    let predict = |sums: &[__m256i; ORDER]| _mm256_srav_epi32(sums[0], shift);
    let sums = [_mm256_setzero_si256(); ORDER];
    lanes_of(
        data,
        frames,
        lanes,
        ORDER,
        _mm256_set1_epi32(i32::MIN),
        sums,
        predict,
        push,
        |x, frame| restore_narrow(x, frame),
    );
}

/// At even places the coefficients, in halves, of a sample (upper half) and of the one before it.
#[inline]
#[target_feature(enable = "avx2")]
pub fn pairs_of_coefficients<const ORDER: usize>(
    frames: &[Restore],
    lanes: &Lanes<NARROW>,
) -> [__m256i; ORDER] {
    let mut pairs = [_mm256_setzero_si256(); ORDER];
    for (j, pair) in pairs.iter_mut().enumerate().step_by(2) {
        let [newer, older] = [j, j + 1].map(|lag| load(&lanes.coefficients(frames, lag)));
        *pair = _mm256_blend_epi16::<0b1010_1010>(older, _mm256_slli_epi32::<16>(newer));
    }
    pairs
}

/// The same with half the multiplications, of two samples each, as long as all have 16 bits.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn short_lanes<const ORDER: usize>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<NARROW>,
) {
    let zero = _mm256_setzero_si256();
    // In the sum of every second sample after.
    let coefficients = pairs_of_coefficients::<ORDER>(frames, lanes);
    let push = |sums: &mut [__m256i; ORDER], x, before| {
        let pair = _mm256_blend_epi16::<0b1010_1010>(before, _mm256_slli_epi32::<16>(x));
        for j in 0..ORDER {
            let sum = if j + 1 < ORDER { sums[j + 1] } else { zero };
            sums[j] = if j % 2 == 1 {
                sum
            } else {
                _mm256_add_epi32(sum, _mm256_madd_epi16(coefficients[j], pair))
            };
        }
    };
    let shift = shifts(frames, lanes);
    let predict = |sums: &[__m256i; ORDER]| _mm256_srav_epi32(sums[0], shift);
    lanes_of(
        data,
        frames,
        lanes,
        ORDER,
        _mm256_set1_epi32(-1 << 15),
        [zero; ORDER],
        predict,
        push,
        |x, frame| restore_narrow(x, frame),
    );
}

/// How far each lane's sums are shifted.
#[target_feature(enable = "avx2")]
pub fn shifts(frames: &[Restore], lanes: &Lanes<NARROW>) -> __m256i {
    load(&lanes.shifts(frames).map(|shift| (shift & 31) as i32))
}

/// Restores, after at least `order` samples, as long as no magnitude has a bit of `too_large`.
/// `alone` finishes a frame whose lane would be the only one, or has too few samples left.
/// `predict` gives the next samples without their residual; `push` adds the newest samples, given
/// those before them too, to the sums of the samples that follow, and moves on by one.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
#[expect(clippy::too_many_arguments, reason = "what differs between the ways to restore")]
pub fn lanes_of<S>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<NARROW>,
    order: usize,
    too_large: __m256i,
    mut sums: S,
    predict: impl Fn(&S) -> __m256i,
    push: impl Fn(&mut S, __m256i, __m256i),
    alone: impl Fn(&mut [i32], &Restore) -> u32,
) {
    let mut before = _mm256_setzero_si256();
    for index in lanes.at - order..lanes.at {
        let x = load(&lanes.samples(data, frames, index));
        push(&mut sums, x, before);
        before = x;
    }
    let mut idle = [0; NARROW];
    loop {
        let steps = lanes.steps(NARROW, data, frames, &alone);
        if steps == 0 {
            return;
        }
        let places = lanes.places(data, frames, &mut idle);
        // What idle lanes hold is no sample.
        let active = load(&lanes.frames.map(|frame| if frame.is_some() { -1 } else { 0 }));
        let too_large = _mm256_and_si256(too_large, active);
        let mut magnitudes = _mm256_setzero_si256();
        let mut done = 0;
        while done < steps {
            let mut rows = [_mm256_setzero_si256(); NARROW];
            for l in 0..NARROW {
                let (place, each) = places[l];
                // SAFETY: `steps` says that each active lane has so many samples left, eight for
                // each step; idle lanes have eight and stay.
                rows[l] = unsafe { _mm256_loadu_si256(place.add(done * NARROW * each).cast()) };
            }
            rows = transpose(rows);
            let mut now = magnitudes;
            for x in &mut rows {
                *x = _mm256_add_epi32(*x, predict(&sums));
                let sign = _mm256_srai_epi32::<31>(*x);
                now = _mm256_or_si256(now, _mm256_xor_si256(*x, sign));
                push(&mut sums, *x, before);
                before = *x;
            }
            if _mm256_testz_si256(now, too_large) == 0 {
                break;
            }
            magnitudes = now;
            rows = transpose(rows);
            for l in 0..NARROW {
                let (place, each) = places[l];
                // SAFETY: see above.
                unsafe { _mm256_storeu_si256(place.add(done * NARROW * each).cast(), rows[l]) };
            }
            done += 1;
        }
        let found = store(magnitudes);
        for (l, _) in lanes.active() {
            lanes.magnitudes[l] |= found[l];
        }
        lanes.at += done * NARROW;
        if done < steps {
            return;
        }
    }
}
