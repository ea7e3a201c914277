//! How much a stream scatters: its standard deviation, and its noise without its signal.

use crate::sample::Sample;

/// Independent partial sums: sample i of the stream goes to lane i mod 8, so that the result is
/// the same however the stream is cut into blocks.
const LANES: usize = 8;

/// Sums over the samples of one stream, which comes block by block.
///
/// A standard deviation takes two passes: one about any sample, for the mean; one about that mean.
/// Sums of squares beyond f64's range give an infinite or NaN deviation, below it 0.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    centre: f64,
    count: u64,
    sums: [f64; LANES],
    squares: [f64; LANES],
}

impl Moments {
    /// No samples yet; deviations are taken from `centre`.
    pub fn about(centre: f64) -> Self {
        Moments { centre, count: 0, sums: [0.0; LANES], squares: [0.0; LANES] }
    }

    /// Takes the next samples of the stream, all finite.
    pub fn add<T: Sample>(&mut self, samples: &[T]) {
        let first = (self.count % LANES as u64) as usize;
        self.count += samples.len() as u64;
        let (head, rest) = samples.split_at(samples.len().min((LANES - first) % LANES));
        self.add_lanes(first, head);
        let mut blocks = rest.chunks_exact(LANES);
        for block in &mut blocks {
            self.add_lanes(0, block);
        }
        self.add_lanes(0, blocks.remainder());
    }

    #[inline(always)]
    fn add_lanes<T: Sample>(&mut self, first: usize, samples: &[T]) {
        let lanes = self.sums[first..].iter_mut().zip(&mut self.squares[first..]);
        for ((sum, square), x) in lanes.zip(samples) {
            let deviation = x.to_f64() - self.centre;
            *sum += deviation;
            *square += deviation * deviation;
        }
    }

    /// Samples so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; the centre when there are none.
    pub fn mean(&self) -> f64 {
        self.centre + total(&self.sums) / self.count.max(1) as f64
    }

    /// Their population standard deviation about their mean, exact to rounding when the centre is
    /// near the mean (Chan, Golub and LeVeque 1983, the corrected two-pass sum); 0 when there are
    /// none.
    pub fn deviation(&self) -> f64 {
        let count = self.count.max(1) as f64;
        let sum = total(&self.sums);
        let square = total(&self.squares) - sum * (sum / count);
        // NaN, from infinities, stays NaN.
        if square < 0.0 { 0.0 } else { (square / count).sqrt() }
    }
}

fn total(lanes: &[f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = *lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// Standard deviation of the noise alone, from contiguous stretches of a stream of finite samples:
/// 0.6052697 times the median of |2·x(i) − x(i−2) − x(i+2)|, the third-order estimate of Pence,
/// Seaman and White (2009, PASP 121, 414). A drift straighter than the noise over five samples
/// and glitches, while they are few, do not move it.
///
/// Of an even count the lower of the two middle values is the median. 0 when no stretch has five
/// samples, or when more than half of the differences are 0; infinite when half of them overflow.
pub fn noise_sigma<'a, T: Sample>(stretches: impl IntoIterator<Item = &'a [T]>) -> f64 {
    let mut differences: Vec<f64> = Vec::new();
    for stretch in stretches {
        differences.extend(stretch.windows(5).map(|x| {
            // An infinite 2·x stays infinite under the finite rest: never NaN.
            (2.0 * x[2].to_f64() - x[0].to_f64() - x[4].to_f64()).abs()
        }));
    }
    if differences.is_empty() {
        return 0.0;
    }
    let middle = (differences.len() - 1) / 2;
    let (_, median, _) = differences.select_nth_unstable_by(middle, f64::total_cmp);
    0.605_269_7 * *median
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::random::Random;

    fn standard_deviation<T: Sample>(samples: &[T]) -> f64 {
        let Some(first) = samples.first() else { return 0.0 };
        let mut moments = Moments::about(first.to_f64());
        moments.add(samples);
        let mut centred = Moments::about(moments.mean());
        centred.add(samples);
        centred.deviation()
    }

    fn noise(count: usize, sigma: f64) -> Vec<f64> {
        let mut random = Random::new(1);
        (0..count).map(|_| sigma * random.gaussian()).collect()
    }

    #[test]
    fn the_deviation_is_that_of_the_definition() {
        assert_eq!(standard_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 2.0);
        assert_eq!(standard_deviation(&[1e15 + 1.0, 1e15 + 3.0]), 1.0);
        assert_eq!(standard_deviation(&[0.1_f32; 1000]), 0.0);
        assert_eq!(standard_deviation::<f64>(&[]), 0.0);
        let deviation = standard_deviation(&noise(100_000, 3.0));
        assert!((deviation / 3.0 - 1.0).abs() < 0.01, "{deviation}");
    }

    #[test]
    fn the_deviation_does_not_depend_on_the_blocks() {
        let samples: Vec<f64> = noise(1000, 1.0).iter().map(|x| x + 1e6).collect();
        let whole = standard_deviation(&samples);
        assert!((whole - 1.0).abs() < 0.1);
        for length in [1, 3, 7, 8, 64, 999] {
            let mut moments = Moments::about(samples[0]);
            samples.chunks(length).for_each(|block| moments.add(block));
            let mut centred = Moments::about(moments.mean());
            samples.chunks(length).for_each(|block| centred.add(block));
            assert_eq!(centred.count(), 1000);
            assert_eq!(centred.deviation().to_bits(), whole.to_bits(), "blocks of {length}");
        }
    }

    #[test]
    fn what_overflows_is_not_finite_and_what_underflows_is_zero() {
        assert!(!standard_deviation(&[1e300, -1e300, 1e300]).is_finite());
        assert!(!standard_deviation(&[f64::MAX, -f64::MAX, f64::MAX]).is_finite());
        assert_eq!(standard_deviation(&[1e-200, -1e-200]), 0.0);
        assert_eq!(noise_sigma([&[f64::MAX, 0.0, -f64::MAX, 0.0, f64::MAX][..]]), f64::INFINITY);
    }

    #[test]
    fn noise_is_seen_under_drift_glitches_and_sine() {
        let sigma = 0.7;
        let clean = noise(20_000, sigma);
        let mut drift = clean.clone();
        let mut glitches = clean.clone();
        let mut sine = clean.clone();
        for (i, ((drift, glitch), sine)) in
            drift.iter_mut().zip(&mut glitches).zip(&mut sine).enumerate()
        {
            let t = i as f64;
            *drift += 5e3 + 0.3 * t + 1e-4 * t * t;
            *sine += 50.0 * (t / 80.0).sin();
            if i % 100 == 37 {
                *glitch += 1e6;
            }
        }
        for (name, samples, tolerance) in [
            ("clean", &clean, 0.03),
            ("drift", &drift, 0.03),
            ("glitches", &glitches, 0.06),
            ("sine", &sine, 0.03),
        ] {
            let estimate = noise_sigma(samples.chunks(1024));
            assert!((estimate / sigma - 1.0).abs() < tolerance, "{name}: {estimate}");
        }
        assert!(standard_deviation(&drift) > 1e3 * sigma);
        let floats: Vec<f32> = drift.iter().map(|&x| x as f32).collect();
        let estimate = noise_sigma(floats.chunks(1024));
        assert!((estimate / sigma - 1.0).abs() < 0.03, "f32: {estimate}");
    }

    #[test]
    fn noise_does_not_depend_on_an_offset_and_of_constants_is_zero() {
        // Multiples of 1/64, so that sums with the offsets are exact.
        let samples: Vec<f64> =
            noise(999, 10.0).iter().map(|x| (x * 64.0).round() / 64.0).collect();
        let estimate = noise_sigma([&samples[..]]);
        for offset in [1.0, -1e6, 1e9] {
            let moved: Vec<f64> = samples.iter().map(|x| x + offset).collect();
            assert_eq!(noise_sigma([&moved[..]]), estimate, "offset {offset}");
        }
        assert_eq!(noise_sigma([&[7.5_f32; 100][..]]), 0.0);
        assert_eq!(noise_sigma([&[1.0, 5.0, 2.0, 8.0][..], &[3.0][..]]), 0.0);
    }

    #[test]
    fn of_an_even_count_the_lower_middle_is_the_median() {
        // Differences 2·x(2) − x(0) − x(4) = 2 and 2·x(3) − x(1) − x(5) = 10.
        let samples = [0.0, 0.0, 1.0, 5.0, 0.0, 0.0];
        assert_eq!(noise_sigma([&samples[..]]), 0.605_269_7 * 2.0);
    }
}
