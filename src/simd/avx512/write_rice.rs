//! Rice codes of 32 residuals at a time: merged to words in vectors, which find each word's place
//! as well.

#![expect(unsafe_code, reason = "stores words at places within a buffer")]

use super::lanes::{LANES, PAIRS, load_pairs, store};
use crate::flac::BitWriter;
use crate::simd::scalar::flac_encode as scalar;
use std::arch::x86_64::*;

/// Residuals coded at once, unless one of their codes is too long.
const BATCH: usize = 2 * PAIRS;

/// Eight words in lanes, the bits at the bottom.
struct Words {
    bits: __m512i,
    lengths: __m512i,
}

impl Words {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn fit(&self) -> bool {
        let most = _mm512_set1_epi64(BitWriter::MOST.into());
        _mm512_cmpgt_epi64_mask(self.lengths, most) == 0
    }

    /// Writes the words, each of 8 to [`BitWriter::MOST`] bits. False, and nothing is written,
    /// where the buffer might be too short.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn put(&self, out: &mut BitWriter<'_>) -> bool {
        let zero = _mm512_setzero_si512();
        let (room, pending, used) = out.state();
        if room.len() < LANES * (BitWriter::MOST as usize / 8) + BitWriter::SLACK {
            return false;
        }
        // Bits from the buffer's start to the end of each word.
        let mut ends = self.lengths;
        ends = _mm512_add_epi64(ends, _mm512_alignr_epi64::<7>(ends, zero));
        ends = _mm512_add_epi64(ends, _mm512_alignr_epi64::<6>(ends, zero));
        ends = _mm512_add_epi64(ends, _mm512_alignr_epi64::<4>(ends, zero));
        ends = _mm512_add_epi64(ends, _mm512_set1_epi64(used.into()));
        let starts = _mm512_sub_epi64(ends, self.lengths);
        // In the bytes from that of its start on, a word's bits end here.
        let used = _mm512_and_si512(starts, _mm512_set1_epi64(7));
        let end = _mm512_add_epi64(used, self.lengths);
        let words = _mm512_sllv_epi64(self.bits, _mm512_sub_epi64(_mm512_set1_epi64(64), end));
        // The bits of the last byte, which the next word begins with: its own, as it has 8 or more.
        let begun = _mm512_sllv_epi64(words, _mm512_andnot_si512(_mm512_set1_epi64(7), end));
        let before = _mm512_alignr_epi64::<7>(begun, _mm512_set1_epi64(pending as i64));
        let words = _mm512_or_si512(words, before);
        let reversed = _mm512_set4_epi32(0x08090a0b, 0x0c0d0e0f, 0x00010203, 0x04050607);
        let words = store(_mm512_shuffle_epi8(words, reversed));
        let places = store(_mm512_srli_epi64::<3>(starts));
        for i in 0..LANES {
            // SAFETY: references to initialized numbers. Volatile, so that they are loaded: to
            // take them from vector registers would need more instructions.
            let [word, place] =
                unsafe { [&raw const words[i], &raw const places[i]].map(|x| x.read_volatile()) };
            // SAFETY: starts are at most 7 + 56·(words before this one), so its byte is one of
            // 7·(LANES − 1) and 8 bytes follow there.
            unsafe { room.as_mut_ptr().add(place as usize).cast::<u64>().write_unaligned(word) };
        }
        let last = |lanes| _mm_extract_epi64::<1>(_mm512_extracti32x4_epi32::<3>(lanes)) as u64;
        let end = last(ends);
        out.advance((end >> 3) as usize, last(begun), end as u32 & 7);
        true
    }
}

/// Codes of sixteen residuals, joined to pairs. `unary` collects the bits of unary parts.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pairs(sixteen: &[i32; PAIRS], parameter: u32, unary: &mut __m512i) -> Words {
    let stop = 1 << parameter;
    let r = load_pairs(sixteen);
    let z = _mm512_xor_si512(_mm512_add_epi32(r, r), _mm512_srai_epi32::<31>(r));
    let quotient = _mm512_srl_epi32(z, _mm_cvtsi32_si128(parameter as i32));
    *unary = _mm512_or_si512(*unary, quotient);
    // z & (stop − 1) | stop
    let (low, stop) = (_mm512_set1_epi32(stop - 1), _mm512_set1_epi32(stop));
    let code = _mm512_ternarylogic_epi32::<0xea>(z, low, stop);
    let length = _mm512_add_epi32(quotient, _mm512_set1_epi32(parameter as i32 + 1));
    // The first residual's code is in the lower half of the lane.
    let second = _mm512_srli_epi64::<32>(length);
    let first = _mm512_sllv_epi64(_mm512_maskz_mov_epi32(0x5555, code), second);
    // Lengths are below 256, so each is one byte of a lane's eight.
    let lengths = _mm512_sad_epu8(length, _mm512_setzero_si512());
    Words { bits: _mm512_or_si512(first, _mm512_srli_epi64::<32>(code)), lengths }
}

/// Writes codes in words of two, or of four if all words of two may be joined. False, and nothing
/// is written, when one is too long.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn write<const FOURS: bool>(batch: &[i32; BATCH], parameter: u32, out: &mut BitWriter<'_>) -> bool {
    let [a, b] = batch.as_chunks::<PAIRS>().0 else { unreachable!("two halves") };
    let mut unary = _mm512_setzero_si512();
    let a = pairs(a, parameter, &mut unary);
    let b = pairs(b, parameter, &mut unary);
    // Lengths make sense where the unary parts are below 64.
    if _mm512_test_epi32_mask(unary, _mm512_set1_epi32(!63)) != 0 {
        return false;
    }
    if FOURS {
        let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
        let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
        let second = _mm512_permutex2var_epi64(a.lengths, odd, b.lengths);
        let lengths =
            _mm512_add_epi64(_mm512_permutex2var_epi64(a.lengths, even, b.lengths), second);
        let first = _mm512_sllv_epi64(_mm512_permutex2var_epi64(a.bits, even, b.bits), second);
        let bits = _mm512_or_si512(first, _mm512_permutex2var_epi64(a.bits, odd, b.bits));
        let words = Words { bits, lengths };
        words.fit() && words.put(out)
    } else {
        a.fit() && b.fit() && out.state().0.len() >= 2 * BATCH * 8 && a.put(out) && b.put(out)
    }
}

/// See [`scalar::write_rice`].
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub fn write_rice(part: &[i32], parameter: u32, out: &mut BitWriter<'_>) {
    assert!(parameter <= 30);
    let (batches, rest) = part.as_chunks::<BATCH>();
    for batch in batches {
        // Four codes of parameter 10 have at least 44 bits of 56, and mostly 48; of parameter 1
        // at least 8, and so do two of parameter 3.
        let written = (1..=10).contains(&parameter) && write::<true>(batch, parameter, out)
            || parameter >= 3 && write::<false>(batch, parameter, out);
        if !written {
            scalar::write_rice(batch, parameter, out);
        }
    }
    scalar::write_rice(rest, parameter, out);
}
