//! Restoring several frames side by side, one in each lane.

use super::lanes::{LANES, load, store, transpose};
use crate::simd::scalar::flac_decode::{restore_frame, restore_wide, undo_narrow, warm_up};
use crate::simd::{MAX_ORDER, Restore};
use core::arch::x86_64::*;
use halves::halves_lanes;
use one::restore_narrow;
use wide::wide_lanes;

mod halves;
mod one;
mod wide;

/// Frames restored in 32 bits side by side, and in 64 bits.
const NARROW: usize = LANES;
const WIDE: usize = 4;

/// Samples that a frame must have for a lane.
const LEAST: usize = MAX_ORDER + 32;

/// See [`crate::simd::scalar::flac_decode::restore`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn restore(data: &mut [i32], frames: &mut [Restore]) {
    let mut narrow = Waiting::<NARROW>::default();
    let mut halves = Waiting::<NARROW>::default();
    let mut wide = Waiting::<WIDE>::default();
    for i in 0..frames.len() {
        let frame = &mut frames[i];
        let samples = &mut data[frame.start..frame.start + frame.length];
        if frame.length < LEAST {
            restore_frame(samples, frame, |x, frame| restore_narrow(x, frame));
            continue;
        }
        let in_halves = frame.fits_halves();
        let most = u32::MAX >> 1 >> (32 - frame.width);
        if frame.fits_narrow(most) || !in_halves && frame.may_fit_narrow(warm_up(samples, frame)) {
            narrow.push(i, |group| restore_narrow_group(data, frames, group, &mut wide));
        } else if in_halves {
            halves.push(i, |group| restore_halves_group(data, frames, group));
        } else {
            wide.push(i, |group| restore_wide_group(data, frames, group));
        }
    }
    restore_narrow_group(data, frames, narrow.rest(), &mut wide);
    restore_halves_group(data, frames, halves.rest());
    restore_wide_group(data, frames, wide.rest());
}

/// Frames that wait until there are enough of them.
struct Waiting<const N: usize> {
    frames: [usize; N],
    count: usize,
}

impl<const N: usize> Default for Waiting<N> {
    fn default() -> Self {
        Waiting { frames: [0; N], count: 0 }
    }
}

impl<const N: usize> Waiting<N> {
    /// Adds a frame, and hands all over when they are enough.
    fn push(&mut self, frame: usize, work: impl FnOnce(&[usize])) {
        self.frames[self.count] = frame;
        self.count += 1;
        if self.count == N {
            self.count = 0;
            work(&self.frames);
        }
    }

    fn rest(&self) -> &[usize] {
        &self.frames[..self.count]
    }
}

/// The lowest order of a lane's function that is at least this one.
fn lane_order(order: usize) -> usize {
    match order {
        0..=2 => 2,
        3..=4 => 4,
        5..=6 => 6,
        7..=8 => 8,
        9..=10 => 10,
        11..=12 => 12,
        13..=16 => 16,
        _ => MAX_ORDER,
    }
}

macro_rules! by_lane_order {
    ($order:expr, $function:ident($($argument:expr),*)) => {
        match lane_order($order) {
            2 => $function::<2>($($argument),*),
            4 => $function::<4>($($argument),*),
            6 => $function::<6>($($argument),*),
            8 => $function::<8>($($argument),*),
            10 => $function::<10>($($argument),*),
            12 => $function::<12>($($argument),*),
            16 => $function::<16>($($argument),*),
            _ => $function::<MAX_ORDER>($($argument),*),
        }
    };
}

/// Restores frames in 32 bits; what turns out to need more is added to `wide`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn restore_narrow_group(
    data: &mut [i32],
    frames: &mut [Restore],
    group: &[usize],
    wide: &mut Waiting<WIDE>,
) {
    if let [frame] = group {
        let frame = &mut frames[*frame];
        let samples = &mut data[frame.start..frame.start + frame.length];
        restore_frame(samples, frame, |x, frame| restore_narrow(x, frame));
        return;
    }
    let Some(order) = group.iter().map(|&i| frames[i].order).max() else { return };
    let mut lanes = Lanes::<NARROW>::new(frames, group, lane_order(order));
    lanes.begin(data, frames, |x, frame| restore_narrow(x, frame));
    let short = lanes.active().all(|(l, i)| {
        let warm_up = warm_up(&data[frames[i].start..], &frames[i]);
        frames[i].may_fit_short(warm_up | lanes.magnitudes[l])
    });
    if short {
        by_lane_order!(order, short_lanes(data, frames, &mut lanes));
    }
    by_lane_order!(order, narrow_lanes(data, frames, &mut lanes));
    for (l, &i) in group.iter().enumerate() {
        let frame = &mut frames[i];
        let samples = &mut data[frame.start..frame.start + frame.length];
        frame.magnitudes = lanes.magnitudes[l];
        if !frame.fits_narrow(warm_up(samples, frame) | frame.magnitudes) {
            undo_narrow(samples, frame);
            wide.push(i, |group| restore_wide_group(data, frames, group));
        }
    }
}

/// Restores frames in 32 bits, from products of halves of samples.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn restore_halves_group(data: &mut [i32], frames: &mut [Restore], group: &[usize]) {
    let Some(order) = group.iter().map(|&i| frames[i].order).max() else { return };
    if let [_] = group {
        return restore_wide_group(data, frames, group);
    }
    let mut lanes = Lanes::<NARROW>::new(frames, group, lane_order(order));
    lanes.begin(data, frames, restore_wide);
    let fit = lanes.active().all(|(l, i)| {
        let warm_up = warm_up(&data[frames[i].start..], &frames[i]);
        (warm_up | lanes.magnitudes[l]) >> (frames[i].width - 1) == 0
    });
    if fit {
        by_lane_order!(order, halves_lanes(data, frames, &mut lanes));
    }
    // Frames with samples of more than their width.
    lanes.steps(usize::MAX, data, frames, restore_wide);
    for (l, &i) in group.iter().enumerate() {
        frames[i].magnitudes = lanes.magnitudes[l];
    }
}

/// Restores frames in 64 bits.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn restore_wide_group(data: &mut [i32], frames: &mut [Restore], group: &[usize]) {
    let Some(order) = group.iter().map(|&i| frames[i].order).max() else { return };
    if let [frame] = group {
        let frame = &mut frames[*frame];
        let samples = &mut data[frame.start..frame.start + frame.length];
        frame.magnitudes = restore_wide(samples, frame);
        return;
    }
    let mut lanes = Lanes::<WIDE>::new(frames, group, lane_order(order));
    lanes.begin(data, frames, restore_wide);
    by_lane_order!(order, wide_lanes(data, frames, &mut lanes));
    for (l, &i) in group.iter().enumerate() {
        frames[i].magnitudes = lanes.magnitudes[l];
    }
}

/// Some frames, one in each lane; the other lanes are idle.
struct Lanes<const N: usize> {
    /// Each lane's frame, none when it is done.
    frames: [Option<usize>; N],
    /// OR of the magnitudes of what is restored.
    magnitudes: [u32; N],
    /// Samples of each frame that are restored.
    at: usize,
}

impl<const N: usize> Lanes<N> {
    fn new(frames: &[Restore], group: &[usize], order: usize) -> Self {
        let mut lanes = Lanes { frames: [None; N], magnitudes: [0; N], at: order };
        for (lane, &frame) in lanes.frames.iter_mut().zip(group) {
            debug_assert!(frames[frame].length >= order);
            *lane = Some(frame);
        }
        lanes
    }

    /// Frames in the lanes.
    fn active(&self) -> impl Iterator<Item = (usize, usize)> + use<N> {
        self.frames.into_iter().enumerate().filter_map(|(l, frame)| Some((l, frame?)))
    }

    /// Restores the first samples of each frame, those before `at`.
    fn begin(
        &mut self,
        data: &mut [i32],
        frames: &[Restore],
        restore: impl Fn(&mut [i32], &Restore) -> u32,
    ) {
        for (l, i) in self.active() {
            let frame = &frames[i];
            let samples = &mut data[frame.start..frame.start + self.at];
            self.magnitudes[l] |= restore(samples, frame);
        }
    }

    /// Finishes frames of which fewer than `step` samples are left, or the last frame, alone;
    /// returns how many steps all others can take.
    fn steps(
        &mut self,
        step: usize,
        data: &mut [i32],
        frames: &[Restore],
        restore: impl Fn(&mut [i32], &Restore) -> u32,
    ) -> usize {
        let left = |i: usize| frames[i].length - self.at;
        let many = self.active().filter(|&(_, i)| left(i) >= step).count();
        for (l, i) in self.active() {
            if left(i) >= step && many > 1 {
                continue;
            }
            let frame = &frames[i];
            let from = frame.start + self.at - frame.order;
            let samples = &mut data[from..frame.start + frame.length];
            self.magnitudes[l] |= restore(samples, frame);
            self.frames[l] = None;
        }
        self.active().map(|(_, i)| left(i) / step).min().unwrap_or(0)
    }

    /// The coefficient of each lane for the sample `lag` + 1 before.
    fn coefficients(&self, frames: &[Restore], lag: usize) -> [i32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| frames[i].coefficients[lag]))
    }

    /// Each lane's sample at an index.
    fn samples(&self, data: &[i32], frames: &[Restore], index: usize) -> [i32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| data[frames[i].start + index]))
    }

    fn shifts(&self, frames: &[Restore]) -> [u32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| frames[i].shift))
    }

    fn widths(&self, frames: &[Restore]) -> [u32; N] {
        self.frames.map(|frame| frame.map_or(32, |i| frames[i].width))
    }

    /// Where each lane's next samples are; idle lanes use `idle`. And how far each moves for each
    /// of its samples.
    fn places(
        &self,
        data: &mut [i32],
        frames: &[Restore],
        idle: &mut [i32],
    ) -> [(*mut i32, usize); N] {
        let data = data.as_mut_ptr();
        let idle = idle.as_mut_ptr();
        self.frames.map(|frame| match frame {
            // SAFETY: `at` is at most the frame's length, and frames lie in the data.
            Some(i) => (unsafe { data.add(frames[i].start + self.at) }, 1),
            None => (idle, 0),
        })
    }
}

/// Restores in wrapping 32-bit arithmetic, as `restore_narrow`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn narrow_lanes<const ORDER: usize>(
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
fn pairs_of_coefficients<const ORDER: usize>(
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
fn short_lanes<const ORDER: usize>(
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
fn shifts(frames: &[Restore], lanes: &Lanes<NARROW>) -> __m256i {
    load(&lanes.shifts(frames).map(|shift| (shift & 31) as i32))
}

/// Restores, after at least `order` samples, as long as no magnitude has a bit of `too_large`.
/// `alone` finishes a frame whose lane would be the only one, or has too few samples left.
/// `predict` gives the next samples without their residual; `push` adds the newest samples, given
/// those before them too, to the sums of the samples that follow, and moves on by one.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
#[expect(clippy::too_many_arguments, reason = "what differs between the ways to restore")]
fn lanes_of<S>(
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
