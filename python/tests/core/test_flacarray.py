"""The stand-in for flacarray: what it got wrong is right, and errors are told in words."""

import copy
import pickle

import h5flac
import h5flac.flacarray as flacarray
import h5py
import numpy as np
import pytest
from conftest import drifting
from h5flac.flacarray import FlacArray
from h5flac.flacarray import hdf5 as fhdf5
from h5flac.flacarray.compress import array_compress
from h5flac.flacarray.decompress import array_decompress, array_decompress_slice
from h5flac.flacarray.demo import create_fake_data
from h5flac.flacarray.utils import float_to_int, int_to_float

TYPES = ["i4", "i8", "f4", "f8"]


def data_of(rng, dtype, shape=(3, 4, 1000)):
    if np.dtype(dtype).kind == "i":
        info = np.iinfo(dtype)
        data = rng.integers(info.min, info.max, shape, dtype)
        data.reshape(-1)[:2] = [info.min, info.max]
        return data
    return drifting(rng, shape, dtype)


def quanta_of(dtype):
    return None if np.dtype(dtype).kind == "i" else 0.01


def check(found, data, quanta):
    assert found.dtype == data.dtype and found.shape == data.shape
    if quanta is None:
        assert np.array_equal(found, data)
    else:
        assert np.all(np.abs(found.astype("f8") - data.astype("f8")) <= quanta / 2)


@pytest.mark.parametrize("use_threads", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 4, 1000), (1, 5000), (5000,), (2, 1), (1,)])
def test_arrays_come_back(rng, dtype, shape, use_threads):
    data, quanta = (
        data_of(rng, dtype, shape if shape != (1,) else (2,))[: shape[0]],
        quanta_of(dtype),
    )
    array = FlacArray.from_array(data, quanta=quanta, use_threads=use_threads)
    check(array.to_array(use_threads=use_threads), data, quanta)
    assert array.shape == data.shape and array.dtype == data.dtype
    assert array.typestr == data.dtype.name
    assert array.stream_size == shape[-1] and array.nbytes == array.compressed.nbytes
    assert array.nstreams == array.global_nstreams == max(1, data.size // shape[-1])
    assert array.global_process_nbytes == [array.nbytes] and array.global_nbytes == array.nbytes
    assert array.leading_shape == array.global_leading_shape == (shape[:-1] or (1,))
    assert array.global_shape == (*array.global_leading_shape, shape[-1])
    assert np.array_equal(array.stream_starts, array.global_stream_starts)
    assert np.array_equal(array.stream_nbytes, array.global_stream_nbytes)
    assert (array.stream_offsets is None) == (array.stream_gains is None) == (quanta is None)


KEYS = [
    0,
    -1,
    (1, 2),
    (1, 2, 3),
    (-1, -1, -1),
    (2, slice(None), 7),
    slice(1, None),
    slice(None, None, -1),
    (slice(3, 1), 2),
    (..., 5),
    (0, ...),
    (..., slice(100, 300)),
    (slice(None), slice(None, None, 2), slice(None, None, 7)),
    (0, 1, slice(900, 100, -3)),
    (0, 1, slice(-50, None)),
    ([2, 0],),
    ([2, 0], [1, 3]),
    ([2, 0], slice(None), [1, 3]),
    (slice(None), [1, 3], slice(5, 9)),
    (slice(None), [1, 3], 9),
    (0, slice(None), [5, -5, 5]),
    np.array([True, False, True]),
    (np.array([True, False, True]), slice(None), slice(3)),
    np.arange(12).reshape(3, 4) % 5 == 0,
    (None, 1),
    (1, None, slice(2), ..., None),
    (slice(0, 0),),
    (0, [], slice(None)),
    (slice(None), slice(None), np.arange(1000) % 100 == 3),
    True,
    (False, 1),
    (1, slice(5), True),
    (),
    np.array(2),
    (np.array([[0, 1], [2, 0]]), slice(None), 3),
    (..., np.int64(-3)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_numpys(rng, key):
    data = data_of(rng, "i8")
    array = FlacArray.from_array(data)
    found, wanted = array[key], data[key]
    assert np.shape(found) == wanted.shape and found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("key", [3, -1, slice(None), slice(5, 50, 5), (..., 4), [1, 2], (None, 3)])
def test_indexing_one_stream_is_numpys(rng, key):
    data = data_of(rng, "i4", (1000,))
    assert np.array_equal(FlacArray.from_array(data)[key], data[key])


@pytest.mark.parametrize("key", [3, (0, 4), (0, 0, 1000), (0, 0, 0, 0), (..., ...), (0, 0, -1001)])
def test_indexing_beyond_the_array_is_an_index_error(rng, key):
    with pytest.raises(IndexError):
        FlacArray.from_array(data_of(rng, "i4"))[key]


@pytest.mark.parametrize(
    "samples", [slice(100, 200), slice(-10, None), slice(None, -990), slice(None, None, 3)]
)
def test_slices_of_samples_are_numpys(rng, samples):
    data = data_of(rng, "i8")
    array = FlacArray.from_array(data)
    assert np.array_equal(array.to_array(stream_slice=samples), data[..., samples])
    keep = np.arange(12).reshape(3, 4) % 3 == 1
    found, places = array.to_array(keep, samples, keep_indices=True)
    assert np.array_equal(found, data[keep][:, samples])
    assert places == [tuple(map(int, p)) for p in np.argwhere(keep)]


def test_masks_must_fit(rng):
    array = FlacArray.from_array(data_of(rng, "i4"))
    for keep in (np.ones(3, bool), np.ones((3, 4), int), [0, 1]):
        with pytest.raises(RuntimeError, match=r"must be bool of the leading shape \(3, 4\)"):
            array.to_array(keep)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("quanta", [0.01, 0.1, 1 / 3, 7.0])
def test_the_bound_is_strict(rng, dtype, quanta):
    data = rng.normal(scale=30, size=(8, 5000)).astype(dtype) + dtype_of(dtype)(rng.normal() * 100)
    # Ties, as far as the type has them.
    data[1] = (np.arange(5000) - 2500 + 0.5) * quanta
    check(FlacArray.from_array(data, quanta=quanta).to_array(), data, quanta)


def dtype_of(name):
    return np.dtype(name).type


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_bound_holds_for_hard_values(dtype):
    rng, refused = np.random.default_rng(5), 0
    for _ in range(200):
        scale, level, step = 10.0 ** rng.uniform(-6, 6, 3)
        data = (level + scale * rng.normal(size=(2, 300))).astype(dtype)
        try:
            found = FlacArray.from_array(data, quanta=step).to_array()
        except ValueError as error:
            # More steps than integers.
            assert "too many steps" in str(error)
            assert np.abs(data).max() / step > 2 ** (28 if dtype == "f4" else 60)
            refused += 1
            continue
        check(found, data, step)
    assert refused < 40 if dtype == "f4" else refused == 0


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("level", [0, 1, 1000.3])
@pytest.mark.parametrize("units", [0.02, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 11, 17, 40])
def test_the_bound_holds_where_the_type_is_hardly_finer_than_the_step(rng, dtype, level, units):
    data = (level + rng.normal(size=(3, 3000))).astype(dtype)
    step = units * np.spacing(np.abs(data).max()).astype("f8")
    check(FlacArray.from_array(data, quanta=step).to_array(), data, step)


def test_without_a_step_floats_come_back_as_the_type_has_them(rng):
    for dtype, bits in (("f4", 29), ("f8", 61)):
        data = drifting(rng, (3, 2000), dtype)
        integers, offsets, gains = float_to_int(data)
        largest = np.abs(data).max(axis=-1, keepdims=True).astype("f8")
        errors = np.abs(int_to_float(integers, offsets, gains).astype("f8") - data)
        assert np.all(errors <= largest / 2.0 ** (bits + 1))


def test_each_stream_may_have_its_own_step(rng):
    data = drifting(rng, (3, 4, 1000), "f4")
    steps = np.geomspace(1e-3, 1, 12).reshape(3, 4)
    array = FlacArray.from_array(data, quanta=steps)
    error = np.abs(array.to_array().astype("f8") - data).max(axis=-1)
    assert np.all((error <= steps / 2) & (error > steps / 4))
    digits = np.full((3, 4), 2)
    assert np.array_equal(
        FlacArray.from_array(data, precision=digits).to_array(),
        FlacArray.from_array(data, precision=2).to_array(),
    )
    with pytest.raises(ValueError, match=r"\(3,\) values, and the streams have the shape \(3, 4\)"):
        FlacArray.from_array(data, quanta=[1, 2, 3])


def test_precision_is_a_part_of_the_deviation(rng):
    data = drifting(rng, (2, 5000), "f8")
    found = FlacArray.from_array(data, precision=3).to_array()
    steps = data.std(axis=-1, keepdims=True) / 1000
    assert np.all(np.abs(found - data) <= steps / 2 * (1 + 1e-9))


SPOILERS = {
    "a glitch": lambda time: np.where(time == 0.5, 1e6, 0),
    "a drift": lambda time: 1e4 * time,
    "a step": lambda time: np.where(time > 0.3, 1e5, 0),
}


@pytest.mark.parametrize("spoiler", SPOILERS)
@pytest.mark.parametrize("dtype, length", [("f4", 10001), ("f8", 10001), ("f8", 201)])
def test_drifts_and_glitches_cost_at_most_one_digit(rng, dtype, length, spoiler):
    data = rng.normal(size=(2, length)) + SPOILERS[spoiler](np.linspace(0, 1, length))
    data = data.astype(dtype)
    array = FlacArray.from_array(data, precision=3)
    check(array.to_array(), data, 1.3 * 10 / 1000)


def test_precision_is_never_coarser_than_the_deviation(rng):
    time = np.linspace(0, 1, 5000)
    streams = [np.sin(time), np.sin(900 * time), time > 0.5, np.exp(-1000 * time), time**9]
    data = np.stack([np.asarray(stream, "f8") for stream in streams])
    gains = FlacArray.from_array(data, precision=4).stream_gains
    assert np.all(1 / gains <= data.std(axis=-1) / 1e4 * (1 + 1e-9))
    # Without a drift it is the deviation.
    assert np.allclose(1 / gains[1:3], data[1:3].std(axis=-1) / 1e4)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("value", [0.0, -0.1, 1e30, 1e-30, 3.5])
@pytest.mark.parametrize("how", [{"precision": 3}, {"quanta": 0.5}, {"quanta": 1e-3}])
def test_constant_streams_come_back_exactly(dtype, value, how):
    data = np.full((2, 100), value, dtype)
    assert np.array_equal(FlacArray.from_array(data, **how).to_array(), data)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_integers_cannot_hold_is_refused(rng, value):
    data = drifting(rng, (2, 100))
    data[1, 30] = value
    with pytest.raises(RuntimeError, match=r"stream 1: sample 30 is (nan|-?inf), which"):
        FlacArray.from_array(data, quanta=0.1)


def test_what_is_out_of_range_is_refused(rng):
    data = drifting(rng, (2, 100))
    data[1, 30] = 1e9
    with pytest.raises(ValueError, match=r"stream 1: sample .* too many steps .* larger quanta"):
        FlacArray.from_array(data, quanta=1e-3)
    check(FlacArray.from_array(data.astype("f8"), quanta=1e-3).to_array(), data.astype("f8"), 1e-3)
    data = np.array([[0.3, 1e300]])
    with pytest.raises(ValueError, match="too many steps"):
        FlacArray.from_array(data, quanta=1e-3)
    with pytest.raises(ValueError, match="no inverse"):
        FlacArray.from_array(np.array([[0, 1e-310]]), quanta=1e-309)
    # Few integers may do, even so.
    data = np.array([[-1.7e308, 1.7e308]])
    assert np.array_equal(FlacArray.from_array(data, quanta=1e-3).to_array(), data)


@pytest.mark.parametrize("how", [{"quanta": 0}, {"quanta": -1.0}, {"quanta": np.nan}])
def test_steps_must_make_sense(rng, how):
    with pytest.raises(ValueError, match="quanta must be finite and above 0"):
        FlacArray.from_array(drifting(rng, (2, 100)), **how)


def test_floats_need_one_step(rng):
    data = drifting(rng, (2, 100))
    with pytest.raises(RuntimeError, match="needs one of quanta and precision"):
        FlacArray.from_array(data)
    with pytest.raises(RuntimeError, match="both quanta and precision"):
        FlacArray.from_array(data, quanta=1, precision=3)


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="unsupported data type int16: convert"):
        FlacArray.from_array(np.zeros((2, 10), "i2"))
    with pytest.raises(ValueError, match="has no samples"):
        array_compress(np.zeros((2, 0), "i4"))
    with pytest.raises(RuntimeError, match="empty"):
        FlacArray.from_array(np.zeros((0, 10), "i4"))


@pytest.mark.parametrize("dtype", [">i4", ">i8", ">f4", ">f8"])
def test_foreign_byte_orders_are_converted(rng, dtype):
    native = dtype[1:]
    data = data_of(rng, native)
    array = FlacArray.from_array(data.astype(dtype), quanta=quanta_of(native))
    assert array == FlacArray.from_array(data, quanta=quanta_of(native))


@pytest.mark.parametrize("samples", [slice(None), slice(480, 520)])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_flipped_bit_is_an_error_or_not_needed(rng, dtype, samples):
    data = data_of(rng, dtype, (2, 1000))
    array = FlacArray.from_array(data, quanta=quanta_of(dtype))
    whole, errors = array.to_array(), 0
    for place in range(86, array.nbytes, 97):
        array.compressed[place] ^= 16
        try:
            found = array.to_array(stream_slice=samples)
        except h5flac.CorruptError as error:
            errors += 1
            assert "stream" in str(error)
        else:
            assert np.array_equal(found, whole[:, samples])
        array.compressed[place] ^= 16
    assert errors > 0


@pytest.mark.parametrize("dtype", TYPES)
def test_a_stream_cut_short_is_an_error(rng, dtype):
    data = data_of(rng, dtype, (9000,))
    parts = array_compress(data, quanta=quanta_of(dtype))
    compressed, starts, nbytes, offsets, gains = parts
    wide = data.dtype.itemsize == 8
    for length in (0, 1, 50, 100, compressed.size // 2, compressed.size - 1):
        for last in (None, 8990):
            with pytest.raises(h5flac.CorruptError):
                array_decompress(
                    compressed[:length],
                    9000,
                    starts,
                    [length],
                    offsets,
                    gains,
                    8900,
                    last,
                    is_int64=wide,
                )
    with pytest.raises(h5flac.CorruptError, match=r"stream 0 has .* bytes at"):
        array_decompress(compressed[:100], 9000, starts, nbytes, offsets, gains, is_int64=wide)


def test_a_stream_of_another_length_or_width_is_an_error(rng):
    compressed, starts, nbytes, _, _ = array_compress(data_of(rng, "i4", (1000,)))
    for size in (999, 1001):
        with pytest.raises(h5flac.CorruptError):
            array_decompress(compressed, size, starts, nbytes)
    with pytest.raises(h5flac.CorruptError):
        array_decompress(compressed, 1000, starts, nbytes, is_int64=True)


def test_functions_take_what_the_documentation_says(rng):
    data = data_of(rng, "i8")
    compressed, starts, nbytes, offsets, gains = array_compress(data, level=8, use_threads=True)
    assert (offsets, gains) == (None, None) and compressed.dtype == np.uint8
    assert starts.shape == nbytes.shape == (3, 4)
    arguments = (compressed, 1000, starts, nbytes)
    found = array_decompress(*arguments, is_int64=True)
    assert np.array_equal(found, data)
    found = array_decompress(
        *arguments, first_stream_sample=10, last_stream_sample=20, is_int64=True
    )
    assert np.array_equal(found, data[..., 10:20])
    found = array_decompress(
        *arguments, first_stream_sample=-1, last_stream_sample=-1, is_int64=True
    )
    assert np.array_equal(found, data)
    keep = np.zeros((3, 4), bool)
    keep[1, 2] = True
    found, places = array_decompress_slice(*arguments, keep=keep, is_int64=True)
    assert places == [(1, 2)] and np.array_equal(found, data[1:2, 2])


def test_one_stream_is_flat_unless_asked(rng, file):
    data = data_of(rng, "i4", (1000,))
    parts = array_compress(data)[:3]
    assert array_decompress(parts[0], 1000, *parts[1:]).shape == (1000,)
    assert array_decompress(parts[0], 1000, *parts[1:], no_flatten=True).shape == (1, 1000)
    fhdf5.write_array(data, file)
    assert fhdf5.read_array(file).shape == (1000,)
    assert fhdf5.read_array(file, no_flatten=True).shape == (1, 1000)
    assert FlacArray.read_hdf5(file, no_flatten=True).shape == (1, 1000)


def test_floats_are_integers_and_back(rng):
    for dtype in ("f4", "f8"):
        data = drifting(rng, (3, 500), dtype)
        for how in ({}, {"quanta": 0.01}, {"precision": 4}):
            integers, offsets, gains = float_to_int(data, **how)
            assert integers.dtype == {"f4": np.int32, "f8": np.int64}[dtype]
            assert offsets.shape == gains.shape == (3,)
            found = int_to_float(integers, offsets, gains)
            assert np.allclose(found, data, atol=0.005 if how else 1e-5)
    with pytest.raises(ValueError, match="data are int32; only float32 and float64"):
        float_to_int(np.zeros(3, "i4"))
    with pytest.raises(ValueError, match="integers are int16"):
        int_to_float(np.zeros(3, "i2"), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"gain has the shape \(2,\), and the streams \(3,\)"):
        int_to_float(np.zeros((3, 5), "i4"), np.zeros(3, "f4"), np.ones(2, "f4"))


@pytest.mark.parametrize("dtype", TYPES)
def test_objects_copy_compare_print_and_pickle(rng, dtype):
    data, quanta = data_of(rng, dtype), quanta_of(dtype)
    array = FlacArray.from_array(data, quanta=quanta)
    for again in (FlacArray(array), copy.deepcopy(array), pickle.loads(pickle.dumps(array))):
        assert again == array and again is not array
        assert np.array_equal(again.to_array(), array.to_array())
    data = data.copy()
    data[0, 0, 0] = data[0, 0, 1]
    assert FlacArray.from_array(data, quanta=quanta) != array
    assert array != "array"
    assert repr(array) == f"<FlacArray {array.typestr} shape=(3, 4, 1000) bytes={array.nbytes}>"
    with pytest.raises(RuntimeError, match="cannot be changed"):
        array[0, 0, 0] = 1
    with pytest.raises(RuntimeError, match="cannot be deleted"):
        del array[0]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 4, 1000), (1000,)])
def test_groups_come_back(rng, file, dtype, shape):
    data, quanta = data_of(rng, dtype, shape), quanta_of(dtype)
    array = FlacArray.from_array(data, quanta=quanta)
    array.write_hdf5(file.create_group("a"))
    fhdf5.write_array(data, file.create_group("b"), quanta=quanta)
    for name in "ab":
        assert FlacArray.read_hdf5(file[name]) == array
        found = fhdf5.read_array(file[name], use_threads=True)
        assert np.array_equal(found, array.to_array())
        assert dict(file[name].attrs)["flacarray_format_version"] == "1"
    keep = np.zeros(array.leading_shape, bool)
    keep.reshape(-1)[-1] = True
    found, places = fhdf5.read_array(file["a"], keep, slice(-9, None), keep_indices=True)
    assert np.array_equal(found, array.to_array(keep)[:, -9:])
    assert places == [tuple(n - 1 for n in array.leading_shape)]
    some = FlacArray.read_hdf5(file["a"], keep=keep)
    assert some.shape == (1, 1000) and np.array_equal(some.to_array(), array.to_array(keep))


def test_a_group_of_something_else_is_refused_in_words(rng, file):
    with pytest.raises(RuntimeError, match="the group holds no FlacArray"):
        fhdf5.read_array(file)
    fhdf5.write_array(data_of(rng, "i4"), file)
    file.attrs["flacarray_format_version"] = "2"
    with pytest.raises(RuntimeError, match="known are 0 and 1: install a later h5flac"):
        fhdf5.read_array(file)


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("stream_starts", lambda x: x + 10**6, "a stream has .* bytes at"),
        ("stream_starts", lambda x: x - 10**6, "a stream has .* bytes at"),
        ("stream_bytes", lambda x: x * 10**9, "a stream has .* bytes at"),
        ("stream_bytes", lambda x: -x, "a stream has"),
    ],
)
def test_a_group_that_contradicts_itself_is_an_error(rng, file, name, change, message):
    fhdf5.write_array(data_of(rng, "i4"), file)
    file[name][...] = change(file[name][...])
    with pytest.raises(h5flac.CorruptError, match=message):
        fhdf5.read_array(file)
    del file[name]
    with pytest.raises(h5flac.CorruptError, match=f"the group has no array {name}"):
        fhdf5.read_array(file)


def _replaced(group, name, value):
    del group[name]
    group[name] = value


DAMAGES = {
    "the group has no array stream_bytes": lambda g: g.move("stream_bytes", "other"),
    "the group has no array compressed": lambda g: _replaced(g, "compressed", g["/"]),
    "attribute flac_channels is None": lambda g: g.attrs.pop("flac_channels"),
    "flac_channels is 3": lambda g: g.attrs.modify("flac_channels", "3"),
    "attribute stream_size is None": lambda g: g["stream_starts"].attrs.pop("stream_size"),
    "stream_size is 0": lambda g: g["stream_starts"].attrs.modify("stream_size", 0),
    "version is 'one'; it": lambda g: g.attrs.modify("flacarray_format_version", "one"),
    "stream_gains are float32 and None": lambda g: g.pop("stream_gains"),
    "are float64 and float32, which": lambda g: _replaced(g, "stream_offsets", np.zeros((3, 4))),
    "does not have for 2 channels": lambda g: g.attrs.modify("flac_channels", "2"),
    "stream_gains has the shape": lambda g: _replaced(g, "stream_gains", np.ones(3, "f4")),
    "and compressed are": lambda g: _replaced(g, "stream_starts", np.ones((3, 4))),
    "has no axes": lambda g: _replaced(g, "compressed", np.zeros((3, 4), "u1")),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_a_group_that_is_not_whole_is_an_error(rng, file, message):
    group = file.create_group("a")
    fhdf5.write_array(data_of(rng, "f4"), group, quanta=0.01)
    DAMAGES[message](group)
    with pytest.raises(h5flac.CorruptError, match=message):
        fhdf5.read_array(group)


def test_without_a_group_that_is_said(rng):
    for use in (
        lambda: fhdf5.read_array(None),
        lambda: fhdf5.write_array(data_of(rng, "i4"), None),
    ):
        with pytest.raises(RuntimeError, match="no group is open"):
            use()


def test_arguments_have_the_names_of_flacarray(rng, file):
    data = data_of(rng, "i4")
    fhdf5.write_array(arr=data, hgrp=file)
    found = fhdf5.read_array(hgrp=file, stream_slice=slice(3, 9), use_threads=True)
    assert np.array_equal(found, data[..., 3:9])
    assert "hgrp\n" in fhdf5.read_array.__doc__
    with pytest.raises(TypeError, match="hgrp"):
        fhdf5.read_array()


# Groups of version 0, as flacarray 0.2 and earlier wrote them


def write_v0(group, integers, offsets=None, gains=None):
    compressed, starts, nbytes, _, _ = array_compress(integers.astype("i4"))
    group.attrs["flacarray_format_version"] = 0
    group["stream_starts"] = starts
    group["stream_starts"].attrs["stream_size"] = integers.shape[-1]
    group["stream_bytes"] = nbytes
    group["compressed"] = compressed
    if offsets is not None:
        group["stream_offsets"] = offsets
    if gains is not None:
        group["stream_gains"] = gains


@pytest.mark.parametrize("kind", ["i4", "i8", "f4", "f8"])
def test_groups_of_version_0_are_read(rng, file, kind):
    integers = rng.integers(-(2**31), 2**31, (2, 3, 500)).astype("i4")
    if kind == "i4":
        offsets = gains = None
        values = integers
    elif kind == "i8":
        offsets, gains = rng.integers(-(2**60), 2**60, (2, 3)), None
        values = integers + offsets[..., None]
    else:
        offsets = rng.normal(size=(2, 3)).astype(kind)
        gains = rng.uniform(1e3, 1e4, (2, 3)).astype(kind)
        values = offsets[..., None] + integers / gains[..., None]
        if kind == "f4":
            step = np.float32(1) / gains
            values = integers.astype("f4") * step[..., None] + offsets[..., None]
    write_v0(file, integers, offsets, gains)
    found = fhdf5.read_array(file)
    assert found.dtype == kind and np.array_equal(found, values)
    assert np.array_equal(fhdf5.read_array(file, stream_slice=slice(7, 50)), values[..., 7:50])
    array = FlacArray.read_hdf5(file)
    assert array.dtype == kind and np.array_equal(array.to_array(), values)
    array.write_hdf5(file.create_group("modern"))
    assert np.array_equal(fhdf5.read_array(file["modern"]), values)


def test_fake_data_are_repeatable():
    for dtype in TYPES:
        sigma = None if dtype.startswith("i") else 1.0
        data, dist = create_fake_data((3, 4, 500), sigma=sigma, dtype=np.dtype(dtype))
        again, _ = create_fake_data((3, 4, 500), sigma=sigma, dtype=np.dtype(dtype))
        assert dist == [(0, 3)] and data.dtype == dtype and np.array_equal(data, again)


def test_the_files_of_a_program_are_closed(tmp_path, rng):
    from h5flac.flacarray.hdf5_utils import H5File

    data = data_of(rng, "i4")
    with H5File(tmp_path / "data.h5", "w") as file:
        flacarray.FlacArray.from_array(data).write_hdf5(file.handle)
    assert file.handle is None
    with h5py.File(tmp_path / "data.h5") as file:
        assert np.array_equal(fhdf5.read_array(file), data)
