//! Promise: the encoder's kernels give the same results on every instruction set.

mod support;

use h5flac::flac::BitWriter;
use h5flac::simd::{Kernels, MAX_ORDER, scalar, tables};
use support::signal::Random;

/// Lengths around those of vectors and batches.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=140).chain([255, 256, 257, 1000, 4096, 16384])
}

/// Numbers of up to `width` bits: of all sizes, of that size, or the largest.
fn numbers(random: &mut Random, length: usize, width: u32) -> Vec<i32> {
    let limits = [i32::MIN >> (32 - width), i32::MAX >> (32 - width)];
    let kind = random.below(4);
    let each = |_| match kind {
        0 => {
            let bits = 1 + random.below(u64::from(width)) as u32;
            random.number(bits)
        }
        1 => *random.pick(&limits),
        _ => random.number(width),
    };
    (0..length).map(each).collect()
}

/// Runs a check on every table but the portable one.
fn for_each_table(check: impl Fn(&Kernels, &mut Random)) {
    for table in tables().iter().filter(|table| table.name != scalar::KERNELS.name) {
        check(table, &mut Random(1));
    }
}

#[test]
fn surveys_and_sums_are_the_same() {
    for_each_table(|table, random| {
        for length in lengths() {
            for width in 1..=32 {
                let x = numbers(random, length, width);
                let what = format!("{}, {length} numbers of {width} bits", table.name);
                assert_eq!((table.survey)(&x), (scalar::KERNELS.survey)(&x), "{what}");
                let expected = (scalar::KERNELS.fixed_sums)(&x, width);
                assert_eq!((table.fixed_sums)(&x, width), expected, "{what}");
                for first in [0, 1, 5, 13, 28] {
                    let expected = (scalar::KERNELS.unary_sums)(&x, first);
                    assert_eq!((table.unary_sums)(&x, first), expected, "{what}, {first}");
                }
                for size in [16, 64, 100] {
                    let parts = (length / size).max(1);
                    let sums = |kernels: &Kernels| {
                        let (mut sums, mut ors) = (vec![7; parts], vec![7; parts]);
                        (kernels.part_sums)(&x, size, &mut sums, &mut ors);
                        (sums, ors)
                    };
                    assert_eq!(sums(table), sums(&scalar::KERNELS), "{what}, parts of {size}");
                }
            }
        }
    });
}

#[test]
fn residuals_are_the_same() {
    for_each_table(|table, random| {
        for length in lengths() {
            for order in 0..=MAX_ORDER.min(length) {
                let precision = 2 + random.below(14) as u32;
                let q = numbers(random, order, precision);
                let shift = random.below(16) as u32;
                let sum: u64 = q.iter().map(|q| u64::from(q.unsigned_abs())).sum();
                // Samples of this width make no sum of 32 bits wrap.
                let narrow = 31 - (64 - sum.leading_zeros());
                for width in [narrow, 1 + random.below(32) as u32, 32] {
                    let x = numbers(random, length, width);
                    let what = format!(
                        "{}, {length} samples of {width} bits, {q:?} >> {shift}",
                        table.name
                    );
                    let wide = |kernels: &Kernels| {
                        let mut out = vec![7; length - order];
                        let inside = (kernels.residual_wide)(&x, &q, shift, &mut out);
                        inside.then_some(out)
                    };
                    let expected = wide(&scalar::KERNELS);
                    assert!(wide(table) == expected, "wide: {what}");
                    if width <= narrow {
                        for kernels in [table, &scalar::KERNELS] {
                            let mut out = vec![7; length - order];
                            (kernels.residual_narrow)(&x, &q, shift, &mut out);
                            assert!(Some(out) == expected, "narrow: {what}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn rice_codes_are_the_same() {
    for_each_table(|table, random| {
        for length in lengths().filter(|&length| length < 2000) {
            for parameter in 0..=30 {
                // Residuals that suit the parameter, with a few that do not.
                let width = (parameter + random.below(4) as u32).clamp(1, 31);
                let mut x = numbers(random, length, width);
                for r in &mut x {
                    if random.one_in(100) {
                        let more = (width + 1 + random.below(12) as u32).min(32);
                        *r = random.number(more).max(-i32::MAX);
                    }
                }
                let before = random.below(57) as u32;
                let what = format!("{}, {length}, parameter {parameter}, seed 1", table.name);
                let coded = |kernels: &Kernels| {
                    let folded = |&r: &i32| u64::from(((r << 1) ^ (r >> 31)) as u32);
                    let unary: u64 = x.iter().map(|r| folded(r) >> parameter).sum();
                    let bits = unary + length as u64 * u64::from(parameter + 1) + 56;
                    // What is written fits exactly.
                    let bytes = (bits - 56 + u64::from(before)).div_ceil(8) as usize;
                    let mut out = vec![0xaa; bytes + BitWriter::SLACK];
                    let mut writer = BitWriter::new(&mut out);
                    writer.put((1 << before) - 1, before);
                    (kernels.write_rice)(&x, parameter, &mut writer);
                    let length = writer.finish();
                    assert_eq!(length, bytes, "{what}");
                    out.truncate(length);
                    out
                };
                assert!(coded(table) == coded(&scalar::KERNELS), "{what}");
            }
        }
    });
}

#[test]
fn streams_are_compared_the_same_to_the_last_bit() {
    for_each_table(|table, random| {
        for length in lengths().filter(|&length| length <= 256) {
            let small = |random: &mut Random, length| -> Vec<i16> {
                (0..length).map(|_| random.number(12) as i16).collect()
            };
            for lags in [1, 2, 9, 17, 33] {
                let (a, b) = (small(random, length), small(random, length + lags - 1));
                let sums = |kernels: &Kernels| {
                    let mut sums = vec![5; lags];
                    if length > 0 {
                        (kernels.products)(&a, &b, &mut sums);
                    }
                    sums
                };
                assert_eq!(sums(table), sums(&scalar::KERNELS), "{}, {length}", table.name);
            }
            let count = 8 + length / 8 * 8;
            let size = f64::from(1 << random.below(31));
            let x: Vec<f64> = (0..count + length % 8).map(|_| random.signed() * size).collect();
            let coefficients = [(); 8].map(|()| random.signed());
            let all = |kernels: &Kernels| {
                let mut filtered = vec![0.0; count - 8];
                let mut narrow = vec![0; x.len()];
                let power = (kernels.filter)(&x, &coefficients, &mut filtered);
                (kernels.narrow)(&x, 1000.0 / size, 700.0, &mut narrow);
                let sums = (kernels.autocorrelate)(&x);
                filtered.extend_from_slice(&sums);
                filtered.push(power);
                (filtered.into_iter().map(f64::to_bits).collect::<Vec<_>>(), narrow)
            };
            assert_eq!(all(table), all(&scalar::KERNELS), "{}, {length}", table.name);
        }
    });
}

#[test]
fn sums_of_products_are_the_same_to_the_last_bit() {
    for_each_table(|table, random| {
        for length in lengths() {
            for order in [0, 1, 4, 12, 16, 24, 32] {
                let x: Vec<f64> = (0..length + order)
                    .map(|_| random.signed() * f64::from(1 << random.below(31)))
                    .collect();
                let sums = |kernels: &Kernels| {
                    let mut out = vec![0.0; order + 1];
                    (kernels.correlate)(&x, &mut out);
                    out.into_iter().map(f64::to_bits).collect::<Vec<_>>()
                };
                assert_eq!(sums(table), sums(&scalar::KERNELS), "{}, {length}", table.name);
            }
        }
        for order in 0..=MAX_ORDER {
            let mut vectors = [[0.0; MAX_ORDER]; 4];
            vectors.iter_mut().flatten().for_each(|x| *x = random.signed());
            let weights = [(); 4].map(|()| random.signed());
            let products = |kernels: &Kernels| {
                let mut out = vec![[1.5; MAX_ORDER]; order];
                (kernels.add_products)(&vectors, &weights, &mut out);
                let upper = out.iter().enumerate().flat_map(|(i, row)| &row[i..order]);
                upper.map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(products(table), products(&scalar::KERNELS), "{}, {order}", table.name);
        }
    });
}
