use super::*;
use crate::quantize::random::Random;
use half::f16;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

impl Random {
    /// Integers of deviation `sigma` around `offset`, multiplied by `factor`.
    fn counts<T: Sample>(&mut self, count: usize, sigma: f64, offset: f64, factor: f64) -> Vec<T> {
        (0..count)
            .map(|_| {
                T::from_f64(
                    (self.gaussian() * sigma + offset).round_ties_even() as i64 as f64 * factor,
                )
            })
            .collect()
    }

    /// Samples on no grid; a power of two times sums of uniform numbers is.
    fn noise<T: Sample>(&mut self, count: usize, sigma: f64, offset: f64) -> Vec<T> {
        (0..count).map(|_| T::from_f64(self.gaussian() * (sigma * 0.9837) + offset)).collect()
    }

    /// Replaces one sample in `every`, at random.
    fn spoil<T: Sample>(&mut self, samples: &mut [T], every: usize, sigma: f64) {
        for x in samples {
            if self.uniform() * (every as f64) < 1.0 {
                *x = T::from_f64(x.to_f64() + sigma * self.gaussian());
            }
        }
    }
}

/// Samples that a rule decodes bit for bit.
fn hits<T: Sample>(rule: &Rule, samples: &[T]) -> usize {
    samples.iter().filter(|&&x| integer(rule, x).is_some()).count()
}

#[test]
fn counts_times_a_factor_are_found() {
    fn check<T: Sample>(sigma: f64, offset: f64, factor: f64) {
        let mut random = Random::new(7);
        let mut samples = random.counts::<T>(1024, sigma, offset, factor);
        let rule = find(&samples).unwrap_or_else(|| panic!("{sigma} {offset} {factor}"));
        assert_eq!(hits(&rule, &samples), 1024, "{sigma} {offset} {factor}: {rule:?}");
        let ratio = rule.step() / factor;
        assert!((ratio - 1.0).abs() < 1e-6, "{sigma} {offset} {factor}: {rule:?}");
        random.spoil(&mut samples, 64, 3.3 * sigma * factor);
        let spoiled = find(&samples).unwrap_or_else(|| panic!("{sigma} {offset} {factor}"));
        assert!(hits(&spoiled, &samples) >= 980, "{sigma} {offset} {factor}: {spoiled:?}");
        assert!((spoiled.step() / factor - 1.0).abs() < 1e-6, "{spoiled:?} of {factor}");
    }
    let adc = 10.0 / 32768.0 / 1.37;
    for factor in [0.3051757, adc, 1e-9, 0.1, 0.01, 1e-3, 7.0 / 3.0, 1e12 / 7.0] {
        for sigma in [3.0, 10.0, 30.0, 60.0, 100.0, 1e3, 1e4] {
            check::<f32>(sigma, 0.0, factor);
            check::<f32>(sigma, 2e4, factor);
        }
        for sigma in [3.0, 100.0, 1e5, 3e5] {
            check::<f64>(sigma, 0.0, factor);
            check::<f64>(sigma, -3e8, factor);
        }
    }
    for sigma in [3.0, 10.0, 30.0] {
        check::<f16>(sigma, 0.0, 0.013);
    }
}

#[test]
fn decimals_and_binary_fractions_keep_their_names() {
    let mut random = Random::new(3);
    for power in [0, 1, 2, 3, 4] {
        let expected = Some(Rule::Decimal { numerator: 1, power });
        let decimals = |n: f64| n / POWERS_OF_TEN[power as usize];
        let floats: Vec<f32> =
            (0..500).map(|_| decimals((random.gaussian() * 500.0) as i64 as f64) as f32).collect();
        assert_eq!(find(&floats), expected);
        let doubles: Vec<f64> =
            (0..500).map(|_| decimals(1e6 + (random.gaussian() * 1e5).round())).collect();
        assert_eq!(find(&doubles), expected);
    }
    for exponent in [-30, -12, -3, 1, 40, 60] {
        let step = f64::from_bits(((exponent + 1023) as u64) << 52);
        let samples = random.counts::<f64>(500, 1000.0, 0.0, step);
        let rule = find(&samples).expect("binary");
        assert_eq!(hits(&rule, &samples), 500);
        assert!(matches!(rule, Rule::Quanta(c) if c == step) || exponent > 0 && exponent < 40);
    }
    // Floats stored as doubles: multiples of the smallest one's last bit.
    let floats: Vec<f32> = random.noise(500, 1.0, 0.0);
    let doubles: Vec<f64> = floats.iter().map(|&x| f64::from(x)).collect();
    assert_eq!(find(&floats), None);
    assert!(matches!(find(&doubles), Some(Rule::Quanta(_))));
    // Eight-bit levels.
    let levels: Vec<f32> = random.counts(500, 20.0, 128.0, 1.0 / 255.0);
    let rule = find(&levels).expect("levels");
    assert_eq!(hits(&rule, &levels), 500);
}

#[test]
fn minus_zero_and_tiny_numbers_are_on_no_grid() {
    let mut samples = Random::new(5).counts::<f32>(400, 20.0, 0.0, 0.3);
    let rule = find(&samples).expect("grid");
    samples.push(-0.0);
    samples.push(1e-40);
    assert_eq!(hits(&rule, &samples), 400);
    assert_eq!(find(&[-0.0_f64; 300]), None);
    assert_eq!(find(&[1.5_f64; 300]), None);
    assert_eq!(find::<f32>(&[]), None);
    assert_eq!(
        find(&[f32::MAX, f32::MIN, f32::MAX, 0.0]).map(|rule| rule.step() > 1e30),
        Some(true)
    );
    assert_eq!(leading(&[f64::MAX; 100]), None);
    assert_eq!(leading(&[0.0_f32; 100]), None);
    assert_eq!(leading::<f32>(&[]), None);
}

#[test]
fn two_levels_are_a_grid() {
    let flags: Vec<f32> = (0..300).map(|i| if i % 7 < 3 { 0.0 } else { 0.37218 }).collect();
    let rule = find(&flags).expect("grid");
    assert_eq!(hits(&rule, &flags), 300);
}

#[test]
fn a_whole_stream_bounds_an_arbitrary_factor() {
    let factor = 10.0 / 32768.0 / std::f64::consts::E;
    let samples: Vec<f32> = Random::new(11).counts(100_000, 2000.0, 300.0, factor);
    let Some(Rule::Quanta(quanta)) = find(&samples[..512]) else { panic!("no grid") };
    let refined = refine(&samples, quanta);
    assert_eq!(hits(&Rule::Quanta(refined), &samples), samples.len());
    assert_eq!(refine(&samples, refined), refined);
}

/// Quantizes as an encoder does: what would be off by more than half a step stays.
fn quantize<T: Sample>(samples: &mut [T], quanta: f64) -> usize {
    let mut exceptions = 0;
    for x in samples {
        let decoded = T::from_f64(nearest(x.to_f64() / quanta) * quanta);
        if (decoded.to_f64() - x.to_f64()).abs() <= 0.5 * quanta {
            *x = decoded;
        } else {
            exceptions += 1;
        }
    }
    exceptions
}

#[test]
fn twenty_appends_keep_the_grid() {
    fn check<T: Sample>(offset: f64, ratio: f64) {
        let mut random = Random::new(17);
        let mut samples: Vec<T> = Vec::new();
        let mut first = None;
        for append in 0..20 {
            let before = samples.clone();
            samples.extend(random.noise::<T>(if append == 0 { 20 } else { 150 }, 1.0, offset));
            let estimate = (1.0 + 0.01 * f64::from(append)) / ratio;
            let (quanta, length) = leading(&samples).unwrap_or((estimate, 0));
            assert_eq!(length > 0, append > 0, "append {append} at {offset}/{ratio}");
            assert!(length + 3 >= before.len(), "append {append}: {length} of {}", before.len());
            let expected = *first.get_or_insert(quanta);
            assert!((quanta / expected - 1.0).abs() < 1e-4, "append {append}: {quanta}");
            quantize(&mut samples, quanta);
            let same = before.iter().zip(&samples).filter(|(a, b)| a.bits() == b.bits()).count();
            assert_eq!(same, before.len(), "append {append} at {offset}/{ratio}");
        }
    }
    for ratio in [10.0, 100.0, 1000.0] {
        check::<f32>(0.0, ratio);
        check::<f32>(30.0, ratio);
        check::<f64>(0.0, ratio);
        check::<f64>(1e5, ratio);
    }
    check::<f32>(1e3, 10.0);
    check::<f32>(1e3, 100.0);
    check::<f16>(0.0, 10.0);
}

#[test]
fn doubles_far_from_zero_keep_nearly_the_grid() {
    for (seed, exponent) in (30..=40).enumerate() {
        let mut random = Random::new(seed as u64);
        let (offset, quanta) = ((1_u64 << exponent) as f64 * 1.3, 0.017_234_9);
        let mut samples: Vec<f64> = random.counts(300, 500.0, offset, quanta);
        samples.extend(random.noise::<f64>(300, 500.0 * quanta, offset * quanta));
        let (found, length) = leading(&samples).expect("run");
        assert!((16..320).contains(&length), "2^{exponent}: {length}");
        assert!((found / quanta - 1.0).abs() < 1e-6, "2^{exponent}: {found}");
        assert!(16 * hits(&Rule::Quanta(found), &samples[..length]) >= 15 * length);
    }
}

fn config() -> Config {
    Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(61868),
        failure_persistence: None,
        ..Config::default()
    }
}

/// A positive number of this size with an arbitrary mantissa.
fn factor(exponents: std::ops::Range<i32>) -> impl Strategy<Value = f64> {
    (exponents, 0_u64..1 << 52).prop_map(|(exponent, mantissa)| {
        f64::from_bits(((exponent + 1023) as u64) << 52 | mantissa)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_factor_is_found_f32(
        seed: u64,
        c in factor(-60..60),
        sigma in (1.5_f64..4.0).prop_map(|p| POWERS_OF_TEN[p as usize] * (1.0 + 9.0 * p.fract())),
        offset in -1e5_f64..1e5,
        every in prop::sample::select(vec![50, 100, 100_000]),
    ) {
        let mut random = Random::new(seed);
        let mut samples = random.counts::<f32>(1024, sigma, offset, c);
        random.spoil(&mut samples, every, sigma * c);
        let rule = find(&samples);
        prop_assert!(rule.is_some());
        let rule = rule.unwrap();
        prop_assert!(hits(&rule, &samples) * 20 >= 1024 * 19);
        prop_assert!(rule.step() > 0.99 * c, "{rule:?}");
    }

    #[test]
    fn any_factor_is_found_f64(
        seed: u64,
        c in factor(-300..300),
        sigma in (0.5_f64..5.0).prop_map(|p| POWERS_OF_TEN[p as usize] * (1.0 + 9.0 * p.fract())),
        offset in -1e7_f64..1e7,
        every in prop::sample::select(vec![50, 100, 100_000]),
    ) {
        let mut random = Random::new(seed);
        let mut samples = random.counts::<f64>(1024, sigma, offset, c);
        random.spoil(&mut samples, every, sigma * c);
        let rule = find(&samples);
        prop_assert!(rule.is_some());
        let rule = rule.unwrap();
        prop_assert!(hits(&rule, &samples) * 20 >= 1024 * 19);
        prop_assert!(rule.step() > 0.99 * c, "{rule:?}");
    }

    #[test]
    fn noise_has_no_grid(seed: u64, count in 16_usize..2000, sigma in factor(-30..30), r in -50.0_f64..50.0) {
        let mut random = Random::new(seed);
        prop_assert_eq!(find(&random.noise::<f32>(count.max(200), sigma, r * sigma)), None);
        prop_assert_eq!(find(&random.noise::<f64>(count.max(200), sigma, r * sigma)), None);
        prop_assert_eq!(leading(&random.noise::<f16>(count, 1.0, r / 10.0)), None);
        prop_assert_eq!(leading(&random.noise::<f32>(count, sigma, r * sigma)), None);
        prop_assert_eq!(leading(&random.noise::<f64>(count, sigma, r * sigma)), None);
    }

    #[test]
    fn what_was_quantized_before_is_recognised_f32(
        seed: u64,
        c in factor(-40..40),
        sigma in 10.0_f64..1000.0,
        offset in -1e5_f64..1e5,
        length in 16_usize..2000,
        more in 0_usize..2000,
    ) {
        let mut random = Random::new(seed);
        let mut samples = random.counts::<f32>(length, sigma, offset, c);
        samples.extend(random.noise::<f32>(more, sigma * c, offset * c));
        let found = leading(&samples);
        prop_assert!(found.is_some());
        let (quanta, run) = found.unwrap();
        prop_assert!((quanta / c - 1.0).abs() < 1e-3, "{quanta} of {c}");
        prop_assert!((length..length + 17.min(more + 1)).contains(&run), "{run} of {length}");
        // What it misses would be an exception: kept, only dear.
        let on_grid = hits(&Rule::Quanta(quanta), &samples[..length]);
        prop_assert!(64 * on_grid >= 63 * length, "{on_grid} of {length}");
    }

    #[test]
    fn what_was_quantized_before_is_recognised_f64(
        seed: u64,
        c in factor(-200..200),
        sigma in 10.0_f64..1000.0,
        offset in (0_i32..30, -1.0_f64..1.0).prop_map(|(e, x)| x * (1_u64 << e) as f64),
        length in 16_usize..2000,
        more in 0_usize..2000,
    ) {
        let mut random = Random::new(seed);
        let mut samples = random.counts::<f64>(length, sigma, offset, c);
        samples.extend(random.noise::<f64>(more, sigma * c, offset * c));
        let found = leading(&samples);
        prop_assert!(found.is_some());
        let (quanta, run) = found.unwrap();
        prop_assert!((quanta / c - 1.0).abs() < 1e-3, "{quanta} of {c}");
        prop_assert!((length..length + 17.min(more + 1)).contains(&run), "{run} of {length}");
        // What it misses would be an exception: kept, only dear.
        let on_grid = hits(&Rule::Quanta(quanta), &samples[..length]);
        prop_assert!(64 * on_grid >= 63 * length, "{on_grid} of {length}");
    }

    #[test]
    fn no_samples_are_too_odd(
        bits in prop::collection::vec(any::<u64>(), 0..300),
        mask in prop::sample::select(vec![
            u64::MAX, 0xf, 0xfff, 0x8000_0000_0000_000f, 0x7fef_ffff_ffff_ffff, 0xffe0_0000_0000_0000,
        ]),
    ) {
        fn check<T: Sample>(samples: Vec<T>) {
            let samples: Vec<T> = samples.into_iter().filter(|x| x.to_f64().is_finite()).collect();
            if let Some(rule) = find(&samples) {
                assert!(20 * hits(&rule, &samples) >= 19 * samples.len());
            }
            if let Some((quanta, length)) = leading(&samples) {
                assert!(8 * hits(&Rule::Quanta(quanta), &samples[..length]) >= 7 * length);
                assert!(refine(&samples, quanta) > 0.0);
            }
        }
        check::<f64>(bits.iter().map(|bits| f64::from_bits(bits & mask)).collect());
        check::<f32>(bits.iter().map(|bits| f32::from_bits((bits & mask) as u32)).collect());
        check::<f16>(bits.iter().map(|bits| f16::from_bits((bits & mask) as u16)).collect());
    }
}
