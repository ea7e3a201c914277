//! The range of a stream's integers, their common factor, and which of them stand apart.

use super::quantizer::Quantizer;
use crate::arithmetic::gcd;
use crate::layout::StreamView;
use crate::sample::Sample;

/// Samples visited at a time.
pub const VISIT: usize = 4096;

/// Visits the first `length` samples of a stream in blocks.
pub fn visit<T: Sample>(
    view: &StreamView<'_>,
    length: usize,
    buffer: &mut Vec<T>,
    mut look: impl FnMut(usize, &[T]),
) {
    for first in (0..length).step_by(VISIT) {
        look(first, view.samples(first, VISIT.min(length - first), buffer));
    }
}

/// Buffers of a survey.
pub struct Buffers<T> {
    pub samples: Vec<T>,
    pub numbers: Vec<i64>,
    pub misses: Vec<u32>,
}

impl<T> Default for Buffers<T> {
    fn default() -> Self {
        Buffers { samples: Vec::new(), numbers: Vec::new(), misses: Vec::new() }
    }
}

/// What is known of a stream's integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Least and largest.
    pub range: Option<(i64, i64)>,
    /// Greatest common divisor of their differences; 0 when all are equal.
    pub factor: u64,
    /// Samples that are exceptions.
    pub misses: usize,
    /// Runs of those.
    pub runs: usize,
    /// Runs of those that are one value, repeated.
    pub values: usize,
}

impl Survey {
    /// That of a stream without exceptions whose integers have no common factor.
    pub fn plain(range: (i64, i64)) -> Self {
        Survey { range: Some(range), factor: 1, misses: 0, runs: 0, values: 0 }
    }
}

/// Whether an integer is within `limit` of `centre`.
pub fn is_near(n: i64, (centre, limit): (i64, u64)) -> bool {
    n.abs_diff(centre) <= limit
}

/// Surveys a stream's first `length` integers within `limit` of a centre; those beyond are
/// exceptions.
pub fn survey<T: Sample>(
    view: &StreamView<'_>,
    length: usize,
    quantizer: &Quantizer,
    limit: (i64, u64),
    buffers: &mut Buffers<T>,
) -> Survey {
    let Buffers { samples, numbers, misses } = buffers;
    numbers.resize(VISIT, 0);
    let mut found = Survey { range: None, factor: 0, misses: 0, runs: 0, values: 0 };
    let mut after_last_miss = usize::MAX;
    let mut base = None;
    visit(view, length, samples, |first, samples| {
        misses.clear();
        let numbers = &mut numbers[..samples.len()];
        quantizer.run(samples, first, numbers, misses);
        let mut from = 0;
        let mut take = |numbers: &[i64]| {
            let Some(&one) = numbers.first() else { return };
            let (least, most) = numbers
                .iter()
                .fold(found.range.unwrap_or((one, one)), |r, &n| (r.0.min(n), r.1.max(n)));
            found.range = Some((least, most));
            // Differences from any one integer; most streams are done after a few.
            let base = *base.get_or_insert(one);
            for &n in numbers {
                if found.factor == 1 {
                    break;
                }
                found.factor = gcd(found.factor, n.abs_diff(base));
            }
        };
        if limit.1 == u64::MAX && misses.is_empty() {
            take(numbers);
            return;
        }
        let mut misses = misses.iter().map(|&i| i as usize).peekable();
        for i in 0..numbers.len() {
            if misses.next_if_eq(&i).is_some() || !is_near(numbers[i], limit) {
                take(&numbers[from..i]);
                from = i + 1;
                found.misses += 1;
                let begins = after_last_miss != first + i;
                let repeats = i > 0 && samples[i].bits() == samples[i - 1].bits();
                found.runs += usize::from(begins);
                found.values += usize::from(begins || !repeats);
                after_last_miss = first + i + 1;
            }
        }
        take(&numbers[from..]);
    });
    found
}

/// Bits of an exception's place, and of a residual partition that an outlier spoils.
const RUN_BITS: u64 = 24;
const PARTITION: u64 = 64;

/// A power of two between typical integers and rare ones far out, if coding those as exceptions
/// pays: the limit for |n − centre|.
pub fn limit<T: Sample>(
    view: &StreamView<'_>,
    length: usize,
    quantizer: &Quantizer,
    centre: i64,
    buffers: &mut Buffers<T>,
) -> Option<u64> {
    const EMPTY: usize = 6;
    /// Tail beyond a magnitude of so many bits.
    #[derive(Clone, Copy, Default)]
    struct Tail {
        samples: u64,
        /// Samples that differ from the one before.
        values: u64,
    }
    let mut bins = [Tail::default(); 65];
    // Runs of samples of b bits or more begin as often as the first b + 1 of these sum to.
    let mut steps = [0_i64; 66];
    let Buffers { samples, numbers, misses } = buffers;
    numbers.resize(VISIT, 0);
    let (mut last_bin, mut last) = (0, None);
    visit(view, length, samples, |first, samples| {
        misses.clear();
        let numbers = &mut numbers[..samples.len()];
        quantizer.run(samples, first, numbers, misses);
        let mut misses = misses.iter().map(|&i| i as usize).peekable();
        for (i, &n) in numbers.iter().enumerate() {
            if misses.next_if_eq(&i).is_some() {
                continue;
            }
            let bin = (64 - n.abs_diff(centre).leading_zeros()) as usize;
            bins[bin].samples += 1;
            bins[bin].values += u64::from(last != Some(n));
            if bin > last_bin {
                steps[last_bin + 1] += 1;
                steps[bin + 1] -= 1;
            }
            (last_bin, last) = (bin, Some(n));
        }
    });
    let total: u64 = bins.iter().map(|b| b.samples).sum();
    (1..65).find_map(|b| {
        let empty = bins[b..].iter().take_while(|bin| bin.samples == 0).count();
        if bins[b - 1].samples == 0 || empty < EMPTY || empty + b > 64 {
            return None;
        }
        let tail = &bins[b + empty..];
        let samples: u64 = tail.iter().map(|b| b.samples).sum();
        let values: u64 = tail.iter().map(|b| b.values).sum();
        let runs = steps[..=b + empty].iter().sum::<i64>().unsigned_abs();
        let cost = runs * RUN_BITS + values * 8 * T::SIZE as u64;
        let gain = runs * PARTITION * (empty as u64 - 5).max(1);
        (cost < gain && samples * 2 < total).then(|| (1 << (b - 1)) - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{ByteOrder, Class, Dtype, Shape};
    use crate::quantize::Rule;

    #[test]
    fn the_factor_divides_across_exceptions_and_visits() {
        let dtype = Dtype::new(Class::Float, 8, ByteOrder::Little, false).unwrap();
        let view_of = |xs: &[f64]| xs.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        // Each stretch between exceptions is constant, and so is each visit.
        let mut xs = vec![50.0; 10_000];
        xs[VISIT..].fill(35.0);
        xs[2 * VISIT..].fill(20.0);
        xs[7] = f64::NAN;
        xs[8] = 110.0;
        xs[9] = f64::NAN;
        let bytes = view_of(&xs);
        let shape = Shape { outer: 1, length: xs.len(), inner: 1 };
        let view = StreamView::new(&bytes, &dtype, &shape, 0);
        let quantizer = Quantizer::lossless(Rule::Quanta(1.0));
        let found =
            survey(&view, xs.len(), &quantizer, (0, u64::MAX), &mut Buffers::<f64>::default());
        let expected = Survey { range: Some((20, 110)), factor: 15, misses: 2, runs: 2, values: 2 };
        assert_eq!(found, expected);
    }
}
