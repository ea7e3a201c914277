//! Promise: no bytes make the FLAC decoder panic, hang or return samples that are not there; what
//! is wrong is named.

mod support;

use h5flac::ErrorKind;
use h5flac::flac::{Decoder, Frame, file_header, read_file};
use proptest::prelude::*;
use support::checksums::mend;
use support::scribe::{self, Bits, Header};
use support::signal::{ALL, Random, Signal};
use support::{Stream, libflac};

const MONO: Header =
    Header { by_sample: false, size: 7, rate: 0, channels: 0, width: 4, number: 5 };

/// A frame of 16-bit samples, numbered 5.
fn frame(samples: usize, write: impl FnOnce(&mut Bits)) -> Vec<u8> {
    let mut bits = MONO.write(samples, 0);
    write(&mut bits);
    bits.frame()
}

fn decode_as(
    bytes: &[u8],
    samples: usize,
    width: u32,
    verify: bool,
) -> Result<Vec<i32>, (ErrorKind, String)> {
    let mut out = vec![0; samples];
    let frame = Frame { bytes, samples, wanted: samples, width, number: 5 };
    match Decoder::default().decode(&[frame], &mut out, verify) {
        Ok(()) => Ok(out),
        Err((i, e)) => Err((e.kind(), format!("frame {i}: {e}"))),
    }
}

fn decode(bytes: &[u8], samples: usize) -> Result<Vec<i32>, (ErrorKind, String)> {
    decode_as(bytes, samples, 16, true)
}

#[track_caller]
fn assert_refused(bytes: &[u8], samples: usize, kind: ErrorKind, expected: &str) {
    let (found, message) = decode(bytes, samples).expect_err(expected);
    assert!(message.starts_with("frame 0: ") && message.contains(expected), "{message}");
    assert_eq!(found, kind, "{message}");
}

#[track_caller]
fn assert_corrupt(samples: usize, expected: &str, write: impl FnOnce(&mut Bits)) {
    assert_refused(&frame(samples, write), samples, ErrorKind::Corrupt, expected);
}

/// Subframe heads: type and no wasted bits.
const FIXED: u64 = 8 << 1;
const LINEAR: u64 = 31 << 1;

fn constant(out: &mut Bits) {
    out.put(0, 8).put_signed(-7, 16);
}

#[test]
fn headers_that_break_their_promise_are_refused() {
    let good = frame(100, constant);
    assert_eq!(decode(&good, 100), Ok(vec![-7; 100]));
    let wrong = |at: usize, bit: u32| {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        bytes
    };
    assert_refused(&wrong(0, 3), 100, ErrorKind::Corrupt, "sync code");
    assert_refused(&wrong(4, 0), 100, ErrorKind::Corrupt, "CRC-8");
    assert_refused(&wrong(good.len() - 1, 0), 100, ErrorKind::Corrupt, "CRC-16");
    assert_refused(&good, 99, ErrorKind::Corrupt, "block size 100, expected 99");
    let with = |header: Header| {
        let mut bits = header.write(100, 8000);
        constant(&mut bits);
        bits.frame()
    };
    let cases = [
        (Header { by_sample: true, ..MONO }, "varying block sizes"),
        (Header { channels: 1, ..MONO }, "more than one channel"),
        (Header { channels: 10, ..MONO }, "more than one channel"),
        (Header { channels: 11, ..MONO }, "channel assignment code 11"),
        (Header { width: 3, ..MONO }, "bits-per-sample code 3"),
        (Header { width: 6, ..MONO }, "bits per sample 24, expected 16"),
        (Header { number: 4, ..MONO }, "frame number 4, expected 5"),
        (Header { number: 5 << 30, ..MONO }, "expected 5"),
        (Header { size: 0, ..MONO }, "block size code 0"),
        (Header { rate: 15, ..MONO }, "sample rate code 15"),
    ];
    for (header, expected) in cases {
        assert_refused(&with(header), 100, ErrorKind::Corrupt, expected);
    }
    for (rate, width) in [(4, 0), (12, 4), (13, 4), (14, 0)] {
        let bytes = with(Header { rate, width, ..MONO });
        assert_eq!(decode(&bytes, 100), Ok(vec![-7; 100]), "rate code {rate}");
    }
}

#[test]
fn frames_that_are_longer_or_shorter_than_their_bytes_are_refused() {
    let good = frame(100, constant);
    let long = [&good[..], &[0]].concat();
    let length = good.len();
    let expected = format!("frame ends after {length} of its {} bytes", length + 1);
    assert_refused(&long, 100, ErrorKind::Corrupt, &expected);
    assert_refused(&good[..length - 1], 100, ErrorKind::Truncated, "expected");
    assert_corrupt(100, "padding", |out| {
        // 8 + 13 bits leave 3 of padding.
        out.put(FIXED, 8).put(0, 6).put(15, 4).put(0, 5).put(1, 1);
    });
}

#[test]
fn reserved_subframes_are_refused() {
    for code in (2..8).chain(13..32).chain(64..128) {
        assert_corrupt(100, "reserved subframe type", |out| {
            out.put(code << 1, 8).put_zeros(200);
        });
    }
    for method in [2, 3] {
        assert_corrupt(100, "residual coding method", |out| {
            out.put(FIXED, 8).put(method, 2).put_zeros(200);
        });
    }
}

#[test]
fn wasted_bits_leave_one() {
    let wasting = |wasted: u64| {
        frame(100, |out| {
            out.put(1, 8).put_unary(wasted - 1).put(u64::MAX, 16 - wasted as u32);
        })
    };
    assert_eq!(decode(&wasting(15), 100), Ok(vec![-1 << 15; 100]));
    assert_corrupt(100, "all of 16 bits are wasted", |out| {
        out.put(1, 8).put_unary(15).put(0, 16);
    });
    assert_corrupt(100, "all of 16 bits are wasted", |out| {
        out.put(1, 8).put_zeros(300);
    });
}

#[test]
fn predictors_out_of_form_are_refused() {
    // A residual has one number at least.
    for samples in [4, 5] {
        assert_corrupt(samples, &format!("order 5 in a block of {samples} samples"), |out| {
            out.put(LINEAR + 10, 8).put_zeros(300);
        });
    }
    assert_corrupt(100, "precision code 15", |out| {
        out.put(LINEAR + 2, 8).put(0, 16).put(15, 4).put_zeros(200);
    });
    for shift in -16..0 {
        assert_corrupt(100, "shift", |out| {
            out.put(LINEAR + 2, 8).put(0, 16).put(3, 4).put_signed(shift, 5).put_zeros(200);
        });
    }
}

#[test]
fn partitions_must_divide_the_block_after_the_warm_up() {
    let partitioned = |samples: usize, order: u64, partition_order: u64| {
        decode(
            &frame(samples, |out| {
                out.put(FIXED + 2 * order, 8).put_zeros(16 * order);
                out.put(0, 2).put(partition_order, 4);
                (0..1_u64 << partition_order).for_each(|_| {
                    out.put(15, 4).put(0, 5);
                });
            }),
            samples,
        )
    };
    for samples in 1..200 {
        for order in 0..=4.min(samples as u64) {
            for partition_order in 0..=10 {
                let size = samples >> partition_order;
                let whole = size << partition_order == samples;
                let valid = whole && size >= order as usize && samples > order as usize;
                match partitioned(samples, order, partition_order) {
                    Ok(found) => assert!(valid && found.iter().all(|&x| x == 0)),
                    Err((kind, message)) => {
                        assert!(!valid, "{samples} samples, {partition_order}: {message}");
                        let named = message.contains("partitions") || message.contains("order");
                        assert!(kind == ErrorKind::Corrupt && named);
                    }
                }
            }
        }
    }
}

/// One residual of a frame with the given Rice parameter, after 99 zeros.
fn last_residual(quotient: u64, low: u64, parameter: u32) -> Vec<u8> {
    let mut bits = Header { width: 7, ..MONO }.write(100, 0);
    bits.put(FIXED, 8).put(1, 2).put(0, 4).put(u64::from(parameter), 5);
    (0..99).for_each(|_| {
        bits.put_rice(0, parameter);
    });
    bits.put_unary(quotient).put(low, parameter);
    bits.frame()
}

#[test]
fn residuals_stay_within_32_bits_without_the_least() {
    for parameter in 12..=30 {
        let (quotient, low) = ((1_u64 << (32 - parameter)) - 1, (1 << parameter) - 1);
        let decode = |quotient, low| {
            let bytes = last_residual(quotient, low, parameter);
            decode_as(&bytes, 100, 32, true).map(|x| x[99])
        };
        assert_eq!(decode(quotient, low - 1), Ok(i32::MAX), "parameter {parameter}");
        assert_eq!(decode(quotient, low - 2), Ok(-i32::MAX), "parameter {parameter}");
        for (quotient, low) in [(quotient, low), (quotient + 1, 0), (4 * quotient + 77, 3)] {
            let (kind, message) = decode(quotient, low).unwrap_err();
            assert!(kind == ErrorKind::Corrupt && message.contains("2^31"), "{message}");
        }
    }
}

#[test]
fn unary_codes_without_an_end_end_with_the_frame() {
    for parameter in [0, 7, 14] {
        for bytes in [0, 1, 7, 8, 100, 1 << 20] {
            let mut frame = MONO.write(100, 0).bytes();
            // Fixed order 0, method 0, partition order 0.
            frame.extend([FIXED as u8, parameter >> 2 & 3, parameter << 6]);
            frame.resize(frame.len() + bytes, 0);
            assert_refused(&frame, 100, ErrorKind::Truncated, "bytes end before");
        }
    }
}

#[test]
fn samples_that_overflow_are_refused() {
    // Order 4 of the fixed predictors continues a cubic.
    assert_corrupt(100, "needs more than 16 bits", |out| {
        out.put(FIXED + 8, 8).put(0, 48).put(100, 16).put(0, 6).put(15, 4).put(0, 5);
    });
    let mut wide = Header { width: 7, ..MONO }.write(100, 0);
    wide.put(FIXED + 8, 8).put_zeros(96).put(1 << 20, 32).put(0, 6).put(15, 4).put(0, 5);
    let (kind, message) = decode_as(&wide.frame(), 100, 32, true).unwrap_err();
    assert!(kind == ErrorKind::Corrupt && message.contains("more than 32 bits"), "{message}");
    for (order, r) in [(0, 1 << 15), (0, -(1 << 15) - 1), (1, 1 << 15), (2, 1 << 20)] {
        assert_corrupt(10, "needs more than 16 bits", |out| {
            out.put(FIXED + 2 * order, 8).put_zeros(16 * order).put(0, 6).put(12, 4);
            (0..10 - order).for_each(|_| {
                out.put_rice(r, 12);
            });
        });
    }
}

#[test]
fn escaped_partitions_of_every_width_are_read() {
    for width in 1..=31 {
        let r = -(1_i64 << (width - 1));
        let mut bits = Header { width: 7, ..MONO }.write(100, 0);
        bits.put(FIXED, 8).put(0, 6).put(15, 4).put(u64::from(width), 5);
        (0..100).for_each(|i| {
            bits.put_signed(if i % 2 == 0 { r } else { !r }, width);
        });
        let found = decode_as(&bits.frame(), 100, 32, true).unwrap();
        let expected = (0..100).map(|i| if i % 2 == 0 { r as i32 } else { !r as i32 });
        assert!(found.into_iter().eq(expected), "{width} bits");
    }
}

/// Frames of every kind, each numbered 5, with its samples and width.
fn specimens() -> Vec<(Vec<u8>, usize, u32)> {
    let mut specimens = Vec::new();
    for signal in ALL {
        for (width, length, level) in [(4, 40, 3), (16, 300, 0), (20, 257, 8), (32, 100, 5)] {
            let samples = signal.samples(width, length, 11);
            let mut bytes = Vec::new();
            let mut encoder = h5flac::flac::Encoder::new(level);
            encoder.encode(&samples, width, length, 5, &mut bytes);
            specimens.push((bytes, length, width));
        }
    }
    specimens
}

#[test]
fn every_truncation_is_reported() {
    for (bytes, samples, width) in specimens() {
        for length in 0..bytes.len() {
            for verify in [false, true] {
                let (kind, message) =
                    decode_as(&bytes[..length], samples, width, verify).unwrap_err();
                assert_eq!(kind, ErrorKind::Truncated, "{length}: {message}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_reported() {
    for (bytes, samples, width) in specimens() {
        for bit in 0..8 * bytes.len() {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(decode_as(&wrong, samples, width, true).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_bit_flipped_behind_the_samples_wanted_is_reported() {
    for (bytes, samples, width) in specimens() {
        let wanted = samples.min(Frame::FEWEST);
        let mut out = vec![0; wanted];
        let mut read = |bytes: &[u8]| {
            let frame = Frame { bytes, samples, wanted, width, number: 5 };
            Decoder::default().decode(&[frame], &mut out, true).is_ok()
        };
        assert!(read(&bytes));
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(!read(&damaged), "bit {bit} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn every_truncation_of_a_file_is_reported() {
    for (signal, width) in [(Signal::Walk, 16), (Signal::Constant, 24), (Signal::FullRange, 32)] {
        let file = Stream::encode(&signal.samples(width, 600, 1), width, 5).file;
        for length in 0..file.len() {
            let error = read_file(&file[..length], 600).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{length}: {error}");
        }
        assert!(read_file(&[&file[..], &[0]].concat(), 600).is_err());
    }
}

#[test]
fn files_are_as_long_as_the_caller_allows() {
    let constant = Stream::encode(&[3; 100_000], 16, 5).file;
    assert!(constant.len() < 200);
    assert_eq!(read_file(&constant, 100_000).unwrap().channels, [[3; 100_000]]);
    assert_eq!(read_file(&constant, 99_999).unwrap_err().kind(), ErrorKind::TooLarge);
    // The same where STREAMINFO does not say.
    let block = u16::from_be_bytes([constant[8], constant[9]]);
    let mut unknown = file_header(16, block.into(), 0).to_vec();
    unknown.extend(&constant[unknown.len()..]);
    assert_eq!(read_file(&unknown, 100_000).unwrap().channels, [[3; 100_000]]);
    assert_eq!(read_file(&unknown, 99_999).unwrap_err().kind(), ErrorKind::TooLarge);
    // A promise costs nothing.
    let most = file_header(16, 16384, (1 << 36) - 1);
    assert_eq!(read_file(&most, usize::MAX).unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn only_the_last_block_of_a_file_may_be_shorter() {
    let read = |sizes: [usize; 3], declared: u64| {
        let mut file = file_header(16, 100, sizes.iter().sum::<usize>() as u64).to_vec();
        // The shortest block of STREAMINFO.
        file[8..10].copy_from_slice(&(declared as u16).to_be_bytes());
        for (number, size) in (0..).zip(sizes) {
            let mut bits = Header { number, ..MONO }.write(size, 0);
            constant(&mut bits);
            file.extend(bits.frame());
        }
        assert_eq!(read_file(&file, 300).is_ok(), libflac::decode(&file).is_ok(), "{sizes:?}");
        read_file(&file, 300).map_err(|e| e.to_string())
    };
    assert!(read([100, 100, 50], 100).is_ok());
    assert!(read([100, 50, 100], 100).unwrap_err().contains("150 samples in 2 frames"));
    assert!(read([50, 50, 50], 100).unwrap_err().contains("50 samples in 1 frames"));
    // Where STREAMINFO says that blocks differ, they may.
    assert!(read([100, 50, 100], 50).is_ok());
}

#[test]
fn damage_under_a_good_checksum_gives_what_libflac_makes_of_it_or_an_error() {
    let (mut refused, mut agreed) = (0, 0);
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let width = 4 + random.below(29) as u32;
        let length = 16 + random.below(100) as usize;
        let level = random.below(9) as u32;
        let samples = random.pick(&ALL).samples(width, length, seed);
        let mut file = file_header(width, length, length as u64).to_vec();
        let start = file.len();
        h5flac::flac::Encoder::new(level).encode(&samples, width, length, 0, &mut file);
        // Behind the header of at most 8 bytes.
        let from = 8 * (start + 8).min(file.len() - 3);
        let bits = (8 * (file.len() - 2) - from) as u64;
        for _ in 0..1 + random.below(3) {
            let bit = from + random.below(bits) as usize;
            file[bit / 8] ^= 0x80 >> (bit % 8);
        }
        mend(&mut file[start..]);
        match read_file(&file, length) {
            Err(_) => refused += 1,
            Ok(ours) => {
                let theirs = libflac::decode(&file).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                assert!(ours == theirs, "seed {seed}: other samples than libFLAC's");
                agreed += 1;
            }
        }
    }
    assert!(refused > 1000 && agreed > 1000, "{refused} refused, {agreed} agreed");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_as(&bytes, 100, 16, false);
        let _ = read_file(&bytes, 1 << 20);
        let mut file = file_header(16, 4096, 0).to_vec();
        file.extend(&bytes);
        let _ = read_file(&file, 1 << 20);
    }

    #[test]
    fn any_subframe_is_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        samples in 1_usize..2000,
        code in prop::sample::select(vec![0, 1, 8, 12, 31 + 1, 31 + 8, 31 + 32]),
        width in prop::sample::select(vec![(1, 8), (2, 12), (4, 16), (6, 24), (7, 32)]),
    ) {
        let mut bits = Header { width: width.0, ..MONO }.write(samples, 0);
        bits.put(code << 1, 8);
        bytes.iter().for_each(|&byte| { bits.put(u64::from(byte), 8); });
        let _ = decode_as(&bits.frame(), samples, width.1, true);
    }

    #[test]
    fn damaged_files_are_survived(
        seed in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut random = Random(seed);
        let width = 4 + random.below(29) as u32;
        let signal = *random.pick(&ALL);
        let audio = h5flac::flac::Audio {
            rate: 44_100,
            width,
            channels: vec![signal.samples(width, 500, seed), signal.samples(width, 500, !seed)],
        };
        let mut file = scribe::file(&audio, &mut random);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read_file(&file, 1 << 20);
    }
}
