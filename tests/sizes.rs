//! Promise: sizes stay where they were measured. Seeds are fixed; limits are bits per sample.

mod support;

use h5flac::chunk::{MOST_OVERHEAD, Request};
use h5flac::sample::Sample;
use h5flac::{Mode, compress};
use std::path::Path;
use support::chunk::{Random, dtype_of, raw, request, round_trip, streams};

/// Bytes of a chunk of `count` streams.
fn size<T: Sample>(xs: &[T], count: usize, level: u32, mode: Mode) -> usize {
    let shape = streams(count, xs.len() / count);
    let request: Request<'_> = request(dtype_of::<T>(), shape, level, mode);
    compress(&raw(xs, request.dtype.order), &request).unwrap().len()
}

/// Bits per sample at level 5.
fn bits<T: Sample>(xs: &[T], count: usize, mode: Mode) -> f64 {
    8.0 * size(xs, count, 5, mode) as f64 / xs.len() as f64
}

fn noise(count: usize) -> Vec<f64> {
    let mut random = Random::new(1);
    (0..count).map(|_| random.gaussian()).collect()
}

fn map<T>(xs: &[f64], each: impl FnMut(&f64) -> T) -> Vec<T> {
    xs.iter().map(each).collect()
}

#[test]
fn noise_costs_what_its_entropy_says() {
    let noise = noise(400_000);
    let check = |what: &str, found: f64, most: f64| {
        assert!(found <= most, "{what}: {found:.3} bits per sample, at most {most} were expected");
    };
    let quanta = Mode::Quanta(0.01);
    check("float32", bits(&map(&noise, |&x| x as f32), 4, quanta), 8.83);
    let long = bits(&noise, 4, quanta);
    check("float64", long, 8.83);
    check("streams of 100", bits(&noise, 4000, quanta), 1.2 * long);
    let hundreds = |x: &f64| 100 * (100.0 * x).round() as i64;
    let int64 = bits(&map(&noise, hundreds), 4, Mode::Lossless);
    let int32 = bits(&map(&noise, |x| hundreds(x) as i32), 4, Mode::Lossless);
    check("int32", int32, 8.83);
    check("int64", int64, int32 + 0.01);
    let counts = map(&noise, |x| ((100.0 * x).round() * 0.305_175_7) as f32);
    check("counts", bits(&counts, 4, Mode::Lossless), 8.9);
    let times = (1..).zip(&noise).map(|(i, x)| 5_000_000 * i + (1000.0 * x) as i64);
    let times: Vec<i64> = times.map(|t| 1_700_000_000_000_000_000 + t).collect();
    check("times", bits(&times, 4, Mode::Lossless), 13.0);
}

/// Counts times a factor, within errors that are multiples of half of it: many lie half a step from
/// two multiples of an even step, which rounding puts beyond the bound.
fn check_counts<T: Sample>(factor: f64) {
    let counts = |x: &f64| T::from_f64((20.0 * x).round() as i64 as f64 * factor);
    let xs = map(&noise(200_000), counts);
    let lossless = bits(&xs, 1, Mode::Lossless);
    assert!(lossless <= 6.6, "{factor}: {lossless:.3} bits per sample");
    for times in 1..=8 {
        let found = bits(&xs, 1, Mode::Quanta(f64::from(times) * factor));
        assert!(found <= lossless + 0.02, "{times} times {factor}: {found:.3}, not {lossless:.3}");
    }
}

#[test]
fn counts_cost_no_more_within_an_error_than_without() {
    for factor in [0.1, 0.01, 0.037, 0.305_175_7, 1.0, 0.125] {
        check_counts::<f32>(factor);
        check_counts::<f64>(factor);
    }
}

#[test]
fn lossless_noise_about_zero_costs_little_more_than_its_digits() {
    // Of normal numbers sign and exponent take three to four bits, all of the mantissa its length.
    let noise = noise(200_000);
    let halves = bits(&map(&noise, |&x| half::f16::from_f64(x)), 1, Mode::Lossless);
    let singles = bits(&map(&noise, |&x| x as f32), 1, Mode::Lossless);
    let doubles = bits(&noise, 1, Mode::Lossless);
    let wide = bits(&map(&noise, |&x| 1e3 * x.powi(3)), 1, Mode::Lossless);
    for (found, most) in [(halves, 13.8), (singles, 26.8), (doubles, 55.8), (wide, 57.8)] {
        assert!(found <= most, "{found:.3} bits per sample, at most {most} were expected");
    }
}

#[test]
fn lossless_floats_cost_their_noise() {
    // A sine with noise of a thousandth, which is 16 bits of single precision about its largest values, and
    // fewer, by one for each power of two, where it is smaller.
    let noise = noise(200_000);
    let sine: Vec<f64> =
        noise.iter().enumerate().map(|(i, x)| (i as f64 / 50.0).sin() + 1e-3 * x).collect();
    let check = |what: &str, found: f64, most: f64| {
        assert!(found <= most, "{what}: {found:.3} bits per sample, at most {most} were expected");
    };
    let singles = map(&sine, |&x| x as f32);
    check("float16", bits(&map(&sine, |&x| half::f16::from_f64(x)), 1, Mode::Lossless), 4.6);
    check("float32", bits(&singles, 1, Mode::Lossless), 17.2);
    check("float64", bits(&sine, 1, Mode::Lossless), 46.2);
    let mut glitches = singles.clone();
    glitches.iter_mut().step_by(5000).for_each(|x| *x = -1e30);
    check("glitches", bits(&glitches, 1, Mode::Lossless), 17.6);
    let mut zeros = singles;
    zeros.iter_mut().step_by(3).for_each(|x| *x = 0.0);
    check("zeros", bits(&zeros, 1, Mode::Lossless), 25.0);
    // One predicts the other.
    let twice = [&glitches[..], &glitches[..]].concat();
    check("twice", bits(&twice, 2, Mode::Lossless), 10.8);
}

#[test]
fn constant_and_missing_streams_cost_a_few_bytes() {
    for count in [1, 100] {
        let most = 60 + 8 * count;
        for mode in [Mode::Lossless, Mode::Quanta(0.01), Mode::Noise(8.0)] {
            for x in [0.0, 2.25, 0.1, f64::NAN, f64::INFINITY] {
                let found = size(&vec![x; 100_000], count, 5, mode);
                assert!(found <= most, "{count} streams of {x}, {mode:?}: {found} bytes");
            }
        }
        let found = size(&vec![-77_i32; 100_000], count, 5, Mode::Lossless);
        assert!(found <= most, "{count} streams of -77: {found} bytes");
    }
}

#[test]
fn nothing_grows_beyond_the_stated_overhead() {
    let mut random = Random::new(2);
    for length in [1, 2, 10, 100, 1000, 100_000] {
        let bits: Vec<u64> = (0..length).map(|_| random.bits()).collect();
        for count in [1, length] {
            for mode in [Mode::Lossless, Mode::Quanta(1e-3)] {
                let doubles: Vec<f64> = bits.iter().map(|&b| f64::from_bits(b)).collect();
                let bytes: Vec<u8> = bits.iter().map(|&b| b as u8).collect();
                assert!(size(&doubles, count, 5, mode) <= 8 * length + MOST_OVERHEAD);
                assert!(size(&bytes, count, 5, mode) <= length + MOST_OVERHEAD);
            }
            assert!(size(&bits, count, 5, Mode::Lossless) <= 8 * length + MOST_OVERHEAD);
        }
    }
}

/// Samples of a recording: what follows the header of 128 bytes.
fn recording<T: Sample>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01\0\x76\0"), "{name} has another header");
    support::chunk::samples(&bytes[128..], dtype_of::<T>().order)
}

fn check_recording<T: Sample>(name: &str, limits: [f64; 2]) {
    let xs = recording::<T>(name);
    let found =
        [5, 8].map(|level| 8.0 * size(&xs, 1, level, Mode::Lossless) as f64 / xs.len() as f64);
    assert!(found[0] <= limits[0] && found[1] <= limits[1], "{name}: {found:.4?}, {limits:?}");
    assert!(found[1] <= found[0], "{name}: level 8 is larger than level 5: {found:?}");
}

#[test]
fn recordings_cost_what_they_did() {
    // As measured, and one part in a hundred.
    check_recording::<u16>("ecg.npy", [4.551, 4.514]);
    check_recording::<i32>("grasshopper.npy", [6.120, 5.753]);
    check_recording::<i16>("hiss.npy", [7.746, 7.730]);
}

/// A recording cut into streams, which are as alike as streams that share nothing can be.
fn check_pieces<T: Sample>(name: &str) {
    let xs: Vec<T> = recording(name);
    for count in [2, 3, 5, 8] {
        let xs = &xs[..xs.len() / count * count];
        let together =
            request(dtype_of::<T>(), streams(count, xs.len() / count), 8, Mode::Lossless);
        let alone = Request { alone: true, ..together.clone() };
        let [together, alone] =
            [together, alone].map(|request| round_trip(xs, &request).0.len() as f64);
        assert!(together <= 1.001 * alone, "{name} in {count}: {} times", together / alone);
    }
}

#[test]
fn pieces_of_a_recording_cost_what_they_do_alone() {
    check_pieces::<u16>("ecg.npy");
    check_pieces::<i32>("grasshopper.npy");
    check_pieces::<i16>("hiss.npy");
}
