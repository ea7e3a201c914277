//! Promise: streams of integers become FLAC files that libFLAC reads, and come back from files
//! whoever wrote them, whole or in part; damage is reported.

mod support;

use h5flac::ErrorKind;
use h5flac::files::{Integer, compress, decompress};
use h5flac::flac::Audio;
use h5flac::simd::{choose, tables};
use proptest::prelude::*;
use std::ops::Range;
use support::effort::cases;
use support::libflac::{self, Settings};
use support::scribe;
use support::signal::{ALL, Random, Signal};

/// Integers of 4 or 8 bytes, for tests.
trait Tested: Integer + PartialEq + std::fmt::Debug {
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
fn audio<T: Tested>(stream: &[T]) -> Audio {
    let (mut low, mut high) = (vec![0; stream.len()], vec![0; stream.len()]);
    T::split(stream, &mut low, &mut high);
    let mut channels = vec![low, high];
    channels.truncate(T::CHANNELS);
    Audio { rate: 44_100, width: 32, channels }
}

/// A stream of a signal, as it is or as narrow as most are.
fn stream<T: Tested>(signal: Signal, length: usize, random: &mut Random) -> Vec<T> {
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

fn decode<T: Tested>(
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
fn apart<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let files = lengths.iter().map(|&length| {
        let (file, after) = rest.split_at(length);
        rest = after;
        file
    });
    files.collect()
}

fn encode<T: Tested>(
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
fn part<T: Tested>(integers: &[T], length: usize, samples: &Range<usize>) -> Vec<T> {
    integers.chunks(length).flat_map(|stream| &stream[samples.clone()]).copied().collect()
}

fn any_range(length: usize, random: &mut Random) -> Range<usize> {
    let start = random.below(length as u64) as usize;
    let most = *random.pick(&[1, 33, 100, 5000, length]);
    start..start + 1 + random.below(most.min(length - start) as u64) as usize
}

fn our_files_are_read<T: Tested>() {
    let lengths = [1, 2, 31, 33, 100, 4095, 4096, 4097, 8192, 20_000];
    let mut random = Random(T::CHANNELS as u64);
    for level in 0..=8 {
        for signal in ALL {
            let length = *random.pick(&lengths);
            let streams = 1 + random.below(3) as usize;
            let what = format!("{signal:?}, level {level}, {streams} × {length}");
            let integers: Vec<T> =
                (0..streams).flat_map(|_| stream::<T>(signal, length, &mut random)).collect();
            let (bytes, lengths) = encode(&integers, length, level, 1);
            let files = apart(&bytes, &lengths);
            for (file, stream) in files.iter().zip(integers.chunks(length)) {
                let theirs = libflac::decode(file).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(theirs == audio(stream), "{what}: by libFLAC");
                assert_eq!(file[18..26], {
                    // STREAMINFO: 44.1 kHz, channels, 32 bits, the number of samples.
                    let fields = 44_100 << 44 | (T::CHANNELS as u64 - 1) << 41 | 31 << 36;
                    (fields | length as u64).to_be_bytes()
                });
            }
            assert_eq!(decode(&files, length, 0..length, 1).as_ref(), Ok(&integers), "{what}");
        }
    }
}

#[test]
fn files_of_32_bit_integers_are_read_by_libflac_and_by_us() {
    our_files_are_read::<i32>();
}

#[test]
fn files_of_64_bit_integers_are_read_by_libflac_and_by_us() {
    our_files_are_read::<i64>();
}

/// Files by `write` come back, whole and in part, whatever the threads.
fn others_files_are_read<T: Tested>(mut write: impl FnMut(&Audio, &mut Random) -> Vec<u8>) {
    let lengths = [1, 20, 100, 1000, 4096, 4609, 10_000, 50_000];
    let mut random = Random(5 + T::CHANNELS as u64);
    for seed in 0..400 {
        let signal = *random.pick(&ALL);
        let length = *random.pick(&lengths);
        let streams = 1 + random.below(20_000 / length as u64 + 1).min(20) as usize;
        let what = format!("case {seed}: {signal:?}, {streams} × {length}");
        let integers: Vec<T> =
            (0..streams).flat_map(|_| stream::<T>(signal, length, &mut random)).collect();
        let files: Vec<Vec<u8>> =
            integers.chunks(length).map(|stream| write(&audio(stream), &mut random)).collect();
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        assert!(decode(&files, length, 0..length, 1).as_ref() == Ok(&integers), "{what}");
        assert!(decode(&files, length, 0..length, 3).as_ref() == Ok(&integers), "{what}, threads");
        for _ in 0..4 {
            let range = any_range(length, &mut random);
            let found = decode(&files, length, range.clone(), 1 + random.below(2) as usize);
            assert!(found == Ok(part(&integers, length, &range)), "{what}: {range:?}");
        }
    }
}

fn by_libflac(audio: &Audio, random: &mut Random) -> Vec<u8> {
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
fn with_seek_table(file: &[u8], random: &mut Random) -> Vec<u8> {
    let (start, rest) = file.split_at(42);
    let mut with_table = start.to_vec();
    with_table[4] &= 0x7f;
    let points = random.below(4) as u8;
    with_table.extend([3 | start[4] & 0x80, 0, 0, 18 * points]);
    with_table.extend((0..18 * points).map(|_| random.next() as u8));
    with_table.extend(rest);
    with_table
}

#[test]
fn whatever_libflac_writes_of_32_bit_integers_is_read() {
    others_files_are_read::<i32>(by_libflac);
}

#[test]
fn whatever_libflac_writes_of_64_bit_integers_is_read() {
    others_files_are_read::<i64>(by_libflac);
}

#[test]
fn whatever_the_specification_allows_of_32_bit_integers_is_read() {
    others_files_are_read::<i32>(scribe::file);
}

#[test]
fn whatever_the_specification_allows_of_64_bit_integers_is_read() {
    others_files_are_read::<i64>(scribe::file);
}

#[test]
fn any_channel_assignment_is_read_side_by_side_or_alone() {
    // 33 bits: differences that need the last one, and those that do not.
    for (low, high) in [(i32::MIN, i32::MAX), (i32::MAX, i32::MIN), (5, -7), (i32::MIN, 0)] {
        let integers: Vec<i64> =
            (0..9000).map(|i| i64::of(low.wrapping_add(i % 3), high.wrapping_sub(i % 5))).collect();
        for mid_side in [false, true] {
            for level in 0..=8 {
                let settings = Settings { level, block: 0, mid_side, escapes: false, seek: true };
                let file = libflac::encode(&audio(&integers), &settings);
                let found = decode::<i64>(&[&file], 9000, 0..9000, 1);
                assert!(found.as_ref() == Ok(&integers), "{low} {high} level {level} {mid_side}");
            }
        }
    }
}

#[test]
fn long_streams_are_read_by_many_threads_and_in_part() {
    let mut random = Random(3);
    let length = 3_000_000;
    let integers: Vec<i64> = stream(Signal::Walk, length, &mut random);
    let (ours, _) = encode(&integers, length, 5, 2);
    let settings = Settings { level: 3, block: 0, mid_side: true, escapes: false, seek: false };
    let theirs = libflac::encode(&audio(&integers), &settings);
    let by_sample = scribe::file(&audio(&integers[..200_000]), &mut Random(2));
    for (file, length) in [(&ours, length), (&theirs, length), (&by_sample, 200_000)] {
        for threads in [1, 2, 5] {
            let found = decode::<i64>(&[file], length, 0..length, threads);
            assert!(found.as_deref() == Ok(&integers[..length]), "{threads} threads");
            for _ in 0..20 {
                let range = any_range(length, &mut random);
                let found = decode::<i64>(&[file], length, range.clone(), threads).unwrap();
                assert!(found == integers[range.clone()], "{range:?}, {threads} threads");
            }
        }
        let last = decode::<i64>(&[file], length, length - 1..length, 1);
        assert_eq!(last, Ok(vec![integers[length - 1]]));
    }
}

#[test]
fn bytes_do_not_depend_on_threads_or_kernels() {
    let length = 300_000;
    let mut random = Random(4);
    let integers: Vec<i64> =
        (0..3).flat_map(|_| stream::<i64>(Signal::Walk, length, &mut random)).collect();
    for level in [0, 3, 5, 6] {
        let expected = encode(&integers, length, level, 1);
        let files = apart(&expected.0, &expected.1);
        for (table, kernels) in tables().iter().enumerate() {
            choose(table);
            for threads in [1, 2, 7] {
                assert!(encode(&integers, length, level, threads) == expected, "{}", kernels.name);
                let found = decode(&files, length, 0..length, threads);
                assert!(found.as_ref() == Ok(&integers), "{}, {threads} threads", kernels.name);
            }
        }
    }
}

/// Small files of every kind of content and of author, with what they hold.
fn small_files<T: Tested>() -> Vec<(Vec<T>, Vec<u8>)> {
    let mut random = Random(6);
    let mut files = Vec::new();
    for signal in [Signal::Walk, Signal::Constant, Signal::FullRange, Signal::Outliers] {
        let integers: Vec<T> = stream(signal, 150, &mut random);
        files.push((integers.clone(), encode(&integers, 150, 5, 1).0));
        files.push((integers.clone(), by_libflac(&audio(&integers), &mut random)));
        files.push((integers.clone(), scribe::file(&audio(&integers), &mut random)));
    }
    files
}

fn every_damage_is_reported<T: Tested>() {
    let parts = [0..150, 0..40, 60..61, 140..150];
    for (integers, file) in small_files::<T>() {
        for length in 0..file.len() {
            let error = decode::<T>(&[&file[..length]], 150, 0..150, 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{length}: {error}");
            assert!(error.to_string().starts_with("stream 0: "), "{error}");
            for range in &parts[1..] {
                if let Ok(found) = decode::<T>(&[&file[..length]], 150, range.clone(), 1) {
                    assert_eq!(found, integers[range.clone()], "{length}");
                }
            }
        }
        assert!(decode::<T>(&[&[&file[..], &[0]].concat()], 150, 0..150, 1).is_err());
        let mut harmless = 0;
        for bit in 0..8 * file.len() {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            for range in &parts {
                match decode::<T>(&[&damaged], 150, range.clone(), 1) {
                    Ok(found) => assert_eq!(found, integers[range.clone()], "bit {bit}"),
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Truncated),
                        "bit {bit}: {error}"
                    ),
                }
            }
            harmless += usize::from(decode::<T>(&[&damaged], 150, 0..150, 1).is_ok());
        }
        // STREAMINFO's MD5, lengths of frames, shortest block and rate, and other metadata.
        let metadata = (0..).find(|&at| file[at] == 0xff && file[at + 1] >> 1 == 0x7c).unwrap();
        assert!(harmless <= 8 * metadata, "{harmless} of {}", 8 * metadata);
    }
}

#[test]
fn every_truncation_and_flipped_bit_of_32_bit_integers_is_reported() {
    every_damage_is_reported::<i32>();
}

#[test]
fn every_truncation_and_flipped_bit_of_64_bit_integers_is_reported() {
    every_damage_is_reported::<i64>();
}

#[test]
fn errors_name_stream_and_frame() {
    let integers = Signal::FullRange.samples(32, 20_000, 7);
    let (file, _) = encode(&integers, 20_000, 5, 1);
    let mut damaged = file.clone();
    // Verbatim, so that frames have about 16 KiB: the one with number 2.
    damaged[42 + 2 * 16_400 + 8000] ^= 1;
    for threads in [1, 3] {
        let files: Vec<&[u8]> =
            (0..20).map(|i| if i == 12 { &damaged } else { &file }).map(|f| &f[..]).collect();
        let error = decode::<i32>(&files, 20_000, 0..20_000, threads).unwrap_err().to_string();
        assert!(error.starts_with("stream 12: frame 2: CRC-16 is 0x"), "{error}");
        // Elsewhere in the stream nothing is wrong.
        for range in [0..8192, 12_288..20_000] {
            let found = decode::<i32>(&files[12..13], 20_000, range.clone(), threads);
            assert_eq!(found.as_deref(), Ok(&integers[range]));
        }
        let error = decode::<i32>(&files[12..13], 20_000, 8191..8193, threads).unwrap_err();
        assert!(error.to_string().starts_with("stream 0: frame 2: "), "{error}");
    }
    let refused = |length: usize, expected: &str| {
        let error = decode::<i32>(&[&file], length, 0..1, 1).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        error.kind()
    };
    assert_eq!(refused(20_001, "20000 samples, expected 20001"), ErrorKind::Corrupt);
    assert_eq!(refused(19_999, "20000 samples, expected 19999"), ErrorKind::Corrupt);
    let error = decode::<i64>(&[&file], 20_000, 0..1, 1).unwrap_err().to_string();
    assert!(error.contains("1 channels of 32 bits, expected 2 of 32"), "{error}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let (file, _) = encode(&[1_i32, 2, 3], 3, 5, 1);
    let kind = |result: h5flac::Result<()>| result.unwrap_err().kind();
    let invalid = ErrorKind::InvalidArgument;
    assert_eq!(kind(compress(&[1_i32, 2, 3], 3, 9, 1).map(|_| ())), invalid);
    assert_eq!(kind(compress(&[1_i32, 2, 3], 2, 5, 1).map(|_| ())), invalid);
    assert_eq!(kind(compress::<i32>(&[], 0, 5, 1).map(|_| ())), invalid);
    assert_eq!(kind(decompress(&[&file], 3, 2..4, &mut [0_i32; 2], 1)), invalid);
    assert_eq!(kind(decompress(&[&file], 3, 0..3, &mut [0_i32; 2], 1)), invalid);
    assert!(compress::<i32>(&[], 3, 5, 1).unwrap().is_empty());
    assert_eq!(decompress::<i32>(&[], 3, 0..3, &mut [], 1), Ok(()));
    assert_eq!(decompress::<i32>(&[&file], 3, 1..1, &mut [], 1), Ok(()));
}

/// A stream whose audio, stored as it is, has the header of the frame that follows, or of one near
/// it, again and again.
fn misleading(decoys: &[Vec<u8>], random: &mut Random) -> Vec<i32> {
    let mut bytes: Vec<u8> = (0..4 * 40_000).map(|_| random.next() as u8).collect();
    // Frames of 4096 samples: header, the subframe's first byte, samples as they are.
    for at in (0..bytes.len() - 200).step_by(700) {
        let decoy = random.pick(decoys);
        let at = 4 * (at / 4) + random.below(4) as usize;
        bytes[at..at + decoy.len()].copy_from_slice(decoy);
    }
    bytes.chunks(4).map(|x| i32::from_be_bytes(x.try_into().unwrap())).collect()
}

#[test]
fn audio_that_looks_like_frames_misleads_nobody() {
    let mut random = Random(8);
    let (length, by_sample) = (40_000, false);
    let header = |number| {
        let codes = scribe::Header { by_sample, size: 12, rate: 0, channels: 0, width: 7, number };
        codes.write(4096, 44_100)
    };
    let headers: Vec<Vec<u8>> = (0..10).map(|number| header(number).bytes()).collect();
    // What has a residual that goes on, and what ends with a wrong CRC-16.
    let starts: Vec<Vec<u8>> = (0..10)
        .map(|number| {
            let mut bits = header(number);
            bits.put(0, 8).put(7, 32);
            [bits.bytes(), vec![1, 2]].concat()
        })
        .collect();
    for decoys in [headers, starts] {
        let integers = misleading(&decoys, &mut random);
        let (file, _) = encode(&integers, length, 5, 1);
        let found = decoys
            .iter()
            .filter(|decoy| file.windows(decoy.len()).filter(|bytes| bytes == decoy).count() > 5);
        assert!(found.count() == 10, "the audio is not stored as it is");
        for threads in [1, 4] {
            let found = decode::<i32>(&[&file, &file], length, 0..length, threads).unwrap();
            assert!(found == [&integers[..], &integers].concat());
            for _ in 0..200 {
                let range = any_range(length, &mut random);
                let found = decode::<i32>(&[&file], length, range.clone(), threads);
                assert!(found.as_deref() == Ok(&integers[range.clone()]), "{range:?}");
            }
        }
    }
}

#[test]
fn promises_of_bytes_that_are_not_there_are_refused_at_once() {
    let (file, _) = encode(&[7_i32; 5000], 5000, 5, 1);
    let mut unknown = file.clone();
    unknown[21] &= 0xf0;
    unknown[22..26].fill(0);
    assert_eq!(decode(&[&unknown], 5000, 0..5000, 1), Ok(vec![7_i32; 5000]));
    for length in [5001, 1 << 35, 1 << 62] {
        for first in [0, 4999, 5000, length - 10] {
            let error = decode::<i32>(&[&unknown], length, first..first + 10, 2);
            // The last frame is not the last of such a stream, so nothing but the first is whole.
            assert!(error.is_err() || first == 0, "{length} {first}");
        }
    }
    // Nothing but sync codes.
    let mut syncs = unknown[..42].to_vec();
    syncs.extend([0xff, 0xf8].repeat(500_000));
    assert!(decode::<i32>(&[&syncs], 1 << 40, 1 << 39..(1 << 39) + 10, 2).is_err());
    let mut syncs = unknown.clone();
    syncs.extend([0xff, 0xf8].repeat(500_000));
    assert!(decode::<i32>(&[&syncs], 1 << 40, 1 << 39..(1 << 39) + 10, 2).is_err());
}

#[test]
fn files_without_their_first_frames_are_refused() {
    let integers: Vec<i32> = stream(Signal::Walk, 40_000, &mut Random(9));
    let (file, _) = encode(&integers, 40_000, 5, 1);
    let second = (50..).find(|&at| file[at..].starts_with(&[0xff, 0xf8, 0xc0, 0x0e, 1])).unwrap();
    let mut cut = [&file[..42], &file[second..]].concat();
    for samples in [0, 40_000 - 4096] {
        cut[22..26].copy_from_slice(&u32::to_be_bytes(samples));
        for range in [0..10, 20_000..20_001, 0..40_000 - 4096] {
            let error = decode::<i32>(&[&cut], 40_000 - 4096, range, 1).unwrap_err().to_string();
            assert!(
                error.starts_with("stream 0: frame 0: frame has number 1, expected 0"),
                "{error}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn all_integers_come_back(
        integers in prop::collection::vec(any::<i64>(), 1..9000),
        shift in 0_u32..64,
        level in 0_u32..=8,
        threads in 1_usize..4,
        at in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let integers: Vec<i64> = integers.iter().map(|x| x >> shift).collect();
        let narrow: Vec<i32> = integers.iter().map(|&x| x as i32).collect();
        let length = integers.len();
        let (wide_bytes, _) = encode(&integers, length, level, threads);
        let (narrow_bytes, _) = encode(&narrow, length, level, threads);
        let start = at.0.index(length);
        let range = start..start + 1 + at.1.index(length - start);
        for range in [0..length, range] {
            let found = decode::<i64>(&[&wide_bytes], length, range.clone(), threads);
            prop_assert_eq!(found.as_deref(), Ok(&integers[range.clone()]));
            let found = decode::<i32>(&[&narrow_bytes], length, range.clone(), threads);
            prop_assert_eq!(found.as_deref(), Ok(&narrow[range]));
        }
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        seed in any::<u64>(),
        length in 1_usize..10_000,
    ) {
        let _ = decode::<i32>(&[&bytes], length, 0..length, 1);
        let mut random = Random(seed);
        let integers: Vec<i64> = stream(*random.pick(&ALL), length, &mut random);
        let mut file = scribe::file(&audio(&integers), &mut random);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        for range in [0..length, any_range(length, &mut random)] {
            if let Ok(found) = decode::<i64>(&[&file], length, range.clone(), 2) {
                prop_assert_eq!(&found[..], &integers[range]);
            }
        }
    }
}
