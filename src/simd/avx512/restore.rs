//! Restoring sixteen frames side by side, one in each lane.

use super::lanes::{PAIRS, load_pairs, store_pairs, transpose_pairs};
use crate::simd::avx2::restore::{
    Lanes, Ways, by_lane_order, lane_order, restore_in, restore_narrow,
};
use crate::simd::scalar::flac_decode::restore_wide;
use crate::simd::{HALF, MAX_ORDER, Restore};
use core::arch::x86_64::*;

/// Frames restored in 32 bits side by side.
const N: usize = PAIRS;

/// See [`crate::simd::scalar::flac_decode::restore`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512vnni")]
pub fn restore(data: &mut [i32], frames: &mut [Restore]) {
    let ways = Ways::<N> {
        narrow: |order, data, frames, lanes| {
            by_lane_order!(order, narrow_lanes(data, frames, lanes));
        },
        short: |order, data, frames, lanes| {
            by_lane_order!(order, short_lanes(data, frames, lanes));
        },
        halves: |order, data, frames, lanes| {
            by_lane_order!(order, halves_lanes(data, frames, lanes));
        },
    };
    restore_in(data, frames, &ways);
}

/// Restores in wrapping 32-bit arithmetic, as `restore_narrow`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512vnni")]
fn narrow_lanes<const ORDER: usize>(data: &mut [i32], frames: &[Restore], lanes: &mut Lanes<N>) {
    let mut coefficients = [_mm512_setzero_si512(); ORDER];
    for (lag, q) in coefficients.iter_mut().enumerate() {
        *q = load_pairs(&lanes.coefficients(frames, lag));
    }
    let push = |sums: &mut [__m512i; ORDER], x| {
        for j in 0..ORDER - 1 {
            sums[j] = _mm512_add_epi32(sums[j + 1], _mm512_mullo_epi32(coefficients[j], x));
        }
        sums[ORDER - 1] = _mm512_mullo_epi32(coefficients[ORDER - 1], x);
    };
    let shift = shifts(frames, lanes);
    let predict = |sums: &[__m512i; ORDER]| _mm512_srav_epi32(sums[0], shift);
    let sums = [_mm512_setzero_si512(); ORDER];
    let too_large = _mm512_set1_epi32(i32::MIN);
    lanes_of(data, frames, lanes, ORDER, too_large, sums, predict, push, |x, frame| {
        restore_narrow(x, frame)
    });
}

/// The coefficient of the newest sample, alone in the lower half of each lane, and then pairs:
/// of a sample (lower half) and of the one before it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs_of_coefficients<const ORDER: usize>(
    frames: &[Restore],
    lanes: &Lanes<N>,
) -> (__m512i, [__m512i; ORDER]) {
    let low = _mm512_set1_epi32(0xffff);
    let lag = |lag| {
        if lag < ORDER {
            load_pairs(&lanes.coefficients(frames, lag))
        } else {
            _mm512_setzero_si512()
        }
    };
    let mut pairs = [_mm512_setzero_si512(); ORDER];
    for (j, pair) in pairs.iter_mut().enumerate().step_by(2) {
        *pair = pair_of(lag(j + 1), lag(j + 2));
    }
    (_mm512_and_si512(lag(0), low), pairs)
}

/// Numbers of 16 bits in the lower halves, and those before them in the upper ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pair_of(newer: __m512i, older: __m512i) -> __m512i {
    _mm512_mask_blend_epi16(0xaaaa_aaaa, newer, _mm512_slli_epi32::<16>(older))
}

/// Sums of the samples to come, of pairs of those before: every second one counts.
struct Short<const ORDER: usize> {
    sums: [__m512i; ORDER],
    next: __m512i,
    before: __m512i,
}

impl<const ORDER: usize> Short<ORDER> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Short { sums: [zero; ORDER], next: zero, before: zero }
    }

    /// Adds samples of 16 bits, and moves on by one. The `newest` alone is missing in the next sum,
    /// so that a sample waits for one product of the sample before.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn push(&mut self, newest: __m512i, coefficients: &[__m512i; ORDER], x: __m512i) {
        self.next = _mm512_dpwssd_epi32(self.sums[0], newest, x);
        let pair = pair_of(x, self.before);
        self.before = x;
        for (j, &pair_of_coefficients) in coefficients.iter().enumerate() {
            let sum = self.sums.get(j + 1).copied().unwrap_or(_mm512_setzero_si512());
            self.sums[j] =
                if j % 2 == 0 { _mm512_dpwssd_epi32(sum, pair_of_coefficients, pair) } else { sum };
        }
    }
}

/// The same with half the multiplications, of two samples each, as long as all have 16 bits.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512vnni")]
fn short_lanes<const ORDER: usize>(data: &mut [i32], frames: &[Restore], lanes: &mut Lanes<N>) {
    let (newest, coefficients) = pairs_of_coefficients::<ORDER>(frames, lanes);
    let push = |state: &mut Short<ORDER>, x| state.push(newest, &coefficients, x);
    let shift = shifts(frames, lanes);
    let predict = |state: &Short<ORDER>| _mm512_srav_epi32(state.next, shift);
    let too_large = _mm512_set1_epi32(-1 << 15);
    let state = Short::new();
    lanes_of(data, frames, lanes, ORDER, too_large, state, predict, push, |x, frame| {
        restore_narrow(x, frame)
    });
}

/// Restores as long as all samples have their frame's width: sums of products of their halves.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512vnni")]
fn halves_lanes<const ORDER: usize>(data: &mut [i32], frames: &[Restore], lanes: &mut Lanes<N>) {
    let (newest, coefficients) = pairs_of_coefficients::<ORDER>(frames, lanes);
    let shift = shifts(frames, lanes);
    let rise = _mm512_sub_epi32(_mm512_set1_epi32(HALF as i32), shift);
    let low = _mm512_set1_epi32(i16::MAX.into());
    let push = |[upper, lower]: &mut [Short<ORDER>; 2], x| {
        upper.push(newest, &coefficients, _mm512_srai_epi32::<{ HALF }>(x));
        lower.push(newest, &coefficients, _mm512_and_si512(x, low));
    };
    let predict = |[upper, lower]: &[Short<ORDER>; 2]| {
        let upper = _mm512_sllv_epi32(upper.next, rise);
        _mm512_add_epi32(upper, _mm512_srav_epi32(lower.next, shift))
    };
    let too_large = load_pairs(&lanes.widths(frames).map(|width| -1 << (width - 1)));
    let state = [Short::new(), Short::new()];
    lanes_of(data, frames, lanes, ORDER, too_large, state, predict, push, restore_wide);
}

/// How far each lane's sums are shifted.
#[target_feature(enable = "avx512f")]
fn shifts(frames: &[Restore], lanes: &Lanes<N>) -> __m512i {
    load_pairs(&lanes.shifts(frames).map(|shift| (shift & 31) as i32))
}

/// Restores, after at least `order` samples, as long as no magnitude has a bit of `too_large`.
/// `alone` finishes a frame whose lane would be the only one, or has too few samples left.
/// `predict` gives the next samples without their residual; `push` adds the newest samples to the
/// sums of the samples that follow, and moves on by one.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512vnni")]
#[inline]
#[expect(clippy::too_many_arguments, reason = "what differs between the ways to restore")]
fn lanes_of<S>(
    data: &mut [i32],
    frames: &[Restore],
    lanes: &mut Lanes<N>,
    order: usize,
    too_large: __m512i,
    mut sums: S,
    predict: impl Fn(&S) -> __m512i,
    push: impl Fn(&mut S, __m512i),
    alone: impl Fn(&mut [i32], &Restore) -> u32,
) {
    for index in lanes.at - order..lanes.at {
        push(&mut sums, load_pairs(&lanes.samples(data, frames, index)));
    }
    let mut idle = [0; N];
    loop {
        let steps = lanes.steps(N, data, frames, &alone);
        if steps == 0 {
            return;
        }
        let places = lanes.places(data, frames, &mut idle);
        // What idle lanes hold is no sample.
        let active = load_pairs(&lanes.frames.map(|frame| if frame.is_some() { -1 } else { 0 }));
        let too_large = _mm512_and_si512(too_large, active);
        let mut magnitudes = _mm512_setzero_si512();
        let mut done = 0;
        while done < steps {
            let mut rows = [_mm512_setzero_si512(); N];
            for l in 0..N {
                let (place, each) = places[l];
                // SAFETY: `steps` says that each active lane has so many samples left, sixteen for
                // each step; idle lanes have sixteen and stay.
                rows[l] = unsafe { _mm512_loadu_si512(place.add(done * N * each).cast()) };
            }
            rows = transpose_pairs(rows);
            let mut now = magnitudes;
            for x in &mut rows {
                *x = _mm512_add_epi32(*x, predict(&sums));
                push(&mut sums, *x);
                let sign = _mm512_srai_epi32::<31>(*x);
                // now | x ^ sign
                now = _mm512_ternarylogic_epi32::<0xf6>(now, *x, sign);
            }
            if _mm512_test_epi32_mask(now, too_large) != 0 {
                break;
            }
            magnitudes = now;
            rows = transpose_pairs(rows);
            for l in 0..N {
                let (place, each) = places[l];
                // SAFETY: see above.
                unsafe { _mm512_storeu_si512(place.add(done * N * each).cast(), rows[l]) };
            }
            done += 1;
        }
        let found = store_pairs(magnitudes);
        for (l, _) in lanes.active() {
            lanes.magnitudes[l] |= found[l];
        }
        lanes.at += done * N;
        if done < steps {
            return;
        }
    }
}
