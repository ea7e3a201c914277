//! Numbers of any bits one behind the other, from the lowest bit of the first byte on.

/// Puts bits behind each other, from the lowest of the first byte on.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    used: u32,
}

impl<'a> Writer<'a> {
    /// Puts them behind these bytes.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Writer { out, pending: 0, used: 0 }
    }

    /// Completes the last byte with zeros.
    pub fn finish(self) {
        let last = self.used.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..last]);
    }

    /// Puts the lowest bits of a number that has no others, 63 at most.
    #[inline(always)]
    pub fn put(&mut self, number: u64, bits: u32) {
        if bits > 32 {
            self.put_few(number & u64::from(u32::MAX), 32);
            self.put_few(number >> 32, bits - 32);
        } else {
            self.put_few(number, bits);
        }
    }

    /// The same of 32 bits at most: fewer are pending.
    #[inline(always)]
    fn put_few(&mut self, number: u64, bits: u32) {
        self.pending |= number << self.used;
        self.used += bits;
        if self.used >= 32 {
            self.out.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.used -= 32;
        }
    }
}

/// Takes bits from the lowest of the first byte on; zeros behind the last.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Takes them from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Bytes that were begun.
    pub fn bytes(&self) -> usize {
        self.at.div_ceil(8)
    }

    /// The next ones, 63 at most.
    #[inline(always)]
    pub fn take(&mut self, count: u32) -> u64 {
        if count > 32 {
            self.take_few(32) | self.take_few(count - 32) << 32
        } else {
            self.take_few(count)
        }
    }

    /// The same of 32 at most: a word holds them wherever they begin in its first byte.
    #[inline(always)]
    fn take_few(&mut self, count: u32) -> u64 {
        let (byte, shift) = (self.at / 8, self.at % 8);
        self.at += count as usize;
        let word = match self.bytes.get(byte..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => self.last(byte),
        };
        word >> shift & ((1 << count) - 1)
    }

    #[cold]
    fn last(&self, byte: usize) -> u64 {
        let mut bytes = [0; 8];
        let rest = self.bytes.get(byte..).unwrap_or_default();
        bytes[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(bytes)
    }
}
