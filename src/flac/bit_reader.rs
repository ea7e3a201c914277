//! Bits, most significant first, from bytes that may end too early.

use crate::error::{Error, Result};

/// Reads bits at a position of its own.
///
/// Past the end all bits are zero and the position moves on, so that a whole structure is read
/// before [`BitReader::check`] says whether all of it was there.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: u64,
}

impl<'a> BitReader<'a> {
    /// Most bits of one `take`: 64 less the 7 of a byte begun.
    pub const MOST: u32 = 57;

    /// Starts at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, position: 0 }
    }

    /// All bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bits taken.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes to the bit after the first `position`.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The next bits from the top; [`BitReader::MOST`] of them at least are valid.
    #[inline(always)]
    pub fn word(&self) -> u64 {
        let byte = (self.position >> 3) as usize;
        let word = match self.bytes.get(byte..).and_then(|rest| rest.first_chunk()) {
            Some(eight) => u64::from_be_bytes(*eight),
            None => self.last_word(),
        };
        word << (self.position & 7)
    }

    /// The bytes left, fewer than eight, and zeros.
    #[cold]
    #[inline(never)]
    fn last_word(&self) -> u64 {
        let rest = self.bytes.get((self.position >> 3) as usize..).unwrap_or(&[]);
        let mut eight = [0; 8];
        eight[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(eight)
    }

    /// Moves on.
    #[inline(always)]
    pub fn skip(&mut self, bits: u32) {
        self.position += u64::from(bits);
    }

    /// The next 0 to 57 bits as a number.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> u64 {
        debug_assert!(bits <= Self::MOST);
        let word = self.word();
        self.skip(bits);
        word >> 1 >> (63 - bits)
    }

    /// The next 1 to 57 bits as a number in two's complement.
    #[inline(always)]
    pub fn take_signed(&mut self, bits: u32) -> i64 {
        debug_assert!((1..=Self::MOST).contains(&bits));
        let word = self.word();
        self.skip(bits);
        word as i64 >> (64 - bits)
    }

    /// Counts zeros up to the next one and takes them all; none when the bytes end before.
    #[inline]
    pub fn take_unary(&mut self) -> Option<u64> {
        let start = self.position;
        loop {
            let zeros = self.word().leading_zeros();
            if zeros < Self::MOST {
                self.position += u64::from(zeros) + 1;
                return Some(self.position - start - 1);
            }
            self.skip(Self::MOST);
            if self.overrun() {
                return None;
            }
        }
    }

    /// Moves on to the next whole byte; false when a skipped bit is set.
    pub fn align(&mut self) -> bool {
        let bits = (self.position as u32).wrapping_neg() & 7;
        self.take(bits) == 0
    }

    /// Index of the byte in progress, or of the next one.
    pub fn byte(&self) -> usize {
        (self.position >> 3) as usize
    }

    /// Whether more was taken than there was.
    pub fn overrun(&self) -> bool {
        self.position > 8 * self.bytes.len() as u64
    }

    /// # Errors
    /// `Truncated` when more was taken than there was.
    pub fn check(&self) -> Result<()> {
        if self.overrun() {
            return Err(Error::truncated(format!(
                "{} bytes end before what they promise",
                self.bytes.len()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::BitReader;

    #[test]
    fn words_of_every_length_come_at_every_position_and_end_in_zeros() {
        let bytes: Vec<u8> = (0..40_u32).map(|i| ((i * i * 37 + 11) >> 2) as u8).collect();
        let bit =
            |i: u64| bytes.get((i / 8) as usize).map_or(0, |b| u64::from(b >> (7 - i % 8) & 1));
        for bits in 0..=BitReader::MOST {
            for first in 0..8 * bytes.len() as u64 + 70 {
                let mut reader = BitReader { bytes: &bytes, position: first };
                let expected = (0..u64::from(bits)).fold(0, |word, i| word << 1 | bit(first + i));
                assert_eq!(reader.clone().take(bits), expected, "{bits} bits at {first}");
                if bits > 0 {
                    let signed = (expected << (64 - bits)) as i64 >> (64 - bits);
                    assert_eq!(reader.take_signed(bits), signed, "{bits} bits at {first}");
                    let end = first + u64::from(bits);
                    assert_eq!(reader.check().is_err(), end > 8 * bytes.len() as u64);
                }
            }
        }
    }

    #[test]
    fn runs_of_zeros_are_counted_across_words_and_end_with_the_bytes() {
        for zeros in 0..400_usize {
            for lead in 0..9 {
                let stop = lead + zeros;
                let mut bytes = vec![0; stop / 8 + 1];
                bytes[stop / 8] = 0x80 >> (stop % 8);
                let mut reader = BitReader { bytes: &bytes, position: lead as u64 };
                assert_eq!(reader.take_unary(), Some(zeros as u64), "after {lead} bits");
                assert_eq!(reader.position, stop as u64 + 1);
                bytes[stop / 8] = 0;
                let mut reader = BitReader { bytes: &bytes, position: lead as u64 };
                assert_eq!(reader.take_unary(), None, "{zeros} after {lead} bits");
            }
        }
    }
}
