//! Where the entries of a chunk's index are, by docs/format.md and without the decoder.

use h5flac::Head;
use std::collections::BTreeSet;
use std::ops::Range;

/// Columns of the table, by their numbers in the document.
pub const COLUMNS: [&str; 10] = [
    "kind",
    "offset",
    "factor",
    "width",
    "block",
    "detail",
    "parameter",
    "second",
    "padding",
    "exceptions",
];
pub const KIND: usize = 0;
pub const FACTOR: usize = 2;
pub const WIDTH: usize = 3;
pub const BLOCK: usize = 4;
pub const DETAIL: usize = 5;
pub const PARAMETER: usize = 6;
pub const SECOND: usize = 7;
pub const PADDING: usize = 8;
pub const EXCEPTIONS: usize = 9;

/// Samples that a block of exceptions covers.
const SPAN: u64 = 1 << 16;

/// Entries of one kind: the bytes of each.
pub struct Entries {
    pub name: &'static str,
    pub places: Vec<Range<usize>>,
}

/// The index of a valid chunk.
pub struct Index {
    /// Columns, and all other lists that have entries.
    pub lists: Vec<Entries>,
    /// The bytes of every checksum but the CRC-8 of frames.
    pub checks: Vec<Range<usize>>,
    /// Of each column, the value of each stream; none in a raw chunk.
    pub columns: [Vec<u64>; 10],
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    lists: Vec<Entries>,
    checks: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn varint(&mut self) -> u64 {
        let rest = &self.bytes[self.at..];
        let length = 1 + rest.iter().position(|&byte| byte < 0x80).unwrap();
        self.at += length;
        rest[..length].iter().rev().fold(0, |value, &byte| value << 7 | u64::from(byte & 0x7f))
    }

    /// Passes bytes that end with a checksum of so many.
    fn skip(&mut self, bytes: u64, check: usize) {
        self.at += bytes as usize;
        self.checks.push(self.at - check..self.at);
    }

    /// Reads entries of one kind, and what each holds.
    fn list<T>(
        &mut self,
        name: &'static str,
        count: u64,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut places = Vec::new();
        let mut values = Vec::new();
        for _ in 0..count {
            let start = self.at;
            values.push(read(self));
            places.push(start..self.at);
        }
        self.lists.push(Entries { name, places });
        values
    }

    fn column(&mut self, name: &'static str, count: u64) -> Vec<u64> {
        if count == 0 {
            return Vec::new();
        }
        self.at += 1;
        if self.bytes[self.at - 1] == 0 {
            vec![self.varint(); count as usize]
        } else {
            self.list(name, count, Self::varint)
        }
    }

    /// One predictor; its terms are entries, and their coefficients.
    fn predictor(&mut self) {
        let terms = self.varint();
        if terms == 0 {
            return;
        }
        self.varint();
        self.list("terms", terms, |reader| {
            let (_place, _lag) = (reader.varint(), reader.varint());
            let taps = reader.varint();
            reader.list("coefficients", taps, Self::varint);
        });
    }

    /// The runs of a block of exceptions that ends at `end`, checksum included.
    fn exceptions(&mut self, end: usize, size: usize) {
        let mut places = Vec::new();
        while self.at < end - 4 {
            let start = self.at;
            self.varint();
            let code = self.varint();
            self.at += size * [0, 1, (code >> 2) as usize + 1][code as usize & 3];
            places.push(start..self.at);
        }
        self.lists.push(Entries { name: "exceptions", places });
        self.skip((end - self.at) as u64, 4);
    }
}

impl Index {
    pub fn of(bytes: &[u8]) -> Index {
        let (code, flags) = (bytes[5], bytes[6]);
        let mut reader = Reader { bytes, at: Head::PREFIX, lists: Vec::new(), checks: Vec::new() };
        let [outer, length, inner] = [(); 3].map(|()| reader.varint());
        let streams = outer * inner * if code & 0x20 == 0 { 1 } else { 2 };
        let mut columns = [const { Vec::new() }; 10];
        let head = Head::length(bytes).unwrap();
        reader.checks = vec![16..Head::PREFIX, bytes.len() - 4..bytes.len()];
        if flags & 1 != 0 {
            reader.varint();
            let pieces = (head - reader.at) as u64 / 4;
            reader.list("checks of pieces", pieces, |reader| reader.skip(4, 4));
            return Index { lists: reader.lists, checks: reader.checks, columns };
        }
        if flags & 2 != 0 {
            reader.at += 4;
        }
        for (column, name) in columns.iter_mut().zip(COLUMNS) {
            *column = reader.column(name, streams);
        }
        let form = |stream: usize| columns[KIND][stream] >> 4;
        let frames: Vec<u64> = (0..streams as usize)
            .map(|s| match form(s) {
                0 => 0,
                _ => (length - columns[PADDING][s]).div_ceil(columns[BLOCK][s]),
            })
            .collect();
        let sum_of = |wanted| {
            let of = frames.iter().enumerate().filter(|&(s, _)| form(s) == wanted);
            of.map(|(_, frames)| *frames).sum::<u64>()
        };
        if flags & 4 != 0 {
            let references = reader.varint();
            reader.list("references", references, Reader::varint);
            for stream in (0..streams as usize).filter(|&s| form(s) == 4) {
                let shared = match reader.varint() {
                    0 => u64::MAX,
                    shared => shared,
                };
                let predictors = frames[stream].div_ceil(shared);
                reader.list("predictors", predictors, Reader::predictor);
            }
        }
        let anchors = reader.list("anchors", sum_of(3) + sum_of(5), Reader::varint);
        let mut anchors = anchors.into_iter();
        let frame_lengths = reader.column("frame lengths", frames.iter().sum());
        let spans = columns[EXCEPTIONS].iter().sum::<u64>() * length.div_ceil(SPAN);
        let span_lengths = reader.column("exception block lengths", spans);
        assert_eq!(reader.at, head, "the head ends elsewhere");
        let (mut frame_lengths, mut span_lengths) =
            (frame_lengths.into_iter(), span_lengths.into_iter());
        for stream in 0..streams as usize {
            let (mut left, block) = (length - columns[PADDING][stream], columns[BLOCK][stream]);
            let mut behind = 0;
            for length in frame_lengths.by_ref().take(frames[stream] as usize) {
                let samples = block.min(left);
                left -= samples;
                reader.skip(length, 2);
                if form(stream) == 2 {
                    let low = samples * columns[DETAIL][stream];
                    reader.skip(low.div_ceil(8) + 4, 4);
                }
                if form(stream) == 3 || form(stream) == 5 {
                    let anchor = anchors.next().unwrap();
                    behind += (anchor >> 1) as i64 ^ -((anchor & 1) as i64);
                }
                if form(stream) == 5 {
                    reader.skip(behind as u64, 4);
                }
            }
            if columns[EXCEPTIONS][stream] == 1 {
                for bytes in span_lengths.by_ref().take(length.div_ceil(SPAN) as usize) {
                    if bytes > 0 {
                        reader.exceptions(reader.at + bytes as usize, 1 << (code >> 2 & 3));
                    }
                }
            }
        }
        assert_eq!(reader.at, bytes.len() - 4, "the payload ends elsewhere");
        Index { lists: reader.lists, checks: reader.checks, columns }
    }

    /// Decoding rules and forms of its streams.
    pub fn rules_and_forms(&self) -> BTreeSet<(u8, u8)> {
        self.columns[KIND].iter().map(|&kind| (kind as u8 & 15, (kind >> 4) as u8)).collect()
    }

    /// Each pair of different entries of a list.
    pub fn pairs<'b>(
        &'b self,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = (&'static str, &'b Range<usize>, &'b Range<usize>)> {
        self.lists.iter().flat_map(move |Entries { name, places }| {
            let pairs = places
                .iter()
                .enumerate()
                .flat_map(move |(i, b)| places[..i].iter().map(move |a| (*name, a, b)));
            pairs.filter(|(_, a, b)| bytes[(*a).clone()] != bytes[(*b).clone()])
        })
    }
}

/// The bytes with two entries swapped, the earlier one first.
pub fn swapped(bytes: &[u8], a: &Range<usize>, b: &Range<usize>) -> Vec<u8> {
    let parts = [&bytes[..a.start], &bytes[b.clone()], &bytes[a.end..b.start]];
    [&parts.concat()[..], &bytes[a.clone()], &bytes[b.end..]].concat()
}
