//! Chunks of every kind that the encoder makes.

use super::chunk::{Random, dtype_of, raw, request, streams};
use super::index::Index;
use h5flac::chunk::{Options, Request};
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, Head, Mode, Params, Shape, compress, decompress};
use half::f16;
use std::collections::BTreeSet;
use std::ops::Range;

/// A chunk and what it decodes to.
pub struct Chunk {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Shape,
    pub bytes: Vec<u8>,
    pub decoded: Vec<u8>,
}

impl Chunk {
    /// Compresses samples that lie as they do in the chunk.
    pub fn new<T: Sample>(name: &str, xs: &[T], request: &Request<'_>) -> Chunk {
        let Request { dtype, shape, .. } = *request;
        let bytes = compress(&raw(xs, dtype.order), request).unwrap().into_vec();
        let most = xs.len() * T::SIZE;
        let decoded = decompress(&bytes, most, &Options::default()).unwrap();
        Chunk { name: name.into(), dtype, shape, bytes, decoded }
    }

    /// Some samples of some streams, one stream after another.
    pub fn select(&self, streams: &[usize], samples: Range<usize>) -> Vec<u8> {
        let Shape { length, inner, .. } = self.shape;
        let size = self.dtype.element_size();
        let mut all = Vec::with_capacity(streams.len() * samples.len() * size);
        for stream in streams {
            for sample in samples.clone() {
                let at = ((stream / inner * length + sample) * inner + stream % inner) * size;
                all.extend_from_slice(&self.decoded[at..at + size]);
            }
        }
        all
    }

    /// Bytes of its head.
    pub fn head(&self) -> usize {
        Head::length(&self.bytes).unwrap()
    }
}

/// Chunks of streams of about `length` samples; together they have every rule and form that the
/// encoder uses, raw ones, exceptions of all kinds, and layouts of all kinds.
pub fn chunks(length: usize) -> Vec<Chunk> {
    let mut random = Random::new(length as u64);
    let noise: Vec<f64> = (0..6 * length).map(|_| random.gaussian()).collect();
    let one = streams(1, length);
    let ints = |scale: f64| noise.iter().map(move |x| (scale * x) as i64);
    let lossless = |dtype, shape| request(dtype, shape, 5, Mode::Lossless);
    let lossy = |dtype, shape, mode| request(dtype, shape, 5, mode);
    let big = |dtype| Dtype { order: ByteOrder::Big, ..dtype };
    let complex = |dtype| Dtype { complex: true, ..dtype };
    let singles: Vec<f32> = noise.iter().map(|&x| x as f32).collect();
    let gappy: Vec<f32> = singles
        .iter()
        .enumerate()
        .map(|(i, &x)| match i % 97 {
            20 => f32::INFINITY,
            21 | 22 => x * 1e-40,
            40..=49 => f32::NAN,
            60 => -f32::from_bits(0x7fc0_0123 + i as u32),
            _ => 100.0 + x,
        })
        .collect();
    let mut chunks = Vec::new();

    let xs: Vec<i32> = ints(100.0).map(|n| n as i32).collect();
    let narrow = lossless(dtype_of::<i32>(), one);
    chunks.push(Chunk::new("narrow", &xs[..length], &narrow));
    let shape = Shape { outer: 2, length, inner: 3 };
    chunks.push(Chunk::new("strided", &xs, &lossless(big(dtype_of::<i32>()), shape)));
    let mut padded = xs[..2 * length].to_vec();
    padded[length - length / 3..length].fill(0);
    padded[2 * length - length / 5..].fill(0);
    let request = lossless(dtype_of::<i32>(), streams(2, length));
    chunks.push(Chunk::new("padded by zeros", &padded, &request));
    padded[length - length / 4..length].fill(-999_999);
    padded[length + 9..length + 9 + length / 9].fill(-999_999);
    padded[2 * length - length / 5..].fill(-999_999);
    let fill = (-999_999_i32).to_le_bytes();
    let request = Request { fill: Some(&fill), ..request };
    chunks.push(Chunk::new("padded by a fill value", &padded, &request));
    let request = lossless(dtype_of::<i32>(), streams(3, length));
    let constant: Vec<i32> = (0..3 * length).map(|i| -77 * (i / length) as i32).collect();
    chunks.push(Chunk::new("constant", &constant, &request));
    let glitches: Vec<u16> = ints(9.0)
        .zip(0_usize..)
        .map(|(n, i)| if i % 53 == 7 { 60_000 + i as u16 % 7 } else { (500 + n) as u16 })
        .collect();
    chunks.push(Chunk::new("glitches", &glitches[..length], &lossless(dtype_of::<u16>(), one)));
    let wide: Vec<i64> = (0..length).map(|_| random.bits() as i64 >> 10).collect();
    chunks.push(Chunk::new("split", &wide, &lossless(dtype_of::<i64>(), one)));
    let times: Vec<u64> = ints(1000.0)
        .zip(0..)
        .map(|(n, i)| (1_700_000_000_000_000_000_i64 + 50_000_000_000 * i + n) as u64)
        .collect();
    let times = &times[..length];
    chunks.push(Chunk::new("difference", times, &lossless(big(dtype_of::<u64>()), one)));
    let bytes: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
    let request = lossless(dtype_of::<u8>(), Shape { outer: 1, length: length / 4, inner: 4 });
    chunks.push(Chunk::new("raw", &bytes[..length / 4 * 4], &request));

    // Those of an instrument, with gaps, as short as level 8 looks for relations in.
    let long = length.max(1400);
    let common: Vec<f64> = (0..long + 2).map(|_| random.gaussian()).collect();
    let mut see = |stream: usize, at: usize| {
        let seen = random.gaussian() + (stream + 3) as f64 * common[at + 2 - stream];
        if at / 50 % 23 == stream { f32::NAN } else { seen as f32 }
    };
    let related: Vec<f32> = (0..3 * long).map(|i| see(i / long, i % long)).collect();
    let mut request = lossy(dtype_of::<f32>(), streams(3, long), Mode::Quanta(0.7));
    request.params.level = 8;
    chunks.push(Chunk::new("related", &related, &request));

    let quanta = Mode::Quanta(0.03);
    let request = lossy(dtype_of::<f32>(), one, quanta);
    chunks.push(Chunk::new("quanta with exceptions", &gappy[..length], &request));
    let missing: Vec<f64> = vec![f64::NAN; length];
    chunks.push(Chunk::new("missing", &missing, &lossy(dtype_of::<f64>(), one, quanta)));
    let request = lossy(complex(big(dtype_of::<f32>())), streams(2, length), quanta);
    chunks.push(Chunk::new("complex", &gappy[..4 * length], &request));
    let halves: Vec<f16> = noise[..length].iter().map(|&x| f16::from_f64(x)).collect();
    chunks.push(Chunk::new("halves", &halves, &lossy(dtype_of::<f16>(), one, Mode::Precision(1))));
    let mut request = lossy(dtype_of::<f64>(), Shape { outer: 1, length, inner: 2 }, quanta);
    request.params = Params { dither: true, ..request.params };
    let mut dithered = noise[..2 * length].to_vec();
    dithered[5] = f64::NAN;
    chunks.push(Chunk::new("dithered", &dithered, &request));
    let decimal = Mode::Decimal { numerator: 25, power: 3 };
    let request = lossy(dtype_of::<f64>(), one, decimal);
    chunks.push(Chunk::new("decimal", &noise[..length], &request));
    chunks.push(Chunk::new("floats", &singles[..length], &lossless(dtype_of::<f32>(), one)));
    let sizes = noise[..length].iter().zip(&noise[length..]);
    let tails: Vec<f32> = sizes.map(|(x, y)| (y.signum() * (5.0 * x).exp()) as f32).collect();
    chunks.push(Chunk::new("floats of all sizes", &tails, &lossless(dtype_of::<f32>(), one)));
    let positive: Vec<f64> = noise[..length].iter().map(|x| 1000.0 + x).collect();
    chunks.push(Chunk::new("positive floats", &positive, &lossless(dtype_of::<f64>(), one)));
    let counts: Vec<f32> = ints(100.0).map(|n| (n as f64 * 0.305_175_7) as f32).collect();
    let request = lossless(dtype_of::<f32>(), streams(6, length));
    chunks.push(Chunk::new("counts", &counts, &request));
    chunks
}

/// A small chunk of a stream of several blocks, which costs about a bit a sample.
pub fn several_blocks() -> Chunk {
    let mut random = Random::new(4);
    let xs: Vec<i8> = (0..20_000).map(|_| (random.below(16) / 15) as i8).collect();
    let request = request(dtype_of::<i8>(), streams(1, xs.len()), 0, Mode::Lossless);
    Chunk::new("several blocks", &xs, &request)
}

/// Fails unless the chunks have all that the encoder knows.
pub fn assert_complete(chunks: &[Chunk]) {
    let kinds = |chunk: &Chunk| Index::of(&chunk.bytes).rules_and_forms();
    let all: BTreeSet<(u8, u8)> = chunks.iter().flat_map(kinds).collect();
    for form in 0..=5 {
        assert!(all.iter().any(|kind| kind.1 == form), "no stream has form {form}: {all:?}");
    }
    // 4 is written for imports only.
    for rule in [0, 1, 2, 3, 5] {
        assert!(all.iter().any(|kind| kind.0 == rule), "no stream has rule {rule}: {all:?}");
    }
    assert!(chunks.iter().any(|chunk| chunk.bytes[6] & 1 != 0), "no chunk is raw");
}
