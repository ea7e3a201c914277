//! What the golden chunks that the encoder writes hold.
//!
//! Everything here is made of integers and of single products and quotients, the same everywhere.

use super::signal::Random;
use h5flac::{ByteOrder, Class, Dtype, Mode, Params, Shape};

/// What the encoder is given.
pub struct Case {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Shape,
    pub params: Params,
    pub quanta: Option<Vec<f64>>,
    pub fill: Option<Vec<u8>>,
    pub data: Vec<u8>,
}

impl Case {
    fn new(name: &str, class: Class, shape: [usize; 3], bytes: Vec<u8>) -> Case {
        let [outer, length, inner] = shape;
        let size = bytes.len() / (outer * length * inner);
        Case {
            name: name.into(),
            dtype: Dtype::new(class, size, ByteOrder::Little, false).unwrap(),
            shape: Shape { outer, length, inner },
            params: Params::default(),
            quanta: None,
            fill: None,
            data: bytes,
        }
    }

    fn with(mut self, mode: Mode, level: u32, dither: bool) -> Case {
        self.params = Params { level, mode, axis: 0, dither };
        self
    }

    /// With pairs of what were neighbours along the last axis as elements.
    fn complex(mut self) -> Case {
        self.shape.inner /= 2;
        self.dtype.complex = true;
        self
    }

    /// With the bytes of each component the other way round.
    fn big_endian(mut self) -> Case {
        self.dtype.order = ByteOrder::Big;
        self.data.chunks_exact_mut(self.dtype.size).for_each(<[u8]>::reverse);
        self
    }

    pub fn is_lossless(&self) -> bool {
        self.params.mode == Mode::Lossless && self.quanta.is_none()
    }
}

/// Samples of a type as bytes.
macro_rules! bytes_of {
    ($type:ty, $samples:expr) => {
        $samples.into_iter().flat_map(|x| (x as $type).to_le_bytes()).collect::<Vec<u8>>()
    };
}

pub(super) use bytes_of;

/// A walk with steps of up to ±`step`.
pub fn walk(length: usize, step: u64, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let mut at = 0_i64;
    let walk = (0..length).map(|_| {
        at += random.below(2 * step + 1) as i64 - step as i64;
        at
    });
    walk.collect()
}

/// Roughly normal integers about zero, none beyond ±6·`scale`.
pub fn noise(length: usize, scale: u64, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let one = |random: &mut Random| random.below(2 * scale + 1) as i64 - scale as i64;
    (0..length).map(|_| (0..6).map(|_| one(&mut random)).sum()).collect()
}

fn scaled(integers: &[i64], step: f64) -> Vec<f64> {
    integers.iter().map(|&n| n as f64 * step).collect()
}

/// Numbers whose exponents vary and whose mantissas are full.
fn wild(length: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    let one = |random: &mut Random| {
        let exponent = 1020 + random.below(6);
        f64::from_bits(random.below(2) << 63 | exponent << 52 | random.next() >> 12)
    };
    (0..length).map(|_| one(&mut random)).collect()
}

/// A walk in floats on no grid.
fn drift(length: usize, seed: u64) -> Vec<f64> {
    let tail = wild(length, seed ^ 1);
    walk(length, 3000, seed).iter().zip(tail).map(|(&n, x)| n as f64 / 4096.0 + x / 1e6).collect()
}

/// Inputs of the encoder.
pub fn encoded() -> Vec<Case> {
    use Class::{Float, Signed, Unsigned};
    let quanta = |q: f64| Mode::Quanta(q);
    let mut cases = Vec::new();

    let mut annotated: Vec<f64> = scaled(&walk(40, 9, 1), 0.21);
    annotated[27] = f64::NAN;
    cases.push(Case::new("annotated", Float, [2, 20, 1], bytes_of!(f32, annotated)).with(
        quanta(0.25),
        5,
        false,
    ));

    // All types.
    let walks = walk(100, 5, 2);
    cases.push(Case::new("type_i8", Signed, [2, 50, 1], bytes_of!(i8, walks.clone())));
    cases.push(Case::new("type_u8", Unsigned, [1, 50, 2], bytes_of!(u8, walks.clone())));
    cases.push(Case::new("type_i16", Signed, [2, 50, 1], bytes_of!(i16, walks.clone())));
    cases.push(Case::new("type_u16", Unsigned, [2, 50, 1], bytes_of!(u16, walks.clone())));
    cases.push(
        Case::new("type_i32", Signed, [1, 50, 2], bytes_of!(i32, walks.clone())).big_endian(),
    );
    cases.push(Case::new("type_u32", Unsigned, [2, 50, 1], bytes_of!(u32, walks.clone())));
    cases.push(
        Case::new("type_i64", Signed, [2, 50, 1], bytes_of!(i64, walks.clone())).big_endian(),
    );
    cases.push(Case::new("type_u64", Unsigned, [2, 50, 1], bytes_of!(i64, walks.clone())));
    let halves = drift(100, 3).into_iter().map(|x| half::f16::from_f64(x).to_bits());
    cases.push(Case::new("type_f16", Float, [2, 50, 1], bytes_of!(u16, halves)));
    cases
        .push(Case::new("type_f32", Float, [2, 50, 1], bytes_of!(f32, drift(100, 4))).big_endian());
    cases.push(Case::new("type_f64", Float, [2, 50, 1], bytes_of!(f64, drift(100, 5))));
    let pairs = Case::new("type_c16", Float, [2, 50, 2], bytes_of!(f64, drift(200, 6)));
    cases.push(pairs.complex().big_endian());

    // Rules.
    let small: Vec<f64> = wild(400, 7);
    cases.push(Case::new("noise_about_zero", Float, [2, 200, 1], bytes_of!(f32, small)));
    let near: Vec<f64> = wild(300, 8).iter().map(|x| 5.0 + x / 64.0).collect();
    cases.push(Case::new("noise_about_five", Float, [1, 300, 1], bytes_of!(f32, near)));
    let steps = scaled(&noise(300, 50, 9), 0.0078125 * 3.0);
    cases.push(Case::new("lossless_grid", Float, [1, 300, 1], bytes_of!(f64, steps)));
    let prices = walk(200, 40, 10).into_iter().map(|n| n as f64 / 100.0);
    cases.push(Case::new("lossless_decimals", Float, [1, 200, 1], bytes_of!(f32, prices)));
    cases.push(Case::new("decimal", Float, [1, 60, 3], bytes_of!(f64, drift(180, 11))).with(
        Mode::Decimal { numerator: 25, power: 3 },
        8,
        false,
    ));
    let mut each = Case::new("quanta_of_each", Float, [2, 60, 3], bytes_of!(f32, drift(360, 12)));
    each.quanta = Some(vec![0.1, 0.01, 0.25, 1e-3, 3.0, 0.7]);
    cases.push(each);
    cases.push(Case::new("precision", Float, [2, 100, 1], bytes_of!(f64, drift(200, 13))).with(
        Mode::Precision(2),
        3,
        false,
    ));
    cases.push(
        Case::new("noise_mode", Float, [2, 100, 1], bytes_of!(f32, drift(200, 14)))
            .with(Mode::Noise(4.0), 5, false)
            .big_endian(),
    );
    cases.push(Case::new("dithered", Float, [2, 100, 2], bytes_of!(f32, drift(400, 15))).with(
        quanta(0.05),
        5,
        true,
    ));
    cases.push(
        Case::new("dithered_complex", Float, [2, 60, 2], bytes_of!(f32, drift(240, 16)))
            .complex()
            .with(quanta(0.5), 5, true),
    );
    let halves = drift(100, 17).into_iter().map(|x| half::f16::from_f64(x / 8.0).to_bits());
    cases.push(Case::new("quanta_of_halves", Float, [1, 100, 1], bytes_of!(u16, halves)).with(
        quanta(0.3),
        5,
        false,
    ));

    // Forms.
    let constants = (0..4).flat_map(|stream| [stream * 1000 - 7; 30]);
    cases.push(Case::new("constant", Signed, [4, 30, 1], bytes_of!(i32, constants)));
    let wide: Vec<i64> = walk(1500, 1 << 42, 18);
    cases.push(Case::new("split", Signed, [1, 750, 2], bytes_of!(i64, wide)));
    let mut clock = 1_700_000_000_000_000_000_i64;
    let times = noise(1200, 900, 19).into_iter().map(|jitter| {
        clock += 10_000_000;
        clock + jitter
    });
    cases.push(Case::new("difference", Unsigned, [2, 600, 1], bytes_of!(u64, times)));
    // Streams that see the same, the third two samples later, in two blocks.
    let common = noise(17_002, 4, 29);
    let related = (0..3).flat_map(|stream: usize| {
        let own = noise(17_000, 1, 30 + stream as u64);
        let seen = &common[if stream == 2 { 0 } else { 2 }..];
        let sum = |(own, seen): (i64, &i64)| own + (4 + stream as i64) * seen;
        own.into_iter().zip(seen).map(sum).collect::<Vec<_>>()
    });
    cases.push(Case::new("predicted", Signed, [3, 17_000, 1], bytes_of!(i8, related)).with(
        Mode::Lossless,
        8,
        false,
    ));
    let multiples = noise(200, 90, 20).into_iter().map(|n| 7 + 1000 * n);
    cases.push(Case::new("factor", Signed, [1, 200, 1], bytes_of!(i32, multiples)));
    let extremes = (0..100).map(|i| if i % 3 == 0 { i64::MIN + i } else { i64::MAX - i });
    cases.push(Case::new("extremes", Signed, [1, 100, 1], bytes_of!(i64, extremes)));
    let even = noise(500, 2000, 21).into_iter().enumerate().map(|(i, n)| n << (i / 250 * 3));
    cases.push(Case::new("wasted_bits", Signed, [1, 500, 1], bytes_of!(i32, even)));
    let bursts = noise(6000, 400, 22).into_iter().enumerate();
    let bursts = bursts.map(|(i, n)| if i / 1500 % 2 == 0 { n / 100 } else { n + 3000 });
    cases.push(Case::new("blocks", Signed, [1, 6000, 1], bytes_of!(i16, bursts)));
    cases.push(Case::new("short_streams", Signed, [60, 5, 1], bytes_of!(i32, walk(300, 9, 23))));

    // Rules of floats in other forms than narrow.
    let one = |power| Mode::Decimal { numerator: 1, power };
    let modes = [
        ("quanta", quanta(1.0), quanta(1e-9), false),
        ("decimal", one(0), one(9), false),
        ("dithered", quanta(1.0), quanta(1e-9), true),
    ];
    for ((name, coarse, fine, dither), seed) in modes.into_iter().zip(60..) {
        let mut add = |form: &str, shape, bytes, mode, level| {
            let case = Case::new(&format!("{name}_{form}"), Float, shape, bytes);
            cases.push(case.with(mode, level, dither));
        };
        // Dither of 0 has 0 for its integer wherever it is.
        let level = if dither { 0.0 } else { 7.1 };
        let flat = scaled(&noise(60, 90, seed), 1e-6).into_iter().map(|x| level + x);
        add("constant", [1, 60, 1], bytes_of!(f64, flat), coarse, 5);
        let wide = scaled(&noise(150, 1 << 38, seed), 1e-9);
        add("split", [1, 150, 1], bytes_of!(f64, wide), fine, 5);
        let times = noise(300, 900, seed).into_iter().enumerate();
        let times = times.map(|(i, n)| 1.7e5 + i as f64 * 0.02 + n as f64 * 1e-9);
        add("difference", [1, 300, 1], bytes_of!(f64, times), fine, 5);
        // Two streams that see the same, about as short as level 8 looks at.
        let common = noise(2200, 90, seed);
        let both = (0..2).flat_map(|stream: u64| {
            let own = noise(2200, 9, seed + 10 * stream).into_iter().zip(&common);
            own.map(|(own, seen)| (own + 3 * seen) as f64 / 8.0).collect::<Vec<_>>()
        });
        add("predicted", [2, 2200, 1], bytes_of!(f32, both), coarse, 8);
    }
    // Of either sign, with magnitudes on no grid. (folded_split and folded_difference are of earlier
    // encoders.)
    let common = wild(2200, 73);
    let both = (0..2).flat_map(|stream| {
        let own = noise(2200, 40, 74 + stream).into_iter().zip(&common);
        let near = |(n, x): (i64, &f64)| (*x as f32).to_bits().wrapping_add_signed(n as i32);
        own.map(near).collect::<Vec<_>>()
    });
    let both = Case::new("folded_predicted", Float, [2, 2200, 1], bytes_of!(u32, both));
    cases.push(both.with(Mode::Lossless, 8, false));

    // Floats in fixed point.
    let smooth = drift(300, 76);
    let halves = smooth.iter().map(|&x| half::f16::from_f64(x / 4.0).to_bits());
    cases.push(Case::new("fixed_f16", Float, [1, 300, 1], bytes_of!(u16, halves)));
    cases.push(Case::new("fixed_f64", Float, [1, 300, 1], bytes_of!(f64, smooth.clone())));
    let mut crossing = smooth;
    crossing[40..46].copy_from_slice(&[0.0, -0.0, 1e-30, -1e-30, f64::NAN, f64::INFINITY]);
    cases.push(Case::new("fixed_f32", Float, [1, 300, 1], bytes_of!(f32, crossing)).big_endian());

    // Exceptions.
    let mut gappy = drift(300, 24);
    gappy[17] = f64::INFINITY;
    gappy[90..140].fill(f64::NAN);
    gappy[141] = -0.0;
    gappy[200..203].copy_from_slice(&[1e30, -1e31, f64::NEG_INFINITY]);
    let gappy = bytes_of!(f32, gappy);
    cases.push(Case::new("gaps", Float, [1, 300, 1], gappy.clone()).with(quanta(0.1), 5, false));
    cases.push(
        Case::new("gaps_big_endian", Float, [1, 300, 1], gappy)
            .with(quanta(0.1), 5, false)
            .big_endian(),
    );
    let mut padded = drift(600, 25);
    padded[100..300].fill(-999.0);
    padded[390..600].fill(-999.0);
    for (name, dither) in [("padding", false), ("padding_dithered", true)] {
        let mut case = Case::new(name, Float, [2, 300, 1], bytes_of!(f32, padded.clone())).with(
            quanta(0.7),
            5,
            dither,
        );
        case.fill = Some((-999.0_f32).to_le_bytes().to_vec());
        cases.push(case);
    }
    let mut zeros = walk(400, 30, 26);
    zeros[200..].fill(0);
    cases.push(Case::new("padding_of_zeros", Signed, [1, 400, 1], bytes_of!(i16, zeros)));
    let mut spans = noise(66_000, 3, 27);
    spans[500..65_000].fill(100);
    spans[65_400..65_800].fill(-9);
    cases.push(Case::new("spans", Signed, [1, 66_000, 1], bytes_of!(i8, spans)));

    let mut random = Random(28);
    let bytes = (0..200).map(|_| random.next()).collect::<Vec<u64>>();
    cases.push(Case::new("raw", Unsigned, [4, 25, 2], bytes_of!(u16, bytes)));
    cases
}
