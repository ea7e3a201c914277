//! The places of floats behind their multiples in fixed point, stored beside the FLAC frame of those.

use crate::error::{Error, Result};
use crate::quantize::{Fixed, Place};
use crate::sample::Sample;

/// Appends the place of each float, given in the order of its type, behind its multiple of
/// 2^exponent, the first in the lowest bits of the first byte: see [`Place`].
pub fn pack<T: Sample>(exponent: i32, multiples: &[i32], floats: &[i64], out: &mut Vec<u8>) {
    let fixed = Fixed::new::<T>(exponent);
    let mut writer = Writer { out, pending: 0, used: 0 };
    for (&multiple, &n) in multiples.iter().zip(floats) {
        let multiple = i64::from(multiple);
        let place = n.wrapping_sub(fixed.place::<T>(multiple)) as u64;
        match fixed.place_of(multiple) {
            Place::Bits(bits) => writer.put(place, bits),
            // The float that is zero is the first one behind 0, and the last behind −1.
            Place::Zero(..) if n == multiple => writer.put(0, 1),
            Place::Zero(bits, _) => {
                writer.put(1, 1);
                writer.put(place, bits);
            }
        }
    }
    let Writer { pending, used, .. } = writer;
    out.extend_from_slice(&pending.to_le_bytes()[..used.div_ceil(8) as usize]);
}

/// Replaces the first multiples of a frame by their floats, in the order of the type; `complete`
/// when these are all.
///
/// # Errors
/// `Truncated` where there are fewer places, `Corrupt` for one that no float has, or for bytes
/// behind the last.
pub fn unpack<T: Sample>(
    packed: &[u8],
    exponent: i32,
    complete: bool,
    values: &mut [i64],
) -> Result<()> {
    let fixed = Fixed::new::<T>(exponent);
    let mut reader = Reader { bytes: packed, at: 0 };
    let mut bad = false;
    for value in values {
        let multiple = *value;
        *value = match fixed.place_of(multiple) {
            Place::Bits(bits) => fixed.place::<T>(multiple) + reader.take(bits) as i64,
            Place::Zero(..) if reader.take(1) == 0 => multiple,
            Place::Zero(bits, count) => {
                let place = reader.take(bits);
                bad |= place >= count;
                fixed.place::<T>(multiple).wrapping_add(place as i64)
            }
        };
    }
    let (found, needed) = (packed.len(), reader.at.div_ceil(8));
    if found < needed {
        return Err(Error::truncated(format!("{found} bytes of places, of {needed}")));
    }
    if bad || complete && found > needed {
        return Err(Error::corrupt("places that no float has"));
    }
    Ok(())
}

/// Puts bits behind each other, from the lowest of the first byte on.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    used: u32,
}

impl Writer<'_> {
    /// Puts the lowest bits of a number that has no others, 63 at most.
    #[inline(always)]
    fn put(&mut self, number: u64, bits: u32) {
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
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next ones, 63 at most.
    #[inline(always)]
    fn take(&mut self, count: u32) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use proptest::prelude::*;

    fn check<T: Sample>(samples: &[T], exponent: i32) -> std::result::Result<(), TestCaseError> {
        let fixed = Fixed::new::<T>(exponent);
        let floats: Vec<i64> = samples.iter().map(|x| x.to_ordered()).collect();
        let multiples: Vec<i32> = floats.iter().map(|&n| fixed.below::<T>(n) as i32).collect();
        let mut packed = vec![7];
        pack::<T>(exponent, &multiples, &floats, &mut packed);
        let packed = &packed[1..];
        let wide: Vec<i64> = multiples.iter().map(|&h| i64::from(h)).collect();
        let unpacked = |packed: &[u8], count: usize| {
            let mut back = wide[..count].to_vec();
            unpack::<T>(packed, exponent, count == wide.len(), &mut back).map(|()| back)
        };
        prop_assert_eq!(unpacked(packed, floats.len()), Ok(floats.clone()));
        let half = floats.len() / 2;
        prop_assert_eq!(unpacked(packed, half), Ok(floats[..half].to_vec()));
        if let Some((_, fewer)) = packed.split_last() {
            prop_assert!(unpacked(fewer, floats.len()).is_err());
            prop_assert!(unpacked(&[packed, &[0]].concat(), floats.len()).is_err());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn floats_come_back_behind_their_multiples(
            xs in prop::collection::vec(-1.0..1.0_f64, 0..80), small in -60..1_i32,
        ) {
            let scale = 2_f64.powi(small);
            let mut xs: Vec<f64> = xs.iter().map(|x| x * x * x * scale).collect();
            // Zeros of both signs.
            xs.extend(xs.clone().iter().take(9).map(|x| x * 0.0));
            for exponent in [-31, -24, -20, -3] {
                check(&xs, exponent)?;
            }
            let singles: Vec<f32> = xs.iter().map(|&x| x as f32).collect();
            for exponent in [-24, -20, -3] {
                check(&singles, exponent)?;
            }
            check(&xs.iter().map(|&x| f16::from_f64(x)).collect::<Vec<_>>(), -11)?;
        }
    }
}
