//! FLAC streams, judged by libFLAC.

use crate::support::checksums::{header_length, mend, mend_header};
use crate::support::scribe::{self, Header, file_start};
use crate::support::signal::{ALL, Random, Signal};
use crate::support::{Stream, assert_same, libflac};
use crate::{same_with_all_kernels, within};
use arbitrary::{Arbitrary, Unstructured};
use h5flac::files::{self, Integer};
use h5flac::flac::{Audio, Decoder, FILE_HEADER, Frame, read_file};
use h5flac::{Error, ErrorKind};

/// Most samples of a channel of these streams.
const MOST: usize = 1 << 16;

/// Decodes FLAC streams as libFLAC does.
///
/// The reader of files and libFLAC differ by intent: libFLAC looks for the next frame where it
/// finds none, puts silence where frames are missing, passes over a frame that ends early, and
/// takes more channels and changes of format. So there are two kinds of inputs, by the first byte:
///
/// * a stream whose headers are as they must be around subframes of any bytes (`any_subframes`):
///   both give the same samples, or neither gives all that STREAMINFO promises, but for samples of
///   more than their bits, which this library refuses and libFLAC may wrap;
/// * any bytes (`any_file`): what this library reads libFLAC reads too, and the same.
///
/// Files of 32 bits are read as streams of integers as well, whole and in part.
pub fn flac_decode(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let judged = match u.arbitrary::<u8>() {
        Ok(kind) if kind & 1 == 0 => any_subframes(&mut u),
        _ => any_file(&mut u),
    };
    // Too short for what stands before the bytes.
    let _: Result<(), arbitrary::Error> = judged;
}

/// What stands before the frames of `any_subframes`.
#[derive(Arbitrary)]
struct Form {
    /// Bits 0–4: width − 4 · 5: two channels · 6: numbered by samples.
    flags: u8,
    /// Seed of the metadata.
    seed: u8,
    rate: u16,
    /// Frames − 1, up to 3.
    frames: u8,
}

/// What stands before the subframes of a frame.
#[derive(Arbitrary)]
struct FrameForm {
    /// Samples − 1 of a channel; those of the first frame count for all but the last where frames
    /// are numbered.
    samples: u16,
    /// Bits 0–1: how channels are stored · 2–4: whether size, width and rate have a code of their own.
    codes: u8,
    /// Bytes of the subframes.
    length: u16,
}

impl FrameForm {
    fn header(&self, samples: usize, audio: &Audio, by_sample: bool, number: u64) -> Header {
        let is_set = |bit: u8| self.codes >> bit & 1 == 1;
        let size = scribe::SIZES.iter().position(|&size| size == samples);
        let width = scribe::WIDTHS.iter().position(|&width| width == audio.width);
        Header {
            by_sample,
            size: match size {
                Some(code) if is_set(2) => code as u64,
                _ if is_set(2) && samples <= 256 => 6,
                _ => 7,
            },
            rate: if is_set(4) { 13 } else { 0 },
            channels: if audio.channels.len() == 1 {
                0
            } else {
                [1, 8, 9, 10][usize::from(self.codes & 3)]
            },
            width: width.filter(|_| is_set(3)).unwrap_or(0) as u64,
            number,
        }
    }
}

/// Judges subframes of any bytes. Of each frame's bytes those behind its end are left out; the
/// checksums are right.
fn any_subframes(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let form = Form::arbitrary(u)?;
    let by_sample = form.flags >> 6 & 1 == 1;
    let channels = 1 + usize::from(form.flags >> 5 & 1);
    let audio = Audio {
        rate: u32::from(form.rate.max(1)),
        width: 4 + u32::from(form.flags & 31) % 29,
        channels: vec![Vec::new(); channels],
    };
    let count = 1 + usize::from(form.frames) % 4;
    let mut frames = Vec::new();
    let (mut block, mut total) = (0, 0);
    for i in 0..count {
        let frame = FrameForm::arbitrary(u)?;
        let own = usize::from(frame.samples).min(65534) + 1;
        // RFC 9639 section 8.2: no other block is shorter.
        let own = if i + 1 < count { own.max(16) } else { own };
        let samples = match i {
            0 => own,
            _ if by_sample => own,
            _ if i + 1 == count => own.min(block),
            _ => block,
        };
        block = if by_sample { own.max(block) } else { block.max(samples) };
        let number = if by_sample { total } else { i };
        let mut bytes = frame
            .header(samples, &audio, by_sample, number as u64)
            .write(samples, audio.rate)
            .bytes();
        bytes.extend(u.bytes(usize::from(frame.length).min(u.len()))?);
        bytes.extend([0; 2]);
        end(&mut bytes, &audio, samples);
        frames.push((bytes, samples));
        total += samples;
    }
    let blocks = if by_sample { [16, block.max(16)] } else { [block.max(16); 2] };
    let mut file = file_start(blocks, &audio, total as u64, &mut Random(u64::from(form.seed)));
    frames.iter().for_each(|(bytes, _)| file.extend(bytes));

    let ours = same_with_all_kernels(|| {
        within(file.len(), 8 * total, || read_file(&file, total * channels))
    });
    let theirs = libflac::decode(&file);
    let theirs = theirs.and_then(|audio| {
        let is_whole =
            audio.channels.len() == channels && audio.channels.iter().all(|x| x.len() == total);
        if is_whole { Ok(audio) } else { Err("libFLAC: samples are missing".to_owned()) }
    });
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert!(ours == theirs, "other samples than libFLAC's"),
        (Ok(_), Err(e)) => panic!("read in spite of {e}"),
        // libFLAC drops the upper bits of such a sample, and sees only whether the others fit.
        (Err(e), Ok(_)) if e.to_string().contains("a sample needs more than") => {}
        (Err(e), Ok(_)) => panic!("refused in spite of libFLAC: {e}"),
        (Err(_), Err(_)) => {}
    }
    if audio.width == 32 {
        let found = in_stream(&file, channels, total);
        assert_eq!(found.ok().as_ref(), ours.as_ref().ok().map(|audio| &audio.channels));
    }
    if channels == 1 && !by_sample {
        let samples = ours.ok().map(|audio| audio.channels.into_iter().flatten().collect());
        in_chunk(&frames, audio.width, samples);
    }
    Ok(())
}

/// Decodes a file as a stream of integers: the same channels, and parts of them, or an error.
fn in_stream(file: &[u8], channels: usize, length: usize) -> Result<Vec<Vec<i32>>, Error> {
    if channels == 1 {
        in_integers::<i32>(file, length).map(|low| vec![low])
    } else {
        let integers = in_integers::<i64>(file, length)?;
        let (mut low, mut high) = (vec![0; length], vec![0; length]);
        i64::split(&integers, &mut low, &mut high);
        Ok(vec![low, high])
    }
}

fn in_integers<T: Integer + PartialEq + std::fmt::Debug>(
    file: &[u8],
    length: usize,
) -> Result<Vec<T>, Error> {
    let decode = |samples: std::ops::Range<usize>| {
        same_with_all_kernels(|| {
            within(file.len(), 8 * samples.len(), || {
                let mut out = vec![T::default(); samples.len()];
                files::decompress(&[file], length, samples.clone(), &mut out, 1).map(|()| out)
            })
        })
    };
    let whole = decode(0..length);
    for part in [0..length / 3, length / 3..length / 2, length - 1..length] {
        let found = decode(part.clone());
        if let Ok(whole) = &whole {
            assert_eq!(found.as_deref(), Ok(&whole[part]));
        }
    }
    whole
}

/// Cuts a frame where its subframes and their CRC-16 end, and makes that right.
fn end(frame: &mut Vec<u8>, audio: &Audio, samples: usize) {
    // Of an unknown number of samples, so that a frame of any number may be the only one.
    let mut file = file_start([16, 65535], audio, 0, &mut Random(0));
    let start = file.len();
    file.extend_from_slice(frame);
    let is_short = |length: usize| {
        let read = read_file(&file[..start + length], samples * audio.channels.len());
        read.is_err_and(|e| e.kind() == ErrorKind::Truncated)
    };
    let (mut short, mut long) = (0, frame.len());
    while long - short > 1 {
        let middle = short.midpoint(long);
        *(if is_short(middle) { &mut short } else { &mut long }) = middle;
    }
    frame.truncate(long);
    mend(frame);
}

/// Decodes frames as those of a chunk: the same samples as in a file, of beginnings too.
fn in_chunk(frames: &[(Vec<u8>, usize)], width: u32, expected: Option<Vec<i32>>) {
    let decode = |most: usize, verify: bool| {
        let list: Vec<Frame<'_>> = frames
            .iter()
            .zip(0..)
            .map(|((bytes, samples), number)| {
                let (samples, wanted) = (*samples, (*samples).min(most));
                Frame { bytes, samples, wanted, width, number }
            })
            .collect();
        let mut out = vec![0; list.iter().map(|frame| frame.wanted).sum()];
        Decoder::default().decode(&list, &mut out, verify).map(|()| out)
    };
    for verify in [true, false] {
        let found = same_with_all_kernels(|| decode(usize::MAX, verify));
        assert_eq!(found.ok(), expected, "other samples in a chunk, verify {verify}");
    }
    let Some(expected) = expected else { return };
    for most in [Frame::FEWEST, 100, 1000] {
        let mut rest = &expected[..];
        let mut beginnings = Vec::new();
        for (_, samples) in frames {
            let (now, after) = rest.split_at(*samples);
            beginnings.extend(&now[..most.min(*samples)]);
            rest = after;
        }
        let found = same_with_all_kernels(|| decode(most, true));
        assert_eq!(found, Ok(beginnings), "other samples at the beginning of frames");
    }
}

/// Judges any bytes: 16 bits with the length of the metadata, the metadata, and frames, each
/// behind 16 bits with its length. Their checksums are made right.
fn any_file(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let length = usize::from(u.arbitrary::<u16>()?).min(u.len());
    let mut file = u.bytes(length)?.to_vec();
    while u.len() > 2 {
        let length = usize::from(u.arbitrary::<u16>()?).min(u.len());
        let mut frame = u.bytes(length)?.to_vec();
        mend_header(&mut frame);
        if frame.len() > 2 {
            mend(&mut frame);
        }
        file.extend(frame);
    }
    let ours = same_with_all_kernels(|| within(file.len(), 8 * MOST, || read_file(&file, MOST)));
    if let Ok(ours) = ours {
        let theirs = libflac::decode(&file).unwrap_or_else(|e| panic!("{e}, and we read it"));
        assert!(ours == theirs || is_empty(&ours, &theirs), "other samples than libFLAC's");
        let length = ours.channels[0].len();
        if ours.width == 32 && length > 0 {
            match in_stream(&file, ours.channels.len(), length) {
                Ok(found) => assert!(found == ours.channels, "other samples in a stream"),
                // A part of another stream.
                Err(e) if e.to_string().contains("frame 0: frame has number") => {}
                Err(e) => panic!("{e}, and it was read as a file"),
            }
        }
    }
    Ok(())
}

/// Whether there is no frame to tell libFLAC's caller rate, width and channels.
fn is_empty(ours: &Audio, theirs: &Audio) -> bool {
    ours.channels.iter().all(Vec::is_empty) && theirs.channels.is_empty()
}

/// Small streams of all kinds, as inputs of both kinds.
pub(crate) fn decode_seeds() -> Vec<Vec<u8>> {
    let mut random = Random(5);
    let mut seeds = Vec::new();
    for i in 0..60_usize {
        let width = 4 + random.below(29) as u32;
        let signal = ALL[i % ALL.len()];
        let channel = |length| signal.samples(width, length, i as u64);
        // A few frames as this library codes them, and one as only a scribe would.
        let of_ours = Stream::encode(&channel(150), width, i as u32 % 9);
        seeds.push(around_subframes(&of_ours.file[FILE_HEADER..], width, 150, false));
        let channels = vec![channel(16); 1 + i % 2];
        let audio = Audio { rate: 8000, width, channels };
        let file = scribe::file(&audio, &mut random);
        let start = (0..file.len())
            .find(|&at| file[at] == 0xff && file[at + 1] >> 1 == 0x7c)
            .expect("a frame");
        seeds.push(around_subframes(&file[start..], width, 16, i % 2 == 1));
        let counted = |bytes: &[u8]| [&(bytes.len() as u16).to_le_bytes(), bytes].concat();
        seeds.push([&[1][..], &counted(&file[..start]), &counted(&file[start..])].concat());
    }
    seeds
}

/// The input that stands for a file of a single frame.
fn around_subframes(frame: &[u8], width: u32, samples: u16, stereo: bool) -> Vec<u8> {
    let header = header_length(frame).expect("a frame's header") + 1;
    let body = &frame[header..frame.len() - 2];
    let mut input = vec![0, (width - 4) as u8 | u8::from(stereo) << 5, 0, 0x40, 0x1f, 0];
    input.extend((samples - 1).to_le_bytes());
    // Left and right, or what the frame's code says.
    input.push((frame[3] >> 4).saturating_sub(7) & 3);
    input.extend((body.len() as u16).to_le_bytes());
    input.extend(body);
    input
}

/// Encodes a signal, and has libFLAC decode the stream: the same samples. The bytes are the same
/// with all kernels, decode to the samples here too, and exceed plain samples by a bit each, if at
/// all.
///
/// Input: an `Encoding`, and the pieces of the signal.
pub fn flac_encode(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(Encoding { flags, level }) = Encoding::arbitrary(&mut u) else { return };
    let (width, level) = (4 + u32::from(flags & 31) % 29, u32::from(level) % 9);
    let mut samples = Vec::new();
    while !u.is_empty() && samples.len() <= MOST {
        let Ok(piece) = Piece::arbitrary(&mut u) else { break };
        piece.add(width, &mut samples);
    }
    if samples.is_empty() {
        return;
    }
    let stream = Stream::encode(&samples, width, level);
    same_with_all_kernels(|| Stream::encode(&samples, width, level).file == stream.file);
    for (bytes, samples) in &stream.frames {
        // What the encoder expects of a predictor may be up to a bit a sample off.
        let most = (samples * (width as usize + 1)).div_ceil(8) + 24;
        assert!(*bytes <= most, "{bytes} bytes for {samples} samples of {width} bits");
    }
    let theirs = libflac::decode(&stream.file).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(theirs.width, width);
    assert_same(&theirs.channels[0], &samples, "libFLAC");
    let ours = same_with_all_kernels(|| stream.decode(&mut Decoder::default()));
    assert_same(&ours.expect("what was just encoded"), &samples, "the chunk's decoder");
}

/// How a signal is encoded.
#[derive(Arbitrary)]
struct Encoding {
    /// Bits 0–4: width − 4.
    flags: u8,
    level: u8,
}

/// A piece of a signal.
#[derive(Arbitrary)]
enum Piece {
    /// A signal of fewer bits, shifted up.
    Of { kind: u8, width: u8, shift: u8, length: u16, seed: u16 },
    /// Samples as they are.
    Plain([i32; 8]),
    /// The last of the samples before, once more.
    Again { length: u16, times: u8 },
    /// A ramp or a parabola from the last sample on.
    Polynomial { speed: i16, bend: i8, length: u16 },
}

/// Short rather than long.
fn length(any: u16) -> usize {
    usize::from(any >> 3) >> (2 * (any & 3))
}

impl Piece {
    fn add(&self, width: u32, samples: &mut Vec<i32>) {
        let fit = |x: i64| (x << (64 - width) >> (64 - width)) as i32;
        match *self {
            Piece::Of { kind, width: own, shift, length, seed } => {
                let kind: Signal = ALL[usize::from(kind) % ALL.len()];
                let own = 4 + u32::from(own) % (width - 3);
                let shift = u32::from(shift) % (width - own + 1);
                let signal = kind.samples(own, self::length(length), u64::from(seed));
                samples.extend(signal.into_iter().map(|x| fit(i64::from(x) << shift)));
            }
            Piece::Plain(plain) => samples.extend(plain.map(|x| fit(i64::from(x)))),
            Piece::Again { length, times } => {
                let from = samples.len().saturating_sub(self::length(length));
                let last = samples[from..].to_vec();
                (0..times % 8).for_each(|_| samples.extend(&last));
            }
            Piece::Polynomial { speed, bend, length } => {
                let last = samples.last().copied().unwrap_or_default();
                let (speed, bend) = (i64::from(speed), i64::from(bend));
                let at = |i: i64| fit(i64::from(last) + speed * i + ((bend * i * i) >> 3));
                samples.extend((1..=self::length(length) as i64).map(at));
            }
        }
    }
}

/// Pieces of each kind of signal.
pub(crate) fn encode_seeds() -> Vec<Vec<u8>> {
    let piece = |kind: u8, width: u8| {
        // A variant of four, by the upper bits of a 32-bit number.
        let mut bytes = vec![0; 4];
        bytes.extend([kind, width, 3, 200, 8, 7, kind]);
        bytes
    };
    let seed = |kind: u8| {
        let start = vec![kind * 5, kind];
        [start, piece(kind, 9), piece(kind + 1, 20)].concat()
    };
    (0..ALL.len() as u8).map(seed).collect()
}
