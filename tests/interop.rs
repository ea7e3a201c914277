//! Promise: what is written is FLAC, and FLAC is read, whoever wrote it. libFLAC is the judge.

mod support;

use h5flac::flac::{Audio, Decoder, read_file};
use std::path::Path;
use std::process::Command;
use support::libflac::{self, Settings};
use support::signal::{ALL, Random, Signal};
use support::{Stream, assert_same, scribe};

/// Samples of all channels that the files here may have.
const LIMIT: usize = 1 << 20;

/// Encodes with this library and decodes in all ways there are.
fn check_ours(signal: Signal, width: u32, length: usize, level: u32, decoder: &mut Decoder) {
    let what = format!("{signal:?}, {width} bits, {length} samples, level {level}");
    let samples = signal.samples(width, length, length as u64);
    let stream = Stream::encode(&samples, width, level);
    let theirs = libflac::decode(&stream.file).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!((theirs.rate, theirs.width, theirs.channels.len()), (96000, width, 1), "{what}");
    assert_same(&theirs.channels[0], &samples, format!("{what}, by libFLAC"));
    let ours = stream.decode(decoder).unwrap_or_else(|(i, e)| panic!("{what}: frame {i}: {e}"));
    assert_same(&ours, &samples, format!("{what}, by its frames"));
    let ours = read_file(&stream.file, length).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(ours == theirs, "{what}: the file reads otherwise than by libFLAC");
}

#[test]
fn libflac_reads_every_signal_of_every_width_at_every_level() {
    let lengths = [1, 5, 16, 33, 100, 257, 1000, 4096, 4097, 5000, 9001];
    let mut decoder = Decoder::default();
    let mut random = Random(1);
    for level in 0..=8 {
        for width in 4..=32 {
            for signal in ALL {
                for _ in 0..3 {
                    check_ours(signal, width, *random.pick(&lengths), level, &mut decoder);
                }
            }
        }
    }
}

#[test]
fn libflac_reads_every_length_around_the_edges_of_blocks() {
    let edges = [256, 512, 1024, 4096, 8192, 16384, 32768, 65536];
    let around = edges.iter().flat_map(|&edge| edge - 33..=edge + 33);
    let lengths = (1..=600).chain(around).chain([99_999, 100_000]);
    let mut decoder = Decoder::default();
    let mut random = Random(2);
    for length in lengths {
        let signal = *random.pick(&ALL);
        let width = 4 + random.below(29) as u32;
        check_ours(signal, width, length, random.below(9) as u32, &mut decoder);
    }
}

#[test]
fn every_level_keeps_streams_of_many_blocks() {
    let mut decoder = Decoder::default();
    for level in 0..=8 {
        for (signal, width) in
            [(Signal::Walk, 24), (Signal::Bursts, 16), (Signal::Smooth, 32), (Signal::White, 32)]
        {
            check_ours(signal, width, 70_001, level, &mut decoder);
        }
    }
}

#[test]
fn flac_the_program_accepts_our_files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flac-program");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut random = Random(3);
    let mut files = Vec::new();
    for width in 4..=32 {
        for signal in ALL {
            let length = *random.pick(&[1, 15, 100, 4096, 20_000]);
            let samples = signal.samples(width, length, 3);
            let level = random.below(9) as u32;
            let name = folder.join(format!("{signal:?}-{width}-{length}-{level}.flac"));
            std::fs::write(&name, Stream::encode(&samples, width, level).file).unwrap();
            files.push(name);
        }
    }
    let output = Command::new("flac")
        .args(["--test", "--silent"])
        .args(files)
        .output()
        .expect("the program flac (Debian's package flac)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// One or two channels, the second like the first more often than not.
fn audio(signal: Signal, width: u32, channels: usize, length: usize, random: &mut Random) -> Audio {
    let first = signal.samples(width, length, random.next());
    let mut all = vec![first];
    if channels == 2 {
        let other = match random.below(4) {
            0 => random.pick(&ALL).samples(width, length, random.next()),
            // Its negative, as far as there is one: the side channel needs its last bit.
            1 => all[0].iter().map(|&x| !x).collect(),
            2 => all[0].clone(),
            _ => all[0].iter().map(|&x| x ^ (random.next() & 3) as i32).collect(),
        };
        all.push(other);
    }
    let rates = [1, 8000, 44_100, 48_000, 96_000, 192_000, 254_000, 65_535, 400_010, 655_350];
    Audio { rate: *random.pick(&rates), width, channels: all }
}

#[test]
fn whatever_libflac_writes_is_read() {
    let mut random = Random(4);
    for level in 0..=8 {
        for width in 4..=32 {
            for signal in ALL {
                let length = *random.pick(&[1, 20, 100, 1000, 4096, 4609, 10_000]);
                let channels = 1 + random.below(2) as usize;
                let settings = Settings {
                    level,
                    block: *random.pick(&[0, 0, 16, 17, 192, 1000, 4095, 16384, 65535]),
                    mid_side: random.one_in(2),
                    escapes: random.one_in(3),
                    seek: random.one_in(2),
                };
                let audio = audio(signal, width, channels, length, &mut random);
                let what = format!("{signal:?}, {width} bits, {channels} × {length}, {settings:?}");
                let file = libflac::encode(&audio, &settings);
                let found = read_file(&file, LIMIT).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(found == audio, "{what}: other samples");
            }
        }
    }
}

#[test]
fn whatever_the_specification_allows_is_read_as_libflac_reads_it() {
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let signal = *random.pick(&ALL);
        let width = 4 + random.below(29) as u32;
        let channels = 1 + random.below(2) as usize;
        let longest = *random.pick(&[20, 300, 3000]);
        let length = 1 + random.below(longest) as usize;
        let audio = audio(signal, width, channels, length, &mut random);
        let what = format!("seed {seed}: {signal:?}, {width} bits, {channels} × {length}");
        let file = scribe::file(&audio, &mut random);
        let theirs = libflac::decode(&file).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(theirs == audio, "{what}: libFLAC decodes other samples");
        let ours = read_file(&file, LIMIT).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(ours == audio, "{what}: other samples");
    }
}
