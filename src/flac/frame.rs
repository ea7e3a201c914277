//! Frame headers (RFC 9639 section 9.1).

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::crc::crc8;
use crate::error::{Error, Result};

/// Longest header that is written: 4 fixed bytes, a frame number of 7, a block size of 2, and
/// the CRC-8.
pub const LONGEST_HEADER: usize = 14;

/// What a frame's subframes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// A channel each, 1 to 8.
    Independent(usize),
    /// Left, and left − right.
    LeftSide,
    /// Left − right, and right.
    SideRight,
    /// (left + right) >> 1, and left − right.
    MidSide,
}

impl Channels {
    /// How many.
    pub fn count(self) -> usize {
        match self {
            Channels::Independent(count) => count,
            _ => 2,
        }
    }

    /// Its code in a frame header.
    fn code(self) -> u64 {
        match self {
            Channels::Independent(count) => count as u64 - 1,
            Channels::LeftSide => 8,
            Channels::SideRight => 9,
            Channels::MidSide => 10,
        }
    }

    /// Which of them is a difference, with one bit more.
    pub fn side(self) -> Option<usize> {
        match self {
            Channels::Independent(_) => None,
            Channels::SideRight => Some(0),
            Channels::LeftSide | Channels::MidSide => Some(1),
        }
    }
}

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether `number` counts samples, in a stream of varying block sizes, instead of frames.
    pub by_sample: bool,
    /// Samples of each channel, 1 to 65535.
    pub samples: usize,
    /// Sample rate in Hz; none where STREAMINFO has it.
    pub rate: Option<u32>,
    /// Its subframes.
    pub channels: Channels,
    /// Bits per sample; none where STREAMINFO has them.
    pub width: Option<u32>,
    /// Number of the frame or of its first sample.
    pub number: u64,
}

/// Bits per sample by their code; 0 is STREAMINFO's, and reserved where it stands for code 3.
const WIDTHS: [u32; 8] = [0, 8, 12, 0, 16, 20, 24, 32];

/// Sample rates by their code, from 1.
const RATES: [u32; 11] =
    [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

impl Header {
    /// Reads a header that starts at a whole byte of `bytes`, where `reader` is.
    ///
    /// # Errors
    /// `Corrupt` for a code that RFC 9639 reserves or a CRC-8 that does not agree.
    pub fn read(reader: &mut BitReader<'_>, bytes: &[u8]) -> Result<Header> {
        let start = reader.byte();
        let sync = reader.take(16);
        if sync >> 1 != 0x7ffc {
            return Err(Error::corrupt(format!(
                "sync code is {sync:#06x}, expected 0xfff8 or 0xfff9"
            )));
        }
        let size = reader.take(4) as u32;
        let rate = reader.take(4) as usize;
        let channels = match reader.take(4) {
            n @ 0..=7 => Channels::Independent(n as usize + 1),
            8 => Channels::LeftSide,
            9 => Channels::SideRight,
            10 => Channels::MidSide,
            code => return Err(reserved("channel assignment", code)),
        };
        let width = match reader.take(3) {
            0 => None,
            3 => return Err(reserved("bits-per-sample", 3)),
            code => Some(WIDTHS[code as usize]),
        };
        if reader.take(1) != 0 {
            return Err(reserved("last", 1));
        }
        let number = read_number(reader)?;
        let samples = match size {
            0 => return Err(reserved("block size", 0)),
            1 => 192,
            2..=5 => 144 << size,
            6 => reader.take(8) + 1,
            7 => reader.take(16) + 1,
            _ => 1 << size,
        };
        if samples > 65535 {
            return Err(Error::corrupt(format!("block of {samples} samples, at most 65535")));
        }
        let rate = match rate {
            0 => None,
            12 => Some(reader.take(8) as u32 * 1000),
            13 => Some(reader.take(16) as u32),
            14 => Some(reader.take(16) as u32 * 10),
            15 => return Err(reserved("sample rate", 15)),
            code => Some(RATES[code - 1]),
        };
        let computed = crc8(bytes.get(start..reader.byte()).unwrap_or(&[]));
        let stored = reader.take(8) as u8;
        if computed != stored {
            return Err(Error::corrupt(format!(
                "header's CRC-8 is {stored:#04x}, computed {computed:#04x}"
            )));
        }
        let by_sample = sync & 1 == 1;
        Ok(Header { by_sample, samples: samples as usize, rate, channels, width, number })
    }
}

fn reserved(field: &str, code: u64) -> Error {
    Error::corrupt(format!("reserved {field} code {code} in the frame header"))
}

/// Writes the header of a frame with a fixed block size and STREAMINFO's sample rate.
pub fn write_header(
    samples: usize,
    channels: Channels,
    width: u32,
    number: u64,
    out: &mut BitWriter<'_>,
) {
    out.put(0xfff8, 16);
    let (size, size_bits) = match samples {
        192 => (1, 0),
        576 | 1152 | 2304 | 4608 => (2 + (samples / 576).ilog2(), 0),
        256 | 512 | 1024 | 2048 | 4096 | 8192 | 16384 | 32768 => (samples.ilog2(), 0),
        1..=256 => (6, 8),
        _ => (7, 16),
    };
    out.put(u64::from(size) << 4, 8);
    let code = WIDTHS.iter().position(|&w| w == width).unwrap_or(0);
    out.put(channels.code() << 4 | (code as u64) << 1, 8);
    write_number(number, out);
    if size_bits > 0 {
        out.put(samples as u64 - 1, size_bits);
    }
    let crc = crc8(out.written());
    out.put(u64::from(crc), 8);
}

/// Reads a number as UTF-8 extended to 7 bytes.
fn read_number(reader: &mut BitReader<'_>) -> Result<u64> {
    let lead = reader.take(8);
    let bytes = (lead as u8).leading_ones();
    let invalid = || Error::corrupt("frame number is not in the form of UTF-8");
    match bytes {
        0 => return Ok(lead),
        2..=7 => {}
        _ => return Err(invalid()),
    }
    let mut number = lead & (0x7f >> bytes);
    for _ in 1..bytes {
        let next = reader.take(8);
        if next >> 6 != 0b10 {
            return Err(invalid());
        }
        number = number << 6 | next & 0x3f;
    }
    Ok(number)
}

/// Writes a number below 2^36 as UTF-8 extended to 7 bytes.
fn write_number(number: u64, out: &mut BitWriter<'_>) {
    if number < 0x80 {
        out.put(number, 8);
        return;
    }
    // n bytes hold 6·(n − 1) bits after the first, and 7 − n in it.
    let bytes = (2..7).find(|n| number >> (5 * n + 1) == 0).unwrap_or(7);
    let lead = 0xff << (8 - bytes) & 0xff;
    out.put(lead | number >> (6 * (bytes - 1)), 8);
    for i in (0..bytes - 1).rev() {
        out.put(0x80 | number >> (6 * i) & 0x3f, 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(samples: usize, width: u32, number: u64) -> Vec<u8> {
        let mut bytes = vec![0; LONGEST_HEADER + BitWriter::SLACK];
        let mut writer = BitWriter::new(&mut bytes);
        write_header(samples, Channels::Independent(1), width, number, &mut writer);
        let length = writer.finish();
        bytes.truncate(length);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Header> {
        let mut reader = BitReader::new(bytes);
        let header = Header::read(&mut reader, bytes)?;
        assert_eq!(reader.byte(), bytes.len());
        reader.check()?;
        Ok(header)
    }

    #[test]
    fn every_header_that_is_written_is_read_back() {
        let numbers = (0..36).flat_map(|i| [(1_u64 << i) - 1, 1 << i]).chain([(1 << 36) - 1]);
        for number in numbers {
            let header = read(&written(4096, 16, number)).unwrap();
            assert_eq!(header.number, number);
        }
        for samples in 1..=65535 {
            let header = read(&written(samples, 16, 0)).unwrap();
            assert_eq!(header.samples, samples);
        }
        for width in 4..=32 {
            let header = read(&written(100, width, 7)).unwrap();
            assert_eq!(header.width.unwrap_or(width), width);
            assert_eq!(header.width.is_some(), [8, 12, 16, 20, 24, 32].contains(&width));
            assert_eq!((header.channels, header.rate), (Channels::Independent(1), None));
        }
    }

    #[test]
    fn reserved_codes_and_wrong_checksums_are_refused() {
        let good = written(100, 16, 300);
        let with_crc = |mut bytes: Vec<u8>| {
            let last = bytes.len() - 1;
            bytes[last] = crc8(&bytes[..last]);
            bytes
        };
        let cases: [(usize, u8, &str); 9] = [
            (0, 0xfe, "sync code"),
            (1, 0xfa, "sync code"),
            (2, 0x00, "block size code 0"),
            (2, 0x6f, "sample rate code 15"),
            (3, 0xb8, "channel assignment code 11"),
            (3, 0x06, "bits-per-sample code 3"),
            (3, 0x09, "last code 1"),
            (4, 0x80, "UTF-8"),
            (5, 0x0c, "UTF-8"),
        ];
        for (at, byte, expected) in cases {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let message = read(&with_crc(bytes)).unwrap_err().to_string();
            assert!(message.contains(expected), "byte {at} {byte:#x}: {message}");
        }
        let mut longest = written(65535, 16, 0);
        longest[5..7].fill(0xff);
        let message = read(&with_crc(longest)).unwrap_err().to_string();
        assert!(message.contains("65536 samples"), "{message}");
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                assert!(read(&bytes).is_err(), "byte {at} bit {bit}");
            }
        }
    }
}
