//! Frames in lanes: what each lane restores, and where.

use crate::simd::Restore;

/// Some frames, one in each lane; the other lanes are idle.
pub struct Lanes<const N: usize> {
    /// Each lane's frame, none when it is done.
    pub frames: [Option<usize>; N],
    /// OR of the magnitudes of what is restored.
    pub magnitudes: [u32; N],
    /// Samples of each frame that are restored.
    pub at: usize,
}

impl<const N: usize> Lanes<N> {
    pub fn new(frames: &[Restore], group: &[usize], order: usize) -> Self {
        let mut lanes = Lanes { frames: [None; N], magnitudes: [0; N], at: order };
        for (lane, &frame) in lanes.frames.iter_mut().zip(group) {
            debug_assert!(frames[frame].length >= order);
            *lane = Some(frame);
        }
        lanes
    }

    /// Frames in the lanes.
    pub fn active(&self) -> impl Iterator<Item = (usize, usize)> + use<N> {
        self.frames.into_iter().enumerate().filter_map(|(l, frame)| Some((l, frame?)))
    }

    /// Restores the first samples of each frame, those before `at`.
    pub fn begin(
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
    pub fn steps(
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
    pub fn coefficients(&self, frames: &[Restore], lag: usize) -> [i32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| frames[i].coefficients[lag]))
    }

    /// Each lane's sample at an index.
    pub fn samples(&self, data: &[i32], frames: &[Restore], index: usize) -> [i32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| data[frames[i].start + index]))
    }

    pub fn shifts(&self, frames: &[Restore]) -> [u32; N] {
        self.frames.map(|frame| frame.map_or(0, |i| frames[i].shift))
    }

    pub fn widths(&self, frames: &[Restore]) -> [u32; N] {
        self.frames.map(|frame| frame.map_or(32, |i| frames[i].width))
    }

    /// Where each lane's next samples are; idle lanes use `idle`. And how far each moves for each
    /// of its samples.
    pub fn places(
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
