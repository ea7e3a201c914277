//! Signals of all kinds, put together from layers.

use crate::support::chunk::Random;
use arbitrary::Arbitrary;
use h5flac::sample::Sample;

/// A number: small or of any size, round or not.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Number {
    kind: u8,
    exponent: i8,
    mantissa: u8,
}

impl Number {
    /// Its value; positive, or 0.
    pub fn value(self) -> f64 {
        let mantissa = 1.0 + f64::from(self.mantissa) / 256.0;
        match self.kind % 4 {
            0 => f64::from(self.mantissa) * 10_f64.powi(i32::from(self.exponent % 10)),
            1 => mantissa * 2_f64.powi(i32::from(self.exponent / 4)),
            // From subnormals to the largest.
            2 => mantissa * 2_f64.powi(8 * i32::from(self.exponent)) * 2_f64.powi(-40),
            _ => f64::from(self.mantissa),
        }
    }
}

/// A sample that stands out.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Special {
    Zero,
    NegativeZero,
    /// NaN, infinity or, rarely, another large number.
    LargeBits(u16),
    Least,
    Most,
    Subnormal,
    Number(Number),
    Negative(Number),
    Bits(u64),
}

impl Special {
    fn sample<T: Sample>(self) -> T {
        match self {
            Special::Zero => T::from_f64(0.0),
            Special::NegativeZero => T::from_f64(-0.0),
            // The exponent's bits all set, and some below.
            Special::LargeBits(low) => {
                T::from_bits(!0 << (8 * T::SIZE - 6) | u64::from(low) | u64::from(low & 1) << 15)
            }
            Special::Least => T::from_f64(f64::MIN),
            Special::Most => T::from_f64(f64::MAX),
            Special::Subnormal => T::from_bits(3),
            Special::Number(number) => T::from_f64(number.value()),
            Special::Negative(number) => T::from_f64(-number.value()),
            Special::Bits(bits) => T::from_bits(bits),
        }
    }
}

/// Where a layer is: one of so many samples, or runs.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Places {
    /// Bits of the streams, modulo 8.
    streams: u8,
    every: u16,
    length: u16,
    first: u16,
}

impl Places {
    fn has(self, stream: usize, sample: usize) -> bool {
        let every = usize::from(self.every) + 1;
        let length = usize::from(self.length) % every;
        self.streams >> (stream % 8) & 1 == 1
            && (sample + usize::from(self.first)) % every <= length
    }
}

/// What is added to, or done with, the samples so far.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Layer {
    Constant(Number),
    /// Each stream its own.
    Offset(Number),
    Ramp(Number),
    Walk(Number),
    Noise(Number),
    Sine {
        size: Number,
        period: u16,
    },
    Alternating(Number),
    /// What all streams have in common, each with its gain and a delay.
    Common {
        size: Number,
        walks: bool,
        delays: u8,
        gains: u8,
    },
    /// Multiples of a step.
    Round(Number),
    /// Multiples of the quanta, and half as much beside.
    Halves {
        half: bool,
    },
    /// So many neighbours in the order of the type further.
    Nudge {
        most: i8,
    },
    Special {
        what: Special,
        places: Places,
    },
    /// Nothing but this at the end.
    Tail {
        what: Special,
        length: u16,
    },
    /// Any bits.
    Bits(Places),
    /// Samples as they are.
    Plain {
        bits: [u64; 4],
        places: Places,
    },
}

/// How many streams there are, and how long they are.
#[derive(Clone, Copy)]
pub struct Size {
    pub streams: usize,
    pub length: usize,
}

/// Streams one after another, put together from layers. `quanta` is that of [`Layer::Halves`].
pub fn streams<T: Sample>(layers: &[Layer], size: Size, quanta: f64, seed: u32) -> Vec<T> {
    let mut numbers = vec![0.0; size.streams * size.length];
    for (layer, i) in layers.iter().zip(0..) {
        layer.add(size, quanta, &mut Random::new(u64::from(seed) << 8 | i), &mut numbers);
    }
    let mut samples: Vec<T> = numbers.into_iter().map(T::from_f64).collect();
    for (layer, i) in layers.iter().zip(0..) {
        layer.put(size, &mut Random::new(u64::from(seed) << 8 | i), &mut samples);
    }
    samples
}

impl Layer {
    /// Changes numbers.
    fn add(self, size: Size, quanta: f64, random: &mut Random, numbers: &mut [f64]) {
        if let Layer::Common { size: scale, walks, delays, gains } = self {
            return add_common(size, scale.value(), walks, delays, gains, random, numbers);
        }
        for (stream, numbers) in numbers.chunks_exact_mut(size.length).enumerate() {
            let mut walk = 0.0;
            for (i, x) in numbers.iter_mut().enumerate() {
                match self {
                    Layer::Constant(number) => *x += number.value(),
                    Layer::Offset(number) => *x += (stream + 1) as f64 * number.value(),
                    Layer::Ramp(number) => *x += i as f64 * number.value(),
                    Layer::Walk(number) => {
                        walk += random.gaussian() * number.value();
                        *x += walk;
                    }
                    Layer::Noise(number) => *x += random.gaussian() * number.value(),
                    Layer::Sine { size, period } => {
                        *x += size.value() * (i as f64 / (1.0 + f64::from(period) / 8.0)).sin();
                    }
                    Layer::Alternating(number) => {
                        *x += if i % 2 == 0 { number.value() } else { -number.value() };
                    }
                    Layer::Round(number) => *x = (*x / number.value()).round() * number.value(),
                    Layer::Halves { half } => {
                        *x = ((*x / quanta).round() + if half { 0.5 } else { 0.0 }) * quanta;
                    }
                    _ => return,
                }
            }
        }
    }

    /// Changes samples.
    fn put<T: Sample>(self, size: Size, random: &mut Random, samples: &mut [T]) {
        for (stream, samples) in samples.chunks_exact_mut(size.length).enumerate() {
            let plain = |bits: [u64; 4], i: usize| T::from_bits(bits[i % 4]);
            for (i, x) in samples.iter_mut().enumerate() {
                match self {
                    Layer::Nudge { most } => {
                        let by = (random.uniform() * f64::from(most)).round() as i64;
                        *x = T::from_ordered(x.to_ordered().wrapping_add(by));
                    }
                    Layer::Special { what, places } if places.has(stream, i) => *x = what.sample(),
                    Layer::Tail { what, length } if i + usize::from(length) >= size.length => {
                        *x = what.sample();
                    }
                    Layer::Bits(places) if places.has(stream, i) => {
                        *x = T::from_bits(random.bits());
                    }
                    Layer::Plain { bits, places } if places.has(stream, i) => *x = plain(bits, i),
                    Layer::Special { .. } | Layer::Tail { .. } => {}
                    Layer::Bits(_) | Layer::Plain { .. } => {}
                    _ => return,
                }
            }
        }
    }
}

fn add_common(
    size: Size,
    scale: f64,
    walks: bool,
    delays: u8,
    gains: u8,
    random: &mut Random,
    numbers: &mut [f64],
) {
    let most = usize::from(delays);
    let mut last = 0.0;
    let mut next = || {
        last = random.gaussian() + if walks { last } else { 0.0 };
        scale * last
    };
    let common: Vec<f64> = (0..size.length + most).map(|_| next()).collect();
    for (stream, numbers) in numbers.chunks_exact_mut(size.length).enumerate() {
        let delay = (stream * 5) % (most + 1);
        let gain = 1.0 + f64::from(gains) / 64.0 * (stream % 5) as f64;
        let seen = &common[most - delay..];
        numbers.iter_mut().zip(seen).for_each(|(x, c)| *x += gain * c);
    }
}
