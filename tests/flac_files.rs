//! Promise: streams of integers become FLAC files that libFLAC reads, and come back from files
//! whoever wrote them, whole or in part.

mod support;

use h5flac::flac::Audio;
use h5flac::simd::{choose, tables};
use proptest::prelude::*;
use support::effort::cases;
use support::files::*;
use support::libflac::{self, Settings};
use support::scribe;
use support::signal::{ALL, Random, Signal};

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
}
