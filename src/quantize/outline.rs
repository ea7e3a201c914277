//! Plans from extremes and a sketch alone, where these say enough: most streams'.

use super::gaps;
use super::planner::Planner;
use super::quantizer::Quantizer;
use super::rule::Rule;
use super::survey::visit;
use crate::arithmetic::{gcd, nearest};
use crate::layout::StreamView;
use crate::parallel::map;
use crate::sample::Sample;
use crate::simd::{Extent, Kernels};

/// What is known of a stream's integers.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// No integer is less, nor larger than the second.
    pub range: (i64, i64),
    /// The mean of the sketch's integers.
    pub centre: i64,
}

/// Samples of the sketch that say where its middle is.
const PROBES: usize = 31;

/// Of so many samples of the sketch one may be an exception.
const MISSED: usize = 64;

/// Samples of a stream whose extremes are found on one thread.
const PIECE: usize = 1 << 18;

/// The median. To sort so few numbers takes less time than to select one of them.
fn median<N: Ord + Copy>(numbers: &mut [N; PROBES]) -> N {
    numbers.sort_unstable();
    numbers[PROBES / 2]
}

/// The extremes of a stream's first `length` samples.
pub fn extent<T: Sample>(
    kernels: &Kernels,
    view: &StreamView<'_>,
    length: usize,
    threads: usize,
    buffer: &mut Vec<T>,
) -> Extent<T> {
    let join = |all: Option<(u64, Extent<T>)>, (first, next): (u64, Extent<T>)| {
        let Some((begin, all)) = all else { return Some((first, next)) };
        let least = if next.least < all.least { next.least } else { all.least };
        let most = if next.most > all.most { next.most } else { all.most };
        let same = all.same && next.same && first == begin;
        Some((begin, Extent { least, most, same }))
    };
    let piece = |first: usize, length: usize, buffer: &mut Vec<T>| {
        let mut found = None;
        visit(&view.part(first, length), length, buffer, |_, samples: &[T]| {
            found = join(found, (samples[0].bits(), T::extent(kernels, samples)));
        });
        found
    };
    let found = if threads > 1 && length >= 2 * PIECE {
        let firsts: Vec<usize> = (0..length).step_by(PIECE).collect();
        let pieces = map(threads, firsts, |at| piece(at, PIECE.min(length - at), &mut Vec::new()));
        pieces.into_iter().flatten().fold(None, join)
    } else {
        piece(0, length, buffer)
    };
    found.expect("a sample at least").1
}

impl<T: Sample> Planner<'_, T> {
    /// The outline of the integers of samples with these extremes, which are left in `payload`,
    /// for the sketch, above the least; none where only a survey can tell.
    pub(super) fn outline(&mut self, quantizer: &Quantizer, extent: &Extent<T>) -> Option<Outline> {
        let (least, most) = match quantizer.rule {
            Rule::Ordered if !T::FLOAT => (extent.least.to_ordered(), extent.most.to_ordered()),
            Rule::Quanta(_) | Rule::Decimal { .. } => {
                // Rounding is monotonic, and the integer next to the nearest may be taken.
                let integer = |x: T| {
                    let ideal = x.to_f64() * quantizer.inverse;
                    (ideal.abs() < quantizer.most - 1.0).then(|| nearest(ideal) as i64)
                };
                (integer(extent.least)? - 1, integer(extent.most)? + 1)
            }
            _ => return None,
        };
        // So that the distance from the least fits.
        if most < least || most.abs_diff(least) >= 1 << 31 {
            return None;
        }
        let sketch = &self.sketch.samples;
        self.payload.resize(sketch.len(), 0);
        if quantizer.rule == Rule::Ordered {
            T::shift(self.kernels, sketch, least, &mut self.payload);
        } else {
            let misses = &mut self.buffers.misses;
            misses.clear();
            T::quantize(self.kernels, sketch, quantizer, least, &mut self.payload, misses);
            if misses.len() * MISSED > sketch.len() {
                return None;
            }
            if !misses.is_empty() {
                gaps::fill(&mut self.payload, misses);
            }
        }
        let first = self.payload[0];
        let mut factor = 0;
        for &n in &self.payload {
            factor = gcd(factor, n.abs_diff(first));
            if factor == 1 {
                break;
            }
        }
        if factor != 1 {
            return None;
        }
        let mut probes = [0; PROBES];
        for (i, probe) in probes.iter_mut().enumerate() {
            *probe = self.payload[(2 * i + 1) * sketch.len() / (2 * PROBES)];
        }
        let middle = median(&mut probes);
        let spread = median(&mut probes.map(|n| n.abs_diff(middle)));
        let reach = u64::from(middle.unsigned_abs()).max(most.abs_diff(least) - middle as u64);
        if reach / 64 > u64::from(spread.max(1)) {
            return None;
        }
        // The mean tells more than the median, if outliers count as what is merely far.
        let far = i64::from(spread) * 4;
        let low = (i64::from(middle) - far).max(0) as i32;
        let high = (i64::from(middle) + far).min(i64::from(i32::MAX)) as i32;
        let sum = (self.kernels.clamped_sum)(&self.payload, low, high);
        let centre = least + sum / sketch.len() as i64;
        Some(Outline { range: (least, most), centre })
    }
}
