//! Promise: every sample of every signal comes back, whatever its width, level and length.

mod support;

use h5flac::flac::{Decoder, read_file};
use proptest::prelude::*;
use support::Stream;
use support::effort::cases;

/// What is made of random numbers, so that predictors have something to find.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Raw,
    /// Sums of small steps, of this many bits.
    Sums(u32),
    /// Sums of those again.
    Curves(u32),
    /// Few values apart from zero.
    Rare,
    /// Multiples of a power of two.
    Multiples(u32),
}

impl Shape {
    fn apply(self, numbers: &[i32], width: u32) -> Vec<i32> {
        let fit = |x: i64| (x << (64 - width) >> (64 - width)) as i32;
        let (mut sum, mut curve) = (0, 0);
        let each = |&n: &i32| {
            let x = i64::from(n);
            fit(match self {
                Shape::Raw => x,
                Shape::Sums(bits) => {
                    sum += x >> (32 - bits);
                    sum
                }
                Shape::Curves(bits) => {
                    sum += x >> (32 - bits);
                    curve += sum;
                    curve
                }
                Shape::Rare => {
                    if n % 37 == 0 {
                        x
                    } else {
                        0
                    }
                }
                Shape::Multiples(zeros) => x << zeros,
            })
        };
        numbers.iter().map(each).collect()
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Raw),
        (1_u32..20).prop_map(Shape::Sums),
        (1_u32..12).prop_map(Shape::Curves),
        Just(Shape::Rare),
        (1_u32..32).prop_map(Shape::Multiples),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn every_sample_comes_back(
        numbers in prop::collection::vec(any::<i32>(), 1..3000),
        shape in shapes(),
        width in 4_u32..=32,
        level in 0_u32..=8,
    ) {
        let samples = shape.apply(&numbers, width);
        let stream = Stream::encode(&samples, width, level);
        let decoded = stream.decode(&mut Decoder::default());
        prop_assert_eq!(decoded.as_ref(), Ok(&samples));
        let audio = read_file(&stream.file, samples.len());
        prop_assert_eq!(audio.map(|audio| audio.channels), Ok(vec![samples]));
    }
}
