//! The low bits of wide integers, stored as they are beside the FLAC frame of the high ones.

use super::bits::{Reader, Writer};

/// Bytes of the low `bits` of `samples` integers.
pub fn bytes(samples: usize, bits: u32) -> usize {
    (samples as u64 * u64::from(bits)).div_ceil(8) as usize
}

/// Appends the low `bits` (1 to 63) of each value, first value in the lowest bits of the first
/// byte.
pub fn pack(values: &[i64], bits: u32, out: &mut Vec<u8>) {
    let mask = (1_u64 << bits) - 1;
    let mut writer = Writer::new(out);
    values.iter().for_each(|&value| writer.put(value as u64 & mask, bits));
    writer.finish();
}

/// Puts the packed bits below `values`: v becomes v·2^bits + low.
pub fn unpack_below(packed: &[u8], bits: u32, values: &mut [i64]) {
    let mut reader = Reader::new(packed);
    values.iter_mut().for_each(|value| *value = *value << bits | reader.take(bits) as i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_every_width_come_back_below_their_high_parts() {
        for bits in 1..=63 {
            for count in [1_usize, 2, 7, 8, 65] {
                let values: Vec<i64> = (0..count as i64)
                    .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)) >> (i % 5))
                    .collect();
                let mut packed = Vec::new();
                pack(&values, bits, &mut packed);
                assert_eq!(packed.len(), bytes(count, bits));
                let mut back: Vec<i64> = values.iter().map(|v| v >> bits).collect();
                unpack_below(&packed, bits, &mut back);
                assert_eq!(back, values, "{bits} bits");
            }
        }
    }
}
