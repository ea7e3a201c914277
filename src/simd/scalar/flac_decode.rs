//! Kernels of the FLAC decoder.

use super::flac_encode::folded;
use crate::flac::BitReader;
use crate::simd::{MAX_ORDER, Residual, Restore};

/// Reads numbers of `width` (1 to 32) bits in two's complement.
#[inline(always)]
pub fn read_plain(reader: &mut BitReader<'_>, width: u32, out: &mut [i32]) {
    for x in out {
        *x = reader.take_signed(width) as i32;
    }
}

/// Reads residuals.
#[inline(always)]
pub fn read_residuals(residuals: &mut [Residual<'_, '_>]) {
    for residual in residuals {
        residual.folded = read_residual(residual);
    }
}

#[inline(always)]
fn read_residual(residual: &mut Residual<'_, '_>) -> Option<u32> {
    let Residual { reader, parameter_bits, parts, lengths, out, .. } = residual;
    let mut or = 0;
    let mut rest = &mut **out;
    let mut length = lengths[0];
    for _ in 0..*parts {
        let (now, after) = rest.split_at_mut(length.min(rest.len()));
        let parameter = reader.take(*parameter_bits) as u32;
        or |= if parameter == (1 << *parameter_bits) - 1 {
            read_escaped(reader, now)
        } else {
            read_rice(reader, parameter, now)?
        };
        (rest, length) = (after, lengths[1]);
    }
    Some(or)
}

/// Reads a part of plain numbers, whose width comes first. Returns the OR of the folded ones.
#[inline(always)]
pub fn read_escaped(reader: &mut BitReader<'_>, out: &mut [i32]) -> u32 {
    match reader.take(5) as u32 {
        0 => {
            out.fill(0);
            0
        }
        width => {
            read_plain(reader, width, out);
            out.iter().fold(0, |or, &r| or | folded(r))
        }
    }
}

/// Reads a part's Rice codes of `parameter` (0 to 30). Returns the OR of the folded residuals,
/// or none when the bytes end within or a residual leaves ±(2^31 − 1).
#[inline(always)]
fn read_rice(reader: &mut BitReader<'_>, parameter: u32, out: &mut [i32]) -> Option<u32> {
    macro_rules! specialised {
        ($($k:literal)*) => {
            match parameter {
                $($k => read_codes::<$k>(reader, out)?,)*
                _ => unreachable!("Rice parameter {parameter}"),
            }
        };
    }
    specialised!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30);
    Some(unfold(out, 0))
}

/// Turns folded numbers, `bias` too large, into residuals. Returns the OR of the folded ones.
#[inline(always)]
pub fn unfold(numbers: &mut [i32], bias: u32) -> u32 {
    let mut or = 0;
    for x in numbers {
        let folded = (*x as u32).wrapping_sub(bias);
        or |= folded;
        *x = (folded >> 1) as i32 ^ -((folded & 1) as i32);
    }
    or
}

/// Codes of parameter `k` that one word of 57 bits holds in most cases.
pub const fn group(k: u32) -> usize {
    let codes = BitReader::MOST / (k + 4);
    if codes > 8 { 8 } else { codes as usize }
}

/// Reads folded residuals, as many as a word holds at a time.
#[inline(always)]
fn read_codes<const K: u32>(reader: &mut BitReader<'_>, out: &mut [i32]) -> Option<()> {
    // A quotient in a word is below 57, so folded < 57·2^25 < 2^32 − 1 without a check.
    if K > 25 {
        return read_slowly(reader, K, out);
    }
    let mut groups = out.chunks_exact_mut(const { group(K) });
    for group in &mut groups {
        let mut word = reader.word();
        let mut used = 0;
        for x in group.iter_mut() {
            // Without a one there are 64, which `used` then shows to be too many.
            let zeros = word.leading_zeros();
            // The stop bit is the quotient's lowest, one too many.
            let low = (word.wrapping_shl(zeros) >> (63 - K)) as u32;
            *x = ((zeros << K) + low).wrapping_sub(1 << K) as i32;
            word = word.wrapping_shl(zeros + K + 1);
            used += zeros + K + 1;
        }
        if used <= BitReader::MOST {
            reader.skip(used);
        } else {
            read_slowly(reader, K, group)?;
        }
    }
    read_slowly(reader, K, groups.into_remainder())
}

/// Reads folded residuals, however long.
#[inline(always)]
pub fn read_slowly(reader: &mut BitReader<'_>, k: u32, out: &mut [i32]) -> Option<()> {
    for x in out {
        let quotient = reader.take_unary()?;
        let folded = quotient << k | reader.take(k);
        // u32::MAX would be −2^31.
        if quotient >> (32 - k) != 0 || folded == u64::from(u32::MAX) {
            return None;
        }
        *x = folded as i32;
    }
    Some(())
}

/// Calls a function of that many coefficients, or of a few more, which are zero.
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
            11 | 12 => $function::<12>($($argument),*),
            13..=16 => $function::<16>($($argument),*),
            17..=24 => $function::<24>($($argument),*),
            _ => $function::<MAX_ORDER>($($argument),*),
        }
    };
}

/// Restores frames in place, each in exact arithmetic:
/// `x[i] = r[i] + (Σ q[j]·x[i − 1 − j] >> shift)`. Where a sample leaves 32 bits, the frame's
/// samples are unspecified and its `magnitudes` u32::MAX.
#[inline(always)]
pub fn restore(data: &mut [i32], frames: &mut [Restore]) {
    for frame in frames {
        let samples = &mut data[frame.start..frame.start + frame.length];
        restore_frame(samples, frame, restore_narrow);
    }
}

/// OR of the magnitudes of a frame's first samples.
#[inline(always)]
pub fn warm_up(samples: &[i32], frame: &Restore) -> u32 {
    magnitudes(&samples[..frame.order])
}

/// OR of the magnitudes of samples.
#[inline(always)]
pub fn magnitudes(samples: &[i32]) -> u32 {
    samples.iter().fold(0, |or, &x| or | magnitude(x))
}

/// Restores one frame, in 32 bits, by `restore_narrow`, where they prove to suffice.
#[inline(always)]
pub fn restore_frame(
    samples: &mut [i32],
    frame: &mut Restore,
    restore_narrow: impl Fn(&mut [i32], &Restore) -> u32,
) {
    let warm_up = warm_up(samples, frame);
    if frame.may_fit_narrow(warm_up) {
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

/// Adds the newest sample to the sums of the samples after it, and moves on by one: the first of
/// the `sums` is then complete. So each step waits for one product only, and no sample is read
/// back from memory.
#[inline(always)]
fn push<const ORDER: usize>(sums: &mut [i32; ORDER], coefficients: &[i32; ORDER], x: i32) {
    for j in 0..ORDER - 1 {
        sums[j] = sums[j + 1].wrapping_add(coefficients[j].wrapping_mul(x));
    }
    sums[ORDER - 1] = coefficients[ORDER - 1].wrapping_mul(x);
}

/// Restores in wrapping 32-bit arithmetic; returns the OR of the magnitudes.
#[inline(always)]
pub fn restore_narrow(samples: &mut [i32], frame: &Restore) -> u32 {
    by_order!(frame.order, restore_narrow_of(samples, frame))
}

#[inline(always)]
fn restore_narrow_of<const ORDER: usize>(samples: &mut [i32], frame: &Restore) -> u32 {
    let coefficients = frame.coefficients.first_chunk().expect("ORDER ≤ MAX_ORDER");
    let shift = frame.shift & 31;
    let (warm_up, rest) = samples.split_at_mut(frame.order);
    let mut sums = [0; ORDER];
    warm_up.iter().for_each(|&x| push(&mut sums, coefficients, x));
    let mut magnitudes = 0;
    for x in rest {
        *x = x.wrapping_add(sums[0] >> shift);
        magnitudes |= magnitude(*x);
        push(&mut sums, coefficients, *x);
    }
    magnitudes
}

/// Takes [`restore_narrow`] back.
#[inline(always)]
pub fn undo_narrow(samples: &mut [i32], frame: &Restore) {
    by_order!(frame.order, undo_narrow_of(samples, frame));
}

#[inline(always)]
fn undo_narrow_of<const ORDER: usize>(samples: &mut [i32], frame: &Restore) {
    let coefficients = frame.coefficients.first_chunk().expect("ORDER ≤ MAX_ORDER");
    let (warm_up, rest) = samples.split_at_mut(frame.order);
    let mut sums = [0; ORDER];
    warm_up.iter().for_each(|&x| push(&mut sums, coefficients, x));
    for r in rest {
        let x = *r;
        *r = x.wrapping_sub(sums[0] >> frame.shift);
        push(&mut sums, coefficients, x);
    }
}

/// Restores in 64-bit arithmetic; returns the OR of the magnitudes, or u32::MAX.
#[inline(always)]
pub fn restore_wide(samples: &mut [i32], frame: &Restore) -> u32 {
    by_order!(frame.order, restore_wide_of(samples, frame))
}

#[inline(always)]
fn restore_wide_of<const ORDER: usize>(samples: &mut [i32], frame: &Restore) -> u32 {
    // |Σ| ≤ 32·2^14·2^31 = 2^50.
    let coefficients: &[i32; ORDER] = frame.coefficients.first_chunk().expect("ORDER ≤ MAX_ORDER");
    let push = |sums: &mut [i64; ORDER], x: i64| {
        for j in 0..ORDER - 1 {
            sums[j] = sums[j + 1] + i64::from(coefficients[j]) * x;
        }
        sums[ORDER - 1] = i64::from(coefficients[ORDER - 1]) * x;
    };
    let shift = frame.shift & 31;
    let (warm_up, rest) = samples.split_at_mut(frame.order);
    let mut sums = [0; ORDER];
    warm_up.iter().for_each(|&x| push(&mut sums, i64::from(x)));
    let mut magnitudes = 0;
    for x in rest {
        let exact = i64::from(*x) + (sums[0] >> shift);
        magnitudes |= (exact ^ (exact >> 63)) as u64;
        *x = exact as i32;
        push(&mut sums, i64::from(*x));
    }
    if magnitudes >> 31 == 0 { magnitudes as u32 } else { u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flac::BitWriter;
    use crate::simd::scalar::KERNELS;
    use crate::simd::{Kernels, tables};

    /// Numbers of `bits` bits.
    fn numbers(seed: u64) -> impl FnMut(u32) -> i32 {
        let mut state = seed;
        move |bits| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 32) as i32) >> (32 - bits)
        }
    }

    /// A residual's parts as they are coded: parameters that may not suit the numbers.
    fn coded(number: &mut impl FnMut(u32) -> i32, parts: usize, lengths: [usize; 2]) -> Vec<u8> {
        let mut bytes = vec![0; 16 * (lengths[0] + parts * lengths[1]) + 8 * parts + 200];
        let mut writer = BitWriter::new(&mut bytes);
        // Most residuals are as an encoder writes them; others have quotients of any length.
        let common = number(5).unsigned_abs() % 15;
        let rare = number(5) < -12;
        for part in 0..parts {
            let parameter = match number(4) {
                -8 => 31,
                -7 => number(6).unsigned_abs() % 31,
                _ => common,
            };
            writer.put(u64::from(parameter), 5);
            let escaped = number(6).unsigned_abs() % 32;
            if parameter == 31 {
                writer.put(u64::from(escaped), 5);
            }
            for _ in 0..lengths[usize::from(part > 0)] {
                if parameter == 31 {
                    writer.put(number(32) as u64 & ((1 << escaped) - 1), escaped);
                    continue;
                }
                let long = if rare && number(8) == 0 { number(7).unsigned_abs() } else { 0 };
                let zeros = u64::from(long + (number(32) as u32 | 0x100).trailing_zeros());
                let zeros = zeros.min(u64::from(u32::MAX >> parameter));
                writer.put_zeros(zeros);
                writer.put(1, 1);
                writer.put(number(32) as u64 & ((1 << parameter) - 1), parameter);
            }
        }
        writer.align();
        let length = writer.written().len();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn every_table_reads_the_same_residuals() {
        let (mut read, mut refused) = (0, 0);
        for seed in 0..3000 {
            let mut number = numbers(seed);
            let all: Vec<_> = (0..1 + number(6).unsigned_abs())
                .map(|_| {
                    let parts = 1 << (number(3).unsigned_abs());
                    let size = number(9).unsigned_abs() as usize;
                    let lengths = [size - size.min(number(5).unsigned_abs() as usize), size];
                    let mut bytes = coded(&mut number, parts, lengths);
                    if number(4) == 0 {
                        bytes.truncate(number(10).unsigned_abs() as usize);
                    }
                    // Some have room for a part of the last part only.
                    let unwanted =
                        if number(3) == 0 { number(9).unsigned_abs() as usize } else { 0 };
                    let last = lengths[usize::from(parts > 1)];
                    let room = lengths[0] + (parts - 1) * lengths[1] - unwanted.min(last);
                    (bytes, parts, lengths, room)
                })
                .collect();
            let read_by = |table: &Kernels| {
                let mut outs: Vec<_> = all.iter().map(|(.., room)| vec![7; *room]).collect();
                let mut residuals: Vec<_> = all
                    .iter()
                    .zip(&mut outs)
                    .map(|(&(ref bytes, parts, lengths, _), out)| Residual {
                        reader: BitReader::new(bytes),
                        parameter_bits: 5,
                        parts,
                        lengths,
                        out,
                        folded: None,
                    })
                    .collect();
                (table.read_residuals)(&mut residuals);
                residuals
                    .iter()
                    .map(|r| (r.folded, r.reader.position(), r.folded.map(|_| r.out.to_vec())))
                    .collect::<Vec<_>>()
            };
            let expected = read_by(&KERNELS);
            read += expected.iter().filter(|(folded, ..)| folded.is_some()).count();
            refused += expected.iter().filter(|(folded, ..)| folded.is_none()).count();
            for table in tables() {
                assert!(read_by(table) == expected, "seed {seed}, {}", table.name);
            }
        }
        assert!(read > 10_000 && refused > 500, "{read}, {refused}");
    }

    /// Restores a frame by the definition; returns the magnitudes.
    fn restore_plainly(samples: &mut [i32], frame: &Restore) -> u32 {
        let mut magnitudes = 0;
        for i in frame.order..samples.len() {
            let sum: i64 = (0..frame.order)
                .map(|j| i64::from(frame.coefficients[j]) * i64::from(samples[i - 1 - j]))
                .sum();
            let x = i64::from(samples[i]) + (sum >> frame.shift);
            let Ok(x) = i32::try_from(x) else { return u32::MAX };
            magnitudes |= magnitude(x);
            samples[i] = x;
        }
        magnitudes
    }

    #[test]
    fn frames_are_restored_exactly_or_reported() {
        let (mut narrow, mut halves, mut wide, mut outside) = (0, 0, 0, 0);
        for seed in 0..20_000 {
            let mut number = numbers(seed);
            let mut data = Vec::new();
            let mut frames = Vec::new();
            for _ in 0..5 {
                let order = (1 + number(6).unsigned_abs() % 32) as usize;
                // Some long enough for a lane of their own.
                let length = order + number(9).unsigned_abs() as usize;
                let width = 2 + number(6).unsigned_abs() % 31;
                let precision = 1 + number(5).unsigned_abs() % 15;
                // Coefficients whose sum stays about 1 keep most samples in range.
                let shift = (precision - 1 + number(3).unsigned_abs()).min(15);
                let mut coefficients = [0; MAX_ORDER];
                coefficients[..order].fill_with(|| number(precision) / (1 + order as i32 / 4));
                let start = data.len() + number(4).unsigned_abs() as usize;
                data.resize(start, 77);
                data.extend((0..order).map(|_| number(width)));
                let residual = 1 + (width - 1) * number(3).unsigned_abs() / 4;
                data.extend((order..length).map(|_| number(residual)));
                let folded = data[start + order..].iter().fold(0, |or, &r| or | magnitude(r) << 1);
                let magnitudes = 0;
                frames.push(Restore {
                    start,
                    length,
                    order,
                    shift,
                    coefficients,
                    width,
                    folded: folded | 1,
                    magnitudes,
                });
            }
            for table in tables() {
                let mut expected = data.clone();
                let (mut data, mut frames) = (data.clone(), frames.clone());
                (table.restore)(&mut data, &mut frames);
                for frame in &frames {
                    let range = frame.start..frame.start + frame.length;
                    let samples = &mut expected[range.clone()];
                    let warm_up = samples[..frame.order].iter().fold(0, |or, &x| or | magnitude(x));
                    let magnitudes = restore_plainly(samples, frame);
                    assert_eq!(frame.magnitudes, magnitudes, "seed {seed}, {}", table.name);
                    if magnitudes == u32::MAX {
                        outside += 1;
                        samples.copy_from_slice(&data[range]);
                    } else if frame.fits_narrow(warm_up | magnitudes) {
                        narrow += 1;
                    } else if frame.fits_halves() {
                        halves += 1;
                    } else {
                        wide += 1;
                    }
                }
                assert!(data == expected, "seed {seed}, {}", table.name);
            }
        }
        let found = [narrow, halves, wide, outside];
        assert!(found.iter().all(|&count| count > 200), "{found:?}");
    }
}
