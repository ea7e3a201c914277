//! Samples that bounds, statistics and estimates find hard.

use super::chunk::Random;
use h5flac::sample::Sample;
use proptest::prelude::*;

/// What the samples of a stretch are.
#[derive(Clone, Copy, Debug)]
pub enum Nature {
    /// Noise about a value.
    Noise { centre: f64, scale: f64 },
    /// Any bits of the type: floats of all magnitudes, infinities, NaN of any payload.
    AnyBits,
    /// The values next to 0, on both sides: denormals, −0.
    Denormals,
    /// The least and the largest by turns.
    Extremes,
    /// Numbers of all magnitudes, few of them alike.
    Magnitudes,
    /// NaN: one that is repeated, or each with its own payload.
    Missing { same: bool },
    /// One value.
    Constant(f64),
    /// Zeros of both signs.
    Zeros,
    /// The middles between the grid's values, and the numbers next to them.
    Ties,
    /// The grid's own values.
    Grid,
    /// Multiples of the step about those that are not told apart any more.
    Edge,
}

/// How a chunk's samples are made.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub seed: u64,
    /// Of stretches of equal length, in order.
    pub natures: Vec<Nature>,
    /// One sample in so many is special.
    pub rare: usize,
}

impl Recipe {
    /// `count` samples, some of which lie on the grid of a step or between its values.
    pub fn samples<T: Sample>(&self, count: usize, step: f64) -> Vec<T> {
        let mut random = Random::new(self.seed);
        let specials = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, 5e-324, 1e-310];
        let each = |i: usize| match random.below(self.rare) {
            0 => T::from_bits(random.bits()),
            1 => T::from_f64(specials[random.below(specials.len())]),
            2 => T::from_ordered(random.bits() as i64 >> 58),
            _ => self.natures[i * self.natures.len() / count].sample(i, step, &mut random),
        };
        (0..count).map(each).collect()
    }
}

impl Nature {
    fn sample<T: Sample>(self, i: usize, step: f64, random: &mut Random) -> T {
        let whole = (1000.0 * random.gaussian()).round();
        let x = match self {
            Nature::Noise { centre, scale } => centre + scale * random.gaussian(),
            Nature::AnyBits => return T::from_bits(random.bits()),
            Nature::Denormals => return T::from_ordered(random.bits() as i64 >> 56),
            Nature::Extremes => [f64::MIN, f64::MAX][i % 2],
            Nature::Magnitudes => {
                10_f64.powi(random.below(600) as i32 - 300) * (random.uniform() - 0.5)
            }
            Nature::Missing { same } => {
                let quiet = T::from_f64(f64::NAN).bits();
                return T::from_bits(quiet | if same { 5 } else { random.bits() & 0x81ff });
            }
            Nature::Constant(x) => x,
            Nature::Zeros => [0.0, -0.0][random.below(2)],
            Nature::Ties => {
                let tie = T::from_f64((whole + 0.5) * step);
                return T::from_ordered(
                    tie.to_ordered().saturating_add(random.below(3) as i64 - 1),
                );
            }
            Nature::Grid => whole * step,
            Nature::Edge => (2_f64.powi(50 + random.below(4) as i32) + whole) * step,
        };
        T::from_f64(x)
    }
}

/// A power of ten that is mild every other time.
fn power() -> impl Strategy<Value = f64> {
    (-300_i32..300, any::<bool>()).prop_map(|(n, mild)| 10_f64.powi(if mild { n / 60 } else { n }))
}

fn natures() -> impl Strategy<Value = Nature> {
    prop_oneof![
        6 => (power(), power()).prop_map(|(centre, scale)| Nature::Noise { centre, scale }),
        1 => Just(Nature::AnyBits),
        1 => Just(Nature::Denormals),
        1 => Just(Nature::Extremes),
        1 => Just(Nature::Magnitudes),
        1 => any::<bool>().prop_map(|same| Nature::Missing { same }),
        1 => power().prop_map(Nature::Constant),
        1 => Just(Nature::Zeros),
        2 => Just(Nature::Ties),
        1 => Just(Nature::Grid),
        1 => Just(Nature::Edge),
    ]
}

/// Recipes of all kinds.
pub fn recipes() -> impl Strategy<Value = Recipe> {
    (any::<u64>(), prop::collection::vec(natures(), 1..5), 3_usize..2000)
        .prop_map(|(seed, natures, rare)| Recipe { seed, natures, rare })
}
