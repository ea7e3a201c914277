//! Windows of streams, whitened: what the samples before do not tell of each.
//!
//! A plain regression of one raw signal on another finds their drifts, each its own. What counts is
//! what FLAC would be left with; so all streams of a chunk go through one filter that makes a
//! typical one of them white, and are compared behind it.

use super::least_squares::levinson;
use crate::arithmetic::nearest;
use crate::simd::Kernels;
use std::ops::RangeInclusive;

/// Samples of a window that are compared.
const WINDOW: usize = 256;
/// Most samples by which two streams are moved against each other.
pub const MARGIN: usize = 32;
/// Samples of a window behind the filter.
const WHITE: usize = WINDOW + 2 * MARGIN;
/// Coefficients of the filter.
const ORDER: usize = 8;
/// Samples that are read of a window.
pub const READ: usize = ORDER + WHITE;

/// What the root mean square of a whitened stream becomes, and its largest magnitude: 256 products
/// of it fit 31 bits, and a glitch counts as eight times the usual.
const USUAL: f64 = 256.0;
const MOST: f64 = 2047.0;

/// Reads samples of a stream from a place on; whether all of them are numbers to go by.
pub type Read<'r> = dyn FnMut(usize, &mut [f64]) -> bool + 'r;

/// Where a chunk's streams are looked at.
#[derive(Clone, Debug)]
pub struct Places(Vec<usize>);

impl Places {
    /// Up to `count` windows, evenly spread over streams of `length`.
    pub fn spread(length: usize, count: usize) -> Self {
        let count = count.min(length / READ).max(1);
        let slot = length / count;
        Places((0..count).map(|i| i * slot + (slot - READ) / 2).collect())
    }

    /// As many, of four for each those where fewest streams have gaps. `gaps` counts streams.
    pub fn avoid(self, length: usize, mut gaps: impl FnMut(usize) -> usize) -> Self {
        let slot = length / self.0.len();
        let least = |(i, place): (usize, usize)| {
            let tries = [(slot - READ) / 2, 0, slot - READ, (slot - READ) / 4];
            let (mut best, mut fewest) = (place, usize::MAX);
            for at in tries {
                let count = gaps(i * slot + at);
                if count < fewest {
                    (best, fewest) = (i * slot + at, count);
                }
                if count == 0 {
                    break;
                }
            }
            best
        };
        Places(self.0.into_iter().enumerate().map(least).collect())
    }
}

/// Reads a stream's window at a place, and takes its mean away. None where it has gaps.
fn window(read: &mut Read<'_>, place: usize) -> Option<([f64; READ], f64)> {
    let mut window = [0.0; READ];
    if !read(place, &mut window) {
        return None;
    }
    let mean = window.iter().sum::<f64>() / READ as f64;
    window.iter_mut().for_each(|x| *x -= mean);
    Some((window, mean))
}

/// The mean autocorrelation of streams, each as large as any other.
#[derive(Clone, Debug, Default)]
pub struct Spectrum([f64; ORDER + 1]);

impl Spectrum {
    /// Adds a stream.
    pub fn add(&mut self, kernels: &Kernels, places: &Places, read: &mut Read<'_>) {
        let mut sums = [0.0; ORDER + 1];
        for &place in &places.0 {
            let Some((window, _)) = window(read, place) else { continue };
            // Zeros in front, and a taper: no product reaches beyond the window.
            let mut tapered = [0.0; ORDER + READ];
            for (i, (out, x)) in tapered[ORDER..].iter_mut().zip(window).enumerate() {
                let t = (2 * i + 1) as f64 / READ as f64 - 1.0;
                *out = x * (1.0 - t * t);
            }
            let mut products = [0.0; ORDER + 1];
            (kernels.correlate)(&tapered, &mut products);
            sums.iter_mut().zip(products).for_each(|(sum, r)| *sum += r);
        }
        if sums[0].is_normal() {
            self.0.iter_mut().zip(sums).for_each(|(all, r)| *all += r / sums[0]);
        }
    }

    /// The filter that makes it white.
    pub fn whitener(&self) -> Whitener {
        Whitener(levinson(&self.0))
    }
}

/// A filter that leaves of each sample what those before it do not predict.
#[derive(Clone, Debug)]
pub struct Whitener([f64; ORDER]);

impl Whitener {
    fn run(&self, window: &[f64; READ], out: &mut [f64; WHITE]) {
        out.copy_from_slice(&window[ORDER..]);
        for (lag, a) in (1..).zip(self.0) {
            for (out, x) in out.iter_mut().zip(&window[ORDER - lag..]) {
                *out -= a * x;
            }
        }
    }

    /// A stream's windows behind the filter. None where there is nothing to compare: gaps in more
    /// than half of the windows, or a stream that is as good as constant.
    pub fn whiten(&self, places: &Places, read: &mut Read<'_>) -> Option<White> {
        let count = places.0.len();
        let mut white =
            White { samples: Vec::with_capacity(count * WHITE), means: Vec::new(), scale: 1.0 };
        let mut filtered = vec![[0.0; WHITE]; count];
        let mut powers = Vec::with_capacity(count);
        for (&place, filtered) in places.0.iter().zip(&mut filtered) {
            let window = window(read, place);
            white.means.push(window.map(|(_, mean)| mean));
            let Some((window, _)) = window else { continue };
            self.run(&window, filtered);
            powers.push(filtered.iter().map(|x| x * x).sum::<f64>() / WHITE as f64);
        }
        if 2 * powers.len() < count.max(2) {
            return None;
        }
        let middle = powers.len() / 2;
        let power = *powers.select_nth_unstable_by(middle, f64::total_cmp).1;
        white.scale = USUAL / power.sqrt();
        if !power.is_normal() || !white.scale.is_normal() {
            return None;
        }
        for filtered in &filtered {
            let small = |x: f64| nearest((x * white.scale).clamp(-MOST, MOST)) as i32 as i16;
            white.samples.extend_from_slice(&filtered.map(small));
        }
        Some(white)
    }
}

/// Windows of a stream behind the filter.
pub struct White {
    /// Scaled to small integers, whose sums of products are exact.
    samples: Vec<i16>,
    /// What was taken away from each window before the filter; none from one with gaps, which are 0.
    means: Vec<Option<f64>>,
    /// What multiplied the filter's output.
    pub scale: f64,
}

impl White {
    /// Mean products of this stream's samples with those of `other` that are `lags` before them,
    /// one for each lag, over windows without gaps of either; none where there are too few.
    pub fn products(
        &self,
        kernels: &Kernels,
        other: &White,
        lags: RangeInclusive<i32>,
    ) -> Option<Vec<f64>> {
        let (least, most) = (*lags.start(), *lags.end());
        let count = (most - least + 1) as usize;
        let mut sums = vec![0_i64; count];
        let mut used = 0;
        let windows = self.samples.chunks_exact(WHITE).zip(other.samples.chunks_exact(WHITE));
        for ((a, b), gaps) in windows.zip(self.means.iter().zip(&other.means)) {
            if gaps.0.is_none() || gaps.1.is_none() {
                continue;
            }
            used += WINDOW;
            // The largest lag comes first.
            let from = (MARGIN as i32 - most) as usize;
            let b = &b[from..from + WINDOW + count - 1];
            (kernels.products)(&a[MARGIN..MARGIN + WINDOW], b, &mut sums);
        }
        let mean = |sum: &i64| *sum as f64 / (used as f64 * USUAL * USUAL);
        (4 * used >= self.means.len() * WINDOW).then(|| sums.iter().rev().map(mean).collect())
    }

    /// Samples that a mean product of windows without gaps is the mean of.
    pub fn compared(&self) -> f64 {
        (self.means.iter().flatten().count() * WINDOW) as f64
    }

    /// Means of this stream and of others, over the windows where none has gaps.
    pub fn means<'w>(&self, others: &[&'w White]) -> Option<(f64, Vec<f64>)> {
        let (mut mean, mut means, mut count) = (0.0, vec![0.0; others.len()], 0.0);
        for (i, own) in self.means.iter().enumerate() {
            let all: Option<Vec<f64>> = others.iter().map(|other| other.means[i]).collect();
            let (Some(own), Some(all)) = (own, all) else { continue };
            mean += own;
            means.iter_mut().zip(all).for_each(|(mean, x)| *mean += x);
            count += 1.0;
        }
        (count > 0.0).then(|| (mean / count, means.into_iter().map(|m| m / count).collect()))
    }
}
