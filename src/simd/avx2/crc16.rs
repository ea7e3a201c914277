//! CRC-16 of FLAC frames by carry-less multiplication.
//!
//! Bytes are the coefficients of a polynomial over GF(2), the first bit that of the highest power.
//! A register of 128 bits stands for all that was read, modulo P; to move it past n more bits, its
//! upper and lower halves are multiplied by x^(n + 64) and x^n modulo P. Four registers, each 512
//! bits ahead of itself a step, hide the latency of the multiplication.

use crate::simd::scalar::crc16::continued;
use core::arch::x86_64::*;

/// x^n modulo P = x^16 + x^15 + x^2 + 1.
const fn power(n: u32) -> i64 {
    let mut r = 1_u32;
    let mut i = 0;
    while i < n {
        r <<= 1;
        if r >> 16 == 1 {
            r ^= 0x1_8005;
        }
        i += 1;
    }
    r as i64
}

/// x^(n + 64) and x^n, for n = 512 and 128.
const BY_512: [i64; 2] = [power(512 + 64), power(512)];
const BY_128: [i64; 2] = [power(128 + 64), power(128)];

/// See [`crate::simd::scalar::crc16`].
#[target_feature(enable = "avx2,pclmulqdq")]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let Some((first, blocks)) = blocks.split_first() else { return continued(0, bytes) };
    let by_512 = _mm_set_epi64x(BY_512[0], BY_512[1]);
    let by_128 = _mm_set_epi64x(BY_128[0], BY_128[1]);
    let mut four = load(first);
    for block in blocks {
        for (register, next) in four.iter_mut().zip(load(block)) {
            *register = _mm_xor_si128(past(*register, by_512), next);
        }
    }
    let [mut all, rest_of_four @ ..] = four;
    for next in rest_of_four {
        all = _mm_xor_si128(past(all, by_128), next);
    }
    let mut state = [0; 16];
    // SAFETY: 16 bytes of room.
    unsafe { _mm_storeu_si128(state.as_mut_ptr().cast(), swap(all)) };
    // The CRC of the register's bytes is the register times x^16, modulo P.
    continued(continued(0, &state), rest)
}

/// Moves a register on.
#[target_feature(enable = "avx2,pclmulqdq")]
fn past(register: __m128i, powers: __m128i) -> __m128i {
    // Products of 64 and 16 bits have at most 79.
    _mm_xor_si128(
        _mm_clmulepi64_si128::<0x11>(register, powers),
        _mm_clmulepi64_si128::<0x00>(register, powers),
    )
}

/// Puts the first byte at the top.
#[target_feature(enable = "avx2")]
fn swap(bytes: __m128i) -> __m128i {
    _mm_shuffle_epi8(bytes, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}

#[target_feature(enable = "avx2")]
fn load(block: &[u8; 64]) -> [__m128i; 4] {
    let (four, _) = block.as_chunks::<16>();
    let mut registers = [_mm_setzero_si128(); 4];
    for (register, bytes) in registers.iter_mut().zip(four) {
        // SAFETY: 16 bytes.
        *register = swap(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
    }
    registers
}
