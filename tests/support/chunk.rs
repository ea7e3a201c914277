//! Samples in chunks.

use h5flac::chunk::{Options, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Class, Dtype, Mode, Params, Shape, compress, decompress};

/// Numbers that depend on nothing but the seed (xorshift64*).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// Mean 0, deviation 1 (Box and Muller).
    pub fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The element type of `T`, little-endian.
pub fn dtype_of<T: Sample>() -> Dtype {
    let class = if T::FLOAT {
        Class::Float
    } else if T::from_ordered(-1).to_f64() < 0.0 {
        Class::Signed
    } else {
        Class::Unsigned
    };
    Dtype::new(class, T::SIZE, ByteOrder::Little, false).unwrap()
}

/// Samples as a chunk's raw bytes.
pub fn raw<T: Sample>(samples: &[T], order: ByteOrder) -> Vec<u8> {
    let mut bytes = vec![0; samples.len() * T::SIZE];
    T::write_slice(samples, order == ByteOrder::Little, &mut bytes);
    bytes
}

/// A chunk's raw bytes as samples.
pub fn samples<T: Sample>(bytes: &[u8], order: ByteOrder) -> Vec<T> {
    let mut samples = vec![T::default(); bytes.len() / T::SIZE];
    T::read_slice(bytes, order == ByteOrder::Little, &mut samples);
    samples
}

/// A request without fill value, on one thread.
pub fn request(dtype: Dtype, shape: Shape, level: u32, mode: Mode) -> Request<'static> {
    let params = Params { level, mode, ..Params::default() };
    Request {
        dtype,
        shape,
        fill: None,
        params,
        quanta: None,
        affine: None,
        threads: 1,
        alone: false,
    }
}

/// One chunk of streams that lie one after another, compressed and decompressed.
pub fn round_trip<T: Sample>(xs: &[T], request: &Request<'_>) -> (Vec<u8>, Vec<T>) {
    let bytes = raw(xs, request.dtype.order);
    let chunk = compress(&bytes, request).unwrap().into_vec();
    let back = decompress(&chunk, bytes.len(), &Options::default()).unwrap();
    (chunk, samples(&back, request.dtype.order))
}

/// A shape of `streams` streams one after another.
pub fn streams(streams: usize, length: usize) -> Shape {
    Shape { outer: streams, length, inner: 1 }
}

/// Compares bit for bit.
pub fn assert_same<T: Sample>(found: &[T], expected: &[T], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert_eq!(a.bits(), b.bits(), "{what}: sample {i} is {a:?}, expected {b:?}");
    }
}
