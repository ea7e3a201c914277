//! Promise: a call holds, besides its input and output, at most the compressed size, a quarter of
//! the chunk, a workspace for each thread, and the integers of streams that predict others.

mod support;

use h5flac::chunk::{Options, decompress_into};
use h5flac::sample::Sample;
use h5flac::{Mode, Shape, compress};
use support::chunk::{Random, dtype_of, raw, request, streams};
use support::memory::{Counting, most_held_by_all};

#[global_allocator]
static MEMORY: Counting = Counting;

/// Bytes that each thread may hold whatever the chunk.
const WORKSPACE: usize = 1 << 20;

/// Bytes that the integers of four streams of a chunk take.
fn references(shape: Shape) -> usize {
    4 * size_of::<i32>() * shape.length
}

/// Calls on the chunk of a type, which may hold so many bytes more, and what exceeds the promise.
fn excesses<T: Sample>(xs: &[T], shape: Shape, level: u32, mode: Mode, more: usize) -> Vec<String> {
    let bytes = raw(xs, request(dtype_of::<T>(), shape, level, mode).dtype.order);
    let mut excesses = Vec::new();
    for threads in [1, 2] {
        let mut request = request(dtype_of::<T>(), shape, level, mode);
        request.threads = threads;
        let encode = || compress(&bytes, &request).unwrap();
        // The pool of threads is no part of a call: it stays. Nor are the buffers that the pieces
        // of this chunk leave to the next: a chunk that is dropped does not.
        let chunk = encode().into_vec();
        drop(encode());
        let (size, encoding) = most_held_by_all(|| encode().len());
        assert_eq!(size, chunk.len());
        let mut out = vec![0; bytes.len()];
        let options = Options { verify: true, threads };
        let decode = || decompress_into(&chunk, &mut out, &options).unwrap();
        let ((), decoding) = most_held_by_all(decode);
        let most = size + bytes.len() / 4 + threads * WORKSPACE + more;
        for (what, held) in [("compressing", encoding), ("decompressing", decoding)] {
            if held <= most {
                continue;
            }
            excesses.push(format!(
                "{} of {shape:?} at level {level} on {threads} threads, {what}: {held} bytes held \
                 for a chunk of {}, compressed {size}; at most {most} were promised",
                std::any::type_name::<T>(),
                bytes.len()
            ));
        }
    }
    excesses
}

#[test]
fn a_call_holds_the_compressed_size_a_quarter_of_the_chunk_and_its_workspaces() {
    let shapes = [
        streams(1, 1_000_000),
        streams(16, 100_000),
        Shape { outer: 1, length: 100_000, inner: 16 },
        streams(1000, 1000),
        streams(10, 200_000),
        streams(4, 260_000),
        Shape { outer: 1, length: 130_000, inner: 4 },
        Shape { outer: 1, length: 260_000, inner: 4 },
    ];
    let mut failures = Vec::new();
    for shape in shapes {
        let mut random = Random::new(7);
        let count = shape.elements().unwrap();
        // Half of the samples are gaps, or as far away as can be.
        let gaps: Vec<f64> =
            (0..count).map(|i| if i / 7 % 2 == 0 { f64::NAN } else { random.gaussian() }).collect();
        let bits = |i| if i % 2 == 0 { f64::from_bits(random.bits()) } else { 0.0 };
        let wild: Vec<f64> = (0..count).map(bits).collect();
        failures.extend(excesses(&gaps, shape, 5, Mode::Quanta(0.01), 0));
        failures.extend(excesses(&wild, shape, 5, Mode::Quanta(1.0), 0));
        let noise: Vec<f64> = (0..count).map(|_| 100.0 * random.gaussian()).collect();
        let i16s: Vec<i16> = noise.iter().map(|&x| x as i16).collect();
        let i32s: Vec<i32> = noise.iter().map(|&x| x as i32).collect();
        let i64s: Vec<i64> = noise.iter().map(|&x| (x * 1e7) as i64 * 1_000_003).collect();
        let f32s: Vec<f32> = noise.iter().map(|&x| x as f32).collect();
        for level in [5, 8] {
            failures.extend(excesses(&i16s, shape, level, Mode::Lossless, 0));
            failures.extend(excesses(&i32s, shape, level, Mode::Lossless, 0));
            failures.extend(excesses(&i64s, shape, level, Mode::Lossless, 0));
            failures.extend(excesses(&f32s, shape, level, Mode::Quanta(0.5), 0));
            failures.extend(excesses(&noise, shape, level, Mode::Quanta(0.5), 0));
        }
        if shape.streams() == 1 {
            continue;
        }
        let common: Vec<f64> = (0..shape.length).map(|_| 300.0 * random.gaussian()).collect();
        let sample = |i: usize| if shape.inner == 1 { i % shape.length } else { i / shape.inner };
        let related: Vec<i32> = (0..count).map(|i| (noise[i] + common[sample(i)]) as i32).collect();
        let gappy =
            |i: usize| if (i / 99).is_multiple_of(20) { f32::NAN } else { related[i] as f32 };
        let gappy: Vec<f32> = (0..count).map(gappy).collect();
        let more = references(shape);
        failures.extend(excesses(&related, shape, 5, Mode::Lossless, more));
        failures.extend(excesses(&related, shape, 8, Mode::Lossless, more));
        failures.extend(excesses(&gappy, shape, 5, Mode::Quanta(0.5), more));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
