//! Rice codes of 32 residuals at a time: merged to words in vectors, and written word by word.

#![expect(unsafe_code, reason = "loads and stores vectors, and words at places within a buffer")]

use super::flac_encode::folded;
use super::lanes::{LANES, load};
use crate::flac::BitWriter;
use crate::simd::scalar::flac_encode as scalar;
use std::arch::x86_64::*;

/// Residuals coded at once, unless one of their codes is too long.
const BATCH: usize = 32;

/// Words of a vector.
const FOUR: usize = LANES / 2;

/// Shifts each lane left by its count, to zero where that is above 63. (The intrinsic compiles to
/// this instruction and three more, which compare the counts with 63.)
#[target_feature(enable = "avx2")]
#[inline]
fn shifted(lanes: __m256i, counts: __m256i) -> __m256i {
    let result;
    // SAFETY: an instruction of AVX2 that touches registers only.
    unsafe {
        std::arch::asm!(
            "vpsllvq {result}, {lanes}, {counts}",
            result = lateout(ymm_reg) result, lanes = in(ymm_reg) lanes, counts = in(ymm_reg) counts,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    result
}

/// Words of codes: their bits from the top, and how many those are.
#[repr(C, align(32))]
struct Words<const N: usize> {
    bits: [u64; N],
    lengths: [u64; N],
}

/// Four words in lanes, the bits at the bottom.
struct Lanes {
    bits: __m256i,
    lengths: __m256i,
}

/// What decides whether a batch's words can be written.
struct Limits {
    /// OR of the unary parts. Lengths make sense where those are below 64.
    unary: __m256i,
    longest: __m256i,
}

impl Limits {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn new() -> Self {
        let zero = _mm256_setzero_si256();
        Limits { unary: zero, longest: zero }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn are_kept(&self) -> bool {
        let most = _mm256_set1_epi32(BitWriter::MOST as i32);
        let long = _mm256_cmpgt_epi32(self.longest, most);
        let far = _mm256_andnot_si256(_mm256_set1_epi32(63), self.unary);
        let over = _mm256_or_si256(long, far);
        _mm256_testz_si256(over, over) == 1
    }
}

impl<const N: usize> Words<N> {
    fn new() -> Self {
        Words { bits: [0; N], lengths: [0; N] }
    }

    /// Stores the words from index `at` on.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn set(&mut self, at: usize, words: &Lanes, limits: &mut Limits) {
        let Lanes { bits, lengths } = *words;
        limits.longest = _mm256_max_epu32(limits.longest, lengths);
        let free = _mm256_sub_epi64(_mm256_set1_epi64x(64), lengths);
        let bits = shifted(bits, free);
        let bits_at: &mut [u64; FOUR] = (&mut self.bits[at..at + FOUR]).try_into().expect("four");
        // SAFETY: writes the 32 bytes of `bits_at`; no alignment is asked for.
        unsafe { _mm256_storeu_si256(bits_at.as_mut_ptr().cast(), bits) };
        let lengths_at: &mut [u64; FOUR] =
            (&mut self.lengths[at..at + FOUR]).try_into().expect("four");
        // SAFETY: as before.
        unsafe { _mm256_storeu_si256(lengths_at.as_mut_ptr().cast(), lengths) };
    }

    /// Writes the words, none longer than [`BitWriter::MOST`] bits, in this order. False, and
    /// nothing is written, where the buffer might be too short.
    #[inline]
    fn put(&self, order: [usize; N], out: &mut BitWriter<'_>) -> bool {
        let (room, mut pending, mut used) = out.state();
        if room.len() < N * (BitWriter::MOST as usize / 8) + BitWriter::SLACK {
            return false;
        }
        let mut bit = u64::from(used);
        for i in order {
            // SAFETY: references to initialized numbers. Volatile, so that they are loaded: to
            // take them from vector registers would need two instructions or three.
            let [bits, length] = unsafe {
                [&raw const self.bits[i], &raw const self.lengths[i]].map(|x| x.read_volatile())
            };
            let word = pending | bits >> used;
            // SAFETY: `bit` ≤ 7 + 56·(words before this one), so its byte is one of
            // 7·(N − 1) and 8 bytes follow there.
            unsafe {
                let place = room.as_mut_ptr().add((bit >> 3) as usize);
                place.cast::<[u8; 8]>().write_unaligned(word.to_be_bytes());
            }
            let end = used + length as u32;
            bit += length;
            pending = word << (end & !7);
            used = end & 7;
        }
        out.advance((bit >> 3) as usize, pending, used);
        true
    }
}

/// Codes of eight residuals, joined to pairs.
#[target_feature(enable = "avx2")]
#[inline]
fn pairs(eight: &[i32; LANES], parameter: u32, limits: &mut Limits) -> Lanes {
    let stop = 1 << parameter;
    let z = folded(load(eight));
    let unary = _mm256_srl_epi32(z, _mm_cvtsi32_si128(parameter as i32));
    limits.unary = _mm256_or_si256(limits.unary, unary);
    let low = _mm256_and_si256(z, _mm256_set1_epi32(stop - 1));
    let code = _mm256_or_si256(low, _mm256_set1_epi32(stop));
    let length = _mm256_add_epi32(unary, _mm256_set1_epi32(parameter as i32 + 1));
    // The first residual's code is in the lower half of the lane.
    let zero = _mm256_setzero_si256();
    let second = _mm256_srli_epi64(length, 32);
    let first = shifted(_mm256_blend_epi32(code, zero, 0xaa), second);
    // Lengths are below 256, so each is one byte of a lane's eight.
    let lengths = _mm256_sad_epu8(length, zero);
    Lanes { bits: _mm256_or_si256(first, _mm256_srli_epi64(code, 32)), lengths }
}

/// Writes codes in words of two. False, and nothing is written, when one is too long.
#[target_feature(enable = "avx2")]
#[inline]
fn write_twos(batch: &[i32; BATCH], parameter: u32, out: &mut BitWriter<'_>) -> bool {
    let (mut words, mut limits) = (Words::<{ BATCH / 2 }>::new(), Limits::new());
    for (i, eight) in batch.as_chunks::<LANES>().0.iter().enumerate() {
        let pairs = pairs(eight, parameter, &mut limits);
        words.set(FOUR * i, &pairs, &mut limits);
    }
    limits.are_kept() && words.put(std::array::from_fn(|i| i), out)
}

/// Writes codes in words of four. False, and nothing is written, when one is too long.
#[target_feature(enable = "avx2")]
#[inline]
fn write_fours(batch: &[i32; BATCH], parameter: u32, out: &mut BitWriter<'_>) -> bool {
    let (mut words, mut limits) = (Words::<{ BATCH / 4 }>::new(), Limits::new());
    for (i, sixteen) in batch.as_chunks::<{ 2 * LANES }>().0.iter().enumerate() {
        let [a, b] = sixteen.as_chunks::<LANES>().0 else { unreachable!("two halves") };
        let a = pairs(a, parameter, &mut limits);
        let b = pairs(b, parameter, &mut limits);
        // Pairs a0 b0 a2 b2, and those that follow them: a1 b1 a3 b3.
        let second = _mm256_unpackhi_epi64(a.lengths, b.lengths);
        let lengths = _mm256_add_epi64(_mm256_unpacklo_epi64(a.lengths, b.lengths), second);
        let first = shifted(_mm256_unpacklo_epi64(a.bits, b.bits), second);
        let bits = _mm256_or_si256(first, _mm256_unpackhi_epi64(a.bits, b.bits));
        words.set(FOUR * i, &Lanes { bits, lengths }, &mut limits);
    }
    limits.are_kept() && words.put([0, 2, 1, 3, 4, 6, 5, 7], out)
}

/// See [`scalar::write_rice`].
#[target_feature(enable = "avx2")]
#[inline]
pub fn write_rice(part: &[i32], parameter: u32, out: &mut BitWriter<'_>) {
    assert!(parameter <= 30);
    let (batches, rest) = part.as_chunks::<BATCH>();
    for batch in batches {
        // Four codes of parameter 10 have at least 44 bits of 56, and mostly 48.
        let written = parameter <= 10 && write_fours(batch, parameter, out)
            || write_twos(batch, parameter, out);
        if !written {
            scalar::write_rice(batch, parameter, out);
        }
    }
    scalar::write_rice(rest, parameter, out);
}
