//! Windows of streams, whitened: what the samples before do not tell of each.
//!
//! A plain regression of one raw signal on another finds their drifts, each its own. What counts is
//! what FLAC would be left with; so all streams of a chunk go through one filter that makes a
//! typical one of them white, and are compared behind it.

use super::least_squares::levinson;
use crate::simd::Kernels;
use std::ops::RangeInclusive;

/// Samples of a window that are compared.
pub const WINDOW: usize = 256;
/// Most samples by which two streams are moved against each other.
pub const MARGIN: usize = 32;
/// Samples of a window behind the filter.
const WHITE: usize = WINDOW + 2 * MARGIN;
/// Coefficients of the filter.
const ORDER: usize = 8;
/// Samples that are read of a window.
pub const READ: usize = ORDER + WHITE;

/// Places that are tried for a window.
const TRIES: usize = 8;

/// What the root mean square of a whitened stream becomes, and its largest magnitude: 256 products
/// of it fit 31 bits, and a glitch counts as eight times the usual.
const USUAL: f64 = 256.0;
const MOST: f64 = 2047.0;

/// Windows count where at most one of so many samples is missing. Where more are, what stands for
/// them, a stretch of one number as a rule, would pass for the stream's own.
pub const RARE: usize = 32;

/// Puts the number before it in the place of each NaN; whether few enough are.
pub fn hold(window: &mut [f64]) -> bool {
    let missing = window.iter().filter(|x| x.is_nan()).count();
    if missing == 0 || missing * RARE > window.len() {
        return missing == 0;
    }
    let mut last = window.iter().copied().find(|x| !x.is_nan()).unwrap_or_default();
    for x in window {
        if x.is_nan() {
            *x = last;
        }
        last = *x;
    }
    true
}

/// Reads samples of a stream from a place on; whether they are numbers to go by, all but a few.
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

    /// As many in each `span` of streams of `length`, the last of which takes in what is left.
    pub fn in_spans(length: usize, span: usize, count: usize) -> Vec<Self> {
        let spans = (length / span).max(1);
        let within = |i: usize| {
            let end = if i + 1 == spans { length } else { (i + 1) * span };
            let Places(places) = Places::spread(end - i * span, count);
            Places(places.into_iter().map(|place| i * span + place).collect())
        };
        (0..spans).map(within).collect()
    }

    /// As many, of some for each those where fewest streams have gaps. `gaps` counts streams.
    pub fn avoid(self, length: usize, mut gaps: impl FnMut(usize) -> usize) -> Self {
        let slot = length / self.0.len();
        let least = |(i, place): (usize, usize)| {
            let (mut best, mut fewest) = (place, usize::MAX);
            for n in 0..TRIES {
                let at = i * slot + (TRIES / 2 + n) % TRIES * (slot - READ) / (TRIES - 1);
                let count = gaps(at);
                if count < fewest {
                    (best, fewest) = (at, count);
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

/// Reads a stream's window at a place, and takes its mean away, which is returned. None where too
/// much of it is missing.
fn center(read: &mut Read<'_>, place: usize, window: &mut [f64; READ]) -> Option<f64> {
    if !read(place, window) {
        return None;
    }
    // Four sums, which need not wait for each other.
    let mut sums = [0.0; 4];
    for four in window.chunks_exact(4) {
        sums.iter_mut().zip(four).for_each(|(sum, x)| *sum += x);
    }
    let mean = sums.iter().sum::<f64>() / READ as f64;
    window.iter_mut().for_each(|x| *x -= mean);
    Some(mean)
}

/// What a window is multiplied with for its autocorrelation: a parabola that is 0 beside it.
static TAPER: [f64; READ] = {
    let mut taper = [0.0; READ];
    let mut i = 0;
    while i < READ {
        let t = (2 * i + 1) as f64 / READ as f64 - 1.0;
        taper[i] = 1.0 - t * t;
        i += 1;
    }
    taper
};

/// Sum of squares of what a linear predictor leaves of a window.
pub fn unpredicted(kernels: &Kernels, window: &[f64; WINDOW]) -> f64 {
    // Zeros in front.
    let mut samples = [0.0; ORDER + WINDOW];
    samples[ORDER..].copy_from_slice(window);
    let r = (kernels.autocorrelate)(&samples);
    let predictor = levinson::<ORDER>(&r);
    let known: f64 = predictor.iter().zip(&r[1..]).map(|(a, r)| a * r).sum();
    (r[0] - known).max(0.0)
}

/// Sums of products of samples with those up to [`ORDER`] before them.
pub type Autocorrelation = [f64; ORDER + 1];

/// That of a stream, over windows without gaps.
pub fn autocorrelation(kernels: &Kernels, places: &Places, read: &mut Read<'_>) -> Autocorrelation {
    let mut sums = [0.0; ORDER + 1];
    for &place in &places.0 {
        let mut window = [0.0; READ];
        if center(read, place, &mut window).is_none() {
            continue;
        }
        // Zeros in front, and a taper: no product reaches beyond the window.
        let mut tapered = [0.0; ORDER + READ];
        let products = tapered[ORDER..].iter_mut().zip(window.iter().zip(&TAPER));
        products.for_each(|(out, (x, taper))| *out = x * taper);
        let products = (kernels.autocorrelate)(&tapered);
        sums.iter_mut().zip(products).for_each(|(sum, r)| *sum += r);
    }
    sums
}

/// The mean autocorrelation of streams, each as large as any other.
#[derive(Clone, Debug, Default)]
pub struct Spectrum(Autocorrelation);

impl Spectrum {
    /// Adds a stream's.
    pub fn add(&mut self, sums: &Autocorrelation) {
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
    /// A stream's windows behind the filter. None where there is nothing to compare: gaps in more
    /// than half of the windows, or a stream that is as good as constant.
    pub fn whiten(&self, kernels: &Kernels, places: &Places, read: &mut Read<'_>) -> Option<White> {
        let count = places.0.len();
        let mut white = White { samples: Vec::new(), means: Vec::new(), scale: 1.0 };
        let mut filtered = vec![[0.0; WHITE]; count];
        let mut powers = Vec::with_capacity(count);
        for (&place, filtered) in places.0.iter().zip(&mut filtered) {
            let mut window = [0.0; READ];
            let mean = center(read, place, &mut window);
            white.means.push(mean);
            if mean.is_none() {
                continue;
            }
            powers.push((kernels.filter)(&window, &self.0, filtered) / WHITE as f64);
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
        white.samples.resize(count * WHITE, 0);
        for (filtered, out) in filtered.iter().zip(white.samples.chunks_exact_mut(WHITE)) {
            (kernels.narrow)(filtered, white.scale, MOST, out);
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
    /// Sums of products of this stream's samples with those of `other` that are `lags` before them:
    /// for each window, one for each lag.
    pub fn products(
        &self,
        kernels: &Kernels,
        other: &White,
        lags: RangeInclusive<i32>,
    ) -> Products {
        let (least, most) = (*lags.start(), *lags.end());
        let count = (most - least + 1) as usize;
        let mut sums = vec![0_i64; self.means.len() * count];
        let windows = self.samples.chunks_exact(WHITE).zip(other.samples.chunks_exact(WHITE));
        for ((a, b), sums) in windows.zip(sums.chunks_exact_mut(count)) {
            // The sample at the largest lag comes first.
            let from = (MARGIN as i32 - most) as usize;
            let b = &b[from..from + WINDOW + count - 1];
            (kernels.products)(&a[MARGIN..MARGIN + WINDOW], b, sums);
            sums.reverse();
        }
        Products { sums, count }
    }

    /// A window's samples, and those `lag` before them.
    pub fn window(&self, window: usize, lag: i32) -> &[i16; WINDOW] {
        let at = window * WHITE + (MARGIN as i32 - lag) as usize;
        self.samples[at..].first_chunk().expect("windows have margins")
    }

    /// The windows without gaps.
    pub fn whole(&self) -> Vec<bool> {
        self.means.iter().map(Option::is_some).collect()
    }

    /// Mean of what was taken away from some windows without gaps.
    pub fn mean(&self, windows: &[bool]) -> f64 {
        let used = self.means.iter().zip(windows).filter(|(_, used)| **used);
        let (sum, count) = used.fold((0.0, 0.0), |(sum, count), (mean, _)| {
            (sum + mean.unwrap_or_default(), count + 1.0)
        });
        sum / f64::max(count, 1.0)
    }
}

/// Sums of products for each window and lag.
pub struct Products {
    sums: Vec<i64>,
    count: usize,
}

impl Products {
    /// Their means over some windows, one for each lag.
    pub fn means(&self, windows: &[bool]) -> Vec<f64> {
        let mut sums = vec![0_i64; self.count];
        for (products, _) in self.sums.chunks_exact(self.count).zip(windows).filter(|p| *p.1) {
            sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
        }
        let samples = samples(windows) * USUAL * USUAL;
        sums.into_iter().map(|sum| sum as f64 / samples).collect()
    }
}

/// Σ a[n − i]·b[n − j] of two streams for all lags i and j up to `most` either way, over the same
/// samples n of some windows.
#[derive(Clone)]
pub struct Covariances {
    sums: Vec<f64>,
    most: i32,
}

impl Covariances {
    pub fn of(kernels: &Kernels, a: &White, b: &White, most: i32, windows: &[bool]) -> Self {
        let count = (2 * most + 1) as usize;
        // Samples of all windows at the least lag; a larger lag takes them from further left.
        let newest = MARGIN + most as usize;
        let oldest = MARGIN - most as usize;
        let (mut row, mut column) = (vec![0_i64; count], vec![0_i64; count]);
        let mut edges = vec![0_i32; count * count];
        let both = a.samples.chunks_exact(WHITE).zip(b.samples.chunks_exact(WHITE));
        for ((a, b), _) in both.zip(windows).filter(|(_, used)| **used) {
            // Both from the largest lag to the least.
            (kernels.products)(&a[newest..][..WINDOW], &b[oldest..newest + WINDOW], &mut row);
            (kernels.products)(&b[newest..][..WINDOW], &a[oldest..newest + WINDOW], &mut column);
            // What enters on the left, and what leaves on the right, from the largest lag on.
            let (left, right) = (oldest..newest, oldest + WINDOW..newest + WINDOW);
            let of_a = a[left.clone()].iter().zip(&a[right.clone()]);
            for (edges, (&a_in, &a_out)) in edges.chunks_exact_mut(count).zip(of_a) {
                let of_b = b[left.clone()].iter().zip(&b[right.clone()]);
                for (edge, (&b_in, &b_out)) in edges.iter_mut().zip(of_b) {
                    *edge += i32::from(a_in) * i32::from(b_in);
                    *edge -= i32::from(a_out) * i32::from(b_out);
                }
            }
        }
        row.reverse();
        column.reverse();
        let mut sums = vec![0_i64; count * count];
        for i in 0..count {
            for j in 0..count {
                sums[i * count + j] = match (i, j) {
                    (0, j) => row[j],
                    (i, 0) => column[i],
                    // Lags one larger than those of the element before on the diagonal.
                    _ => {
                        let edge = edges[(count - 1 - i) * count + count - 1 - j];
                        sums[(i - 1) * count + j - 1] + i64::from(edge)
                    }
                };
            }
        }
        let samples = samples(windows) * USUAL * USUAL;
        Covariances { sums: sums.into_iter().map(|sum| sum as f64 / samples).collect(), most }
    }

    /// The mean of a[n − i]·b[n − j].
    pub fn at(&self, i: i32, j: i32) -> f64 {
        let count = 2 * self.most + 1;
        self.sums[((i + self.most) * count + j + self.most) as usize]
    }
}

/// Windows that all streams have whole, if those are enough to go by: a quarter.
pub fn common<'w>(streams: impl IntoIterator<Item = &'w White>) -> Option<Vec<bool>> {
    let mut streams = streams.into_iter();
    let mut windows = streams.next()?.whole();
    for stream in streams {
        windows.iter_mut().zip(&stream.means).for_each(|(used, mean)| *used &= mean.is_some());
    }
    (4.0 * samples(&windows) >= (windows.len() * WINDOW) as f64).then_some(windows)
}

/// Samples of some windows.
pub fn samples(windows: &[bool]) -> f64 {
    (windows.iter().filter(|used| **used).count() * WINDOW) as f64
}
