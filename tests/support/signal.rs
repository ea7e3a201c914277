//! Signals that a codec may meet, of any width.

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// 0 to `end` − 1.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// −1 to 1.
    pub fn signed(&mut self) -> f64 {
        self.next() as i64 as f64 / 2f64.powi(63)
    }

    /// Roughly normal, with unit variance.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.signed()).sum::<f64>() / 2.0
    }

    /// Any number of `width` bits.
    pub fn number(&mut self, width: u32) -> i32 {
        (self.next() as i64 >> (64 - width)) as i32
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    White,
    FullRange,
    Walk,
    WrappingWalk,
    SineAndNoise,
    Smooth,
    Extremes,
    Alternating,
    Outliers,
    Constant,
    Multiples,
    Sparse,
    Bursts,
}

use Signal::*;

pub const ALL: [Signal; 13] = [
    White,
    FullRange,
    Walk,
    WrappingWalk,
    SineAndNoise,
    Smooth,
    Extremes,
    Alternating,
    Outliers,
    Constant,
    Multiples,
    Sparse,
    Bursts,
];

impl Signal {
    /// `length` samples of `width` bits.
    pub fn samples(self, width: u32, length: usize, seed: u64) -> Vec<i32> {
        let mut random = Random(seed ^ (self as u64) << 32 ^ u64::from(width) << 48);
        let half = 2f64.powi(width as i32 - 1);
        let (least, most) = (-half as i32, (half - 1.0) as i32);
        let clamped = |x: f64| x.round().clamp(-half, half - 1.0) as i32;
        let scale = half * 2f64.powf(-random.signed().abs() * f64::from(width - 1));
        let period = 2.0 + 200.0 * random.signed().abs();
        let constant = random.number(width);
        let mut walk = 0.0;
        let mut phase = 0_i64;
        let each = |i: usize| match self {
            White => clamped(scale / 3.0 * random.normal()),
            FullRange => random.number(width),
            Walk => {
                walk = (walk + scale / 20.0 * random.normal()).clamp(-half, half - 1.0);
                clamped(walk)
            }
            WrappingWalk => {
                phase += (scale / 4.0 * random.normal()) as i64;
                (phase << (64 - width) >> (64 - width)) as i32
            }
            SineAndNoise => {
                clamped(scale * (0.9 * (i as f64 / period).sin() + 0.01 * random.normal()))
            }
            Smooth => {
                let t = i as f64 / period / 10.0;
                clamped(half * (0.6 * t.sin() + 0.4 * (1.7 * t).cos()))
            }
            Extremes => match random.below(8) {
                0..=2 => least,
                3..=5 => most,
                6 => 0,
                _ => -1,
            },
            Alternating => {
                if i.is_multiple_of(2) {
                    least
                } else {
                    most
                }
            }
            Outliers => {
                if random.one_in(300) {
                    random.number(width)
                } else {
                    clamped(random.normal())
                }
            }
            Constant => constant,
            Multiples => random.number(width) >> (width / 2) << (width / 2),
            Sparse => {
                if random.one_in(50) {
                    clamped(scale * random.signed())
                } else {
                    0
                }
            }
            Bursts => {
                let loud = (i / 97).is_multiple_of(3);
                clamped(if loud { scale } else { scale / 500.0 } * random.normal())
            }
        };
        (0..length).map(each).collect()
    }
}
