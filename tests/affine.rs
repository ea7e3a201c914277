//! Promise: values that others quantized to step·n + offset come back bit for bit, whatever the
//! numbers, and cost no more than their integers.

mod support;

use h5flac::chunk::{Coding, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, Head, Mode, Shape, compress};
use proptest::prelude::*;
use support::chunk::{Random, assert_same, dtype_of, request, round_trip, streams};
use support::effort::cases;

/// A float type whose own arithmetic rounds each operation once.
trait Float: Sample {
    fn value(n: i64, step: Self, offset: Self) -> Self;
}

macro_rules! float {
    ($($t:ty)*) => {$(
        impl Float for $t {
            fn value(n: i64, step: Self, offset: Self) -> Self { step * n as $t + offset }
        }
    )*};
}
float!(f32 f64);

/// Integers that may be hard: at the limits of types, of few or many bits, smooth, or all these.
fn integers() -> impl Strategy<Value = Vec<i64>> {
    let limits = [i32::MAX.into(), i32::MIN.into(), i64::MAX, i64::MIN, 1 << 24, 1 << 53, 0, -1];
    let mixed = (any::<i64>(), 0..64_u32).prop_map(|(n, shift)| n >> shift);
    let near = (prop::sample::select(limits.to_vec()), -3..=3_i64)
        .prop_map(|(limit, more)| limit.saturating_add(more));
    let smooth = (any::<u64>(), 0..56_u32, 1..400_usize).prop_map(|(seed, bits, length)| {
        let mut random = Random::new(seed);
        let mut at = 0.0;
        let scale = (1_u64 << bits) as f64;
        let mut next = || {
            at += random.gaussian();
            (at * scale) as i64
        };
        (0..length).map(|_| next()).collect()
    });
    prop_oneof![
        prop::collection::vec(mixed, 1..300),
        prop::collection::vec(near, 1..300),
        smooth,
        any::<i32>().prop_map(|n| vec![n.into(); 100]),
    ]
}

/// Steps from the smallest to the largest that a type has.
fn numbers() -> impl Strategy<Value = f64> {
    let wild = (-310..308_i32, 1.0..10_f64).prop_map(|(power, x)| x * 10_f64.powi(power));
    let gain = (1e-9..1e9_f64).prop_map(|gain| 1.0 / gain);
    prop_oneof![wild, gain, Just(1.0), Just(f64::MIN_POSITIVE), Just(f64::from(f32::MIN_POSITIVE))]
}

fn check<T: Float>(
    integers: &[i64],
    numbers: &[(f64, f64)],
    order: ByteOrder,
    complex: bool,
    level: u32,
) {
    let numbers: Vec<(T, T)> =
        numbers.iter().map(|&(step, offset)| (T::from_f64(step), T::from_f64(offset))).collect();
    let is_fine = |&(step, offset): &(T, T)| {
        step.to_f64().is_normal() && step.is_finite() && offset.is_finite()
    };
    if !numbers.iter().all(is_fine) {
        return;
    }
    let length = integers.len();
    let sides = 1 + usize::from(complex);
    let values = numbers.iter().flat_map(|&(step, offset)| {
        integers.iter().flat_map(move |&n| vec![T::value(n, step, offset); sides])
    });
    let values: Vec<T> = values.collect();
    let affine: Vec<(f64, f64)> = numbers.iter().map(|(s, o)| (s.to_f64(), o.to_f64())).collect();
    let dtype = Dtype { order, complex, ..dtype_of::<T>() };
    let request = Request {
        affine: Some(&affine),
        ..request(dtype, streams(numbers.len(), length), level, Mode::Lossless)
    };
    let (_, back) = round_trip(&values, &request);
    assert_same(&back, &values, &format!("{integers:?}, {affine:?}, {request:?}"));
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn every_value_comes_back(
        integers in integers(),
        numbers in prop::collection::vec((numbers(), -1.0..1.0_f64, numbers()), 1..4),
        far in any::<bool>(),
        big in any::<bool>(),
        complex in any::<bool>(),
        level in 0..=8_u32,
    ) {
        let numbers: Vec<(f64, f64)> = numbers
            .iter()
            // An offset of some thousand steps, or of any size.
            .map(|&(step, at, offset)| (step, if far { at * offset } else { at * 1e4 * step }))
            .collect();
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        check::<f32>(&integers, &numbers, order, complex, level);
        check::<f64>(&integers, &numbers, order, complex, level);
    }
}

/// Integers with a drift, of about so many bits.
fn drifting(bits: u32, length: usize, random: &mut Random) -> Vec<i64> {
    let half = (1_u64 << (bits - 1)) as f64;
    let at = |i: usize, noise: f64| half * 0.9 * ((i as f64 / 200.0).sin() + 0.001 * noise);
    (0..length).map(|i| at(i, random.gaussian().clamp(-9.0, 9.0)) as i64).collect()
}

/// The chunk of values, at an offset of so many steps, and that of their integers.
fn sizes<T: Float, N: Sample>(bits: u32, at: f64) -> (Vec<u8>, usize) {
    const LENGTH: usize = 20_000;
    let n = drifting(bits, LENGTH, &mut Random::new(u64::from(bits)));
    let step = T::from_f64(1.0 / 300.7);
    let offset = T::from_f64(at * step.to_f64());
    let values: Vec<T> = n.iter().map(|&n| T::value(n, step, offset)).collect();
    let affine = [(step.to_f64(), offset.to_f64())];
    let shape = streams(1, LENGTH);
    let of_values = request(dtype_of::<T>(), shape, 5, Mode::Lossless);
    let of_values = Request { affine: Some(&affine), ..of_values };
    let (chunk, back) = round_trip(&values, &of_values);
    assert_same(&back, &values, &format!("{bits} bits at {at} steps"));
    let n: Vec<N> = n.iter().map(|&n| N::from_ordered(n)).collect();
    let of_integers = request(dtype_of::<N>(), shape, 5, Mode::Lossless);
    (chunk, round_trip(&n, &of_integers).0.len())
}

#[test]
fn values_cost_no_more_than_their_integers() {
    // At a large offset several integers share a value, and beyond the bits of a mantissa too.
    let cases = [10, 16, 24, 26, 31].map(|bits| (bits, true));
    let wide = [20, 31, 45, 53, 58, 62].map(|bits| (bits, false));
    for (bits, single) in cases.into_iter().chain(wide) {
        for at in [0.0, 5000.3, -1e6, 1e9] {
            let sizes = if single { sizes::<f32, i32> } else { sizes::<f64, i64> };
            let (chunk, integers) = sizes(bits, at);
            let most = integers + integers / 100 + 40;
            assert!(chunk.len() <= most, "{bits} bits at {at}: {} over {integers}", chunk.len());
            if at == 0.0 {
                let info = Head::parse(&chunk).unwrap().inspect(&chunk, 0).unwrap();
                assert_eq!((info.coding, info.exceptions), (Coding::Affine, 0), "{bits} bits");
            }
        }
    }
}

#[test]
fn what_is_no_such_value_comes_back_too() {
    let mut random = Random::new(3);
    let mut values: Vec<f64> =
        drifting(12, 9000, &mut random).iter().map(|&n| f64::value(n, 0.1, 3.0)).collect();
    // A gap, glitches, and a stretch on no grid: of those, exceptions.
    values[1000..1500].fill(f64::NAN);
    values[2000] = f64::INFINITY;
    values[2001] = -0.0;
    values[2002] = 1e300;
    values[3000..3050].iter_mut().for_each(|x| *x += random.uniform());
    let noise: Vec<f64> = (0..9000).map(|_| random.gaussian()).collect();
    let values = [values, noise].concat();
    let request = Request {
        affine: Some(&[(0.1, 3.0), (0.1, 3.0)]),
        ..request(dtype_of::<f64>(), streams(2, 9000), 5, Mode::Lossless)
    };
    let (chunk, back) = round_trip(&values, &request);
    assert_same(&back, &values, "odd values");
    let head = Head::parse(&chunk).unwrap();
    let [first, second] = [0, 1].map(|i| head.inspect(&chunk, i).unwrap());
    assert_eq!(first.coding, Coding::Affine);
    assert!((553..560).contains(&first.exceptions), "{}", first.exceptions);
    assert_eq!(second.coding, Coding::Lossless);
    let (plain, _) = round_trip(&values, &Request { affine: None, ..request });
    assert!(chunk.len() < plain.len());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let shape = Shape { outer: 2, length: 50, inner: 1 };
    let cases: [(&[(f64, f64)], &str); 5] = [
        (&[(1.0, 0.0)], "1 steps and offsets for 2 streams"),
        (&[(1.0, 0.0), (0.0, 0.0)], "stream 1: step is 0"),
        (&[(-1.0, 0.0), (1.0, 0.0)], "stream 0: step is -1"),
        (&[(1.0, 0.0), (1.0, f64::NAN)], "stream 1: offset is NaN"),
        (&[(1.0, f64::INFINITY), (1.0, 0.0)], "stream 0: offset is inf"),
    ];
    for (affine, expected) in cases {
        let request = Request {
            affine: Some(affine),
            ..request(dtype_of::<f32>(), shape, 5, Mode::Lossless)
        };
        let error = compress(&[0; 400], &request).err().expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
