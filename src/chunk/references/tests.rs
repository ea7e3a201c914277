//! Chunks put together by hand, of streams that predict each other at random.

use super::super::decode::Options;
use super::super::exceptions::Exceptions;
use super::super::head::coded_head;
use super::super::low_bits;
use super::super::select::Selection;
use super::super::table::TableBuilder;
use super::*;
use crate::chunk::{decompress, decompress_streams};
use crate::cross::{MOST_COEFFICIENT, MOST_LAG, MOST_REFERENCES, MOST_SHIFT, MOST_TAPS, Term};
use crate::flac::{Encoder, read_file};
use crate::layout::{ByteOrder, Class, Dtype, Shape};
use crate::quantize::Rule;
use crate::quantize::random::Random;
use crate::sample::Sample;
use std::sync::Mutex;

impl Random {
    fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// Whether it is the one of `n`.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number of `bits` bits, its sign included.
    fn number(&mut self, bits: u32) -> i64 {
        ((self.uniform() - 0.5) * (1_u64 << bits) as f64).floor() as i64
    }

    /// A predictor from the first `usable` references of streams of `length` samples.
    fn predictor(&mut self, usable: usize, length: usize) -> Predictor {
        let mut terms = Vec::new();
        for reference in 0..usable {
            if self.one_in(3) {
                continue;
            }
            let reach = [4, length + 20, MOST_LAG as usize][self.below(3)];
            let lag = self.below(2 * reach + 1) as i32 - reach as i32;
            let most = [50, MOST_COEFFICIENT][self.below(2)];
            let taps = 1 + self.below(MOST_TAPS);
            let coefficient = |_| self.below(2 * most as usize + 1) as i32 - most;
            let coefficients = (0..taps).map(coefficient).collect();
            terms.push(Term { reference, lag, coefficients });
        }
        // One without terms has no shift.
        let shift = if terms.is_empty() { 0 } else { self.below(MOST_SHIFT as usize + 1) as u32 };
        Predictor { shift, terms }
    }
}

/// A stream, and what of it is not in the table's columns.
struct Recipe {
    stream: Stream,
    /// Those of its frames.
    k: Vec<i64>,
    /// Frames that share a predictor, and the predictors.
    shared: usize,
    predictors: Vec<Predictor>,
    /// Sample, and its bits.
    exceptions: Vec<(usize, u64)>,
}

impl Recipe {
    /// A stream of these k.
    fn new(form: Form, k: Vec<i64>, block: usize) -> Self {
        let stream = Stream {
            rule: Rule::Ordered,
            form,
            offset: 0,
            factor: 1,
            width: if form == Form::Constant { 0 } else { 32 },
            block,
            coded: k.len(),
            exceptions: false,
        };
        Recipe { stream, k, shared: 0, predictors: Vec::new(), exceptions: Vec::new() }
    }

    /// What its FLAC frames hold, from the k of the references.
    fn payload(&self, references: &[&Recipe]) -> Vec<i32> {
        let block = self.stream.block.max(1);
        let each = (0..).zip(&self.k);
        match self.stream.form {
            Form::Constant => Vec::new(),
            Form::Narrow => self.k.iter().map(|&k| k as i32).collect(),
            Form::Split { low } => self.k.iter().map(|&k| (k >> low) as i32).collect(),
            Form::Fixed { .. } => unreachable!("no form of integers"),
            Form::Difference { step } => each
                .map(|(i, k)| if i % block == 0 { 0 } else { (k - self.k[i - 1] - step) as i32 })
                .collect(),
            Form::Predicted { .. } => each
                .map(|(i, k)| {
                    let number = (i / block).checked_div(self.shared).unwrap_or(0);
                    (k - prediction(&self.predictors[number], references, i)) as i32
                })
                .collect(),
        }
    }
}

/// The prediction of a sample, as the format has it.
fn prediction(predictor: &Predictor, references: &[&Recipe], i: usize) -> i64 {
    let mut sum = 0_i128;
    for term in &predictor.terms {
        for (t, &coefficient) in (0..).zip(&term.coefficients) {
            let at = usize::try_from(i as i64 - i64::from(term.lag) - t).ok();
            let r = at.and_then(|at| references[term.reference].k.get(at).copied()).unwrap_or(0);
            sum += i128::from(coefficient) * i128::from(r);
        }
    }
    ((sum + ((1 << predictor.shift) >> 1)) >> predictor.shift) as i64
}

/// A chunk and what it decodes to.
struct Made {
    dtype: Dtype,
    shape: Shape,
    references: Vec<usize>,
    recipes: Vec<Recipe>,
    bytes: Vec<u8>,
    raw: Vec<u8>,
}

impl Made {
    fn new<T: Sample>(
        dtype: Dtype,
        shape: Shape,
        references: Vec<usize>,
        mut recipes: Vec<Recipe>,
    ) -> Self {
        let mut encoder = Encoder::new(3);
        // In two parts, as encoders do.
        let mut tables = [TableBuilder::default(), TableBuilder::default()];
        let half = recipes.len() / 2;
        let mut payload = Vec::new();
        for index in 0..recipes.len() {
            let table = &mut tables[usize::from(index >= half)];
            let predicting: Vec<&Recipe> = references.iter().map(|&r| &recipes[r]).collect();
            let x = recipes[index].payload(&predicting);
            let recipe = &mut recipes[index];
            let stream = &mut recipe.stream;
            if stream.form != Form::Constant {
                let magnitudes = x.iter().fold(0, |or, &x| or | (x ^ x >> 31));
                stream.width = (33 - magnitudes.leading_zeros()).max(4);
            }
            stream.exceptions = !recipe.exceptions.is_empty();
            table.push(stream, shape.length);
            if let Form::Predicted { .. } = stream.form {
                table.push_predictors(recipe.shared, &recipe.predictors);
            }
            let mut last = 0;
            for (number, x) in x.chunks(stream.block.max(1)).enumerate() {
                let (width, block) = (stream.width, stream.block);
                table.push_frame(encoder.encode(x, width, block, number as u64, &mut payload));
                let k = &recipe.k[number * block..];
                if let Form::Split { low } = stream.form {
                    let mut packed = Vec::new();
                    low_bits::pack(&k[..x.len()], low, &mut packed);
                    payload.extend_from_slice(&packed);
                    payload.extend_from_slice(&crc32fast::hash(&packed).to_le_bytes());
                }
                if let Form::Difference { step } = stream.form {
                    // The first x is 0.
                    table.push_anchor(k[0] - last);
                    (last, _) = (k[0], step);
                }
            }
            let mut exceptions = Exceptions::default();
            recipe.exceptions.iter().for_each(|&(i, bits)| exceptions.add(i, 1, bits));
            if stream.exceptions {
                exceptions.write::<T>(shape.length, |block| {
                    table.push_span(block.len());
                    payload.extend_from_slice(block);
                });
            }
        }
        let [mut table, later] = tables;
        table.append(&later);
        let mut bytes = coded_head(table, &dtype, &shape, None, &references);
        bytes.append(&mut payload);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        let mut made = Made { dtype, shape, references, recipes, bytes, raw: Vec::new() };
        made.raw = made.decoded::<T>();
        made
    }

    /// The decoded chunk, sample by sample.
    fn decoded<T: Sample>(&self) -> Vec<u8> {
        let Shape { length, inner, .. } = self.shape;
        let side = inner * self.dtype.components();
        let mut raw = vec![0; self.recipes.len() * length * T::SIZE];
        for (index, recipe) in self.recipes.iter().enumerate() {
            let Stream { rule, offset, factor, .. } = recipe.stream;
            for i in 0..length {
                let k = recipe.k.get(i).copied().unwrap_or(0);
                let exception = recipe.exceptions.iter().find(|exception| exception.0 == i);
                let x = match exception {
                    Some(&(_, bits)) => T::from_bits(bits),
                    None => rule.decode(offset + factor as i64 * k, i),
                };
                let at = ((index / side * length + i) * side + index % side) * T::SIZE;
                let little = self.dtype.order == ByteOrder::Little;
                T::write_slice(&[x], little, &mut raw[at..at + T::SIZE]);
            }
        }
        raw
    }

    /// A chunk at random of streams of up to `longest` samples.
    fn random<T: Sample>(class: Class, longest: usize, random: &mut Random) -> Self {
        let order = [ByteOrder::Little, ByteOrder::Big][random.below(2)];
        let complex = class == Class::Float && random.one_in(2);
        let dtype = Dtype::new(class, T::SIZE, order, complex).unwrap();
        let shape = Shape {
            outer: 1 + random.below(3),
            length: 1 + random.below(longest),
            inner: 1 + random.below(3),
        };
        let count = shape.streams() * dtype.components();
        let mut indices: Vec<usize> = (0..count).collect();
        (1..count).for_each(|i| indices.swap(i, random.below(i + 1)));
        let references = 1 + random.below(count.min(MOST_REFERENCES));
        let mut recipes: Vec<(usize, Recipe)> = indices
            .iter()
            .enumerate()
            .map(|(place, &index)| {
                let usable = place.min(references);
                (index, recipe::<T>(class, &shape, place < references, usable, random))
            })
            .collect();
        recipes.sort_by_key(|&(index, _)| index);
        let recipes = recipes.into_iter().map(|(_, recipe)| recipe).collect();
        indices.truncate(references);
        Self::new::<T>(dtype, shape, indices, recipes)
    }

    fn options(threads: usize) -> Options {
        Options { verify: true, threads }
    }

    /// Samples of streams, as they are in the whole.
    fn select(&self, streams: &[usize], samples: Range<usize>) -> Vec<u8> {
        let (size, inner) = (self.dtype.element_size(), self.shape.inner);
        let mut out = Vec::new();
        for stream in streams {
            for i in samples.clone() {
                let row = stream / inner * self.shape.length + i;
                out.extend_from_slice(&self.raw[(row * inner + stream % inner) * size..][..size]);
            }
        }
        out
    }

    /// Fails unless the whole comes back.
    fn check_whole(&self, what: &str) {
        for threads in [1, 2] {
            let back = decompress(&self.bytes, self.raw.len(), &Self::options(threads));
            let back = back.unwrap_or_else(|e| panic!("{what}, {threads} threads: {e}"));
            assert!(back == self.raw, "{what}, {threads} threads");
        }
    }

    /// Fails unless the part comes back from the bytes that the head names for it, and uses all of
    /// them.
    fn check_part(&self, streams: &[usize], samples: Range<usize>, what: &str) {
        let what = format!("{what}, samples {samples:?} of streams {streams:?}");
        let head = Head::parse(&self.bytes).unwrap();
        let expected = self.select(streams, samples.clone());
        let selection = Selection { streams: Some(streams), samples };
        let ranges = head.byte_ranges(&selection).unwrap();
        let used = Mutex::new(vec![false; self.bytes.len()]);
        let fetch = |range: Range<u64>| {
            let known = ranges.iter().any(|r| r.start <= range.start && range.end <= r.end);
            let place = range.start as usize..range.end as usize;
            if !known && !place.is_empty() {
                return None;
            }
            used.lock().unwrap()[place.clone()].fill(true);
            Some(&self.bytes[place])
        };
        for threads in [1, 2] {
            let mut out = vec![0xa5; expected.len()];
            head.decode_selection(&selection, &fetch, &mut out, &Self::options(threads))
                .unwrap_or_else(|e| panic!("{what}, {threads} threads: {e}"));
            assert!(out == expected, "{what}, {threads} threads");
        }
        let used = used.into_inner().unwrap();
        for range in &ranges {
            let range = range.start as usize..range.end as usize;
            assert!(used[range.clone()].iter().all(|&used| used), "{what}: {range:?} not used");
        }
        let options = Self::options(1);
        let part = decompress_streams(&self.bytes, &selection, expected.len(), &options);
        assert!(part.as_ref() == Ok(&expected), "{what}");
    }
}

/// A stream at random.
fn recipe<T: Sample>(
    class: Class,
    shape: &Shape,
    is_reference: bool,
    usable: usize,
    random: &mut Random,
) -> Recipe {
    let length = shape.length;
    let coded = if random.one_in(3) { 1 + random.below(length) } else { length };
    let block = match random.below(5) {
        at @ 0..4 if coded > 16 => [16, 17, 50, 192][at],
        _ => coded + random.below(20),
    };
    // Offset, factor and k stay in the type.
    let most = (8 * T::SIZE as u32 - 4).min(32);
    let bits = 1 + random.below(most as usize) as u32;
    let form = match random.below(if is_reference { 2 } else { 6 }) {
        0 => Form::Narrow,
        2 => Form::Constant,
        3 => Form::Split { low: 1 + random.below(7) as u32 },
        4 => Form::Difference { step: random.number(bits) },
        _ => Form::Predicted { bits: (bits + random.below(3) as u32).clamp(4, 32) },
    };
    let block = if form == Form::Constant { 0 } else { block };
    let k = match form {
        Form::Constant => vec![0; coded],
        Form::Difference { .. } => (0..coded).map(|_| random.number(bits.min(20))).collect(),
        _ => (0..coded).map(|_| random.number(bits)).collect(),
    };
    let mut recipe = Recipe::new(form, k, block);
    let stream = &mut recipe.stream;
    stream.offset = random.number(8 * T::SIZE as u32 - 4);
    stream.factor = [1, 1, 2, 3][random.below(4)];
    if class == Class::Float && random.one_in(2) {
        stream.rule = [Rule::Quanta(0.37), Rule::Folded][random.below(2)];
        // Above 0, as the folded are.
        stream.offset += 1 << (8 * T::SIZE - 3);
    }
    if let Form::Predicted { .. } = form {
        recipe.shared = random.below(4);
        let groups = if recipe.shared == 0 { 1 } else { stream.frames().div_ceil(recipe.shared) };
        recipe.predictors = (0..groups).map(|_| random.predictor(usable, length)).collect();
    }
    if random.one_in(3) {
        let mut at = 0;
        while at < length {
            recipe.exceptions.push((at, T::from_bits(random.number(50) as u64).bits()));
            at += 1 + random.below(length);
        }
    }
    recipe
}

/// Chunks of several types at random, and what they are.
fn chunks(seeds: Range<u64>, longest: usize, check: impl Fn(&Made, &mut Random, &str)) {
    for seed in seeds {
        let mut random = Random::new(seed);
        let made = match random.below(5) {
            0 => Made::random::<i16>(Class::Signed, longest, &mut random),
            1 => Made::random::<i32>(Class::Signed, longest, &mut random),
            2 => Made::random::<i64>(Class::Signed, longest, &mut random),
            3 => Made::random::<f32>(Class::Float, longest, &mut random),
            _ => Made::random::<f64>(Class::Float, longest, &mut random),
        };
        check(&made, &mut random, &format!("seed {seed}"));
    }
}

#[test]
fn predicted_streams_decode_to_what_sums_of_references_say() {
    chunks(0..400, 900, |made, random, what| {
        made.check_whole(what);
        let (length, count) = (made.shape.length, made.shape.streams());
        for _ in 0..8 {
            let streams: Vec<usize> =
                (0..1 + random.below(4)).map(|_| random.below(count)).collect();
            let start = random.below(length);
            made.check_part(&streams, start..start + 1 + random.below(length - start), what);
        }
    });
}

#[test]
fn every_part_is_the_same_slice_of_the_whole() {
    chunks(1000..1010, 40, |made, _, what| {
        let length = made.shape.length;
        for stream in 0..made.shape.streams() {
            for start in 0..length {
                (start + 1..=length).for_each(|end| made.check_part(&[stream], start..end, what));
            }
        }
    });
}

#[test]
fn long_streams_are_predicted_across_the_windows_that_they_are_decoded_in() {
    let (length, mut random) = (300_000, Random::new(3));
    let shape = Shape { outer: 2, length, inner: 2 };
    let dtype = Dtype::new(Class::Signed, 4, ByteOrder::Little, false).unwrap();
    for lag in [3, -9, 6000] {
        let mut recipes: Vec<Recipe> = [4096, 5000, 65_535, 192]
            .into_iter()
            .zip(0..)
            .map(|(block, seed)| {
                let form = if seed == 0 { Form::Narrow } else { Form::Predicted { bits: 9 } };
                Recipe::new(form, noise(seed, length, 9), block)
            })
            .collect();
        for (recipe, usable) in recipes.iter_mut().zip([0, 1, 2, 2]) {
            let mut predictor = random.predictor(usable, 10);
            predictor.terms.iter_mut().for_each(|term| term.lag = lag);
            recipe.predictors = vec![predictor];
        }
        Made::new::<i32>(dtype, shape, vec![0, 1], recipes).check_whole(&format!("lag {lag}"));
    }
}

/// Integers of `bits` bits.
fn noise(seed: u64, length: usize, bits: u32) -> Vec<i64> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.number(bits)).collect()
}

/// A predictor of one coefficient of 1/2 for each reference and its lag.
fn halves(lags: &[(usize, i32)]) -> Predictor {
    let term = |&(reference, lag)| Term { reference, lag, coefficients: vec![1] };
    Predictor { shift: 1, terms: lags.iter().map(term).collect() }
}

/// A chunk of an unpredicted stream, one with exceptions from which the next is predicted, one
/// that is predicted from both, and one that is predicted by other samples from one frame on.
fn ladder() -> Made {
    let length = 200;
    let shape = Shape { outer: 5, length, inner: 1 };
    let dtype = Dtype::new(Class::Signed, 4, ByteOrder::Little, false).unwrap();
    let predicted = Form::Predicted { bits: 12 };
    let mut recipes: Vec<Recipe> = [Form::Narrow, Form::Narrow, predicted, predicted, predicted]
        .into_iter()
        .zip([20, 20, 20, 50, 50])
        .zip(0..)
        .map(|((form, block), seed)| Recipe::new(form, noise(seed, length, 12), block))
        .collect();
    recipes[1].exceptions = vec![(60, 7)];
    recipes[2].predictors = vec![halves(&[(0, 15)])];
    recipes[3].predictors = vec![halves(&[(0, 4), (1, 0)])];
    recipes[4].shared = 2;
    recipes[4].predictors = vec![Predictor::default(), halves(&[(0, -30)])];
    Made::new::<i32>(dtype, shape, vec![1, 2], recipes)
}

#[test]
fn a_part_reads_the_frames_that_its_predictions_need_and_no_other() {
    let made = ladder();
    made.check_whole("ladder");
    let head = Head::parse(&made.bytes).unwrap();
    let check = |index: usize, samples: Range<usize>, expected: &[(usize, Range<usize>)]| {
        made.check_part(&[index], samples.clone(), "ladder");
        let selection = Selection { streams: Some(&[index]), samples };
        let bytes: u64 =
            head.byte_ranges(&selection).unwrap().iter().map(|range| range.end - range.start).sum();
        let frame = |(index, number)| {
            let [range, _] = head.frame(index, &head.stream(index), number);
            range.end - range.start
        };
        let frames =
            expected.iter().flat_map(|(index, numbers)| numbers.clone().map(|n| (*index, n)));
        assert_eq!(bytes, frames.map(frame).sum::<u64>(), "{expected:?}");
    };
    // Nothing but its own.
    check(0, 60..70, &[(0, 3..4)]);
    check(4, 60..100, &[(4, 1..2)]);
    // Reference 0 is stream 1, without its exceptions.
    check(2, 60..61, &[(2, 3..4), (1, 2..3)]);
    // Reference 1, stream 2, at 60 to 64, which needs 45 to 49 of stream 1; and that at 56 to 60.
    check(3, 60..65, &[(3, 1..2), (2, 3..4), (1, 2..4)]);
    // Other samples from frame 2 on: those of 99 to 101 are predicted from 130 to 131.
    check(4, 99..102, &[(4, 1..3), (1, 6..7)]);
    // Beyond the end of the reference all is 0.
    check(4, 170..200, &[(4, 3..4)]);
}

#[test]
fn an_integer_of_more_bits_than_declared_is_corrupt() {
    for threads in [1, 2] {
        for index in [2, 3] {
            let mut made = ladder();
            made.recipes[index].stream.form = Form::Predicted { bits: 11 };
            let Made { dtype, shape, references, recipes, .. } = made;
            let made = Made::new::<i32>(dtype, shape, references, recipes);
            let options = Made::options(threads);
            let error = decompress(&made.bytes, made.raw.len(), &options).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
            let expected = format!("stream {index}: frame 0: an integer of more than 11 bits");
            assert_eq!(error.to_string(), expected);
            let selection = Selection { streams: Some(&[3]), samples: 0..50 };
            let error = decompress_streams(&made.bytes, &selection, 400, &options).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn frames_are_a_file_of_what_predictions_leave() {
    let made = ladder();
    let head = Head::parse(&made.bytes).unwrap();
    let predicting: Vec<&Recipe> = made.references.iter().map(|&r| &made.recipes[r]).collect();
    for (index, recipe) in made.recipes.iter().enumerate() {
        let mut file = head.file_header(index).expect("frames").to_vec();
        for number in 0..recipe.stream.frames() {
            let [range, _] = head.frame(index, &recipe.stream, number);
            file.extend_from_slice(&made.bytes[range.start as usize..range.end as usize]);
        }
        let audio = read_file(&file, made.shape.length).unwrap();
        assert_eq!(audio.width, recipe.stream.width);
        assert_eq!(audio.channels, [recipe.payload(&predicting)], "stream {index}");
    }
}

#[test]
fn a_damaged_frame_of_a_reference_is_named() {
    let mut made = ladder();
    let head = Head::parse(&made.bytes).unwrap();
    let [frame, _] = head.frame(1, &head.stream(1), 3);
    made.bytes[frame.end as usize - 5] ^= 1;
    let selection = Selection { streams: Some(&[3]), samples: 60..65 };
    let error = decompress_streams(&made.bytes, &selection, 400, &Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("stream 1: frame 3: CRC-16"), "{error}");
}
