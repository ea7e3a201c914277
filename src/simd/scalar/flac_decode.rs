//! Kernels of the FLAC decoder.

use crate::flac::BitReader;
use crate::simd::{MAX_ORDER, Restore};

/// Reads numbers of `width` (1 to 32) bits in two's complement.
#[inline(always)]
pub fn read_plain(reader: &mut BitReader<'_>, width: u32, out: &mut [i32]) {
    for x in out {
        *x = reader.take_signed(width) as i32;
    }
}

/// Reads a part's Rice codes of `parameter` (0 to 30). Returns the OR of the folded residuals,
/// or none when the bytes end within or a residual leaves ±(2^31 − 1).
#[inline(always)]
pub fn read_rice(reader: &mut BitReader<'_>, parameter: u32, out: &mut [i32]) -> Option<u32> {
    macro_rules! specialised {
        ($($k:literal)*) => {
            match parameter {
                $($k => read_codes::<$k>(reader, out)?,)*
                _ => unreachable!("Rice parameter {parameter}"),
            }
        };
    }
    specialised!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30);
    let mut or = 0;
    for x in out {
        let folded = *x as u32;
        or |= folded;
        *x = (folded >> 1) as i32 ^ -((folded & 1) as i32);
    }
    Some(or)
}

/// Codes of parameter `k` that one word of 57 bits holds in most cases.
const fn group(k: u32) -> usize {
    let codes = BitReader::MOST / (k + 4);
    if codes > 8 { 8 } else { codes as usize }
}

/// Reads folded residuals, as many as a word holds at a time.
#[inline(always)]
fn read_codes<const K: u32>(reader: &mut BitReader<'_>, out: &mut [i32]) -> Option<()> {
    // A quotient in a word is below 57, so folded < 57·2^25 < 2^32 − 1 without a check.
    if K > 25 {
        return read_slowly::<K>(reader, out);
    }
    let mut groups = out.chunks_exact_mut(const { group(K) });
    for group in &mut groups {
        let mut word = reader.word();
        let mut used = 0;
        for x in group.iter_mut() {
            // A word without a one counts 63 zeros here, which `used` then shows to be too many.
            let zeros = (word | 1).leading_zeros();
            word <<= zeros;
            // The stop bit is the quotient's lowest, one too many.
            *x = ((zeros << K) + (word >> (63 - K)) as u32).wrapping_sub(1 << K) as i32;
            word = word << K << 1;
            used += zeros + K + 1;
        }
        if used <= BitReader::MOST {
            reader.skip(used);
        } else {
            read_slowly::<K>(reader, group)?;
        }
    }
    read_slowly::<K>(reader, groups.into_remainder())
}

/// Reads folded residuals, however long.
#[inline(always)]
fn read_slowly<const K: u32>(reader: &mut BitReader<'_>, out: &mut [i32]) -> Option<()> {
    for x in out {
        let quotient = reader.take_unary()?;
        let folded = quotient << K | reader.take(K);
        // u32::MAX would be −2^31.
        if quotient >> (32 - K) != 0 || folded == u64::from(u32::MAX) {
            return None;
        }
        *x = folded as i32;
    }
    Some(())
}

/// Restores frames in place, each in exact arithmetic:
/// `x[i] = r[i] + (Σ q[j]·x[i − 1 − j] >> shift)`. Where a sample leaves 32 bits, the frame's
/// samples are unspecified and its `magnitudes` u32::MAX.
#[inline(always)]
pub fn restore(data: &mut [i32], frames: &mut [Restore]) {
    for frame in frames {
        let samples = &mut data[frame.start..frame.start + frame.length];
        restore_frame(samples, frame);
    }
}

/// Restores one frame, in 32 bits where they prove to suffice.
#[inline(always)]
pub fn restore_frame(samples: &mut [i32], frame: &mut Restore) {
    let warm_up = samples[..frame.order].iter().fold(0, |or, &x| or | magnitude(x));
    if frame.fits_narrow(warm_up) {
        frame.magnitudes = restore_narrow(samples, frame);
        if frame.fits_narrow(warm_up | frame.magnitudes) {
            return;
        }
        undo_narrow(samples, frame);
    }
    frame.magnitudes = restore_wide(samples, frame);
}

/// x for x ≥ 0 and −1 − x for x < 0.
#[inline(always)]
fn magnitude(x: i32) -> u32 {
    (x ^ (x >> 31)) as u32
}

macro_rules! by_order {
    ($order:expr, $function:ident($($argument:expr),*)) => {
        match $order {
            1 => $function::<1>($($argument),*),
            2 => $function::<2>($($argument),*),
            3 => $function::<3>($($argument),*),
            4 => $function::<4>($($argument),*),
            5 => $function::<5>($($argument),*),
            6 => $function::<6>($($argument),*),
            7 => $function::<7>($($argument),*),
            8 => $function::<8>($($argument),*),
            9 => $function::<9>($($argument),*),
            10 => $function::<10>($($argument),*),
            11 => $function::<11>($($argument),*),
            12 => $function::<12>($($argument),*),
            _ => $function::<MAX_ORDER>($($argument),*),
        }
    };
}

/// Restores in wrapping 32-bit arithmetic; returns the OR of the magnitudes.
#[inline(always)]
fn restore_narrow(samples: &mut [i32], frame: &Restore) -> u32 {
    by_order!(frame.order, narrow(samples, frame))
}

/// The sum over the `order` samples before sample i, wrapping.
#[inline(always)]
fn wrapping_sum(before: &[i32], coefficients: &[i32]) -> i32 {
    let products = before.iter().rev().zip(coefficients).map(|(&x, &q)| x.wrapping_mul(q));
    products.fold(0, i32::wrapping_add)
}

#[inline(always)]
fn narrow<const ORDER: usize>(samples: &mut [i32], frame: &Restore) -> u32 {
    let order = if ORDER == MAX_ORDER { frame.order } else { ORDER };
    let (&newest, older) = frame.coefficients[..order].split_first().expect("order 1 at least");
    let shift = frame.shift & 31;
    let mut last = samples[order - 1];
    let mut magnitudes = 0;
    for i in order..samples.len() {
        // The newest sample comes last and from a register: only it is waited for.
        let sum = wrapping_sum(&samples[i - order..i - 1], older);
        let sum = sum.wrapping_add(last.wrapping_mul(newest));
        last = samples[i].wrapping_add(sum >> shift);
        samples[i] = last;
        magnitudes |= magnitude(last);
    }
    magnitudes
}

/// Takes [`restore_narrow`] back: from the end, each sample still has those before it.
#[inline(always)]
fn undo_narrow(samples: &mut [i32], frame: &Restore) {
    let coefficients = &frame.coefficients[..frame.order];
    for i in (frame.order..samples.len()).rev() {
        let sum = wrapping_sum(&samples[i - frame.order..i], coefficients);
        samples[i] = samples[i].wrapping_sub(sum >> frame.shift);
    }
}

/// Restores in 64-bit arithmetic; returns the OR of the magnitudes, or u32::MAX.
#[inline(always)]
fn restore_wide(samples: &mut [i32], frame: &Restore) -> u32 {
    by_order!(frame.order, wide(samples, frame))
}

#[inline(always)]
fn wide<const ORDER: usize>(samples: &mut [i32], frame: &Restore) -> u32 {
    let order = if ORDER == MAX_ORDER { frame.order } else { ORDER };
    let (&newest, older) = frame.coefficients[..order].split_first().expect("order 1 at least");
    let shift = frame.shift & 31;
    let mut last = i64::from(samples[order - 1]);
    let mut magnitudes = 0;
    for i in order..samples.len() {
        // |Σ| ≤ 32·2^14·2^31 = 2^50.
        let before = samples[i - order..i - 1].iter().rev();
        let products = before.zip(older).map(|(&x, &q)| i64::from(x) * i64::from(q));
        let sum = products.sum::<i64>() + last * i64::from(newest);
        let x = i64::from(samples[i]) + (sum >> shift);
        magnitudes |= (x ^ (x >> 63)) as u64;
        samples[i] = x as i32;
        last = i64::from(samples[i]);
    }
    if magnitudes >> 31 == 0 { magnitudes as u32 } else { u32::MAX }
}
