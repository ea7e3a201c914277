//! The places of floats behind their multiples in fixed point, stored beside the FLAC frame of those.

use super::bits::{Reader, Writer};
use crate::error::{Error, Result};
use crate::quantize::{Fixed, Place};
use crate::sample::Sample;

/// Appends the place of each float, given in the order of its type, behind its multiple of
/// 2^exponent, the first in the lowest bits of the first byte: see [`Place`].
pub fn pack<T: Sample>(exponent: i32, multiples: &[i32], floats: &[i64], out: &mut Vec<u8>) {
    let fixed = Fixed::new::<T>(exponent);
    let mut writer = Writer::new(out);
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
    writer.finish();
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
    let mut reader = Reader::new(packed);
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
    let (found, needed) = (packed.len(), reader.bytes());
    if found < needed {
        return Err(Error::truncated(format!("{found} bytes of places, of {needed}")));
    }
    if bad || complete && found > needed {
        return Err(Error::corrupt("places that no float has"));
    }
    Ok(())
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
