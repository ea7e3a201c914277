//! Promise: a FLAC file of a stream that was damaged, or made to mislead, is an error or what it
//! was, within the memory that it earns.

mod support;

use h5flac::ErrorKind;
use h5flac::files::{compress, decompress, most_held_compressing, most_held_decompressing};
use proptest::prelude::*;
use support::effort::cases;
use support::files::*;
use support::memory::{Counting, most_held};
use support::scribe;
use support::signal::{ALL, Random, Signal};

#[global_allocator]
static MEMORY: Counting = Counting;

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
            let (found, held) =
                most_held(|| decode::<i32>(&[&unknown], length, first..first + 10, 1));
            // The last frame is not the last of such a stream, so nothing but the first is whole.
            assert!(found.is_err() || first == 0, "{length} {first}");
            assert!(held < 1 << 20, "{held} bytes held for {} of input", unknown.len());
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
fn decompressing_holds_no_more_than_it_says() {
    let mut random = Random(10);
    for length in [100, 10_000, 100_000] {
        let integers: Vec<i64> = stream(Signal::Walk, length, &mut random);
        for _ in 0..20 {
            let file = by_libflac(&audio(&integers), &mut random);
            let mut damaged = file.clone();
            // In the last frame.
            let at = file.len() - 1 - random.below(8) as usize;
            damaged[at] ^= 1;
            for files in [[&file[..]; 20], [&damaged[..]; 20]] {
                let most = most_held_decompressing(&files, 1);
                let mut out = vec![0_i64; 20 * length];
                let (result, held) =
                    most_held(|| decompress(&files, length, 0..length, &mut out, 1));
                assert_eq!(result.is_err(), files[0] == damaged);
                assert!(held <= most, "{held} bytes held, {most} promised");
            }
        }
    }
}

#[test]
fn compressing_holds_no_more_than_it_says() {
    let mut random = Random(11);
    for length in [1, 100, 5000, 300_000] {
        let streams = 600_000 / length;
        let integers: Vec<i32> = Signal::FullRange.samples(32, streams * length, random.next());
        let most = most_held_compressing(4 * integers.len(), 4, length, 1);
        for level in [0, 5, 8] {
            let (files, held) = most_held(|| compress(&integers, length, level, 1).unwrap());
            assert!(held <= most, "level {level}: {held} bytes held, {most} promised");
            assert!(files.len() <= most, "{} bytes", files.len());
        }
    }
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
