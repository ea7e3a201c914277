//! Golden chunks that the encoder does not write: what importers may write, or later encoders.

use super::claims::{Claims, column, float_code, sealed, varint, zigzag};
use super::vectors::{bytes_of, noise, walk};
use h5flac::flac::Encoder;

/// Samples of each frame.
const BLOCK: usize = 16;

/// Encodes integers in blocks; `x` gives what FLAC codes of one, and what follows its frame. The
/// lengths of the frames, and the payload.
fn frames<N>(
    integers: &[N],
    width: u32,
    mut x: impl FnMut(usize, &[N]) -> (Vec<i32>, Vec<u8>),
) -> (Vec<u64>, Vec<u8>) {
    let mut encoder = Encoder::new(8);
    let (mut lengths, mut payload) = (Vec::new(), Vec::new());
    for (block, number) in integers.chunks(BLOCK).zip(0..) {
        let (x, behind) = x(number as usize * BLOCK, block);
        lengths.push(encoder.encode(&x, width, BLOCK, number, &mut payload) as u64);
        payload.extend(behind);
    }
    (lengths, payload)
}

/// A stream under the affine rule, as an importer would write it.
fn affine(code: u8, integers: &[i64], step: f64, offset: f64) -> Vec<u8> {
    const WIDTH: u32 = 13;
    let (step, second) = (float_code(step), float_code(offset));
    let columns = [4 + 16, zigzag(-3), 2, WIDTH.into(), BLOCK as u64, 0, step, second, 0, 0];
    let mut claims = Claims::new(code, [1, integers.len() as u64, 1], columns, &[]);
    let x = |_, block: &[i64]| (block.iter().map(|&n| ((n + 3) / 2) as i32).collect(), Vec::new());
    let (lengths, payload) = frames(integers, WIDTH, x);
    column(&lengths, &mut claims.rest);
    claims.chunk(&payload)
}

/// An int64 stream in one of the forms for wide integers.
fn wide(
    form: u64,
    detail: u64,
    integers: &[i64],
    anchors: &[i64],
    x: impl FnMut(usize, &[i64]) -> (Vec<i32>, Vec<u8>),
) -> Vec<u8> {
    let columns = [form << 4, 0, 1, 32, BLOCK as u64, detail, 0, 0, 0, 0];
    let mut claims = Claims::new(3 << 2, [1, integers.len() as u64, 1], columns, &[]);
    let mut last = 0;
    for anchor in anchors {
        varint(zigzag(anchor - last), &mut claims.rest);
        last = *anchor;
    }
    let (lengths, payload) = frames(integers, 32, x);
    column(&lengths, &mut claims.rest);
    claims.chunk(&payload)
}

/// Low 8 bits beside the frames, the rest in them; multiples of 16 there.
fn split_frames(integers: &[i64]) -> Vec<u8> {
    wide(2, 8, integers, &[], |_, block| {
        let x = block.iter().map(|&n| (n >> 8) as i32).collect();
        let mut low: Vec<u8> = block.iter().map(|&n| n as u8).collect();
        let check = crc32fast::hash(&low);
        low.extend(check.to_le_bytes());
        (x, low)
    })
}

/// Differences from a step of 1000.
fn difference_frames(integers: &[i64]) -> Vec<u8> {
    let anchors: Vec<i64> = integers.iter().copied().step_by(BLOCK).collect();
    wide(3, zigzag(1000), integers, &anchors, |_, block| {
        let rest = block.windows(2).map(|pair| (pair[1] - pair[0] - 1000) as i32);
        (std::iter::once(0).chain(rest).collect(), Vec::new())
    })
}

/// Floats in fixed point, with a step of 2^-7: what is in front of the multiple's last bit in FLAC, and the
/// places behind.
fn fixed_frames(floats: &[f32]) -> Vec<u8> {
    const EXPONENT: i64 = -7;
    const WIDTH: u32 = 20;
    let step = 2.0_f32.powi(EXPONENT as i32);
    let multiple = |x: f32| (x / step).floor() as i32 - i32::from(x.to_bits() == 1 << 31);
    let place = |x: f32| (x.to_bits() as i32 ^ (x.to_bits() as i32 >> 31 & i32::MAX)) as i64;
    let columns = [5 << 4, 0, 1, WIDTH.into(), BLOCK as u64, zigzag(EXPONENT), 0, 0, 0, 0];
    let mut claims = Claims::new(2 | 2 << 2, [1, floats.len() as u64, 1], columns, &[]);
    let mut behind = Vec::new();
    let (lengths, payload) = frames(floats, WIDTH, |_, block| {
        let mut bits = Vec::new();
        for &x in block {
            let h = multiple(x);
            let first = place(h as f32 * step);
            let count = place((h + 1) as f32 * step) - first - i64::from(h == -1);
            let mut put = |n: i64, count: u32| bits.extend((0..count).map(|i| n >> i & 1 != 0));
            if h == 0 || h == -1 {
                put(i64::from(x != 0.0), 1);
            }
            if x != 0.0 {
                put(place(x) - first, 64 - (count - 1).leading_zeros());
            }
        }
        let byte =
            |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        let mut places: Vec<u8> = bits.chunks(8).map(byte).collect();
        let check = crc32fast::hash(&places);
        places.extend(check.to_le_bytes());
        behind.push(places.len() as i64);
        (block.iter().map(|&x| multiple(x)).collect(), places)
    });
    let mut last = 0;
    for length in behind {
        varint(zigzag(length - last), &mut claims.rest);
        last = length;
    }
    column(&lengths, &mut claims.rest);
    claims.chunk(&payload)
}

/// Terms of a predictor: place of the reference, lag, coefficients.
type Terms<'t> = &'t [(usize, i64, &'t [i64])];

/// Four int16 streams of 80 samples, the references 2 and 0 in this order, 0 predicted from 2 and
/// the others from both: with predictors of their own for every frame or every three, without any,
/// and with lags either way. The chunk, and its samples.
fn predictors() -> (Vec<u8>, Vec<i64>) {
    const LENGTH: usize = 80;
    const SHIFT: u32 = 7;
    let streams: Vec<Vec<i64>> = (0..4).map(|s| walk(LENGTH, 30 + 9 * s, 50 + s)).collect();
    let references = [2, 0];
    // Of each stream, frames that share a predictor (0 for all) and the predictors.
    let predictors: [(usize, Vec<Terms<'_>>); 4] = [
        (0, vec![&[(0, 5, &[100, -20, 3])]]),
        (1, vec![&[], &[(0, -3, &[-64])], &[(1, 70, &[128, 128])], &[], &[(1, 0, &[90])]]),
        (0, Vec::new()),
        (3, vec![&[(0, 0, &[60, 1]), (1, -80, &[7, -7, 32_767])], &[(0, 1, &[5]), (1, 2, &[6])]]),
    ];
    let columns = [4 << 4, 0, 1, 20, BLOCK as u64, 16, 0, 0, 0, 0];
    let mut claims = Claims::new(1 << 2, [4, LENGTH as u64, 1], columns, &[]);
    claims.flags = 4;
    // Stream 2 is predicted from nothing.
    claims.columns[0] = vec![4 << 4, 4 << 4, 1 << 4, 4 << 4];
    claims.columns[5] = vec![16, 16, 0, 16];
    varint(references.len() as u64, &mut claims.rest);
    references.iter().for_each(|&stream| varint(stream, &mut claims.rest));
    let (mut lengths, mut payload) = (Vec::new(), Vec::new());
    for (stream, (shared, predictors)) in streams.iter().zip(&predictors) {
        if !predictors.is_empty() {
            varint(*shared as u64, &mut claims.rest);
        }
        for terms in predictors {
            varint(terms.len() as u64, &mut claims.rest);
            if !terms.is_empty() {
                varint(SHIFT.into(), &mut claims.rest);
            }
            for (place, lag, coefficients) in *terms {
                varint(*place as u64, &mut claims.rest);
                varint(zigzag(*lag), &mut claims.rest);
                varint(coefficients.len() as u64, &mut claims.rest);
                coefficients.iter().for_each(|&c| varint(zigzag(c), &mut claims.rest));
            }
        }
        let predicted = |i: usize| {
            let group = (i / BLOCK).checked_div(*shared).unwrap_or(0);
            let Some(terms) = predictors.get(group).filter(|terms| !terms.is_empty()) else {
                return 0;
            };
            let mut sum = 1 << SHIFT >> 1;
            for &(place, lag, coefficients) in *terms {
                for (c, t) in coefficients.iter().zip(0..) {
                    let at = usize::try_from(i as i64 - lag - t).ok();
                    let reference = &streams[references[place] as usize];
                    sum += c * at.and_then(|at| reference.get(at)).unwrap_or(&0);
                }
            }
            sum >> SHIFT
        };
        let (more, bytes) = frames(stream, 20, |first, block| {
            let x = block.iter().zip(first..).map(|(k, i)| (k - predicted(i)) as i32);
            (x.collect(), Vec::new())
        });
        lengths.extend(more);
        payload.extend(bytes);
    }
    column(&lengths, &mut claims.rest);
    (claims.chunk(&payload), streams.concat())
}

/// The chunks, with what they decode to.
pub fn assembled() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let integers: Vec<i64> = walk(60, 100, 40).iter().map(|n| 2 * n - 3).collect();
    let (step, offset) = (0.1, -273.15);
    let single = integers.iter().map(|&n| {
        let product = (f64::from(n as f32) * step) as f32;
        (f64::from(product) + offset) as f32
    });
    let double = integers.iter().map(|&n| n as f64 * step + offset);
    let high = noise(40, 9000, 42).into_iter().zip(noise(40, 20, 43));
    let split: Vec<i64> = high.map(|(high, low)| high * 4096 + (low & 255)).collect();
    let steps = walk(40, 300, 44).into_iter().zip(0..);
    let clock: Vec<i64> = steps.map(|(n, i)| n + 1000 * i + (1 << 50)).collect();
    let samples: Vec<i64> = walk(90, 900, 41);
    let raw = bytes_of!(i16, samples);
    let mut rest = Vec::new();
    [3, 30, 1, 64].into_iter().for_each(|size| varint(size, &mut rest));
    raw.chunks(64).for_each(|piece| rest.extend(crc32fast::hash(piece).to_le_bytes()));
    let (predicted, related) = predictors();
    let mut floats: Vec<f32> =
        walk(60, 900, 45).iter().map(|&n| n as f32 / 1024.0 * 1.0001).collect();
    floats[20..26].copy_from_slice(&[0.0, -0.0, 1e-40, -1e-40, 0.007, -0.007]);
    floats[26..30].copy_from_slice(&[0.0078125, -0.0078125, 4095.0, -4095.9]);
    vec![
        ("affine_f32", affine(2 | 2 << 2, &integers, step, offset), bytes_of!(f32, single)),
        ("affine_f64", affine(2 | 3 << 2, &integers, step, offset), bytes_of!(f64, double)),
        ("split_frames", split_frames(&split), bytes_of!(i64, split)),
        ("difference_frames", difference_frames(&clock), bytes_of!(i64, clock)),
        ("fixed_frames", fixed_frames(&floats), bytes_of!(f32, floats)),
        ("predictors", predicted, bytes_of!(i16, related)),
        ("raw_pieces", sealed(1 << 2, 1, &rest, &raw), raw),
    ]
}
