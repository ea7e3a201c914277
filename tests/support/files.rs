//! Streams of integers as whole FLAC files.

use super::libflac::{self, Settings};
use super::signal::{ALL, Random, Signal};
use h5flac::files::{Integer, compress, decompress};
use h5flac::flac::Audio;
use std::ops::Range;

/// Integers of 4 or 8 bytes, for tests.
pub trait Tested: Integer + PartialEq + std::fmt::Debug {
    /// From a signal of 32 bits and another, which the high bits of wide integers may be.
    fn of(low: i32, high: i32) -> Self;
}

impl Tested for i32 {
    fn of(low: i32, _: i32) -> i32 {
        low
    }
}

impl Tested for i64 {
    fn of(low: i32, high: i32) -> i64 {
        i64::from(high) << 32 | i64::from(low as u32)
    }
}

/// A stream as libFLAC sees it.
pub fn audio<T: Tested>(stream: &[T]) -> Audio {
    let (mut low, mut high) = (vec![0; stream.len()], vec![0; stream.len()]);
    T::split(stream, &mut low, &mut high);
    let mut channels = vec![low, high];
    channels.truncate(T::CHANNELS);
    Audio { rate: 44_100, width: 32, channels }
}

/// A stream of a signal, as it is or as narrow as most are.
pub fn stream<T: Tested>(signal: Signal, length: usize, random: &mut Random) -> Vec<T> {
    let width = *random.pick(&[4, 12, 20, 31, 32]);
    let low = signal.samples(width, length, random.next());
    let high: Vec<i32> = match random.below(4) {
        // What fits 32 bits has a sign there, and nothing else.
        0 => low.iter().map(|x| x >> 31).collect(),
        1 => low.clone(),
        2 => low.iter().map(|&x| !x).collect(),
        _ => random.pick(&ALL).samples(32, length, random.next()),
    };
    low.iter().zip(high).map(|(&low, high)| T::of(low, high)).collect()
}

/// Decodes some samples of files.
pub fn decode<T: Tested>(
    files: &[&[u8]],
    length: usize,
    samples: Range<usize>,
    threads: usize,
) -> h5flac::Result<Vec<T>> {
    let mut out = vec![T::of(0x5a5a_5a5a, 0x5a5a_5a5a); files.len() * samples.len()];
    decompress(files, length, samples, &mut out, threads)?;
    Ok(out)
}

/// Files one after another, apart.
pub fn apart<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let files = lengths.iter().map(|&length| {
        let (file, after) = rest.split_at(length);
        rest = after;
        file
    });
    files.collect()
}

/// Files of streams, and the bytes of each.
pub fn encode<T: Tested>(
    integers: &[T],
    length: usize,
    level: u32,
    threads: usize,
) -> (Vec<u8>, Vec<usize>) {
    let files = compress(integers, length, level, threads).unwrap();
    let lengths = files.lengths.clone();
    let mut bytes = vec![0; files.len()];
    files.write_to(&mut bytes);
    assert_eq!(lengths.iter().sum::<usize>(), bytes.len());
    (bytes, lengths)
}

/// Some samples of streams, one stream after another.
pub fn part<T: Tested>(integers: &[T], length: usize, samples: &Range<usize>) -> Vec<T> {
    integers.chunks(length).flat_map(|stream| &stream[samples.clone()]).copied().collect()
}

/// A range of one sample at least.
pub fn any_range(length: usize, random: &mut Random) -> Range<usize> {
    let start = random.below(length as u64) as usize;
    let most = *random.pick(&[1, 33, 100, 5000, length]);
    start..start + 1 + random.below(most.min(length - start) as u64) as usize
}

/// A file as libFLAC writes it, in some way.
pub fn by_libflac(audio: &Audio, random: &mut Random) -> Vec<u8> {
    let settings = Settings {
        level: random.below(9) as u32,
        block: *random.pick(&[0, 16, 17, 192, 1000, 4095, 4096, 16384, 65535]),
        mid_side: random.one_in(2),
        escapes: random.one_in(3),
        seek: random.one_in(2),
    };
    let file = libflac::encode(audio, &settings);
    if random.one_in(2) { file } else { with_seek_table(&file, random) }
}

/// A file with a seek table behind STREAMINFO, right or wrong: nothing needs it.
pub fn with_seek_table(file: &[u8], random: &mut Random) -> Vec<u8> {
    let (start, rest) = file.split_at(42);
    let mut with_table = start.to_vec();
    with_table[4] &= 0x7f;
    let points = random.below(4) as u8;
    with_table.extend([3 | start[4] & 0x80, 0, 0, 18 * points]);
    with_table.extend((0..18 * points).map(|_| random.next() as u8));
    with_table.extend(rest);
    with_table
}
