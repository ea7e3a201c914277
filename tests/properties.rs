//! Promise: whatever the type, layout, params and samples, the bound holds, and what is lossless,
//! not finite or the fill value comes back bit for bit; statistics are of the samples that count.

mod support;

use h5flac::chunk::{MOST_OVERHEAD, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, Mode, Shape, compress};
use half::f16;
use proptest::prelude::*;
use support::adversary::{Nature, Recipe, recipes};
use support::chunk::{Random, dtype_of, raw, request, round_trip, streams};
use support::effort::{cases, times};
use support::index::{Index, KIND, PARAMETER};

/// Samples that a statistic needs.
const FEWEST: usize = 16;

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Lossless),
        (-307_i32..=300).prop_map(|n| Mode::Quanta(10_f64.powi(n))),
        (1e-6..1e6).prop_map(Mode::Quanta),
        (1_u32.., 0_u32..=22).prop_map(|(numerator, power)| Mode::Decimal { numerator, power }),
        (1_u32..1000, 0_u32..6).prop_map(|(numerator, power)| Mode::Decimal { numerator, power }),
        (1_u32..=17).prop_map(Mode::Precision),
        (1e-3..1e3).prop_map(Mode::Noise),
    ]
}

/// The step where the mode states it; else 0 for lossless, and none where it is estimated.
fn stated(mode: Mode) -> Option<f64> {
    match mode {
        Mode::Lossless => Some(0.0),
        Mode::Quanta(quanta) => Some(quanta),
        Mode::Decimal { numerator, power } => {
            Some(f64::from(numerator) / 10_f64.powi(power as i32))
        }
        Mode::Precision(_) | Mode::Noise(_) => None,
    }
}

/// Whether 2·|y − x| ≤ step, without rounding: an exact difference is a rounded one and what that
/// leaves (two-sum).
fn within<T: Sample>(x: T, y: T, step: f64) -> bool {
    let (x, y) = (x.to_f64(), y.to_f64());
    let d = y - x;
    let back = d - y;
    let low = (y - (d - back)) - (x + back);
    let low = if d < 0.0 { -low } else { low };
    y.is_finite() && (2.0 * d.abs() < step || 2.0 * d.abs() == step && low <= 0.0)
}

/// The components of a stream, in order.
fn stream<T: Sample>(xs: &[T], shape: Shape, components: usize, index: usize) -> Vec<T> {
    let side = shape.inner * components;
    let first = index / side * shape.length * side + index % side;
    xs[first..].iter().step_by(side).take(shape.length).copied().collect()
}

fn is_same<T: Sample>(xs: &[T], ys: &[T]) -> bool {
    xs.iter().zip(ys).all(|(x, y)| x.bits() == y.bits())
}

/// The step of the grid of a chunk's stream; 0 where it has none.
fn step(index: &Index, stream: usize) -> f64 {
    let Some(kind) = index.columns[KIND].get(stream) else { return 0.0 };
    let parameter = index.columns[PARAMETER][stream];
    match kind & 15 {
        1 | 3 => f64::from_bits(parameter.reverse_bits()),
        2 => (parameter as u32) as f64 / 10_f64.powi((parameter >> 32) as i32),
        _ => 0.0,
    }
}

/// Runs of the samples of a stream that enter statistics: up to its padding, finite, no fill value.
fn valid<T: Sample>(xs: &[T], fill: Option<u64>) -> Vec<Vec<f64>> {
    let padding = fill.unwrap_or(0);
    let used = xs.iter().rposition(|x| x.bits() != padding).map_or(0, |last| last + 1);
    let runs = xs[..used].split(|x| !x.is_finite() || Some(x.bits()) == fill);
    runs.map(|run| run.iter().map(|x| x.to_f64()).collect()).collect()
}

/// The largest step that the mode's definition allows of these; 0 where they are too few.
fn estimate(runs: &[Vec<f64>], mode: Mode) -> f64 {
    let all = runs.concat();
    if all.len() < FEWEST {
        return 0.0;
    }
    match mode {
        Mode::Precision(digits) => {
            let largest = all.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            let count = all.len() as f64;
            let scaled: Vec<f64> = all.iter().map(|x| x / largest).collect();
            let mean = scaled.iter().sum::<f64>() / count;
            let square = scaled.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            square.sqrt() * largest / 10_f64.powi(digits as i32)
        }
        Mode::Noise(q) => {
            let windows = runs.iter().flat_map(|run| run.windows(5));
            let mut third: Vec<f64> = windows.map(|x| (2.0 * x[2] - x[0] - x[4]).abs()).collect();
            third.sort_by(f64::total_cmp);
            let median = third.get(third.len().saturating_sub(1) / 2).copied();
            0.605_269_7 * median.unwrap_or(0.0) / q
        }
        _ => unreachable!("the mode states its step"),
    }
}

/// A fill value, if the recipe wants one: one of the samples, for all components.
fn fill<T: Sample>(recipe: &Recipe, xs: &[T]) -> Option<T> {
    let any = xs[recipe.seed as usize % xs.len()];
    recipe.seed.is_multiple_of(3).then_some(any)
}

/// One element of a type whose components are all this sample.
fn element<T: Sample>(x: T, dtype: Dtype) -> Vec<u8> {
    raw(&vec![x; dtype.components()], dtype.order)
}

fn check<T: Sample>(recipe: &Recipe, request: &Request<'_>) {
    let Request { dtype, shape, params, .. } = *request;
    let mode = params.mode;
    let count = shape.elements().unwrap() * dtype.components();
    let xs: Vec<T> = recipe.samples(count, stated(mode).filter(|&s| s > 0.0).unwrap_or(0.1));
    let fill = fill(recipe, &xs);
    let bytes_of_fill = fill.map(|x| element(x, dtype));
    let request = Request { fill: bytes_of_fill.as_deref(), ..request.clone() };
    let what = format!("{recipe:?}, {request:?}");
    let (chunk, back) = round_trip(&xs, &request);
    assert!(chunk.len() <= count * T::SIZE + MOST_OVERHEAD, "{what}: {} bytes", chunk.len());
    let threads = Request { threads: 3, ..request.clone() };
    let again = compress(&raw(&xs, dtype.order), &threads).unwrap().into_vec();
    assert!(again == chunk, "{what}: other bytes with 3 threads");

    let index = Index::of(&chunk);
    let fill = fill.map(Sample::bits);
    for s in 0..shape.streams() * dtype.components() {
        let [xs, ys] = [&xs, &back].map(|all| stream(all, shape, dtype.components(), s));
        if is_same(&xs, &ys) {
            continue;
        }
        let lossy = T::FLOAT && mode != Mode::Lossless;
        let step = if lossy { step(&index, s) } else { 0.0 };
        let most = stated(mode).unwrap_or_else(|| {
            // One that was found may be coarser than the estimate.
            let coarser = if params.dither { 1.0 } else { 4.0 };
            coarser * estimate(&valid(&xs, fill), mode) * (1.0 + 1e-9)
        });
        assert!(step <= most, "{what}: stream {s} has a step of {step:e}; at most {most:e}");
        for (i, (&x, &y)) in xs.iter().zip(&ys).enumerate() {
            let must = !lossy || !x.is_finite() || Some(x.bits()) == fill;
            let kept = x.bits() == y.bits() || !must && within(x, y, step);
            assert!(kept, "{what}: stream {s}, sample {i}, {x:?} became {y:?}; step {step:e}");
        }
    }

    if T::FLOAT && !params.dither && stated(mode).is_some() {
        let (_, twice) = round_trip(&back, &request);
        let step = stated(mode).unwrap();
        for (i, ((&x, &y), &z)) in xs.iter().zip(&back).zip(&twice).enumerate() {
            // What was kept exactly may be reached by the grid now.
            let reached = x.bits() == y.bits() && within(y, z, step);
            let same = y.bits() == z.bits();
            assert!(same || reached, "{what}: sample {i}, {x:?} became {y:?}, then {z:?}");
        }
    }
}

type Check = fn(&Recipe, &dyn Fn(Dtype) -> Request<'static>);

/// [`check`] for all types, the floats last.
const CHECKS: [Check; 11] = {
    macro_rules! check_as {
        ($($t:ty)*) => {[$(|recipe, change| check::<$t>(recipe, &change(dtype_of::<$t>()))),*]};
    }
    check_as!(i8 u8 i16 u16 i32 u32 i64 u64 f16 f32 f64)
};

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn every_bound_holds(
        recipe in recipes(),
        mode in modes(),
        level in 0_u32..=8,
        dither in any::<bool>(),
        layout in (1_usize..5, prop_oneof![1_usize..40, 1_usize..400], 1_usize..5),
        // Floats rather than integers, which are lossless.
        kind in prop_oneof![1 => 0_usize..8, 4 => 8_usize..11],
        big in any::<bool>(),
        complex in any::<bool>(),
    ) {
        let (outer, length, inner) = layout;
        CHECKS[kind](&recipe, &|dtype| {
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let dtype = Dtype { order, complex: complex && kind > 7, ..dtype };
            let mut request = request(dtype, Shape { outer, length, inner }, level, mode);
            let allowed = !matches!(mode, Mode::Lossless | Mode::Decimal { .. });
            request.params.dither = dither && allowed;
            request
        });
    }
}

/// Steps of streams, and of the same with padding behind them; how many are compared.
fn check_padding<T: Sample>(random: &mut Random, mode: Mode, defined: bool) -> usize {
    let (length, more) = (FEWEST + random.below(300), 1 + random.below(700));
    let recipe = Recipe {
        seed: random.bits(),
        natures: vec![Nature::Noise { centre: 10.0 * random.gaussian(), scale: random.uniform() }],
        rare: 3 + random.below(500),
    };
    let padding = T::from_f64([0.0, 777.0, f64::NAN][if defined { random.below(3) } else { 0 }]);
    let mut xs: Vec<T> = recipe.samples(2 * length, 0.1);
    // No sample is padding, and all are numbers of a size.
    for x in &mut xs {
        let counts = (-1e4..1e4).contains(&x.to_f64()) && x.bits() != padding.bits();
        *x = if counts { *x } else { T::from_f64(1.5) };
    }
    let padded: Vec<T> =
        xs.chunks(length).flat_map(|xs| xs.iter().copied().chain(vec![padding; more])).collect();
    let element = element(padding, dtype_of::<T>());
    let steps = |xs: &[T]| {
        let fill = defined.then_some(&element[..]);
        let shape = streams(2, xs.len() / 2);
        let request = Request { fill, ..request(dtype_of::<T>(), shape, 5, mode) };
        let (chunk, back) = round_trip(xs, &request);
        let index = Index::of(&chunk);
        [0, 1].map(|s| {
            let [xs, ys] = [xs, &back].map(|all| stream(all, shape, 1, s));
            (!is_same(&xs, &ys)).then(|| step(&index, s))
        })
    };
    // Whether rounding pays may depend on the length.
    let pairs = steps(&xs).into_iter().zip(steps(&padded));
    let rounded = pairs.filter_map(|(plain, padded)| Some((plain?, padded?)));
    rounded.map(|(a, b)| assert_eq!(a, b, "{recipe:?}, {padding:?}, {mode:?}")).count()
}

#[test]
fn padding_is_in_no_statistic() {
    let mut random = Random::new(5);
    let mut compared = 0;
    for _ in 0..60 * times() {
        let digits = Mode::Precision(1 + random.below(3) as u32);
        for mode in [digits, Mode::Noise(0.5 + 20.0 * random.uniform())] {
            for defined in [false, true] {
                compared += check_padding::<f32>(&mut random, mode, defined);
                compared += check_padding::<f64>(&mut random, mode, defined);
            }
        }
    }
    assert!(compared > 300 * times(), "{compared} steps compared");
}
