//! Rice codes of eight residuals in each of one or two vectors.
//!
//! A word of each residual holds a group of codes. A code's zeros are counted for all lanes at
//! once: the exponent of a number converted to floating point says where its first one is. Each
//! count waits for the one before; a second vector has work for the time between.

use super::Lane;
use crate::flac::BitReader;
use crate::simd::avx2::lanes::{LANES, load, store, transpose};
use crate::simd::scalar::flac_decode::group;
use core::arch::x86_64::*;

/// Groups whose numbers are written together, so that those are whole vectors for any size.
const ROUND: usize = 8;

/// Numbers that a residual must have room for, whatever the size of its groups.
pub const ROOM: usize = 8 * ROUND;

/// Zeros that conversion counts: as many bits as it keeps, 23, hold the one as well.
const MOST_ZEROS: u32 = 22;

/// Reads groups of codes from at most eight times `VECTORS` residuals, each with room for [`ROOM`]
/// numbers and one of which then needs to advance.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn read_some<const VECTORS: usize>(lanes: &mut [Lane<'_, '_, '_>]) {
    let size = lanes.iter().map(|lane| group(lane.parameter)).min().unwrap_or(1);
    let largest = lanes.iter().map(|lane| lane.parameter).max().unwrap_or(0);
    // Zeros, one and low bits in 32 bits.
    let short = MOST_ZEROS + 1 + largest <= 32;
    match (size, short) {
        (1, _) => read_groups::<VECTORS, 1, false>(lanes),
        (2, _) => read_groups::<VECTORS, 2, false>(lanes),
        (3, _) => read_groups::<VECTORS, 3, false>(lanes),
        (4, false) => read_groups::<VECTORS, 4, false>(lanes),
        (4, true) => read_groups::<VECTORS, 4, true>(lanes),
        (5, _) => read_groups::<VECTORS, 5, true>(lanes),
        (6, _) => read_groups::<VECTORS, 6, true>(lanes),
        (7, _) => read_groups::<VECTORS, 7, true>(lanes),
        _ => read_groups::<VECTORS, 8, true>(lanes),
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_groups<const VECTORS: usize, const SIZE: usize, const SHORT: bool>(
    lanes: &mut [Lane<'_, '_, '_>],
) {
    let mut groups = usize::MAX;
    let mut idle = [0; LANES];
    // Idle lanes read what the first one reads.
    let mut bytes = [[std::ptr::null(); LANES]; VECTORS];
    let mut position = [[0; LANES]; VECTORS];
    let mut parameter = [[0; LANES]; VECTORS];
    let mut out = [[(idle.as_mut_ptr(), 0); LANES]; VECTORS];
    for l in 0..LANES * VECTORS {
        let lane = lanes.get(l).unwrap_or(&lanes[0]);
        let reader = &lane.residual.reader;
        let (v, l) = (l / LANES, l % LANES);
        bytes[v][l] = reader.bytes()[reader.byte()..].as_ptr();
        position[v][l] = (reader.position() & 7) as i32;
        parameter[v][l] = lane.parameter as i32;
    }
    for (lane, out) in lanes.iter_mut().zip(out.as_flattened_mut()) {
        groups = groups.min(lane.groups(SIZE));
        let room = &mut lane.residual.out[lane.done..];
        groups = groups.min(room.len() / (ROUND * SIZE) * ROUND);
        *out = (room.as_mut_ptr(), 1);
    }
    let parameter = parameter.map(|lanes| load(&lanes));
    let zero = _mm256_setzero_si256();
    let one = _mm256_set1_epi32(1);
    let size = _mm256_set1_epi32(SIZE as i32);
    let at_least = parameter.map(|k| _mm256_mullo_epi32(_mm256_add_epi32(k, one), size));
    let mut position = position.map(|lanes| load(&lanes));
    let mut folded = [zero; VECTORS];
    let mut slow = [zero; VECTORS];
    let mut any_slow = false;
    let mut numbers = [[zero; ROOM]; VECTORS];
    let mut read = 0;
    while read < groups && !any_slow {
        let now = ROUND.min(groups - read);
        for first in (0..now * SIZE).step_by(SIZE) {
            let mut words = [[zero; 2]; VECTORS];
            for v in 0..VECTORS {
                // SAFETY: `Lane::groups` leaves 8 bytes from the first bit of the last group on,
                // each group having at most 57 bits.
                words[v] = unsafe { words_at(&bytes[v], position[v]) };
            }
            let mut used = at_least;
            let mut or = [zero; VECTORS];
            for i in 0..SIZE {
                for v in 0..VECTORS {
                    let (zeros, x);
                    (zeros, x, words[v]) = take::<SHORT>(words[v], parameter[v]);
                    used[v] = _mm256_add_epi32(used[v], zeros);
                    or[v] = _mm256_or_si256(or[v], x);
                    let sign = _mm256_sub_epi32(zero, _mm256_and_si256(x, one));
                    numbers[v][first + i] = _mm256_xor_si256(_mm256_srli_epi32::<1>(x), sign);
                }
            }
            read += 1;
            let mut any = zero;
            for v in 0..VECTORS {
                slow[v] = _mm256_cmpgt_epi32(used[v], _mm256_set1_epi32(BitReader::MOST as i32));
                any = _mm256_or_si256(any, slow[v]);
                folded[v] = _mm256_or_si256(folded[v], _mm256_andnot_si256(slow[v], or[v]));
                position[v] = _mm256_add_epi32(position[v], _mm256_andnot_si256(slow[v], used[v]));
            }
            any_slow = _mm256_testz_si256(any, any) == 0;
            if any_slow {
                break;
            }
        }
        for (numbers, out) in numbers.iter().zip(&mut out) {
            for columns in numbers.as_chunks::<LANES>().0.iter().take(SIZE) {
                for (row, (out, each)) in transpose(*columns).into_iter().zip(&mut *out) {
                    // SAFETY: `groups` leaves room for all numbers of the last round; idle lanes
                    // have eight and stay.
                    unsafe {
                        _mm256_storeu_si256(out.cast(), row);
                        *out = out.add(LANES * *each);
                    }
                }
            }
        }
    }
    for (v, lanes) in lanes.chunks_mut(LANES).enumerate() {
        let (position, folded, slow) = (store(position[v]), store(folded[v]), store(slow[v]));
        for (l, lane) in lanes.iter_mut().enumerate() {
            let reader = &mut lane.residual.reader;
            reader.seek(8 * reader.byte() as u64 + u64::from(position[l]));
            lane.folded |= folded[l];
            lane.slow = slow[l] != 0;
            let numbers = (read - usize::from(lane.slow)) * SIZE;
            lane.done += numbers;
            lane.left -= numbers;
        }
    }
}

/// Takes a code from each lane's word: its zeros, the folded number, and the word after it.
#[target_feature(enable = "avx2")]
#[inline]
fn take<const SHORT: bool>(words: Words, parameter: __m256i) -> (__m256i, __m256i, Words) {
    let high = high(words);
    let exponent = exponent(high);
    // Without a one among the first bits there are too many.
    let zeros = _mm256_sub_epi32(_mm256_set1_epi32(EXPONENT), exponent);
    let top = |bits| _mm256_sub_epi32(_mm256_set1_epi32(bits), parameter);
    let low = if SHORT {
        _mm256_srlv_epi32(_mm256_sllv_epi32(high, zeros), top(31))
    } else {
        low_halves(shift_right(shift_left(words, zeros), top(63)))
    };
    // The stop bit comes with the low bits: one quotient too many.
    let quotient = _mm256_sub_epi32(_mm256_set1_epi32(EXPONENT - 1), exponent);
    let folded = _mm256_add_epi32(_mm256_sllv_epi32(quotient, parameter), low);
    let length = _mm256_add_epi32(parameter, _mm256_set1_epi32(EXPONENT + 1));
    (zeros, folded, shift_left(words, _mm256_sub_epi32(length, exponent)))
}

/// Exponent of the number that [`exponent`] converts when no zeros come before its first one.
const EXPONENT: i32 = 127 + MOST_ZEROS as i32;

/// [`EXPONENT`] less the zeros before the first one, or 0 where there are more than
/// [`MOST_ZEROS`].
#[target_feature(enable = "avx2")]
#[inline]
fn exponent(high: __m256i) -> __m256i {
    // 23 bits are converted exactly: rounding would carry into the exponent.
    let first = _mm256_srli_epi32::<{ 31 - MOST_ZEROS as i32 }>(high);
    _mm256_srli_epi32::<23>(_mm256_castps_si256(_mm256_cvtepi32_ps(first)))
}

/// Words of 64 bits: of lanes 0, 1, 4 and 5, and of the others. So they are where the halves of
/// vectors of 32 bits come from and go to.
type Words = [__m256i; 2];

/// The words at each lane's position.
///
/// # Safety
/// 8 bytes can be read there.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn words_at(bytes: &[*const u8; LANES], position: __m256i) -> Words {
    let byte = store(_mm256_srli_epi32::<3>(position));
    // SAFETY: the caller's promise.
    let word = |l: usize| unsafe { _mm_loadl_epi64(bytes[l].add(byte[l] as usize).cast()) };
    let four = |a, b, c, d| {
        let (ab, cd) = (_mm_unpacklo_epi64(word(a), word(b)), _mm_unpacklo_epi64(word(c), word(d)));
        let reversed = _mm256_setr_epi8(
            7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14,
            13, 12, 11, 10, 9, 8,
        );
        _mm256_shuffle_epi8(_mm256_set_m128i(cd, ab), reversed)
    };
    let bits = _mm256_and_si256(position, _mm256_set1_epi32(7));
    shift_left([four(0, 1, 4, 5), four(2, 3, 6, 7)], bits)
}

/// Shifts each lane's word.
#[target_feature(enable = "avx2")]
#[inline]
fn shift_left(words: Words, bits: __m256i) -> Words {
    let zero = _mm256_setzero_si256();
    [
        _mm256_sllv_epi64(words[0], _mm256_unpacklo_epi32(bits, zero)),
        _mm256_sllv_epi64(words[1], _mm256_unpackhi_epi32(bits, zero)),
    ]
}

/// Shifts each lane's word.
#[target_feature(enable = "avx2")]
#[inline]
fn shift_right(words: Words, bits: __m256i) -> Words {
    let zero = _mm256_setzero_si256();
    [
        _mm256_srlv_epi64(words[0], _mm256_unpacklo_epi32(bits, zero)),
        _mm256_srlv_epi64(words[1], _mm256_unpackhi_epi32(bits, zero)),
    ]
}

/// The upper half of each lane's word.
#[target_feature(enable = "avx2")]
#[inline]
fn high(words: Words) -> __m256i {
    let [a, b] = words.map(|words| _mm256_castsi256_ps(words));
    _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b))
}

/// The lower half of each lane's word.
#[target_feature(enable = "avx2")]
#[inline]
fn low_halves(words: Words) -> __m256i {
    let [a, b] = words.map(|words| _mm256_castsi256_ps(words));
    _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b))
}
