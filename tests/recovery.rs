//! Promise: what was not asked to be lost comes back, and the rest within the bound.

mod support;

use h5flac::chunk::{MOST_OVERHEAD, Options, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, Mode, Params, Shape, compress, decompress};
use half::f16;
use support::chunk::{Random, assert_same, dtype_of, raw, request, round_trip, samples, streams};

const LEVELS: [u32; 3] = [0, 5, 8];

/// A signal by name: value of sample i.
type Signal<X> = (&'static str, Box<dyn FnMut(usize) -> X>);

/// Integers.
fn integer_signals(seed: u64) -> Vec<Signal<i64>> {
    let mut random = Random::new(seed);
    let (mut r1, mut r2, mut r3, mut r4) =
        (random.clone(), Random::new(seed + 1), Random::new(seed + 2), Random::new(seed + 3));
    let mut walk = 0_i64;
    let (mut r5, mut r6) = (Random::new(seed + 4), Random::new(seed + 5));
    let mut time = 1_700_000_000_000_000_000_i64;
    vec![
        ("constant", Box::new(|_| -77)),
        ("noise", Box::new(move |_| (100.0 * r1.gaussian()) as i64)),
        (
            "walk",
            Box::new(move |_| {
                walk = walk.wrapping_add((1000.0 * r2.gaussian()) as i64);
                walk
            }),
        ),
        ("all bits", Box::new(move |_| random.bits() as i64)),
        ("multiples", Box::new(move |_| 1000 * (50.0 * r3.gaussian()) as i64 + 7)),
        (
            "gaps",
            Box::new(
                move |i| {
                    if i / 700 % 3 == 1 { -999_999 } else { (40.0 * r4.gaussian()) as i64 }
                },
            ),
        ),
        (
            "glitches",
            Box::new(move |i| {
                if i % 911 == 5 { i64::MAX - i as i64 } else { (40.0 * r5.gaussian()) as i64 }
            }),
        ),
        ("extremes", Box::new(|i| if i % 2 == 0 { i64::MIN } else { i64::MAX })),
        (
            "times",
            Box::new(move |_| {
                time += 5_000_000 + (1000.0 * r6.gaussian()) as i64;
                time
            }),
        ),
        ("ramp", Box::new(|i| i as i64 * 1_000_003)),
    ]
}

fn check_integers<T: Sample>() {
    for (name, mut signal) in integer_signals(T::SIZE as u64) {
        for length in [1, 2, 15, 16, 17, 100, 1000, 5000, 70_000] {
            let xs: Vec<T> = (0..length).map(|i| T::from_bits(signal(i) as u64)).collect();
            for level in LEVELS {
                if level == 8 && length > 5000 {
                    continue;
                }
                let request = request(dtype_of::<T>(), streams(1, length), level, Mode::Lossless);
                let (chunk, back) = round_trip(&xs, &request);
                let what = format!("{name}, {} bytes, {length} samples, level {level}", T::SIZE);
                assert_same(&back, &xs, &what);
                assert!(chunk.len() <= length * T::SIZE + MOST_OVERHEAD, "{what}: {}", chunk.len());
            }
        }
    }
}

#[test]
fn integers_of_every_type_come_back() {
    check_integers::<i8>();
    check_integers::<u8>();
    check_integers::<i16>();
    check_integers::<u16>();
    check_integers::<i32>();
    check_integers::<u32>();
    check_integers::<i64>();
    check_integers::<u64>();
}

/// Floats.
fn float_signals(seed: u64) -> Vec<Signal<f64>> {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g] =
        [0, 1, 2, 3, 4, 5, 6].map(|i| Random::new(seed + i));
    let mut walk = 0.0;
    vec![
        ("constant", Box::new(|_| 2.25)),
        ("noise", Box::new(move |_| a.gaussian())),
        (
            "walk",
            Box::new(move |_| {
                walk += b.gaussian();
                walk
            }),
        ),
        ("all bits", Box::new(move |_| f64::from_bits(c.bits()))),
        (
            "gaps",
            Box::new(move |i| match i % 1000 {
                100..=180 => f64::NAN,
                300 => f64::INFINITY,
                301 => f64::NEG_INFINITY,
                302 => -0.0,
                _ => 100.0 + d.gaussian(),
            }),
        ),
        ("all missing", Box::new(|_| f64::NAN)),
        ("decimals", Box::new(move |_| (e.gaussian() * 1000.0).round() / 100.0)),
        ("counts", Box::new(move |_| (f.gaussian() * 100.0).round() * 0.305_175_7)),
        ("glitches", Box::new(move |i| if i % 911 == 5 { 1e30 } else { g.gaussian() })),
        ("denormals", Box::new(|i| f64::from_bits(i as u64 * 77))),
    ]
}

fn modes() -> Vec<(Mode, bool)> {
    vec![
        (Mode::Lossless, false),
        (Mode::Quanta(0.01), false),
        (Mode::Quanta(1e-300), false),
        (Mode::Quanta(3e5), true),
        (Mode::Quanta(0.07), true),
        (Mode::Decimal { numerator: 25, power: 3 }, false),
        (Mode::Precision(2), false),
        (Mode::Precision(1), true),
        (Mode::Noise(8.0), false),
    ]
}

/// Largest quanta that a stream may have had, by the mode's definition, over finite samples.
fn quanta<T: Sample>(xs: &[T], mode: Mode) -> f64 {
    match mode {
        Mode::Lossless => 0.0,
        Mode::Quanta(quanta) => quanta,
        Mode::Decimal { numerator, power } => f64::from(numerator) / 10_f64.powi(power as i32),
        Mode::Precision(digits) => {
            let finite: Vec<f64> =
                xs.iter().filter(|x| x.is_finite()).map(|x| x.to_f64()).collect();
            let mean = finite.iter().sum::<f64>() / finite.len() as f64;
            let square =
                finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / finite.len() as f64;
            square.sqrt() / 10_f64.powi(digits as i32) * (1.0 + 1e-9)
        }
        Mode::Noise(q) => {
            let finite: Vec<f64> =
                xs.iter().filter(|x| x.is_finite()).map(|x| x.to_f64()).collect();
            let mut third: Vec<f64> =
                finite.windows(5).map(|x| (2.0 * x[2] - x[0] - x[4]).abs()).collect();
            third.sort_by(f64::total_cmp);
            // The estimate uses samples of the stream: it may differ a little.
            1.2 * 0.6052697 * third.get(third.len() / 2).copied().unwrap_or(0.0) / q
        }
    }
}

fn check_floats<T: Sample>() {
    for (name, mut signal) in float_signals(T::SIZE as u64) {
        for length in [1, 17, 100, 1000, 20_000] {
            let xs: Vec<T> = (0..length)
                .map(|i| {
                    let x = signal(i);
                    if name == "all bits" { T::from_bits(x.to_bits()) } else { T::from_f64(x) }
                })
                .collect();
            for (mode, dither) in modes() {
                for level in LEVELS {
                    if level == 8 && length > 1000 {
                        continue;
                    }
                    let mut request = request(dtype_of::<T>(), streams(1, length), level, mode);
                    request.params.dither = dither;
                    let (chunk, back) = round_trip(&xs, &request);
                    let what = format!(
                        "{name}, {} bytes, {length} samples, level {level}, {mode:?}, {dither}",
                        T::SIZE
                    );
                    assert!(chunk.len() <= length * T::SIZE + MOST_OVERHEAD, "{what}");
                    // Stretches of such a stream have nothing in common.
                    let wild = name == "all bits" && matches!(mode, Mode::Noise(_));
                    let bound = if wild { f64::INFINITY } else { quanta(&xs, mode) };
                    for (i, (x, y)) in xs.iter().zip(&back).enumerate() {
                        let exact = x.bits() == y.bits();
                        let near = 2.0 * (y.to_f64() - x.to_f64()).abs() <= bound;
                        let kept = exact || near && mode != Mode::Lossless;
                        assert!(kept, "{what}: sample {i}, {x:?} became {y:?}, quanta {bound:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn floats_of_every_type_come_back_within_the_bound() {
    check_floats::<f16>();
    check_floats::<f32>();
    check_floats::<f64>();
}

#[test]
fn every_shape_and_byte_order_comes_back() {
    let mut random = Random::new(5);
    for (outer, length, inner) in [
        (1, 1, 1),
        (3, 100, 1),
        (1, 5000, 7),
        (4, 333, 5),
        (70, 20, 3),
        (2, 40_000, 2),
        (1000, 1, 1),
    ] {
        let shape = Shape { outer, length, inner };
        let count = outer * length * inner;
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for complex in [false, true] {
                let dtype = Dtype { order, complex, ..dtype_of::<f32>() };
                let xs: Vec<f32> = (0..count * dtype.components())
                    .map(|i| (50.0 * random.gaussian()).round() as f32 + (i % inner) as f32)
                    .collect();
                for threads in [1, 3] {
                    let request = Request { threads, ..request(dtype, shape, 5, Mode::Lossless) };
                    let (_, back) = round_trip(&xs, &request);
                    assert_same(&back, &xs, &format!("{shape:?} {dtype:?}"));
                }
            }
            let dtype = Dtype { order, ..dtype_of::<i16>() };
            let xs: Vec<i16> = (0..count).map(|_| (50.0 * random.gaussian()) as i16).collect();
            let (_, back) = round_trip(&xs, &request(dtype, shape, 5, Mode::Lossless));
            assert_same(&back, &xs, &format!("{shape:?} {dtype:?}"));
        }
    }
}

#[test]
fn predictable_integers_keep_their_gaps_and_padding() {
    // Predicted to a unit, with gaps of whole blocks, and padded.
    for (fill, padding) in [(255_u8, 0_u8), (255, 255), (0, 0), (7, 0)] {
        let mut xs: Vec<u8> =
            (0..90_000).map(|i: i32| 100 + ((i / 9 % 120) - 60).unsigned_abs() as u8).collect();
        xs[20_000..60_000].fill(fill);
        xs[80_000..].fill(padding);
        for level in [0, 5] {
            let request = request(dtype_of::<u8>(), streams(1, xs.len()), level, Mode::Lossless);
            let (_, back) = round_trip(&xs, &request);
            assert_same(&back, &xs, &format!("fill {fill}, padding {padding}, level {level}"));
            let element = [padding];
            let (_, back) = round_trip(&xs, &Request { fill: Some(&element), ..request });
            assert_same(&back, &xs, &format!("fill {fill}, defined {padding}, level {level}"));
        }
    }
}

#[test]
fn an_outlier_does_not_make_a_predictable_stream_dear() {
    let mut random = Random::new(4);
    let mut xs: Vec<i32> =
        (0..50_000).map(|i| (i % 900 - 450_i32).abs() + (2.0 * random.uniform()) as i32).collect();
    let clean = round_trip(&xs, &request(dtype_of::<i32>(), streams(1, 50_000), 5, Mode::Lossless));
    xs[20_000] = i32::MIN;
    xs[30_000..30_050].fill(1_000_000_000);
    let (chunk, back) =
        round_trip(&xs, &request(dtype_of::<i32>(), streams(1, 50_000), 5, Mode::Lossless));
    assert_same(&back, &xs, "outliers");
    assert!(chunk.len() < clean.0.len() + 200, "{} and {} without", chunk.len(), clean.0.len());
}

#[test]
fn the_fill_value_comes_back_exact_and_moves_no_statistic() {
    let mut random = Random::new(9);
    let clean: Vec<f32> = (0..30_000).map(|_| random.gaussian() as f32).collect();
    for fill in [f32::NAN, -999.0, 9.969_21e36, 0.3, 0.0] {
        let mut gappy = clean.clone();
        gappy[5000..5600].fill(fill);
        gappy[25_000..].fill(fill);
        for mode in [Mode::Quanta(0.01), Mode::Precision(2), Mode::Noise(10.0)] {
            let element = fill.to_le_bytes();
            let request = Request {
                fill: Some(&element),
                ..request(dtype_of::<f32>(), streams(1, gappy.len()), 5, mode)
            };
            let (chunk, back) = round_trip(&gappy, &request);
            let bound = match mode {
                Mode::Quanta(quanta) => quanta,
                Mode::Precision(_) => 0.01 * 1.02,
                _ => 0.1 * 1.05,
            };
            for (i, (x, y)) in gappy.iter().zip(&back).enumerate() {
                let near = 2.0 * (f64::from(*x) - f64::from(*y)).abs() <= bound;
                let kept =
                    if x.to_bits() == fill.to_bits() { x.to_bits() == y.to_bits() } else { near };
                assert!(kept, "{fill} {mode:?}: sample {i}, {x} became {y}");
            }
            let plain = Request { fill: None, ..request.clone() };
            let (alone, _) =
                round_trip(&clean[..24_400], &Request { shape: streams(1, 24_400), ..plain });
            assert!(
                chunk.len() < alone.len() + 1200,
                "{fill} {mode:?}: {} {}",
                chunk.len(),
                alone.len()
            );
        }
    }
}

#[test]
fn compressing_decoded_data_again_changes_nothing() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let offset = 10_f64.powi(seed as i32 % 5) * random.gaussian();
        let xs: Vec<f64> = (0..5000).map(|_| offset + random.gaussian()).collect();
        for mode in [
            Mode::Quanta(random.uniform()),
            Mode::Quanta(1e-9 * random.uniform()),
            Mode::Decimal { numerator: 3, power: 4 },
        ] {
            let request = request(dtype_of::<f64>(), streams(5, 1000), 5, mode);
            let (_, once) = round_trip(&xs, &request);
            let (_, twice) = round_trip(&once, &request);
            assert_same(&twice, &once, &format!("seed {seed}, {mode:?}"));
            let singles: Vec<f32> = xs.iter().map(|&x| x as f32).collect();
            let request = Request { dtype: dtype_of::<f32>(), ..request };
            let (_, once) = round_trip(&singles, &request);
            let (_, twice) = round_trip(&once, &request);
            assert_same(&twice, &once, &format!("seed {seed}, {mode:?}, singles"));
        }
    }
}

#[test]
fn streams_have_their_own_quanta_where_given() {
    let mut random = Random::new(3);
    let xs: Vec<f32> = (0..6000).map(|_| random.gaussian() as f32).collect();
    let quanta = [0.5, 0.01, 1e-4];
    let request = Request {
        quanta: Some(&quanta),
        ..request(dtype_of::<f32>(), streams(3, 2000), 5, Mode::Lossless)
    };
    let (_, back) = round_trip(&xs, &request);
    for (i, (x, y)) in xs.iter().zip(&back).enumerate() {
        assert!(2.0 * (f64::from(*x) - f64::from(*y)).abs() <= quanta[i / 2000], "sample {i}");
    }
    let worst = (0..2000).map(|i| (xs[i] - back[i]).abs()).fold(0.0, f32::max);
    assert!(worst > 0.2, "the first stream was quantized finer than asked: {worst}");
}

#[test]
fn senseless_requests_are_refused_in_words() {
    let good = request(dtype_of::<f32>(), streams(2, 10), 5, Mode::Lossless);
    let data = raw(&[0.0_f32; 20], ByteOrder::Little);
    let message = |data: &[u8], request: &Request<'_>| {
        compress(data, request).err().expect("a refusal").to_string()
    };
    assert!(message(&data[1..], &good).contains("79 bytes of data"));
    assert!(message(&[], &Request { shape: streams(0, 10), ..good.clone() }).contains("0 bytes"));
    let params = Params { level: 9, ..Params::default() };
    assert!(message(&data, &Request { params, ..good.clone() }).contains("level 9"));
    assert!(message(&data, &Request { quanta: Some(&[1.0]), ..good.clone() }).contains("1 quanta"));
    let quanta = [1.0, 1e-308];
    assert!(
        message(&data, &Request { quanta: Some(&quanta), ..good.clone() }).contains("quanta is")
    );
    let quanta = [1.0, f64::NAN];
    assert!(message(&data, &Request { quanta: Some(&quanta), ..good.clone() }).contains("NaN"));
    assert!(message(&data, &Request { fill: Some(&[0]), ..good.clone() }).contains("fill value"));
    let chunk = compress(&data, &good).unwrap().into_vec();
    let short = decompress(&chunk, 79, &Options::default()).unwrap_err();
    assert!(short.to_string().contains("at most 79"));
    let _: Vec<f32> = samples(&data, ByteOrder::Little);
}

#[test]
fn steep_ramps_of_wide_integers_come_back() {
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let length = 3 + random.below(57);
        // Large common factors, and no room for a mean.
        let step = (random.bits() >> (2 + random.below(12))) as i64 / length as i64;
        let base = (random.bits() as i64) >> 2;
        let xs: Vec<i64> = (0..length as i64).map(|i| base + i * step).collect();
        let shape = streams(1, length);
        let (_, back) = round_trip(&xs, &request(dtype_of::<i64>(), shape, 5, Mode::Lossless));
        assert_same(&back, &xs, &format!("seed {seed}"));
        let xs: Vec<u64> = xs.iter().map(|&x| (x as u64) ^ 1 << 63).collect();
        let (_, back) = round_trip(&xs, &request(dtype_of::<u64>(), shape, 5, Mode::Lossless));
        assert_same(&back, &xs, &format!("seed {seed}, unsigned"));
    }
}

#[test]
fn predictable_integers_that_fill_32_bits_come_back() {
    let xs: Vec<u32> = (0..6000).chain((1 << 31) - 3000..1 << 31).collect();
    let shape = streams(1, xs.len());
    let (_, back) = round_trip(&xs, &request(dtype_of::<u32>(), shape, 5, Mode::Lossless));
    assert_same(&back, &xs, "two ramps");
    let mut xs: Vec<i16> =
        (0..20_000).map(|i| 2 * (40.0 * (f64::from(i) / 40.0).sin()).round() as i16).collect();
    xs[12_345] = -8193;
    let shape = streams(1, xs.len());
    let (_, back) = round_trip(&xs, &request(dtype_of::<i16>(), shape, 5, Mode::Lossless));
    assert_same(&back, &xs, "a spike");
}

#[test]
fn a_long_row_of_short_streams_comes_back() {
    let shape = Shape { outer: 2, length: 20, inner: 300_000 };
    let xs: Vec<i16> = (0..2 * 20 * 300_000).map(|i| (i % 701 - 350) as i16 / 7).collect();
    let (chunk, back) = round_trip(&xs, &request(dtype_of::<i16>(), shape, 0, Mode::Lossless));
    assert!(chunk.len() < 2 * xs.len(), "stored as it was");
    assert_same(&back, &xs, "images");
}

#[test]
fn a_quiet_stream_behind_a_loud_start_keeps_its_own_step() {
    let mut random = Random::new(6);
    let loud: Vec<f64> = (0..5000).map(|_| 1000.0 * random.gaussian()).collect();
    let mode = Mode::Noise(16.0);
    let (_, mut xs) = round_trip(&loud, &request(dtype_of::<f64>(), streams(1, 5000), 5, mode));
    xs.extend((0..95_000).map(|_| 1e-3 * random.gaussian()));
    let (_, back) = round_trip(&xs, &request(dtype_of::<f64>(), streams(1, 100_000), 5, mode));
    for (i, (x, y)) in xs.iter().zip(&back).enumerate().skip(5000) {
        assert!((x - y).abs() <= 1.1e-3 / 32.0, "sample {i}: {x} became {y}");
    }
}

/// Appends in `steps` equal parts into one chunk; each rewrites what was decoded before.
fn appended<T: Sample>(xs: &[T], steps: usize, mode: Mode) -> Vec<T> {
    let part = xs.len() / steps;
    let mut chunk = vec![T::default(); xs.len()];
    for step in 0..steps {
        let now = step * part..(step + 1) * part;
        chunk[now.clone()].copy_from_slice(&xs[now]);
        let request = request(dtype_of::<T>(), streams(1, xs.len()), 5, mode);
        chunk = round_trip(&chunk, &request).1;
    }
    chunk
}

fn check_appends<T: Sample>() {
    for (mode, share) in [
        (Mode::Precision(1), 0.1),
        (Mode::Precision(2), 0.01),
        (Mode::Precision(3), 0.001),
        (Mode::Precision(4), 1e-4),
        (Mode::Precision(5), 1e-5),
        (Mode::Precision(6), 1e-6),
        (Mode::Precision(10), 1e-10),
        (Mode::Noise(8.0), 1.0 / 8.0),
        (Mode::Noise(64.0), 1.0 / 64.0),
        (Mode::Noise(1e6), 1e-6),
    ] {
        for still in [0, 3000] {
            let mut random = Random::new(8 + still as u64);
            let xs: Vec<T> = (0..10_000)
                .map(|i| T::from_f64(if i < still { 5.0 } else { random.gaussian() }))
                .collect();
            let back = appended(&xs, 20, mode);
            // A still start has another deviation than the rest, and no noise.
            let bound = share / 2.0 * if still > 0 { 4.0 } else { 1.25 };
            for (i, (x, y)) in xs.iter().zip(&back).enumerate() {
                let error = (x.to_f64() - y.to_f64()).abs();
                assert!(
                    error <= bound,
                    "{} bytes, {mode:?}, {still} still: sample {i}, {x:?} became {y:?}, \
                     {} of the step",
                    T::SIZE,
                    error / share
                );
            }
        }
    }
}

#[test]
fn twenty_appends_err_no_more_than_one() {
    check_appends::<f16>();
    check_appends::<f32>();
    check_appends::<f64>();
}
