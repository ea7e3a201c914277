//! Which streams of a chunk are to predict the others.

use super::MOST_REFERENCES;
use super::effort::Effort;
use super::least_squares::Factors;
use super::windows::{Places, READ, Spectrum, White, Whitener};
use crate::arithmetic::log2;
use crate::simd::Kernels;

/// Reads samples of a stream, by its number, from a place on; whether all are numbers to go by.
pub type ReadStream<'r> = dyn FnMut(usize, usize, &mut [f64]) -> bool + 'r;

/// Streams that are compared with each other at most, and at a first glance.
const MEMBERS: usize = 16;
const GLANCED: usize = 8;

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
    if effort.windows == 0
        || streams < 2
        || length < effort.shortest
        || streams.saturating_mul(length) < effort.least
    {
        return None;
    }
    let samples = streams.saturating_mul(length);
    // A first glance at few windows of few streams.
    let places = Places::spread(length, (samples >> 17).clamp(2, 4));
    let glance = Group::look(kernels, spread(streams, GLANCED), places, read)?;
    let chance = 16.0 / glance.compared();
    if !glance.is_related(kernels, LEAST_SQUARE.max(chance)) {
        return None;
    }
    let members = spread(streams, MEMBERS);
    let mut scratch = [0.0; READ];
    let places = Places::spread(length, effort.windows).avoid(length, |place| {
        members.iter().filter(|&&stream| !read(stream, place, &mut scratch)).count()
    });
    let group = Group::look(kernels, members, places, read)?;
    let references = group.best(kernels, effort.lag)?;
    let references = references.into_iter().map(|i| group.members[i].0).collect();
    Some(Choice { references, places: group.places, whitener: group.whitener })
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
        read: &mut ReadStream<'_>,
    ) -> Option<Self> {
        let mut spectrum = Spectrum::default();
        for &stream in &streams {
            spectrum.add(kernels, &places, &mut |place, out| read(stream, place, out));
        }
        let whitener = spectrum.whitener();
        let mut white = |stream| {
            let white = whitener.whiten(&places, &mut |place, out| read(stream, place, out));
            Some((stream, white?))
        };
        let members: Vec<_> = streams.into_iter().filter_map(&mut white).collect();
        (members.len() > 1).then_some(Group { members, places, whitener })
    }

    /// Fewest samples of a member that are compared.
    fn compared(&self) -> f64 {
        self.members.iter().map(|(_, white)| white.compared()).fold(f64::INFINITY, f64::min)
    }

    /// The correlation of member `i` with an earlier or later `j`, at the lag where it is largest.
    fn correlation(&self, kernels: &Kernels, i: usize, j: usize, most: i32) -> f64 {
        let [a, b] = [i, j].map(|m| &self.members[m].1);
        let products = a.products(kernels, b, -most..=most).unwrap_or_default();
        products.into_iter().fold(0.0, |best: f64, c| if c.abs() > best.abs() { c } else { best })
    }

    /// Whether any two are.
    fn is_related(&self, kernels: &Kernels, least_square: f64) -> bool {
        let power = self.powers(kernels);
        (1..self.members.len()).any(|i| {
            (0..i).any(|j| {
                let c = self.correlation(kernels, i, j, GLANCE);
                c * c > least_square * power[i] * power[j]
            })
        })
    }

    fn powers(&self, kernels: &Kernels) -> Vec<f64> {
        let power = |(_, white): &(usize, White)| white.products(kernels, white, 0..=0);
        self.members.iter().map(|member| power(member).map_or(0.0, |p| p[0])).collect()
    }

    /// The members that predict the others best, the best first.
    fn best(&self, kernels: &Kernels, lag: i32) -> Option<Vec<usize>> {
        let count = self.members.len();
        let power = self.powers(kernels);
        let mut matrix = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..i {
                // One lag for each two says enough to choose.
                let c = self.correlation(kernels, i, j, lag);
                (matrix[i * count + j], matrix[j * count + i]) = (c, c);
            }
            matrix[i * count + i] = power[i];
        }
        let at = |i: usize, j: usize| matrix[i * count + j];
        // Bits that a stream loses when it is predicted from others.
        let gain = |stream: usize, from: &[usize]| {
            let Some(factors) = Factors::of(from.len(), |i, j| at(from[i], from[j])) else {
                return 0.0;
            };
            let right: Vec<f64> = from.iter().map(|&r| at(stream, r)).collect();
            let left = power[stream] - factors.solve(&right).1.iter().sum::<f64>();
            let chance = 1.0 + 2.0 * from.len() as f64 / self.compared();
            // No more than 20 bits: pairs at lags of their own need not be one matrix.
            let rest = (left / power[stream]).max(1e-12) * chance;
            (-0.5 * log2(rest)).max(0.0)
        };
        let all = |references: &[usize]| -> f64 {
            let place = |i| references.iter().position(|&r| r == i).unwrap_or(references.len());
            (0..count).map(|i| gain(i, &references[..place(i)])).sum()
        };
        let (mut references, mut saved) = (Vec::new(), 0.0);
        while references.len() < MOST_REFERENCES.min(count - 1) {
            let more = |candidate| {
                let mut more: Vec<usize> = references.clone();
                more.push(candidate);
                (all(&more), candidate)
            };
            let candidates = (0..count).filter(|i| !references.contains(i)).map(more);
            let (best, candidate) = candidates.max_by(|a, b| a.0.total_cmp(&b.0))?;
            if best < saved + LEAST_GAIN * count as f64 {
                break;
            }
            (saved, _) = (best, references.push(candidate));
        }
        (!references.is_empty()).then_some(references)
    }
}
