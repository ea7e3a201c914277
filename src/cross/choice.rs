//! Which streams of a chunk are to predict the others.

use super::MOST_REFERENCES;
use super::effort::Effort;
use super::least_squares::Factors;
use super::windows::{Places, READ, Spectrum, White, Whitener, autocorrelation, common, samples};
use crate::arithmetic::log2;
use crate::simd::Kernels;

/// Reads samples of a stream, by its number, from a place on; whether they are numbers to go by, all
/// but a few.
pub type ReadStream<'r> = dyn FnMut(usize, usize, &mut [f64]) -> bool + 'r;

/// Streams that are compared with each other at most; half of them in a chunk of fewer samples than
/// many.
const MEMBERS: usize = 16;
const MANY: usize = 1 << 19;

/// Streams whose predictions are looked at again, and the part of a stream's own power that they
/// are taken to leave besides.
const REWHITENED: usize = 4;
const LEFT: f64 = 1.0 / 1024.0;

/// Lags of the first glance, either way.
const GLANCE: i32 = 4;

/// Least square of a correlation that a glance takes for one: chance reaches 16 / samples in one
/// of ten thousand.
const LEAST_SQUARE: f64 = 0.03;

/// Bits that a reference must save of each sample of all streams: what the time it takes is worth.
const LEAST_GAIN: f64 = 0.02;

/// What the streams of a chunk are to be predicted from.
pub struct Choice {
    /// Streams, those before predict those after.
    pub references: Vec<usize>,
    /// Where to look at streams.
    pub places: Places,
    /// What to look through.
    pub whitener: Whitener,
}

/// Chooses references among `streams` of `length`; none where they have nothing in common, or it
/// would not pay to look.
pub fn choose(
    kernels: &Kernels,
    effort: &Effort,
    (streams, length): (usize, usize),
    read: &mut ReadStream<'_>,
) -> Option<Choice> {
    let samples = streams.saturating_mul(length);
    if effort.windows == 0 || streams < 2 || length < effort.shortest || samples < effort.least {
        return None;
    }
    // A first glance at few windows of few streams, as few as the samples pay for.
    let (glanced, windows) = match samples {
        0..0x4_0000 => (4, 2),
        0x4_0000..0x10_0000 => (6, 2),
        _ => (8, 4),
    };
    let places = Places::spread(length, windows);
    let members = spread(streams, glanced);
    let whitener = typical(kernels, &members, &places, read);
    let glance = Group::look(kernels, members, places, whitener, read)?;
    let chance = 16.0 / glance.compared();
    if !glance.is_related(kernels, LEAST_SQUARE.max(chance)) {
        return None;
    }
    let members = spread(streams, if samples < MANY { MEMBERS / 2 } else { MEMBERS });
    let windows = (length >> 13).clamp(4, effort.windows);
    let mut scratch = [0.0; READ];
    let places = Places::spread(length, windows).avoid(length, |place| {
        members.iter().filter(|&&stream| !read(stream, place, &mut scratch)).count()
    });
    let group = Group::look(kernels, members, places, glance.whitener, read)?;
    let related = group.relate(kernels, effort.lag);
    let best = related.best(&group)?;
    let whitener = related.whitener(kernels, &group, &best, read);
    let references = best.into_iter().map(|i| group.members[i].0).collect();
    Some(Choice { references, places: group.places, whitener })
}

/// The filter that makes typical streams white.
fn typical(
    kernels: &Kernels,
    streams: &[usize],
    places: &Places,
    read: &mut ReadStream<'_>,
) -> Whitener {
    let mut spectrum = Spectrum::default();
    for &stream in streams {
        let read = &mut |place: usize, out: &mut [f64]| read(stream, place, out);
        spectrum.add(&autocorrelation(kernels, places, read));
    }
    spectrum.whitener()
}

/// Up to `most` of the streams, evenly spread.
fn spread(streams: usize, most: usize) -> Vec<usize> {
    let count = streams.min(most);
    (0..count).map(|i| i * streams / count).collect()
}

/// Streams that are compared with each other.
struct Group {
    members: Vec<(usize, White)>,
    places: Places,
    whitener: Whitener,
}

impl Group {
    fn look(
        kernels: &Kernels,
        streams: Vec<usize>,
        places: Places,
        whitener: Whitener,
        read: &mut ReadStream<'_>,
    ) -> Option<Self> {
        let mut white = |stream| {
            let read = &mut |place: usize, out: &mut [f64]| read(stream, place, out);
            Some((stream, whitener.whiten(kernels, &places, read)?))
        };
        let members: Vec<_> = streams.into_iter().filter_map(&mut white).collect();
        (members.len() > 1).then_some(Group { members, places, whitener })
    }

    /// Fewest samples of a member that are compared.
    fn compared(&self) -> f64 {
        self.members.iter().map(|(_, white)| samples(&white.whole())).fold(f64::INFINITY, f64::min)
    }

    /// The correlation of member `i` with `j` where it is largest, and the lag of `i` there.
    fn correlation(&self, kernels: &Kernels, i: usize, j: usize, most: i32) -> (f64, i32) {
        let [a, b] = [i, j].map(|m| &self.members[m].1);
        let windows = common([a, b]).unwrap_or_default();
        let products = a.products(kernels, b, -most..=most).means(&windows);
        let lagged = products.into_iter().zip(-most..);
        lagged.fold((0.0, 0), |best: (f64, i32), c| if c.0.abs() > best.0.abs() { c } else { best })
    }

    fn powers(&self, kernels: &Kernels) -> Vec<f64> {
        let power = |white: &White| white.products(kernels, white, 0..=0).means(&white.whole());
        self.members.iter().map(|(_, white)| power(white)[0]).collect()
    }

    /// Whether any two are.
    fn is_related(&self, kernels: &Kernels, least_square: f64) -> bool {
        let power = self.powers(kernels);
        (1..self.members.len()).any(|i| {
            (0..i).any(|j| {
                let (c, _) = self.correlation(kernels, i, j, GLANCE);
                c * c > least_square * power[i] * power[j]
            })
        })
    }

    /// The correlations of all pairs, each at the lag where it is largest: that says enough to choose.
    fn relate(&self, kernels: &Kernels, most: i32) -> Related {
        let count = self.members.len();
        let mut pairs = vec![(0.0, 0); count * count];
        for (i, power) in self.powers(kernels).into_iter().enumerate() {
            for j in 0..i {
                let (c, lag) = self.correlation(kernels, i, j, most);
                pairs[i * count + j] = (c, lag);
                pairs[j * count + i] = (c, -lag);
            }
            pairs[i * count + i] = (power, 0);
        }
        Related { pairs, count }
    }
}

/// Correlations of all pairs of a group, and their lags.
struct Related {
    pairs: Vec<(f64, i32)>,
    count: usize,
}

impl Related {
    fn at(&self, i: usize, j: usize) -> f64 {
        self.pairs[i * self.count + j].0
    }

    /// The predictor of a member from others, a coefficient each.
    fn solve(&self, member: usize, from: &[usize]) -> Option<Vec<f64>> {
        let factors = Factors::of(from.len(), |i, j| self.at(from[i], from[j]))?;
        let right: Vec<f64> = from.iter().map(|&r| self.at(member, r)).collect();
        Some(factors.solve(&right).0)
    }

    /// The members that predict the others best, the best first.
    fn best(&self, group: &Group) -> Option<Vec<usize>> {
        // What is left of the correlations when all streams are predicted from those chosen so far.
        let mut left: Vec<f64> = self.pairs.iter().map(|pair| pair.0).collect();
        let chance = 1.0 + 2.0 / group.compared();
        let mut references = Vec::new();
        while references.len() < MOST_REFERENCES.min(self.count - 1) {
            let at = |i: usize, j: usize| left[i * self.count + j];
            let others = |r| (0..self.count).filter(move |&i| i != r);
            // Part of a member's power that one more reference leaves. Pairs at lags of their own
            // need not be one matrix: it may seem that less than nothing is left.
            let rest = |r, i| 1.0 - at(i, r) / at(r, r) * (at(i, r) / at(i, i));
            let saved = |r| -> f64 {
                let candidates = others(r).filter(|i| !references.contains(i));
                let bits = |i| -0.5 * log2(rest(r, i).max(1e-12) * chance);
                candidates.map(|i| bits(i).max(0.0)).sum()
            };
            let candidates = (0..self.count).filter(|r| !references.contains(r));
            let all = candidates.map(|r| (saved(r), r));
            let (bits, r) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
            if bits.is_nan() || bits <= LEAST_GAIN * self.count as f64 {
                break;
            }
            references.push(r);
            let row: Vec<f64> = (0..self.count).map(|i| at(i, r)).collect();
            for i in others(r) {
                for j in others(r) {
                    left[i * self.count + j] -= row[i] * row[j] / row[r];
                }
                left[i * self.count + i] = left[i * self.count + i].max(1e-12 * self.at(i, i));
            }
        }
        (!references.is_empty()).then_some(references)
    }

    /// The filter that makes what predictions leave white, and with it a little of the streams
    /// themselves, which inexact predictions leave.
    fn whitener(
        &self,
        kernels: &Kernels,
        group: &Group,
        references: &[usize],
        read: &mut ReadStream<'_>,
    ) -> Whitener {
        let mut spectrum = Spectrum::default();
        let mut buffer = [0.0; READ];
        for member in spread(self.count, REWHITENED) {
            let before = references.iter().position(|&r| r == member).unwrap_or(references.len());
            let from = &references[..before];
            if from.is_empty() {
                continue;
            }
            let Some(coefficients) = self.solve(member, from) else { continue };
            let (stream, white) = &group.members[member];
            let scale = |r: usize| group.members[r].1.scale / white.scale;
            let mut left = |place: usize, out: &mut [f64]| {
                let mut usable = read(*stream, place, out);
                for (&r, c) in from.iter().zip(&coefficients) {
                    let lag = self.pairs[member * self.count + r].1;
                    let Some(place) = place.checked_add_signed(-lag as isize) else { return false };
                    usable &= read(group.members[r].0, place, &mut buffer);
                    let c = c * scale(r);
                    out.iter_mut().zip(buffer).for_each(|(out, x)| *out -= c * x);
                }
                usable
            };
            let mut sums = autocorrelation(kernels, &group.places, &mut left);
            let own = &mut |place: usize, out: &mut [f64]| read(*stream, place, out);
            let own = autocorrelation(kernels, &group.places, own);
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += LEFT * own);
            spectrum.add(&sums);
        }
        spectrum.whitener()
    }
}
