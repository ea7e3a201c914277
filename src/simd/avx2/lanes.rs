//! Eight numbers of 32 bits to a vector and back.

#![expect(unsafe_code, reason = "loads and stores vectors")]

use std::arch::x86_64::*;

/// Numbers in a vector.
pub const LANES: usize = 8;

/// The vector of some numbers.
#[target_feature(enable = "avx2")]
#[inline]
pub fn load(lanes: &[i32; LANES]) -> __m256i {
    // SAFETY: reads the 32 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

/// The numbers of a vector.
#[target_feature(enable = "avx2")]
#[inline]
pub fn store(vector: __m256i) -> [u32; LANES] {
    let mut lanes = [0; LANES];
    // SAFETY: writes the 32 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

/// Rows of eight numbers to columns.
#[target_feature(enable = "avx2")]
#[inline]
pub fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let [a, b, c, d] = transpose_halves(a, b, c, d);
    let [e, f, g, h] = transpose_halves(e, f, g, h);
    [
        _mm256_permute2x128_si256::<0x20>(a, e),
        _mm256_permute2x128_si256::<0x20>(b, f),
        _mm256_permute2x128_si256::<0x20>(c, g),
        _mm256_permute2x128_si256::<0x20>(d, h),
        _mm256_permute2x128_si256::<0x31>(a, e),
        _mm256_permute2x128_si256::<0x31>(b, f),
        _mm256_permute2x128_si256::<0x31>(c, g),
        _mm256_permute2x128_si256::<0x31>(d, h),
    ]
}

/// Rows of four numbers to columns, in either half.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_halves(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [__m256i; 4] {
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}
