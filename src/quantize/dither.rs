//! Subtractive dither: a number in [−1/2, 1/2) for each sample, from a counter.

/// The dither of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dither {
    key: u32,
}

/// A bijection of 32 bits in which every input bit changes each output bit about half the time
/// (Degski and Wellons' constants for two multiply-xorshift rounds).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

impl Dither {
    /// The dither of component stream `stream` of a chunk with this seed.
    pub fn new(seed: u32, stream: u64) -> Self {
        let (low, high) = (stream as u32, (stream >> 32) as u32);
        Dither { key: mix(mix(mix(seed).wrapping_add(low)).wrapping_add(high)) }
    }

    /// The number of sample `index`.
    #[inline(always)]
    pub fn at(&self, index: usize) -> f64 {
        let (low, high) = (index as u32, (index as u64 >> 32) as u32);
        let bits = mix(low.wrapping_mul(0x9e37_79b9).wrapping_add(self.key ^ mix(high)));
        f64::from(bits as i32) * (1.0 / 4_294_967_296.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_uniform_and_uncorrelated() {
        for (seed, stream) in [(0, 0), (1, 0), (0, 1), (0xffff_ffff, 1 << 40)] {
            let dither = Dither::new(seed, stream);
            let count = 100_000;
            let u: Vec<f64> = (0..count).map(|i| dither.at(i)).collect();
            assert!(u.iter().all(|u| (-0.5..0.5).contains(u)));
            let mean = u.iter().sum::<f64>() / count as f64;
            let square = u.iter().map(|u| u * u).sum::<f64>() / count as f64;
            // Five standard deviations of each.
            assert!(mean.abs() < 5.0 * (1.0_f64 / 12.0 / count as f64).sqrt(), "{mean}");
            assert!((square - 1.0 / 12.0).abs() < 5.0 * (1.0 / 180.0 / count as f64).sqrt());
            for lag in [1, 2, 7, 64] {
                let sum: f64 = u.iter().zip(&u[lag..]).map(|(a, b)| a * b).sum();
                let bound = 5.0 / 12.0 * (count as f64).sqrt();
                assert!(sum.abs() < bound, "lag {lag}: {sum} of {bound}");
            }
        }
        assert_ne!(Dither::new(1, 0), Dither::new(0, 1));
    }
}
