//! Bytes that claim to be chunks.

use crate::seeds::chunks_behind;
use crate::support::checksums::seal;
use crate::support::kinds::Chunk;
use crate::support::partial::decode_ranges;
use crate::{same_with_all_kernels, within};
use arbitrary::{Arbitrary, Unstructured};
use h5flac::chunk::{Options, Selection};
use h5flac::{ErrorKind, Head, Result, decompress, decompress_into};
use std::ops::Range;

/// Most bytes that any of these chunks may decode to.
const MOST: usize = 1 << 20;

/// What comes before the bytes of a chunk.
#[derive(Arbitrary, Clone, Copy)]
struct Setting(u8);

impl Setting {
    /// The rest of an input as a chunk, its checksums made right if the setting says so: few
    /// inputs would get past them.
    fn chunk(self, u: &Unstructured<'_>) -> Vec<u8> {
        let mut bytes = u.peek_bytes(u.len()).unwrap_or_default().to_vec();
        if self.0 & 1 != 0 {
            seal(&mut bytes);
        }
        bytes
    }

    fn verify(self) -> bool {
        self.0 & 2 == 0
    }

    /// Most bytes to be decoded.
    fn limit(self) -> usize {
        MOST >> (3 * (self.0 >> 2 & 3))
    }
}

/// Whether a result is the same but for what an error says.
fn agree(a: &Result<Vec<u8>>, b: &Result<Vec<u8>>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a == b,
        (a, b) => a.is_err() && b.is_err(),
    }
}

/// Decodes any bytes as a whole chunk. The answer is the same with all kernels and any number of
/// threads, fills what it is given, obeys its limit, and holds no memory that is not earned. What
/// is verified decodes unverified too.
///
/// Input: a `Setting`, and the chunk.
pub fn decompress_chunk(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(setting) = Setting::arbitrary(&mut u) else { return };
    let (chunk, limit) = (setting.chunk(&u), setting.limit());
    let decode = |verify, threads| {
        within(chunk.len(), limit, || decompress(&chunk, limit, &Options { verify, threads }))
    };
    let result = same_with_all_kernels(|| decode(setting.verify(), 1));
    assert!(agree(&result, &decode(setting.verify(), 2)), "other samples with 2 threads");
    let Ok(decoded) = result else { return };
    assert!(decoded.len() <= limit);
    // HDF5 gives memory that held something else: no byte of that may stay.
    let mut out = vec![0xa5; decoded.len()];
    let options = Options { verify: setting.verify(), threads: 1 };
    assert_eq!(decompress_into(&chunk, &mut out, &options), Ok(()));
    assert!(out == decoded, "not every byte is written");
    assert!(decode(false, 1) == Ok(decoded), "other samples without checks");
}

/// Chunks as they are, and with their checksums made right after mutations.
pub(crate) fn whole_seeds() -> Vec<Vec<u8>> {
    chunks_behind(&[&[0], &[1], &[3]])
}

/// What is wanted of a chunk, as it stands in an input.
#[derive(Arbitrary)]
struct Wanted {
    /// Bit 0: all streams · 1: numbers as they are, whatever the chunk has · 4–7: how many streams.
    flags: u8,
    streams: [u16; 15],
    start: u32,
    length: u16,
}

impl Wanted {
    /// The streams, and the samples of each; mostly such as the chunk has.
    fn of(&self, head: Option<&Head>) -> (Option<Vec<usize>>, Range<usize>) {
        let fitting = head.filter(|_| self.flags & 2 == 0).map(|head| head.shape);
        let streams = &self.streams[..usize::from(self.flags >> 4).min(15)];
        let stream = |&n: &u16| match fitting {
            Some(shape) => usize::from(n) % shape.streams(),
            None => usize::from(n),
        };
        let list = (self.flags & 1 == 0).then(|| streams.iter().map(stream).collect());
        let (start, length) = (self.start as usize, usize::from(self.length));
        let samples = match fitting {
            Some(shape) => {
                let start = start % shape.length;
                start..shape.length.min(start.saturating_add(length))
            }
            None => start..start.wrapping_add(length).wrapping_sub(5),
        };
        (list, samples)
    }
}

/// Decodes a part of what any bytes claim to hold. The answer is the same with all kernels and any
/// number of threads, comes from the byte ranges that the head names alone, holds no memory that is
/// not earned, and is the same slice of the whole, if there is a whole.
///
/// Input: a `Setting`, what is `Wanted`, and the chunk.
pub fn decompress_streams(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let (Ok(setting), Ok(wanted)) = (Setting::arbitrary(&mut u), Wanted::arbitrary(&mut u)) else {
        return;
    };
    let (chunk, limit) = (setting.chunk(&u), setting.limit());
    let head = within(chunk.len(), 0, || Head::parse(&chunk)).ok();
    let (list, samples) = wanted.of(head.as_ref());
    let selection = Selection { streams: list.as_deref(), samples };
    let options = |threads| Options { verify: setting.verify(), threads };
    let decode = |threads| {
        within(chunk.len(), limit, || {
            h5flac::decompress_streams(&chunk, &selection, limit, &options(threads))
        })
    };
    let result = same_with_all_kernels(|| decode(1));
    assert!(agree(&result, &decode(2)), "other samples with 2 threads");
    let Some(head) = head else {
        assert!(!setting.verify() || result.is_err(), "samples of a chunk without a head");
        return;
    };
    let ranges = within(chunk.len(), 0, || head.byte_ranges(&selection).map(drop));
    match &result {
        Ok(part) => {
            let found = decode_ranges(&head, &chunk, &selection, &options(1));
            assert!(found.map(|(found, _)| found).as_ref() == Ok(part), "other samples by ranges");
        }
        Err(e) if e.kind() == ErrorKind::InvalidArgument => {
            assert_eq!(ranges.as_ref(), Err(e), "ranges of what the chunk has not");
        }
        Err(_) => {}
    }
    // Without checks: the whole has a CRC-32 of its own, and does without those of its parts.
    let unverified = Options { verify: false, threads: 1 };
    let Ok(decoded) = decompress(&chunk, MOST, &unverified) else { return };
    let part = h5flac::decompress_streams(&chunk, &selection, limit, &unverified);
    let Head { dtype, shape, .. } = head;
    let whole = Chunk { name: String::new(), dtype, shape, bytes: chunk, decoded };
    let all: Vec<usize> = (0..whole.shape.streams()).collect();
    match &part {
        Ok(part) => {
            let streams = selection.streams.unwrap_or(&all);
            assert!(*part == whole.select(streams, selection.samples.clone()), "other samples");
            assert!(result.is_err() || result.as_ref() == Ok(part), "other samples with checks");
        }
        Err(e) => {
            let limited = matches!(e.kind(), ErrorKind::InvalidArgument | ErrorKind::TooLarge);
            assert!(limited, "the whole decodes, and a part does not: {e}");
            assert_eq!(&result, &part);
        }
    }
}

/// Some of the last streams, and some of all.
pub(crate) fn part_seeds() -> Vec<Vec<u8>> {
    let wanted = |setting: u8, flags: u8, start: u32, length: u16| {
        let mut bytes = vec![setting, flags];
        (0..15_u16).for_each(|i| bytes.extend((i * 7).to_le_bytes()));
        bytes.extend(start.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes
    };
    chunks_behind(&[&wanted(0, 0x20, 29, 9), &wanted(1, 0x30, 11, 40), &wanted(3, 1, 0, 700)])
}
