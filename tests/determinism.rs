//! Promise: the same samples and params give the same bytes, whatever the threads and whatever
//! was compressed before.

mod support;

use h5flac::chunk::{Options, Request, Selection};
use h5flac::{Head, Mode, Shape, compress, decompress};
use support::chunk::{Random, dtype_of, raw, request, streams};

const THREADS: [usize; 4] = [1, 2, 3, 7];

/// Noise about a walk, with gaps.
fn signal(length: usize) -> Vec<f32> {
    let mut random = Random::new(length as u64);
    let mut walk = 0.0;
    let each = |i: usize| {
        walk += 0.1 * random.gaussian();
        if i % 5000 > 4900 { f32::NAN } else { (walk + random.gaussian()) as f32 }
    };
    (0..length).map(each).collect()
}

#[test]
fn bytes_and_samples_are_the_same_for_any_number_of_threads() {
    for (outer, length, inner) in [(1, 700_000, 1), (1400, 100, 1), (5, 20_000, 4), (1, 100, 1400)]
    {
        let xs = signal(outer * length * inner);
        let bytes = raw(&xs, dtype_of::<f32>().order);
        for (mode, dither) in
            [(Mode::Lossless, false), (Mode::Quanta(0.01), true), (Mode::Noise(8.0), false)]
        {
            let mut request = request(dtype_of::<f32>(), Shape { outer, length, inner }, 5, mode);
            request.params.dither = dither;
            let chunks = THREADS.map(|threads| {
                compress(&bytes, &Request { threads, ..request.clone() }).unwrap().into_vec()
            });
            let decoded = THREADS.map(|threads| {
                let options = Options { threads, ..Options::default() };
                decompress(&chunks[0], bytes.len(), &options).unwrap()
            });
            for (i, threads) in THREADS.iter().enumerate() {
                let what = format!("{outer} × {length} × {inner}, {mode:?}, {threads} threads");
                assert!(chunks[i] == chunks[0], "{what}: other bytes");
                assert!(decoded[i] == decoded[0], "{what}: other samples");
            }
        }
    }
}

#[test]
fn a_stream_is_coded_the_same_after_any_others() {
    let mut random = Random::new(6);
    let length = 30_000;
    let mut xs: Vec<i32> = (0..2 * length).map(|_| random.bits() as i32 >> 3).collect();
    xs.extend((0..length).map(|i| i as i32 / 7 * 40));
    xs.extend((0..length).map(|_| (100.0 * random.gaussian()) as i32));
    let payload = |xs: &[i32], stream: usize, level| {
        let shape = streams(xs.len() / length, length);
        let request = request(dtype_of::<i32>(), shape, level, Mode::Lossless);
        let chunk = compress(&raw(xs, request.dtype.order), &request).unwrap().into_vec();
        let selection = Selection { streams: Some(&[stream]), samples: 0..length };
        let ranges = Head::parse(&chunk).unwrap().byte_ranges(&selection).unwrap();
        let bytes = ranges.iter().map(|r| &chunk[r.start as usize..r.end as usize]);
        bytes.collect::<Vec<_>>().concat()
    };
    for level in [0, 5, 8] {
        let alone = payload(&xs[3 * length..], 0, level);
        assert!(alone.len() > 10_000);
        assert!(payload(&xs, 3, level) == alone, "level {level}");
    }
}
