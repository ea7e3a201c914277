//! What the golden chunks hold: inputs of the encoder, and chunks put together by hand.
//!
//! Everything here is made of integers and of single products and quotients, the same everywhere.

use super::signal::Random;
use h5flac::flac::Encoder;
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

macro_rules! bytes_of {
    ($type:ty, $samples:expr) => {
        $samples.into_iter().flat_map(|x| (x as $type).to_le_bytes()).collect::<Vec<u8>>()
    };
}

/// A walk with steps of up to ±`step`.
fn walk(length: usize, step: u64, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let mut at = 0_i64;
    let walk = (0..length).map(|_| {
        at += random.below(2 * step + 1) as i64 - step as i64;
        at
    });
    walk.collect()
}

/// Roughly normal integers about zero, none beyond ±6·`scale`.
fn noise(length: usize, scale: u64, seed: u64) -> Vec<i64> {
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

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(n: i64) -> u64 {
    if n < 0 { (-1 - n) as u64 * 2 + 1 } else { n as u64 * 2 }
}

/// A chunk's bytes around the parts of its head and its payload.
fn sealed(code: u8, flags: u8, rest: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xf1, 0xac, b'h', b'5', 1, code, flags, 0];
    out.extend((rest.len() as u64).to_le_bytes());
    let check = crc32fast::hash(&[&out, rest].concat());
    out.extend(check.to_le_bytes());
    out.extend_from_slice(rest);
    out.extend_from_slice(payload);
    let check = crc32fast::hash(&out);
    out.extend(check.to_le_bytes());
    out
}

/// A stream under the affine rule, as an importer would write it: integers in blocks of 16.
fn affine(code: u8, integers: &[i64], step: f64, offset: f64) -> Vec<u8> {
    const WIDTH: u32 = 13;
    const BLOCK: usize = 16;
    let mut rest = Vec::new();
    [1, integers.len() as u64, 1].into_iter().for_each(|size| varint(size, &mut rest));
    let float_code = |x: f64| x.to_bits().reverse_bits();
    let columns = [
        4 + 16,
        zigzag(-3),
        2,
        u64::from(WIDTH),
        BLOCK as u64,
        0,
        float_code(step),
        float_code(offset),
        0,
        0,
    ];
    for value in columns {
        rest.push(0);
        varint(value, &mut rest);
    }
    let mut encoder = Encoder::new(8);
    let mut payload = Vec::new();
    rest.push(1);
    for (block, number) in integers.chunks(BLOCK).zip(0..) {
        let block: Vec<i32> = block.iter().map(|&n| ((n + 3) / 2) as i32).collect();
        varint(encoder.encode(&block, WIDTH, BLOCK, number, &mut payload) as u64, &mut rest);
    }
    sealed(code, 0, &rest, &payload)
}

/// An int64 stream in blocks of 16, in one of the forms for wide integers; the parts of its head
/// and payload that depend on the form come from `block`: x of a block, and bytes behind it.
fn wide(
    form: u64,
    detail: u64,
    integers: &[i64],
    anchors: &[i64],
    mut block: impl FnMut(&[i64]) -> (Vec<i32>, Vec<u8>),
) -> Vec<u8> {
    let mut rest = Vec::new();
    [1, integers.len() as u64, 1].into_iter().for_each(|size| varint(size, &mut rest));
    for value in [form << 4, 0, 1, 32, 16, detail, 0, 0, 0, 0] {
        rest.push(0);
        varint(value, &mut rest);
    }
    let mut last = 0;
    for anchor in anchors {
        varint(zigzag(anchor - last), &mut rest);
        last = *anchor;
    }
    let mut encoder = Encoder::new(8);
    let mut payload = Vec::new();
    rest.push(1);
    for (integers, number) in integers.chunks(16).zip(0..) {
        let (x, behind) = block(integers);
        varint(encoder.encode(&x, 32, 16, number, &mut payload) as u64, &mut rest);
        payload.extend(behind);
    }
    sealed(3 << 2, 0, &rest, &payload)
}

/// Low 8 bits beside the frames, the rest in them; multiples of 16 there.
fn split_frames(integers: &[i64]) -> Vec<u8> {
    wide(2, 8, integers, &[], |block| {
        let x = block.iter().map(|&n| (n >> 8) as i32).collect();
        let mut low: Vec<u8> = block.iter().map(|&n| n as u8).collect();
        let check = crc32fast::hash(&low);
        low.extend(check.to_le_bytes());
        (x, low)
    })
}

/// Differences from a step of 1000.
fn difference_frames(integers: &[i64]) -> Vec<u8> {
    let anchors: Vec<i64> = integers.iter().copied().step_by(16).collect();
    wide(3, zigzag(1000), integers, &anchors, |block| {
        let rest = block.windows(2).map(|pair| (pair[1] - pair[0] - 1000) as i32);
        (std::iter::once(0).chain(rest).collect(), Vec::new())
    })
}

/// Chunks that this encoder does not write, with what they decode to.
pub fn assembled() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let integers: Vec<i64> = walk(60, 100, 40).iter().map(|n| 2 * n - 3).collect();
    let (step, offset) = (0.1, -273.15);
    let single = integers.iter().map(|&n| {
        let product = (f64::from(n as f32) * step) as f32;
        (f64::from(product) + offset) as f32
    });
    let double = integers.iter().map(|&n| n as f64 * step + offset);
    let high = noise(40, 9000, 42).into_iter().zip(noise(40, 20, 43));
    let split: Vec<i64> = high.map(|(high, low)| high * 4096 + (low & 255)).collect();
    let steps = walk(40, 300, 44).into_iter().zip(0..);
    let clock: Vec<i64> = steps.map(|(n, i)| n + 1000 * i + (1 << 50)).collect();
    let samples: Vec<i64> = walk(90, 900, 41);
    let raw = bytes_of!(i16, samples);
    let mut rest = Vec::new();
    [3, 30, 1, 64].into_iter().for_each(|size| varint(size, &mut rest));
    raw.chunks(64).for_each(|piece| rest.extend(crc32fast::hash(piece).to_le_bytes()));
    vec![
        ("affine_f32", affine(2 | 2 << 2, &integers, step, offset), bytes_of!(f32, single)),
        ("affine_f64", affine(2 | 3 << 2, &integers, step, offset), bytes_of!(f64, double)),
        ("split_frames", split_frames(&split), bytes_of!(i64, split)),
        ("difference_frames", difference_frames(&clock), bytes_of!(i64, clock)),
        ("raw_pieces", sealed(1 << 2, 1, &rest, &raw), raw),
    ]
}
