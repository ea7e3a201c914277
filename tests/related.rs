//! Promise: what the streams of one chunk have in common is stored once, and never at the cost of
//! anything else.

mod support;

use h5flac::chunk::{Options, Request, Selection};
use h5flac::sample::Sample;
use h5flac::{Dtype, Mode, Params, Shape, compress, decompress, decompress_streams};
use proptest::prelude::*;
use support::chunk::{Random, dtype_of, raw, request, round_trip, samples, streams};
use support::effort::cases;
use support::promise::{assert_kept, stated};

const STREAMS: usize = 16;

/// Noise of a power that falls as 1/f^exponent, of unit variance: processes with memories of 1, 2,
/// 4, … samples.
fn coloured(random: &mut Random, length: usize, exponent: f64) -> Vec<f64> {
    let octaves = (length.ilog2() + 1) as usize;
    let weights: Vec<f64> =
        (0..octaves).map(|j| 2f64.powf(j as f64 * (exponent - 1.0) / 2.0)).collect();
    let mut states = vec![0.0; octaves];
    let mut all: Vec<f64> = (0..length)
        .map(|_| {
            let each = states.iter_mut().zip(&weights).enumerate();
            let sum = each.map(|(j, (state, weight))| {
                let pole = 1.0 - 0.5f64.powi(j as i32);
                *state = pole * *state + (1.0 - pole * pole).sqrt() * random.gaussian();
                weight * *state
            });
            sum.sum()
        })
        .collect();
    let mean = all.iter().sum::<f64>() / length as f64;
    let power = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / length as f64;
    all.iter_mut().for_each(|x| *x = (*x - mean) / power.sqrt());
    all
}

/// Detectors of unit white noise that see a common signal with gains of 0.8 to 1.2 and delays of 0
/// to `delays` samples.
fn detectors(common: &[f64], length: usize, delays: usize, random: &mut Random) -> Vec<f64> {
    let mut all = Vec::with_capacity(STREAMS * length);
    for _ in 0..STREAMS {
        let gain = 0.8 + 0.4 * random.below(1 << 20) as f64 / f64::from(1 << 20);
        let delay = random.below(delays + 1);
        let seen = &common[delays - delay..][..length];
        all.extend(seen.iter().map(|c| random.gaussian() + gain * c));
    }
    all
}

fn bits(chunk: &[u8], count: usize) -> f64 {
    8.0 * chunk.len() as f64 / count as f64
}

fn alone<'a>(request: &Request<'a>) -> Request<'a> {
    Request { alone: true, ..request.clone() }
}

#[test]
fn detectors_under_one_sky_cost_little_more_than_their_own_noise() {
    let length = 200_000;
    let mut random = Random::new(11);
    let sets = [
        ("1/f^1.5 of 100 sigma", coloured(&mut random, length, 1.5), 100.0, [9.30, 9.20]),
        ("1/f of 10 sigma", coloured(&mut random, length, 1.0), 10.0, [9.22, 9.15]),
        ("white of 1 sigma", (0..length).map(|_| random.gaussian()).collect(), 1.0, [9.05, 9.02]),
    ];
    for (name, common, size, most) in sets {
        let common: Vec<f64> = common.iter().map(|c| size * c).collect();
        let xs = detectors(&common, length, 0, &mut random);
        let xs: Vec<i32> = xs.iter().map(|x| (100.0 * x).round() as i32).collect();
        for (level, most) in [5, 8].into_iter().zip(most) {
            let request =
                request(dtype_of::<i32>(), streams(STREAMS, length), level, Mode::Lossless);
            let (chunk, back) = round_trip(&xs, &request);
            assert!(back == xs, "{name} at level {level}");
            let bits = bits(&chunk, xs.len());
            assert!(bits <= most, "{name} at level {level}: {bits} bits; at most {most}");
        }
    }
}

#[test]
fn gaps_and_delays_leave_most_of_the_gain() {
    let length = 200_000;
    let mut random = Random::new(12);
    let common = coloured(&mut random, length + 3, 1.5);
    let common: Vec<f64> = common.iter().map(|c| 100.0 * c).collect();
    let mut xs: Vec<f32> =
        detectors(&common, length, 3, &mut random).iter().map(|&x| x as f32).collect();
    for stream in xs.chunks_mut(length) {
        let mut missing = 0;
        while missing * 20 < length {
            let count = 50 + random.below(950);
            let at = random.below(length - count);
            stream[at..at + count].fill(f32::NAN);
            missing += count;
        }
    }
    let quanta = 0.01;
    let request = request(dtype_of::<f32>(), streams(STREAMS, length), 5, Mode::Quanta(quanta));
    let (chunk, back) = round_trip(&xs, &request);
    let (other, _) = round_trip(&xs, &alone(&request));
    for (i, (x, y)) in xs.iter().zip(&back).enumerate() {
        let near = 2.0 * (f64::from(*x) - f64::from(*y)).abs() <= quanta;
        assert!(near || x.to_bits() == y.to_bits(), "sample {i} of {x} became {y}");
    }
    let ratio = chunk.len() as f64 / other.len() as f64;
    assert!(ratio <= 0.85, "{ratio} of the size of streams coded alone");
}

#[test]
fn samples_missing_here_and_there_leave_most_of_the_gain() {
    let length = 100_000;
    let mut random = Random::new(14);
    let common = coloured(&mut random, length, 1.5);
    let common: Vec<f64> = common.iter().map(|c| 100.0 * c).collect();
    let whole: Vec<f32> =
        detectors(&common, length, 0, &mut random).iter().map(|&x| x as f32).collect();
    for missing in [f32::NAN, f32::INFINITY] {
        let mut xs = whole.clone();
        for _ in 0..xs.len() / 100 {
            let at = random.below(xs.len());
            xs[at] = missing;
        }
        for level in [5, 8] {
            let request =
                request(dtype_of::<f32>(), streams(STREAMS, length), level, Mode::Quanta(0.01));
            let (chunk, _) = round_trip(&xs, &request);
            let (other, _) = round_trip(&xs, &alone(&request));
            let ratio = chunk.len() as f64 / other.len() as f64;
            assert!(ratio <= 0.85, "{missing} at level {level}: {ratio} of streams coded alone");
        }
    }
}

#[test]
fn streams_that_share_nothing_cost_what_they_do_alone() {
    let length = 50_000;
    let mut random = Random::new(13);
    let white: Vec<f64> = (0..STREAMS * length).map(|_| random.gaussian()).collect();
    let walks: Vec<f64> =
        (0..STREAMS).flat_map(|_| coloured(&mut random, length, 2.0)).map(|x| 50.0 * x).collect();
    let drifts: Vec<f64> = (0..STREAMS)
        .flat_map(|_| {
            let mut drift = coloured(&mut random, length, 1.5);
            drift.iter_mut().for_each(|x| *x = 20.0 * *x + random.gaussian());
            drift
        })
        .collect();
    for (name, xs) in [("white", white), ("walks", walks), ("drifts", drifts)] {
        let xs: Vec<i32> = xs.iter().map(|x| (100.0 * x) as i32).collect();
        for level in [5, 8] {
            let request =
                request(dtype_of::<i32>(), streams(STREAMS, length), level, Mode::Lossless);
            let (chunk, back) = round_trip(&xs, &request);
            let (other, _) = round_trip(&xs, &alone(&request));
            assert!(back == xs, "{name}");
            let ratio = chunk.len() as f64 / other.len() as f64;
            assert!(ratio <= 1.001, "{name} at level {level}: {ratio}");
        }
    }
}

#[test]
fn level_0_codes_each_stream_alone() {
    let mut random = Random::new(14);
    let common = coloured(&mut random, 20_000, 1.0);
    let xs: Vec<i32> =
        detectors(&common, 20_000, 0, &mut random).iter().map(|x| (100.0 * x) as i32).collect();
    for (level, same) in [(0, true), (1, false), (5, false), (8, false)] {
        let request = request(dtype_of::<i32>(), streams(STREAMS, 20_000), level, Mode::Lossless);
        let (chunk, _) = round_trip(&xs, &request);
        let (other, _) = round_trip(&xs, &alone(&request));
        assert_eq!(chunk == other, same, "level {level}");
    }
}

#[test]
fn dead_and_glitching_streams_do_no_harm() {
    let length = 40_000;
    let mut random = Random::new(15);
    let common: Vec<f64> = coloured(&mut random, length, 1.0).iter().map(|x| 10.0 * x).collect();
    let good: Vec<i32> =
        detectors(&common, length, 0, &mut random).iter().map(|x| (100.0 * x) as i32).collect();
    let size = |xs: &[i32], level| {
        let request = request(dtype_of::<i32>(), streams(STREAMS, length), level, Mode::Lossless);
        let (chunk, back) = round_trip(xs, &request);
        assert!(back == xs);
        let (other, _) = round_trip(xs, &alone(&request));
        (chunk.len(), other.len())
    };
    let mut bad = good.clone();
    // The first is dead, the fourth has bursts, the eighth saturates, the ninth sticks for a while.
    bad[..length].fill(-7);
    for i in 0..200 {
        bad[3 * length + i * 197] = if i % 2 == 0 { i32::MAX } else { i32::MIN };
    }
    bad[7 * length..8 * length].iter_mut().for_each(|x| *x = (*x).clamp(-500, 500));
    bad[8 * length + 5000..8 * length + 30_000].fill(1234);
    for level in [5, 8] {
        let (all, _) = size(&good, level);
        let (chunk, other) = size(&bad, level);
        assert!(chunk < other, "level {level}: {chunk} bytes, {other} alone");
        // Twelve good streams cost as much as before.
        let most = all + all / 16;
        assert!(chunk <= most, "level {level}: {chunk} bytes, and {all} without bad streams");
    }
}

#[test]
fn real_and_imaginary_parts_predict_each_other() {
    let length = 300_000;
    let mut random = Random::new(16);
    let phase = coloured(&mut random, length, 1.5);
    let mut xs = Vec::with_capacity(2 * length);
    for p in &phase {
        // A point on a line through the plane, and noise.
        xs.push((30.0 * p + random.gaussian()) as f32);
        xs.push((-50.0 * p + random.gaussian()) as f32);
    }
    let dtype = Dtype { complex: true, ..dtype_of::<f32>() };
    let request = request(dtype, streams(1, length), 5, Mode::Quanta(0.02));
    let (chunk, back) = round_trip(&xs, &request);
    let (other, _) = round_trip(&xs, &alone(&request));
    let worst = xs.iter().zip(&back).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(worst <= 0.01, "{worst}");
    let ratio = chunk.len() as f64 / other.len() as f64;
    assert!(ratio < 0.97, "{ratio}");
}

#[test]
fn times_and_counters_of_64_bits_take_part_where_they_are_narrow() {
    let length = 30_000;
    let mut random = Random::new(17);
    let common: Vec<f64> = coloured(&mut random, length, 1.0).iter().map(|x| 10.0 * x).collect();
    let xs: Vec<i64> = detectors(&common, length, 0, &mut random)
        .iter()
        .map(|x| 1_700_000_000_000_000_000 + (100.0 * x) as i64)
        .collect();
    let request = request(dtype_of::<i64>(), streams(STREAMS, length), 5, Mode::Lossless);
    let (chunk, back) = round_trip(&xs, &request);
    let (other, _) = round_trip(&xs, &alone(&request));
    assert!(back == xs);
    assert!(chunk.len() * 10 < other.len() * 9, "{} and {} alone", chunk.len(), other.len());
}

#[test]
fn a_fill_value_that_no_sample_has_changes_nothing() {
    let length = 20_000;
    let mut random = Random::new(18);
    let common: Vec<f64> = coloured(&mut random, length, 1.0).iter().map(|x| 10.0 * x).collect();
    // Many samples are 0, which is another number than the fill value.
    let xs: Vec<i32> =
        detectors(&common, length, 0, &mut random).iter().map(|x| (9.0 * x) as i32).collect();
    let fill = (-999_999_i32).to_le_bytes();
    for level in [5, 8] {
        let request = request(dtype_of::<i32>(), streams(STREAMS, length), level, Mode::Lossless);
        let (chunk, _) = round_trip(&xs, &request);
        let (filled, back) = round_trip(&xs, &Request { fill: Some(&fill), ..request });
        assert!(back == xs);
        assert!(chunk == filled, "level {level}: {} bytes, {}", chunk.len(), filled.len());
    }
}

/// Streams of one instrument and some that are not, with what real ones have besides.
fn instrument(seed: u64, count: usize, length: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    let exponent = [0.0, 1.0, 1.5, 2.0][random.below(4)];
    let common = coloured(&mut random, length + 40, exponent);
    let size = 10f64.powi(random.below(4) as i32);
    let mut xs = Vec::with_capacity(count * length);
    for _ in 0..count {
        let scale = 10f64.powi(random.below(5) as i32 - 1);
        let gain = if random.below(4) == 0 { 0.0 } else { size * random.gaussian() };
        let delay = random.below(40);
        let offset = [0.0, 0.0, 1e4, -3e7][random.below(4)];
        let from = xs.len();
        let seen = &common[delay..delay + length];
        xs.extend(seen.iter().map(|c| offset + scale * (random.gaussian() + gain * c)));
        let stream = &mut xs[from..];
        for _ in 0..[0, 0, 3, 30][random.below(4)] {
            let count = 1 + random.below(length / 40);
            let at = random.below(length - count);
            let value = [f64::NAN, 0.0, -999.0, f64::INFINITY, 1e30, offset][random.below(6)];
            stream[at..at + count].fill(value);
        }
        match random.below(8) {
            0 => stream.fill(3.0),
            1 => stream[length - length / 3..].fill(0.0),
            2 => stream.iter_mut().step_by(401).for_each(|x| *x *= -1000.0),
            _ => {}
        }
    }
    xs
}

fn check<T: Sample>(xs: &[f64], shape: Shape, complex: bool, params: Params) {
    let xs: Vec<T> = if T::FLOAT {
        xs.iter().map(|&x| T::from_f64(x)).collect()
    } else {
        xs.iter().map(|&x| T::from_ordered(x as i64)).collect()
    };
    let dtype = Dtype { complex, ..dtype_of::<T>() };
    let request = Request { params, ..request(dtype, shape, params.level, params.mode) };
    let what = format!("{params:?}");
    let bytes = raw(&xs, dtype.order);
    let chunk = compress(&bytes, &request).unwrap().into_vec();
    for threads in [2, 3] {
        let again = compress(&bytes, &Request { threads, ..request.clone() }).unwrap().into_vec();
        assert!(again == chunk, "{what}: other bytes on {threads} threads");
    }
    let decoded = decompress(&chunk, bytes.len(), &Options::default()).unwrap();
    let back: Vec<T> = samples(&decoded, dtype.order);
    assert_kept(&xs, &back, &request, &what);
    if !params.dither {
        // Each stream keeps its own steps, whatever predicts it, unless exactly is smaller.
        let (_, by_itself) = round_trip(&xs, &alone(&request));
        for ((x, y), z) in xs.iter().zip(&back).zip(&by_itself) {
            let (x, y, z) = (x.bits(), y.bits(), z.bits());
            assert!(y == z || y == x || z == x, "{what}: {x:?} became {y:?}, alone {z:?}");
        }
    }
    if !params.dither && stated(params.mode).is_finite() {
        let (_, twice) = round_trip(&back, &request);
        assert_kept(&back, &twice, &request, &what);
        // What was kept exactly may be reached by the grid the second time.
        let rounded = xs.iter().zip(&back).zip(&twice).filter(|((x, y), _)| x.bits() != y.bits());
        for ((x, y), z) in rounded {
            assert!(y.bits() == z.bits(), "{what}: {x:?} became {y:?}, then {z:?}");
        }
    }
    let options = Options { threads: 3, ..Options::default() };
    assert!(decompress(&chunk, bytes.len(), &options).unwrap() == decoded, "on three threads");
    // Any part is the same slice.
    let mut random = Random::new(chunk.len() as u64);
    let size = dtype.element_size();
    for _ in 0..6 {
        let first = random.below(shape.length);
        let samples = first..first + 1 + random.below(shape.length - first);
        let stream = random.below(shape.streams());
        let selection = Selection { streams: Some(&[stream]), samples: samples.clone() };
        let part = decompress_streams(&chunk, &selection, bytes.len(), &options).unwrap();
        let (outer, inner) = (stream / shape.inner, stream % shape.inner);
        let expected: Vec<u8> = samples
            .clone()
            .flat_map(|i| {
                let at = ((outer * shape.length + i) * shape.inner + inner) * size;
                decoded[at..at + size].iter().copied()
            })
            .collect();
        assert!(part == expected, "samples {samples:?} of stream {stream}");
    }
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Lossless),
        (-3..3_i32).prop_map(|n| Mode::Quanta(2_f64.powi(n))),
        (1_u32..20, 0_u32..3).prop_map(|(numerator, power)| Mode::Decimal { numerator, power }),
        (1_u32..5).prop_map(Mode::Precision),
        (0.1..50.0).prop_map(Mode::Noise),
    ]
}

fn takes_dither(mode: Mode) -> bool {
    !matches!(mode, Mode::Lossless | Mode::Decimal { .. })
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn streams_of_any_instrument_come_back(
        seed in any::<u64>(), count in 2..9_usize, length in 1024..6000_usize,
        interleaved in any::<bool>(), level in prop_oneof![Just(5_u32), Just(8)],
        modes in (modes(), modes(), modes()), dither in any::<bool>(),
    ) {
        let count = 2 * count;
        let xs = instrument(seed, count, length);
        let shape = |count| {
            if interleaved {
                Shape { outer: 1, length, inner: count }
            } else {
                streams(count, length)
            }
        };
        let arranged: Vec<f64> = if interleaved {
            (0..count * length).map(|i| xs[i % count * length + i / count]).collect()
        } else {
            xs.clone()
        };
        // What level 5 looks at is longer than this; levels 6 to 8 look at any.
        let lossless = |level| Params { level, ..Params::default() };
        let lossy = |mode| {
            let dither = dither && takes_dither(mode);
            Params { level: 8, mode, dither, ..Params::default() }
        };
        check::<i32>(&arranged, shape(count), false, lossless(level));
        check::<i16>(&arranged, shape(count), false, lossless(8));
        check::<u64>(&arranged, shape(count), false, lossless(8));
        check::<f64>(&arranged, shape(count), false, lossless(level));
        check::<f32>(&arranged, shape(count), false, lossy(modes.0));
        check::<f64>(&arranged, shape(count), false, lossy(modes.1));
        let halves = Shape { outer: count / 2, length, inner: 1 };
        check::<f32>(&xs, halves, true, lossy(modes.2));
    }
}

#[test]
fn long_streams_in_several_segments_come_back() {
    for seed in 0..4 {
        let (count, length) = (5, 200_000);
        let xs = instrument(seed, count, length);
        let params = |level, mode| Params { level, mode, ..Params::default() };
        let shape = streams(count, length);
        check::<i32>(&xs, shape, false, params(5, Mode::Lossless));
        check::<f32>(&xs, shape, false, params(5, Mode::Quanta(0.01)));
        check::<f32>(&xs, shape, false, params(8, Mode::Quanta(0.5)));
    }
}
