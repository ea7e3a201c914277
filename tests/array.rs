//! Promise: an array that was compressed is the array, and a part of it that part of the whole.

mod support;

use h5flac::array::{Compression, Element};
use h5flac::chunk::Request;
use h5flac::sample::Sample;
use h5flac::{ByteOrder, Dtype, ErrorKind, FlacArray, Mode, Params, Shape, compress};
use half::f16;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, IxDyn, SliceInfo, SliceInfoElem, arr0, s};
use proptest::prelude::*;
use std::ops::Bound;
use support::adversary::recipes;
use support::chunk::{Random, raw};
use support::effort::cases;

/// Samples that any bits may make, and some that repeat.
fn samples<T: Sample>(random: &mut Random, count: usize) -> Vec<T> {
    let wild = random.below(2) == 0;
    let mut last = T::default();
    let mut next = || {
        if random.below(3) > 0 {
            last = if wild {
                T::from_bits(random.bits() >> (64 - 8 * T::SIZE))
            } else {
                T::from_f64((50.0 * random.gaussian()).round())
            };
        }
        last
    };
    (0..count).map(|_| next()).collect()
}

fn assert_same<T: Sample>(found: &ArrayD<T>, expected: &ArrayD<T>, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    assert!(found.is_standard_layout(), "{what}");
    for ((at, x), y) in found.indexed_iter().zip(expected) {
        assert_eq!(x.bits(), y.bits(), "{what}: {x:?} instead of {y:?} at {at:?}");
    }
}

fn check_round_trip<T: Element>(shape: &[usize], order: &[usize], seed: u64, level: u32) {
    let mut random = Random::new(seed);
    let count = shape.iter().product();
    let data = ArrayD::from_shape_vec(IxDyn(shape), samples::<T>(&mut random, count)).unwrap();
    // Any order of the axes in memory.
    let data = data.permuted_axes(IxDyn(order));
    let what = format!("{:?} of {}, seed {seed}, level {level}", data.shape(), T::DTYPE);
    let array = FlacArray::from_array(&data, Params { level, ..Params::default() }).unwrap();
    assert_eq!(array.shape(), data.shape());
    assert_eq!(array.leading_shape(), &data.shape()[..data.ndim() - 1]);
    assert_eq!(array.size(), data.len());
    assert_eq!(array.stream_count() * array.stream_size(), data.len());
    let back = array.to_array().unwrap();
    assert_same(&back, &data, &what);
    let again = FlacArray::<T>::from_bytes(array.as_bytes().to_vec()).unwrap();
    let again = again.with_leading_shape(array.leading_shape()).unwrap();
    assert_eq!(again, array, "{what}");
    assert_eq!(array.nbytes(), array.into_bytes().len());
}

type RoundTrip = fn(&[usize], &[usize], u64, u32);

/// [`check_round_trip`] for all types.
const ROUND_TRIPS: [RoundTrip; 11] = {
    macro_rules! of {
        ($($t:ty)*) => {[$(check_round_trip::<$t>),*]};
    }
    of!(i8 u8 i16 u16 i32 u32 i64 u64 f16 f32 f64)
};

/// What a slice may select of an axis.
fn element(random: &mut Random, length: usize) -> SliceInfoElem {
    let single = random.below(3) == 0;
    let mut place = |least: usize, most: usize| {
        let at = least + random.below(most + 1 - least);
        // Sometimes from the end, of which an index of `length` has none.
        let from_end = at < length && random.below(2) == 0;
        (at, if from_end { at as isize - length as isize } else { at as isize })
    };
    if single {
        return SliceInfoElem::Index(place(0, length - 1).1);
    }
    let (first, start) = place(0, length);
    let (_, end) = place(first, length);
    let step = [1, 1, 2, 7, -1, -3][random.below(6)];
    let end = if random.below(4) == 0 { None } else { Some(end) };
    SliceInfoElem::Slice { start, end, step }
}

/// Streams that have much in common.
fn related(shape: (usize, usize, usize), seed: u64) -> Array3<i32> {
    let mut random = Random::new(seed);
    let mut at = 0.0;
    let sky: Vec<f64> = (0..shape.2)
        .map(|_| {
            at += 100.0 * random.gaussian();
            at
        })
        .collect();
    Array3::from_shape_fn(shape, |(_, _, i)| (sky[i] + random.gaussian()).round() as i32)
}

fn check_slice<T: Element>(
    array: &FlacArray<T>,
    whole: &ArrayD<T>,
    random: &mut Random,
    what: &str,
) {
    let slice: Vec<SliceInfoElem> = whole.shape().iter().map(|&n| element(random, n)).collect();
    let info = SliceInfo::<_, IxDyn, IxDyn>::try_from(slice.clone()).unwrap();
    let expected = whole.slice(&info).to_owned();
    let found = array.slice(&slice).unwrap();
    assert_eq!(found.shape(), expected.shape(), "{what}: {slice:?}");
    for (x, y) in found.iter().zip(&expected) {
        assert_eq!(x.bits(), y.bits(), "{what}: {slice:?}");
    }
    assert!(found.is_standard_layout(), "{what}: {slice:?}");
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_array_comes_back(
        kind in 0..11_usize,
        axes in prop::collection::vec((1..6_usize, any::<u32>()), 1..5),
        length in 1..600_usize,
        seed in any::<u64>(),
        level in 0..=8_u32,
    ) {
        let mut shape: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
        shape[axes.len() / 2] = length;
        let mut order: Vec<usize> = (0..shape.len()).collect();
        order.sort_by_key(|&axis| axes[axis].1);
        ROUND_TRIPS[kind](&shape, &order, seed, level);
    }

    #[test]
    fn a_slice_is_that_of_the_whole(
        recipe in recipes(),
        shape in prop::collection::vec(1..6_usize, 0..4),
        length in 1..3000_usize,
        seed in any::<u64>(),
        step in prop_oneof![Just(None), (1e-3..10.0_f64).prop_map(Some)],
    ) {
        let shape = [&shape[..], &[length]].concat();
        let count = shape.iter().product();
        let data = recipe.samples::<f32>(count, step.unwrap_or(0.1));
        let data = ArrayD::from_shape_vec(IxDyn(&shape), data).unwrap();
        let mode = step.map_or(Mode::Lossless, Mode::Quanta);
        let array = FlacArray::from_array(&data, Params { mode, ..Params::default() }).unwrap();
        let whole = array.to_array().unwrap();
        let mut random = Random::new(seed);
        for _ in 0..8 {
            check_slice(&array, &whole, &mut random, &format!("{recipe:?}, {shape:?}"));
        }
        let streams: Vec<Array1<f32>> = array.iter_streams().map(Result::unwrap).collect();
        prop_assert_eq!(streams.len(), array.stream_count());
        for (found, expected) in streams.iter().zip(whole.lanes(Axis(shape.len() - 1))) {
            prop_assert!(found.iter().zip(expected).all(|(x, y)| x.to_bits() == y.to_bits()));
        }
    }
}

#[test]
fn streams_that_predict_each_other_are_read_in_part() {
    let data = related((2, 3, 70_000), 1);
    for threads in [1, 3] {
        let compression = Compression { threads, ..Compression::default() };
        let array = FlacArray::from_array(&data, compression).unwrap();
        let infos: Vec<_> = (0..6).map(|stream| array.stream_info(stream).unwrap()).collect();
        assert!(infos.iter().filter(|info| info.predicted).count() >= 4, "{infos:?}");
        let whole = array.to_array().unwrap();
        assert_eq!(whole, data.clone().into_dyn());
        let mut random = Random::new(threads as u64);
        for _ in 0..30 {
            check_slice(&array, &whole, &mut random, "related streams");
        }
        for (i, found) in array.iter_streams().enumerate() {
            assert_eq!(found.unwrap(), data.slice(s![i / 3, i % 3, ..]), "stream {i}");
        }
    }
}

#[test]
fn more_streams_than_are_decoded_at_a_time_are_walked_through() {
    let data = Array2::from_shape_fn((21, 200_000), |(stream, i)| (i * (stream + 3) % 1000) as u16);
    let array = FlacArray::from_array(&data, Params::default()).unwrap();
    let mut streams = array.iter_streams();
    assert_eq!(streams.len(), 21);
    for (i, expected) in data.rows().into_iter().enumerate() {
        assert_eq!(streams.next().unwrap().unwrap(), expected, "stream {i}");
        assert_eq!(streams.len(), 20 - i);
    }
    assert!(streams.next().is_none() && streams.next().is_none());
}

#[test]
fn masks_and_lists_choose_streams() {
    let data = related((3, 4, 500), 2);
    let array = FlacArray::from_array(&data, Params::default()).unwrap();
    let rows = data.to_shape((12, 500)).unwrap();
    let keep = Array2::from_shape_fn((3, 4), |(i, j)| (i + j) % 3 == 1);
    let chosen: Vec<usize> = (0..12).filter(|i| (i / 4 + i % 4) % 3 == 1).collect();
    let kept = array.keep(&keep, 100..).unwrap();
    assert_eq!(kept, rows.select(Axis(0), &chosen).slice(s![.., 100..]));
    let listed = array.streams(&[7, 0, 7], ..=9).unwrap();
    assert_eq!(listed, rows.select(Axis(0), &[7, 0, 7]).slice(s![.., ..10]));
    let after = (Bound::Excluded(3), Bound::Included(5));
    assert_eq!(array.streams(&[1], after).unwrap(), rows.slice(s![1..2, 4..6]));
    assert_eq!(array.streams(&[], 2..5).unwrap().dim(), (0, 3));
    assert_eq!(array.streams(&[3], 5..5).unwrap().dim(), (1, 0));
    let none = Array2::from_elem((3, 4), false);
    assert_eq!(array.keep(&none, ..).unwrap().dim(), (0, 500));
}

#[test]
fn a_single_stream_has_no_leading_axes() {
    let data = Array1::from_shape_fn(1000, |i| (i as f64 * 0.1).sin());
    let array = FlacArray::from_array(&data, Params::default()).unwrap();
    assert_eq!((array.shape(), array.leading_shape()), (&[1000][..], &[][..]));
    assert_eq!(array.to_array().unwrap(), data.clone().into_dyn());
    assert_eq!(array.slice(s![10..20]).unwrap(), data.slice(s![10..20]).into_dyn());
    assert_eq!(array.slice(s![-1]).unwrap(), arr0(data[999]).into_dyn());
    assert_eq!(array.keep(&arr0(true), ..5).unwrap().row(0), data.slice(s![..5]));
}

#[test]
fn each_stream_keeps_to_its_own_step() {
    let mut random = Random::new(3);
    let mut data = Array3::from_shape_fn((2, 2, 5000), |_| random.gaussian());
    data[[0, 1, 77]] = f64::NAN;
    data[[1, 0, 78]] = -999.123;
    let quanta = [0.5, 0.01, 0.1, 1e-5];
    let array = FlacArray::from_array(
        &data,
        Compression { quanta: Some(&quanta), fill: Some(-999.123), ..Compression::default() },
    )
    .unwrap();
    let back = array.to_array().unwrap();
    for (stream, quanta) in quanta.into_iter().enumerate() {
        let [x, y] = [data.view().into_dyn(), back.view()]
            .map(|all| all.slice(s![stream / 2, stream % 2, ..]).to_owned());
        let exact = |x: f64| x.is_nan() || x == -999.123;
        for (x, y) in x.iter().zip(&y) {
            let same = x.to_bits() == y.to_bits();
            assert!(same || !exact(*x) && (x - y).abs() <= quanta / 2.0, "{x} became {y}");
        }
        assert_eq!(array.stream_info(stream).unwrap().quanta, quanta);
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let data = related((2, 4, 70_000), 4);
    let compressed = |threads| {
        let compression = Compression { threads, ..Compression::default() };
        FlacArray::from_array(&data, compression).unwrap()
    };
    assert_eq!(compressed(1), compressed(3));
    assert_eq!(compressed(3).with_threads(0).to_array().unwrap(), data.into_dyn());
}

/// A chunk as HDF5 would store it: time between other axes, the highest byte first.
#[test]
fn chunks_of_any_layout_become_arrays() {
    let data = Array3::from_shape_fn((2, 300, 3), |(i, j, k)| (i * 1000 + j + k * 7) as i16);
    let samples: Vec<i16> = data.iter().copied().collect();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let request = Request {
            dtype: Dtype { order, ..i16::DTYPE },
            shape: Shape { outer: 2, length: 300, inner: 3 },
            fill: None,
            params: Params::default(),
            quanta: None,
            affine: None,
            threads: 1,
            alone: false,
        };
        let chunk = compress(&raw(&samples, order), &request).unwrap().into_vec();
        let array = FlacArray::<i16>::from_bytes(chunk).unwrap();
        let expected = data.view().permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
        assert_eq!(array.shape(), [2, 3, 300]);
        assert_eq!(array.to_array().unwrap(), expected.clone().into_dyn());
        assert_eq!(array.slice(s![1, .., 5]).unwrap(), expected.slice(s![1, .., 5]).into_dyn());
        let rows = array.with_leading_shape(&[6]).unwrap();
        assert_eq!(rows.slice(s![4, ..]).unwrap(), expected.slice(s![1, 1, ..]).into_dyn());
    }
}

/// The kind of an error, whose message has these words.
#[track_caller]
fn refused<T>(result: h5flac::Result<T>, kind: ErrorKind, words: &str) {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    const INVALID: ErrorKind = ErrorKind::InvalidArgument;
    let data = related((2, 3, 100), 5);
    let array = FlacArray::from_array(&data, Params::default()).unwrap();
    let slice = |slice: &[SliceInfoElem]| array.slice(slice);
    let whole = SliceInfoElem::Slice { start: 0, end: None, step: 1 };
    let range = |start, end| SliceInfoElem::Slice { start, end: Some(end), step: 1 };
    refused(slice(&[whole, whole]), INVALID, "a slice of 2 axes, but the array has 3");
    refused(slice(&[whole, SliceInfoElem::NewAxis, whole]), INVALID, "axis 1: a slice with a new");
    for index in [2, -3] {
        let index = SliceInfoElem::Index(index);
        refused(slice(&[index, whole, whole]), INVALID, "axis 0: index");
    }
    for range in [range(0, 101), range(-101, 5), range(101, 101)] {
        refused(slice(&[whole, whole, range]), INVALID, "but the axis has 100");
    }
    let still = SliceInfoElem::Slice { start: 0, end: None, step: 0 };
    refused(slice(&[whole, still, whole]), INVALID, "step 0");
    refused(array.streams(&[6], ..), INVALID, "stream 6, but the chunk has 6");
    refused(array.streams(&[0], 90..101), INVALID, "but streams have 100");
    refused(array.streams(&[0], (Bound::Included(9), Bound::Excluded(3))), INVALID, "9..3");
    refused(array.streams(&[0], ..=usize::MAX), INVALID, "but streams have 100");
    let keep = Array2::from_elem((3, 2), true);
    refused(array.keep(&keep, ..), INVALID, "a mask of shape [3, 2] for leading axes [2, 3]");
    refused(array.stream_info(6), INVALID, "stream 6");
    refused(array.clone().with_leading_shape(&[5]), INVALID, "leading axes [5] for 6 streams");
    refused(
        array.clone().with_leading_shape(&[usize::MAX, 2]),
        INVALID,
        "leading axes [18446744073709551615, 2] for 6 streams",
    );

    let axis = Params { axis: 1, ..Params::default() };
    refused(FlacArray::from_array(&data, axis), INVALID, "stream axis 1");
    let quanta = Compression { quanta: Some(&[0.1]), ..Compression::default() };
    refused(FlacArray::from_array(&data, quanta), INVALID, "1 quanta for 6 streams");
    let level = Params { level: 9, ..Params::default() };
    refused(FlacArray::from_array(&data, level), INVALID, "level 9");
    let nothing = Array2::<f32>::zeros((3, 0));
    refused(FlacArray::from_array(&nothing, Params::default()), INVALID, "shape [3, 0]");
    refused(FlacArray::from_array(&arr0(1.0), Params::default()), INVALID, "shape []");
}

#[test]
fn damage_is_an_error() {
    let data = related((1, 6, 70_000), 6);
    let array = FlacArray::from_array(&data, Params::default()).unwrap();
    let bytes = array.as_bytes();
    let open = |bytes: &[u8]| FlacArray::<i32>::from_bytes(bytes.to_vec());
    refused(FlacArray::<f32>::from_bytes(bytes.to_vec()), ErrorKind::InvalidArgument, "of int32");
    refused(open(&bytes[..bytes.len() - 1]), ErrorKind::Truncated, "bytes of");
    refused(open(&bytes[..10]), ErrorKind::Truncated, "10 bytes");
    refused(open(&[bytes, &[0]].concat()), ErrorKind::Corrupt, "bytes for a chunk of");
    let mut head = bytes.to_vec();
    head[30] ^= 4;
    refused(open(&head), ErrorKind::Corrupt, "CRC-32");

    let mut last = bytes.to_vec();
    let at = last.len() - 500;
    last[at] ^= 4;
    let damaged = open(&last).unwrap();
    refused(damaged.to_array(), ErrorKind::Corrupt, "CRC-32");
    let error = damaged.streams(&[5], ..).unwrap_err();
    assert!(error.to_string().starts_with("stream 5: frame"), "{error}");
    assert_eq!(damaged.slice(s![0, ..1000]).unwrap(), data.slice(s![0, 0, ..1000]).into_dyn());
    let mut streams = damaged.iter_streams();
    assert_eq!(streams.len(), 6);
    let found: Vec<_> = streams.by_ref().collect();
    assert!(found.len() <= 6 && found.last().unwrap().is_err() && streams.len() == 0);
}
