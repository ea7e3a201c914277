//! Numbers in a chunk's head: little-endian, or LEB128 varints where that saves.

use crate::error::{Error, Result};

/// Appends `value` in groups of seven bits, low group first, bit 7 set on all but the last.
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a head from its start.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    /// Bytes not yet read.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `Truncated` when there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| {
            Error::truncated(format!("{} bytes left where {count} belong", self.rest.len()))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("N bytes"))
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// The next varint.
    ///
    /// # Errors
    /// `Truncated` where the bytes end first, `Corrupt` above 64 bits.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                break;
            }
            value |= group << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::corrupt("a varint of more than 64 bits"))
    }

    /// The next varint, as a size in memory.
    pub fn size(&mut self) -> Result<usize> {
        let value = self.varint()?;
        usize::try_from(value).map_err(|_| Error::too_large(format!("a size of {value}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_come_back() {
        let mut bytes = Vec::new();
        let values: Vec<u64> =
            (0..64).flat_map(|b| [1 << b, (1 << b) - 1, u64::MAX >> b]).collect();
        values.iter().for_each(|&v| put_varint(v, &mut bytes));
        let mut cursor = Cursor::new(&bytes);
        for &v in &values {
            assert_eq!(cursor.varint(), Ok(v));
        }
        assert_eq!(cursor.left(), 0);
        assert!(cursor.varint().is_err());
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        let mut bytes = vec![0xff; 9];
        bytes.push(2);
        assert!(Cursor::new(&bytes).varint().is_err());
        bytes[9] = 1;
        assert_eq!(Cursor::new(&bytes).varint(), Ok(u64::MAX));
        assert!(Cursor::new(&[0x80; 20]).varint().is_err());
    }
}
