//! Restoring several frames side by side, one in each lane.

use super::lanes::LANES;
use crate::simd::scalar::flac_decode::{restore_frame, restore_wide, undo_narrow, warm_up};
use crate::simd::{MAX_ORDER, Restore};
use halves::halves_lanes;
pub use lanes::Lanes;
use narrow::{narrow_lanes, short_lanes};
pub use one::restore_narrow;
use wide::wide_lanes;

mod halves;
mod lanes;
mod narrow;
mod one;
mod wide;

/// The lowest order of a lane's function that is at least this one.
pub fn lane_order(order: usize) -> usize {
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

/// Calls the function for the lowest order that is at least this one.
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
pub(in crate::simd) use by_lane_order;

/// Frames restored in 64 bits side by side.
const WIDE: usize = 4;

/// Frames restored in 32 bits side by side.
const NARROW: usize = LANES;

/// Samples that a frame must have for a lane.
const LEAST: usize = MAX_ORDER + 32;

/// Restores frames, of this largest order, in their lanes.
type InLanes<const N: usize> = fn(usize, &mut [i32], &[Restore], &mut Lanes<N>);

/// Ways to restore `N` frames side by side.
pub struct Ways<const N: usize> {
    /// In 32-bit arithmetic that may wrap.
    pub narrow: InLanes<N>,
    /// The same as long as samples have 16 bits.
    pub short: InLanes<N>,
    /// From products of halves, as long as samples have their frame's width.
    pub halves: InLanes<N>,
}

/// See [`crate::simd::scalar::flac_decode::restore`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn restore(data: &mut [i32], frames: &mut [Restore]) {
    let ways = Ways::<NARROW> {
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

/// Restores frames, `N` side by side where they fit 32 bits.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn restore_in<const N: usize>(data: &mut [i32], frames: &mut [Restore], ways: &Ways<N>) {
    let mut narrow = Waiting::<N>::default();
    let mut halves = Waiting::<N>::default();
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
            narrow.push(i, |group| restore_narrow_group(data, frames, group, &mut wide, ways));
        } else if in_halves {
            halves.push(i, |group| restore_halves_group(data, frames, group, ways));
        } else {
            wide.push(i, |group| restore_wide_group(data, frames, group));
        }
    }
    restore_narrow_group(data, frames, narrow.rest(), &mut wide, ways);
    restore_halves_group(data, frames, halves.rest(), ways);
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

/// Restores frames in 32 bits; what turns out to need more is added to `wide`.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn restore_narrow_group<const N: usize>(
    data: &mut [i32],
    frames: &mut [Restore],
    group: &[usize],
    wide: &mut Waiting<WIDE>,
    ways: &Ways<N>,
) {
    if let [frame] = group {
        let frame = &mut frames[*frame];
        let samples = &mut data[frame.start..frame.start + frame.length];
        restore_frame(samples, frame, |x, frame| restore_narrow(x, frame));
        return;
    }
    let Some(order) = group.iter().map(|&i| frames[i].order).max() else { return };
    let mut lanes = Lanes::<N>::new(frames, group, lane_order(order));
    lanes.begin(data, frames, |x, frame| restore_narrow(x, frame));
    let short = lanes.active().all(|(l, i)| {
        let warm_up = warm_up(&data[frames[i].start..], &frames[i]);
        frames[i].may_fit_short(warm_up | lanes.magnitudes[l])
    });
    if short {
        (ways.short)(order, data, frames, &mut lanes);
    }
    (ways.narrow)(order, data, frames, &mut lanes);
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
fn restore_halves_group<const N: usize>(
    data: &mut [i32],
    frames: &mut [Restore],
    group: &[usize],
    ways: &Ways<N>,
) {
    let Some(order) = group.iter().map(|&i| frames[i].order).max() else { return };
    if let [_] = group {
        return restore_wide_group(data, frames, group);
    }
    let mut lanes = Lanes::<N>::new(frames, group, lane_order(order));
    lanes.begin(data, frames, restore_wide);
    let fit = lanes.active().all(|(l, i)| {
        let warm_up = warm_up(&data[frames[i].start..], &frames[i]);
        (warm_up | lanes.magnitudes[l]) >> (frames[i].width - 1) == 0
    });
    if fit {
        (ways.halves)(order, data, frames, &mut lanes);
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
