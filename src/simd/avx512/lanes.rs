//! Eight numbers of 64 bits to a vector and back.

#![expect(unsafe_code, reason = "loads and stores vectors")]

use std::arch::x86_64::*;

/// Numbers in a vector.
pub const LANES: usize = 8;

/// The vector of some numbers.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn load(lanes: &[i64; LANES]) -> __m512i {
    // SAFETY: reads the 64 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

/// The numbers of a vector.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn store(vector: __m512i) -> [u64; LANES] {
    let mut lanes = [0; LANES];
    // SAFETY: writes the 64 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

/// Each number with its bytes in reverse order.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub fn reversed(numbers: __m512i) -> __m512i {
    let order = _mm512_set4_epi32(0x08090a0b, 0x0c0d0e0f, 0x00010203, 0x04050607);
    _mm512_shuffle_epi8(numbers, order)
}

/// Rows of eight numbers to columns.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn transpose([a, b, c, d, e, f, g, h]: [__m512i; 8]) -> [__m512i; 8] {
    let columns = |[a, b, c, d]: [[__m512i; 2]; 4]| {
        let even = |[a, b]: [__m512i; 2]| {
            let [a, b] = [a, b].map(|row| _mm512_castsi512_ps(row));
            _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(a, b))
        };
        let odd = |[a, b]: [__m512i; 2]| {
            let [a, b] = [a, b].map(|row| _mm512_castsi512_ps(row));
            _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(a, b))
        };
        [
            transpose_quarters([even(a), even(b), even(c), even(d)]),
            transpose_quarters([odd(a), odd(b), odd(c), odd(d)]),
        ]
    };
    let [[c0, c2, c4, c6], [c1, c3, c5, c7]] = columns([[a, b], [c, d], [e, f], [g, h]]);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Rows of four quarters to columns.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn transpose_quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let [ab, cd] =
        [_mm512_shuffle_i64x2::<0b01_00_01_00>(a, b), _mm512_shuffle_i64x2::<0b01_00_01_00>(c, d)];
    let [ab_high, cd_high] =
        [_mm512_shuffle_i64x2::<0b11_10_11_10>(a, b), _mm512_shuffle_i64x2::<0b11_10_11_10>(c, d)];
    [
        _mm512_shuffle_i64x2::<0b10_00_10_00>(ab, cd),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(ab, cd),
        _mm512_shuffle_i64x2::<0b10_00_10_00>(ab_high, cd_high),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(ab_high, cd_high),
    ]
}

/// Numbers of 32 bits in a vector.
pub const PAIRS: usize = 16;

/// The vector of some numbers.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn load_pairs(lanes: &[i32; PAIRS]) -> __m512i {
    // SAFETY: reads the 64 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

/// The numbers of a vector.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn store_pairs(vector: __m512i) -> [u32; PAIRS] {
    let mut lanes = [0; PAIRS];
    // SAFETY: writes the 64 bytes of `lanes`; no alignment is asked for.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

/// Rows of sixteen numbers to columns.
#[target_feature(enable = "avx512f")]
#[inline]
pub fn transpose_pairs(rows: [__m512i; PAIRS]) -> [__m512i; PAIRS] {
    // Columns 0, 4, 8, 12 of four rows each, in quarters; then 1, 5, …
    let mut quarters = [[_mm512_setzero_si512(); 4]; 4];
    for (i, four) in rows.as_chunks::<4>().0.iter().enumerate() {
        let [a, b, c, d] = *four;
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        quarters[0][i] = _mm512_unpacklo_epi64(ab, cd);
        quarters[1][i] = _mm512_unpackhi_epi64(ab, cd);
        quarters[2][i] = _mm512_unpacklo_epi64(ab_high, cd_high);
        quarters[3][i] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    let mut columns = [_mm512_setzero_si512(); PAIRS];
    for (i, quarters) in quarters.into_iter().enumerate() {
        for (j, column) in transpose_quarters(quarters).into_iter().enumerate() {
            columns[4 * j + i] = column;
        }
    }
    columns
}
