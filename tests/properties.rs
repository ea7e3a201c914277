//! Promise: whatever the type, layout, params and samples, the bound holds, and what is lossless
//! or not finite comes back bit for bit.

mod support;

use h5flac::chunk::{MOST_OVERHEAD, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, Mode, Shape};
use half::f16;
use proptest::prelude::*;
use support::chunk::{Random, dtype_of, request, round_trip};
use support::promise::assert_kept;

/// How samples are made of random numbers.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    seed: u64,
    /// Deviation of the noise, and what it lies about.
    scale: f64,
    centre: f64,
    /// One sample in so many has any bits, or is special.
    rare: usize,
}

impl Recipe {
    fn samples<T: Sample>(self, count: usize) -> Vec<T> {
        let mut random = Random::new(self.seed);
        let specials = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, 5e-324, 1e-310];
        let each = |_| match random.below(self.rare) {
            0 => T::from_bits(random.bits()),
            1 => T::from_f64(specials[random.below(specials.len())]),
            2 => T::from_ordered(random.bits() as i64 >> 58),
            _ => T::from_f64(self.centre + self.scale * random.gaussian()),
        };
        (0..count).map(each).collect()
    }
}

fn recipes() -> impl Strategy<Value = Recipe> {
    (any::<u64>(), -300_i32..300, -300_i32..300, any::<bool>(), 3_usize..2000).prop_map(
        |(seed, scale, centre, mild, rare)| {
            let power = |n: i32| 10_f64.powi(if mild { n / 60 } else { n });
            Recipe { seed, scale: power(scale), centre: power(centre), rare }
        },
    )
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Lossless),
        (-307_i32..300).prop_map(|n| Mode::Quanta(10_f64.powi(n))),
        (1e-6..1e6).prop_map(Mode::Quanta),
        (1_u32.., 0_u32..=22).prop_map(|(numerator, power)| Mode::Decimal { numerator, power }),
        (1_u32..=17).prop_map(Mode::Precision),
        (1e-3..1e3).prop_map(Mode::Noise),
    ]
}

fn check<T: Sample>(recipe: Recipe, request: &Request<'_>) {
    let Request { dtype, shape, .. } = *request;
    let xs: Vec<T> = recipe.samples(shape.elements().unwrap() * dtype.components());
    let fill = xs[recipe.seed as usize % xs.len()];
    let mut element = vec![0; dtype.element_size()];
    T::write_slice(&[fill; 2], dtype.order == ByteOrder::Little, &mut element);
    let with_fill = recipe.seed.is_multiple_of(3);
    let request = Request { fill: with_fill.then_some(&element[..]), ..request.clone() };
    let (chunk, back) = round_trip(&xs, &request);
    let what = format!("{recipe:?}, {request:?}");
    assert!(chunk.len() <= xs.len() * T::SIZE + MOST_OVERHEAD, "{what}: {} bytes", chunk.len());
    assert_kept(&xs, &back, &request, &what);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_bound_holds(
        recipe in recipes(),
        mode in modes(),
        level in 0_u32..=8,
        dither in any::<bool>(),
        layout in (1_usize..5, 1_usize..400, 1_usize..5),
        kind in 0_usize..11,
        big in any::<bool>(),
        complex in any::<bool>(),
        threads in 1_usize..3,
    ) {
        let (outer, length, inner) = layout;
        macro_rules! check_as {
            ($($t:ty)*) => {[$(|recipe, change: &dyn Fn(Dtype) -> Request<'static>| {
                check::<$t>(recipe, &change(dtype_of::<$t>()))
            }),*]};
        }
        type Check = fn(Recipe, &dyn Fn(Dtype) -> Request<'static>);
        let checks: [Check; 11] = check_as!(i8 u8 i16 u16 i32 u32 i64 u64 f16 f32 f64);
        checks[kind](recipe, &|dtype| {
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let dtype = Dtype { order, complex: complex && kind > 7, ..dtype };
            let shape = Shape { outer, length, inner };
            let mut request = Request { threads, ..request(dtype, shape, level, mode) };
            let allowed = !matches!(mode, Mode::Lossless | Mode::Decimal { .. });
            request.params.dither = dither && allowed;
            request
        });
    }
}
