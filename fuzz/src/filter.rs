//! Calls of the plugin's filter.

use crate::callback::{apply, filter};
use crate::seeds::all_chunks;
use crate::support::checksums::seal;
use arbitrary::{Arbitrary, Unstructured};
use h5flac::chunk::Options;
use h5flac::{ByteOrder, Class, Dtype, Head, Mode, Params, Shape, decompress};
use h5flac_plugin::abi::{FLAG_OPTIONAL, FLAG_REVERSE, FLAG_SKIP_EDC};
use h5flac_plugin::words::{self, Local};

/// Most bytes of samples in any of these chunks: HDF5 has memory for as many as it announces.
const MOST: usize = 1 << 20;

/// Calls the filter with any words, flags and bytes. It refuses and touches nothing, or does its
/// work: a chunk that decodes to the announced samples, or what the core says that a chunk holds.
/// A panic that was caught counts as one.
///
/// Input: a `Call`, and the bytes of samples or a chunk.
pub fn filter_callback(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(call) = Call::arbitrary(&mut u) else { return };
    let mut bytes = u.take_rest().to_vec();
    if call.forms & 1 != 0 {
        seal(&mut bytes);
    }
    if call.flags() & FLAG_REVERSE != 0 {
        call.decode(&bytes);
    } else {
        call.encode(&bytes);
    }
    let _ = apply(call.ids);
}

#[derive(Arbitrary)]
struct Call {
    flags: u32,
    /// Bit 0: make the checksums of a chunk right · 1: words of a chunk's own type and shape · 2: as
    /// many bytes as the words announce · 3: some room behind them.
    forms: u8,
    level: u8,
    mode: u8,
    argument: [u32; 2],
    options: u16,
    dtype: u8,
    shape: [u8; 3],
    fill: bool,
    /// Words that are other than they should be, how many bits count · those bits.
    wrong: u8,
    changes: [(u8, u32); 3],
    /// How many words there are, other than they should be.
    count: Option<u8>,
    ids: [i64; 3],
}

impl Call {
    fn flags(&self) -> u32 {
        // Those that mean something come often enough.
        self.flags & (FLAG_OPTIONAL | FLAG_REVERSE | FLAG_SKIP_EDC)
            | if self.flags >> 31 == 1 { self.flags & !FLAG_REVERSE } else { 0 }
    }

    fn params(&self) -> Params {
        let [a, b] = self.argument;
        let number = f64::from_bits(u64::from(b) << 32 | u64::from(a));
        let mode = match self.mode % 8 {
            0 | 1 => Mode::Lossless,
            2 => Mode::Quanta(number),
            3 => Mode::Quanta(f64::from(a) / 65536.0),
            4 => Mode::Decimal { numerator: a, power: b % 24 },
            5 => Mode::Precision(a % 19),
            6 => Mode::Noise(number),
            _ => Mode::Noise(f64::from(a) / 65536.0),
        };
        Params {
            level: u32::from(self.level) % 10,
            mode,
            axis: 0,
            dither: self.options & 0x100 != 0,
        }
    }

    /// The words of chunks of this layout, or of one with a size that is none.
    fn words(&self, layout: Option<(Dtype, Shape)>) -> Vec<u32> {
        let (dtype, shape) = layout.unwrap_or_else(|| {
            let (class, size) = match self.dtype % 11 {
                n @ 0..=3 => (Class::Signed, 1 << n),
                n @ 4..=7 => (Class::Unsigned, 1 << (n - 4)),
                n => (Class::Float, 1 << (n - 7)),
            };
            let order = if self.dtype & 0x80 != 0 { ByteOrder::Big } else { ByteOrder::Little };
            let complex = class == Class::Float && self.dtype & 0x40 != 0;
            let dtype = Dtype::new(class, size, order, complex).expect("a type that there is");
            let [outer, length, inner] = self.shape.map(usize::from);
            (dtype, Shape { outer: outer % 8 + 1, length: length + 1, inner: inner % 8 + 1 })
        });
        let element = [7; 16];
        let fill = self.fill.then(|| &element[..dtype.element_size()]);
        let local = Local::new(dtype, shape, fill).expect("a chunk that has a size");
        let mut words = local.to_words(&self.params()).to_vec();
        words[4] |= u32::from(self.options) & if self.wrong & 0x80 != 0 { 0xffff } else { 0x100 };
        if let Some(count) = self.count {
            words.resize(usize::from(count) % 70, self.argument[0]);
        }
        for &(at, bits) in &self.changes[..usize::from(self.wrong & 0x7f) % 4] {
            let at = usize::from(at) % words.len().max(1);
            // One bit, or all of a word.
            let bits = if bits & 1 == 0 { 1 << (bits >> 1 & 31) } else { bits };
            words.get_mut(at).into_iter().for_each(|word| *word ^= bits);
        }
        words
    }

    /// Runs the filter on `bytes`, with some room behind them.
    fn run(&self, flags: u32, words: &[u32], bytes: &[u8]) -> Result<Vec<u8>, String> {
        let room = if self.forms & 8 != 0 { 1000 } else { 0 };
        // HDF5 passes no pointer where there are no words.
        filter(flags, (!words.is_empty()).then_some(words), words.len(), bytes, room)
    }

    fn encode(&self, bytes: &[u8]) {
        let words = self.words(None);
        let local = Local::from_words(&words);
        let announced = match &local {
            Ok(Some(local)) => Some(local.chunk_bytes()),
            _ => None,
        };
        let mut bytes = bytes.to_vec();
        if let Some(announced) = announced.filter(|&n| n <= MOST && self.forms & 4 != 0) {
            bytes.resize(announced, 0x55);
        }
        let Ok(chunk) = self.run(self.flags(), &words, &bytes) else {
            let params = words::params(&words);
            let refused = bytes.is_empty() || announced != Some(bytes.len()) || params.is_err();
            assert!(refused, "refused: {words:x?}, {} bytes", bytes.len());
            return;
        };
        assert_eq!(announced, Some(bytes.len()), "samples that were not announced");
        let back = self.run(FLAG_REVERSE, &words, &chunk).expect("what was just encoded");
        assert_eq!(back.len(), bytes.len());
        let params = words::params(&words).expect("words that were taken");
        if params.mode == Mode::Lossless {
            assert!(back == bytes, "lossless, but other bytes");
        }
        assert_eq!(self.run(FLAG_REVERSE, &[], &chunk).as_ref(), Ok(&back), "without words");
    }

    fn decode(&self, bytes: &[u8]) {
        let head = Head::parse(bytes);
        let layout =
            head.as_ref().ok().filter(|head| self.forms & 2 != 0 && head.raw_len() <= MOST);
        let words = self.words(layout.map(|head| (head.dtype, head.shape)));
        let local = Local::from_words(&words);
        let length = head.as_ref().map_or(0, Head::raw_len);
        let is_announced = match &local {
            Ok(Some(local)) => local.chunk_bytes() == length,
            Ok(None) => true,
            Err(_) => false,
        };
        if is_announced && length > MOST && u32::try_from(length).is_ok() {
            // As much memory as HDF5 asks for: more than there may be.
            return;
        }
        let found = self.run(self.flags(), &words, bytes);
        let options = Options { verify: self.flags() & FLAG_SKIP_EDC == 0, threads: 1 };
        let expected = head.and_then(|_| decompress(bytes, MOST, &options));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert!(found == expected, "other samples"),
            (Ok(_), Err(e)) => panic!("samples in spite of {e}"),
            (Err(e), Ok(_)) => assert!(!is_announced || words.len() > 64, "{e}: {words:x?}"),
            (Err(_), Err(_)) => {}
        }
    }
}

/// Samples to encode, and chunks to decode with and without their words.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let call = |flags: u32, forms: u8, count: &[u8], mode: u8, dtype: u8| {
        let mut bytes = flags.to_le_bytes().to_vec();
        bytes.extend([forms, 5, mode, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, dtype, 3, 40, 2, dtype & 1]);
        bytes.extend([0; 1 + 15]);
        bytes.extend(count);
        bytes.extend([0; 24]);
        bytes
    };
    let mut seeds = Vec::new();
    for dtype in 0..22 {
        for mode in [0, 3, 4, 5, 7] {
            let samples: Vec<u8> = (0..3000_u32).map(|i| (i * i % 251 / 3) as u8).collect();
            let seed = call(0, 4, &[0], mode, if dtype < 11 { dtype } else { 0xc0 | dtype });
            seeds.push([seed, samples].concat());
        }
    }
    for chunk in all_chunks() {
        seeds.push([&call(FLAG_REVERSE, 3, &[0], 0, 0), &chunk[..]].concat());
        seeds.push([&call(FLAG_REVERSE, 1, &[1, 0], 0, 0), &chunk[..]].concat());
        seeds.push([&call(FLAG_REVERSE | FLAG_SKIP_EDC, 0, &[1, 5], 0, 0), &chunk[..]].concat());
    }
    seeds
}
