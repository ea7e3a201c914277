//! Rice codes of eight residuals in each of one or two vectors.
//!
//! A word of each residual holds a group of codes. The word after it is loaded while they are
//! read, so that the next group need not wait for it.

use super::lanes::{LANES, load, reversed, store, transpose};
use crate::flac::BitReader;
use crate::simd::Residual;
use crate::simd::avx2::rice::{Lane, read_by};
use crate::simd::scalar::flac_decode::group;
use core::arch::x86_64::*;

/// Twice as many groups have their numbers written together: for any size those fill whole rows.
const ROUND: usize = 8;

/// Numbers that are written at a time, two in each lane of each of eight vectors.
const ROW: usize = 2 * LANES;

/// See [`crate::simd::scalar::flac_decode::read_residuals`].
#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2"
)]
pub fn read_residuals(residuals: &mut [Residual<'_, '_>]) {
    read_by(residuals, ROW, |lanes| {
        if lanes.len() > LANES { read_some::<2>(lanes) } else { read_some::<1>(lanes) }
    });
}

/// Reads groups of codes from at most eight times `VECTORS` residuals, each with room for [`ROW`]
/// numbers and one of which then needs to advance.
#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2"
)]
fn read_some<const VECTORS: usize>(lanes: &mut [Lane<'_, '_, '_>]) {
    match lanes.iter().map(|lane| group(lane.parameter)).min().unwrap_or(1) {
        1 => read_groups::<VECTORS, 1>(lanes),
        2 => read_groups::<VECTORS, 2>(lanes),
        3 => read_groups::<VECTORS, 3>(lanes),
        4 => read_groups::<VECTORS, 4>(lanes),
        5 => read_groups::<VECTORS, 5>(lanes),
        6 => read_groups::<VECTORS, 6>(lanes),
        7 => read_groups::<VECTORS, 7>(lanes),
        _ => read_groups::<VECTORS, 8>(lanes),
    }
}

/// The words of eight residuals. Vectors of 32 bits have of each two residuals, in a quarter of
/// the vector, a number of either and then the next one of either.
#[derive(Clone, Copy)]
struct Words {
    /// The next 64 bits of each.
    bits: __m512i,
    /// Address of the first of them, in bits.
    address: __m512i,
    /// Parameters, and in 32 bits; and masks of that many bits.
    k: __m512i,
    short_k: __m512i,
    mask: __m512i,
    /// Of a number that waits for the one after it: the zeros, and the low bits at the bottom.
    zeros: __m512i,
    low: __m512i,
    /// Those of which the last group, or the one before as well, has too many bits.
    slow: [__mmask8; 2],
}

/// Two vectors of 64 bits to 32.
#[target_feature(enable = "avx512f")]
#[inline]
fn narrowed(first: __m512i, second: __m512i) -> __m512i {
    let [first, second] = [first, second].map(|lanes| _mm512_castsi512_ps(lanes));
    _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(first, second))
}

impl Words {
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn new(address: &[i64; LANES], parameter: &[i64; LANES]) -> Self {
        let zero = _mm512_setzero_si512();
        let (address, k) = (load(address), load(parameter));
        let short_k = narrowed(k, k);
        let one = _mm512_set1_epi32(1);
        let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, short_k), one);
        Words { bits: zero, address, k, short_k, mask, zeros: zero, low: zero, slow: [0; 2] }
    }

    /// Words of which at least 57 bits are valid, from so many bits after the address on.
    ///
    /// # Safety
    /// 8 bytes can be read there.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    unsafe fn ahead(&self, bits: i64) -> __m512i {
        let address = _mm512_add_epi64(self.address, _mm512_set1_epi64(bits));
        // SAFETY: the caller's promise.
        let bytes = unsafe {
            _mm512_i64gather_epi64::<1>(_mm512_srli_epi64::<3>(address), std::ptr::null())
        };
        _mm512_sllv_epi64(reversed(bytes), _mm512_and_si512(address, _mm512_set1_epi64(7)))
    }

    /// Takes a group of codes from each word, and adds the bits `after`. Numbers, still folded, go
    /// to `pairs` of two groups, this one's behind those of the other if it is the `SECOND`.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512vbmi2")]
    #[inline]
    fn take<const SIZE: usize, const SECOND: bool>(
        &mut self,
        after: __m512i,
        pairs: &mut [__m512i; SIZE],
    ) {
        let top = _mm512_sub_epi64(_mm512_set1_epi64(63), self.k);
        let at_least = _mm512_add_epi64(self.k, _mm512_set1_epi64(1));
        let mut word = self.bits;
        let mut used = _mm512_setzero_si512();
        let first = if SECOND { SIZE } else { 0 };
        for n in first..first + SIZE {
            // Without a one there are 64, which `used` then shows to be too many.
            let zeros = _mm512_lzcnt_epi64(word);
            let low = _mm512_srlv_epi64(word, _mm512_sub_epi64(top, zeros));
            let length = _mm512_add_epi64(zeros, at_least);
            word = _mm512_sllv_epi64(word, length);
            used = _mm512_add_epi64(used, length);
            if n % 2 == 1 {
                pairs[n / 2] = self.pair(zeros, low);
            }
            (self.zeros, self.low) = (zeros, low);
        }
        let slow = _mm512_cmpgt_epi64_mask(used, _mm512_set1_epi64(BitReader::MOST.into()));
        self.slow = [self.slow[1] | slow, self.slow[1]];
        self.address = _mm512_mask_add_epi64(self.address, !self.slow[0], self.address, used);
        self.bits = _mm512_shldv_epi64(self.bits, after, used);
    }

    /// The numbers of the code that waits and of this one.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn pair(&self, zeros: __m512i, low: __m512i) -> __m512i {
        let quotients = _mm512_sllv_epi32(narrowed(self.zeros, zeros), self.short_k);
        // quotients | low & mask
        _mm512_ternarylogic_epi32::<0xf8>(quotients, narrowed(self.low, low), self.mask)
    }
}

/// Most groups are quick, so two are read before one looks whether they are: a second group after
/// a slow one has no meaning.
#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2"
)]
fn read_groups<const VECTORS: usize, const SIZE: usize>(lanes: &mut [Lane<'_, '_, '_>]) {
    let zero = _mm512_setzero_si512();
    let mut idle = [0; ROW];
    // Idle lanes read what the first one reads.
    let mut address = [[0; LANES]; VECTORS];
    let mut parameter = [[0; LANES]; VECTORS];
    let mut out = [[(idle.as_mut_ptr(), 0); LANES]; VECTORS];
    for l in 0..LANES * VECTORS {
        let lane = lanes.get(l).unwrap_or(&lanes[0]);
        let reader = &lane.residual.reader;
        let bytes = reader.bytes().as_ptr().expose_provenance();
        address[l / LANES][l % LANES] = 8 * bytes as i64 + reader.position() as i64;
        parameter[l / LANES][l % LANES] = i64::from(lane.parameter);
    }
    let mut groups = usize::MAX;
    for (lane, out) in lanes.iter_mut().zip(out.as_flattened_mut()) {
        groups = groups.min(lane.groups(SIZE));
        let room = &mut lane.residual.out[lane.done..];
        groups = groups.min(room.len() / ROW * ROW / SIZE);
        *out = (room.as_mut_ptr(), ROW);
    }
    let mut words: [_; VECTORS] = std::array::from_fn(|v| Words::new(&address[v], &parameter[v]));
    for words in &mut words {
        // SAFETY: `Lane::groups` leaves 57 bits for each group and 8 bytes from there on, and there
        // is one group at least.
        let [now, more] = unsafe { [words.ahead(0), words.ahead(57)] };
        words.bits = _mm512_or_si512(now, _mm512_srli_epi64::<57>(more));
    }
    let mut folded = [zero; VECTORS];
    let mut pairs = [[[zero; SIZE]; ROUND]; VECTORS];
    let mut read = 0;
    let mut any_slow = false;
    while read < groups && !any_slow {
        let before = read;
        for round in 0..ROUND {
            // What follows the words, as far as there are groups that need it.
            let after = |words: &Words, read| {
                if read + 1 == groups {
                    return zero;
                }
                // SAFETY: `Lane::groups` leaves 57 bits and 8 bytes for the group after this one.
                unsafe { words.ahead(64) }
            };
            for (words, pairs) in words.iter_mut().zip(&mut pairs) {
                words.slow = [0; 2];
                let after = after(words, read);
                words.take::<SIZE, false>(after, &mut pairs[round]);
            }
            read += 1;
            if read < groups {
                for (words, pairs) in words.iter_mut().zip(&mut pairs) {
                    let after = after(words, read);
                    words.slow[1] = words.slow[0];
                    words.take::<SIZE, true>(after, &mut pairs[round]);
                }
                read += 1;
            } else if SIZE % 2 == 1 {
                for (words, pairs) in words.iter_mut().zip(&mut pairs) {
                    pairs[round][SIZE / 2] = words.pair(zero, zero);
                }
            }
            any_slow = words.iter().any(|words| words.slow[0] != 0);
            if any_slow || read == groups {
                break;
            }
        }
        let numbers = (read - before) * SIZE;
        let all = !any_slow && numbers.is_multiple_of(ROW);
        for v in 0..VECTORS {
            let rows = pairs[v].as_flattened_mut();
            if !all {
                let counts = words[v].read(numbers, SIZE);
                clear(rows, counts);
            }
            for rows in rows.as_chunks::<LANES>().0.iter().take(numbers.div_ceil(ROW)) {
                let mut columns = *rows;
                for pair in &mut columns {
                    folded[v] = _mm512_or_si512(folded[v], *pair);
                    let sign =
                        _mm512_sub_epi32(zero, _mm512_and_si512(*pair, _mm512_set1_epi32(1)));
                    *pair = _mm512_xor_si512(_mm512_srli_epi32::<1>(*pair), sign);
                }
                for (column, (out, each)) in transpose(columns).into_iter().zip(&mut out[v]) {
                    // SAFETY: `groups` leaves room for all numbers of the last rows; idle lanes
                    // have as many and stay.
                    unsafe {
                        _mm512_storeu_si512(out.cast(), column);
                        *out = out.add(*each);
                    }
                }
            }
        }
    }
    for (v, lanes) in lanes.chunks_mut(LANES).enumerate() {
        let (end, folded) = (store(words[v].address), store(folded[v]));
        for (l, lane) in lanes.iter_mut().enumerate() {
            let slow = words[v].slow.map(|lanes| usize::from(lanes >> l & 1));
            let reader = &mut lane.residual.reader;
            reader.seek(reader.position() + (end[l] - address[v][l] as u64));
            // Its numbers are in two halves of 64 bits.
            let pair = [folded[l / 2 * 2], folded[l / 2 * 2 + 1]];
            lane.folded |= pair.iter().fold(0, |or, pair| or | (pair >> (l % 2 * 32)) as u32);
            lane.slow = slow[0] != 0;
            let numbers = (read - slow[0] - slow[1]) * SIZE;
            lane.done += numbers;
            lane.left -= numbers;
        }
    }
}

impl Words {
    /// How many of the last `numbers`, in groups of `size`, each residual has read: 32 bits each.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn read(&self, numbers: usize, size: usize) -> __m512i {
        let mut count = _mm512_set1_epi64(numbers as i64);
        let size = _mm512_set1_epi64(size as i64);
        for slow in self.slow {
            count = _mm512_mask_sub_epi64(count, slow, count, size);
        }
        narrowed(count, count)
    }
}

/// Clears numbers behind the first `count` of each residual.
#[target_feature(enable = "avx512f")]
fn clear(pairs: &mut [__m512i], count: __m512i) {
    let mut index = _mm512_set4_epi32(1, 1, 0, 0);
    for pair in pairs {
        *pair = _mm512_maskz_mov_epi32(_mm512_cmplt_epi32_mask(index, count), *pair);
        index = _mm512_add_epi32(index, _mm512_set1_epi32(2));
    }
}
