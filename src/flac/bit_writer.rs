//! Bits, most significant first, into a buffer that is long enough.

/// Writes bits into a buffer of the caller's, through a 64-bit accumulator.
///
/// The buffer has 8 bytes more than the bits need: every `put` stores a whole word at the
/// current byte and then moves on by the bytes that are complete.
pub struct BitWriter<'a> {
    buffer: &'a mut [u8],
    byte: usize,
    /// Bits of the byte in progress, at the top; the rest is zero.
    pending: u64,
    /// Number of those, 0 to 7.
    used: u32,
}

impl<'a> BitWriter<'a> {
    /// Most bits of one `put`: 7 may be pending, and 64 − 7 = 57.
    pub const MOST: u32 = 56;

    /// Bytes of the buffer beyond what is written.
    pub const SLACK: usize = 8;

    /// Starts at the first byte of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        BitWriter { buffer, byte: 0, pending: 0, used: 0 }
    }

    /// Appends the low `bits` (0 to 56) of `value`, whose other bits are zero.
    #[inline(always)]
    pub fn put(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= Self::MOST && value >> bits == 0);
        // 63 − used − bits ≥ 0, and the shift by one more makes 64 (nothing pending, no bits) legal.
        let word = self.pending | (value << (63 - self.used - bits)) << 1;
        self.buffer[self.byte..self.byte + 8].copy_from_slice(&word.to_be_bytes());
        let bits = self.used + bits;
        self.byte += (bits >> 3) as usize;
        self.pending = word << (bits & !7);
        self.used = bits & 7;
    }

    /// The buffer from the byte in progress on, the bits of that byte, and their number: for
    /// kernels that write many words.
    #[inline]
    pub fn state(&mut self) -> (&mut [u8], u64, u32) {
        (&mut self.buffer[self.byte..], self.pending, self.used)
    }

    /// Moves on by whole bytes that a kernel has written, to a byte of which it has `used` bits.
    #[inline]
    pub fn advance(&mut self, bytes: usize, pending: u64, used: u32) {
        debug_assert!(used < 8 && pending << used == 0);
        self.byte += bytes;
        (self.pending, self.used) = (pending, used);
    }

    /// Appends the low `bits` (0 to 56) of a signed number in two's complement.
    #[inline]
    pub fn put_signed(&mut self, value: i32, bits: u32) {
        self.put(i64::from(value) as u64 & ((1 << bits) - 1), bits);
    }

    /// Appends `zeros` zero bits.
    pub fn put_zeros(&mut self, mut zeros: u64) {
        while zeros > 0 {
            let now = zeros.min(u64::from(Self::MOST));
            self.put(0, now as u32);
            zeros -= now;
        }
    }

    /// Fills the last byte with zeros; returns the bytes written.
    pub fn finish(mut self) -> usize {
        self.align();
        self.byte
    }

    /// Moves on to the next whole byte.
    pub fn align(&mut self) {
        self.put(0, (8 - self.used) & 7);
    }

    /// What was written so far, in whole bytes.
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.byte]
    }
}

#[cfg(test)]
mod tests {
    use super::BitWriter;

    #[test]
    fn words_of_every_length_follow_each_other_without_a_gap() {
        for bits in 1..=BitWriter::MOST {
            let mut buffer = vec![0; 57 * 8 + BitWriter::SLACK];
            let mut writer = BitWriter::new(&mut buffer);
            let value = 0x00a5_c396_0f1e_2d4b_u64 & ((1 << bits) - 1);
            let mut expected = Vec::new();
            for _ in 0..65 {
                writer.put(value, bits);
                writer.put(0, 0);
                expected.extend((0..bits).rev().map(|i| value >> i & 1));
            }
            let length = writer.finish();
            assert_eq!(length, expected.len().div_ceil(8));
            let found = buffer[..length].iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1));
            for (i, (found, expected)) in found.zip(expected).enumerate() {
                assert_eq!(u64::from(found), expected, "{bits}-bit words, bit {i}");
            }
        }
    }
}
