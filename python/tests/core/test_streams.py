"""What a chunk says of its streams, and chunks of values that others quantized."""

import h5flac
import numpy as np
import pytest
from conftest import drifting
from h5flac import library
from h5flac.library import Layout

RAW, LOSSLESS, QUANTA, DECIMAL, DITHERED, AFFINE = range(6)


def compressed(data, words=library.LOSSLESS, **options):
    layout = Layout.of(data.dtype, data.shape)
    return library.compress(np.ascontiguousarray(data), layout, words, **options)


def decompressed(chunk, like):
    out = np.empty_like(like)
    library.decompress(chunk, out)
    return out


@pytest.mark.parametrize(
    "mode, coding",
    [
        ({"quanta": 0.01}, QUANTA),
        ({"quanta": "0.01"}, DECIMAL),
        ({"quanta": 0.01, "dither": True}, DITHERED),
        ({}, LOSSLESS),
    ],
)
def test_the_coding_is_what_was_asked_for(rng, mode, coding):
    data = drifting(rng, (2, 5000))
    chunk = compressed(data, h5flac.Flac(**mode).filter_options)
    found = library.streams(chunk)
    assert found.shape == (2, 1)
    assert (found["coding"] == coding).all()
    assert (found["quanta"] == (0.01 if mode else 0)).all()
    assert (found["frames"] > 0).all()
    assert (found["exceptions"] == 0).all()
    inside = library.head_length(chunk) + found["bytes"].sum() + 4
    assert inside == len(chunk)


def test_gaps_are_exceptions_of_their_stream(rng):
    data = drifting(rng, (3, 5000))
    data[1, 100:160] = np.nan
    data[1, 200] = np.inf
    found = library.streams(compressed(data, h5flac.Flac(quanta=0.1).filter_options))
    assert found["exceptions"][:, 0].tolist() == [0, 61, 0]


def test_noise_of_every_bit_is_raw(rng):
    found = library.streams(compressed(rng.integers(0, 256, (4, 1000)).astype("u1")))
    assert (found["coding"] == RAW).all()
    assert (found["bytes"] == 1000).all()
    assert (found["frames"] == 0).all()


def test_common_factors_and_wide_integers_show(rng):
    small, wide = rng.integers(-500, 500, 5000) * 300, rng.integers(-(2**40), 2**40, 5000)
    found = library.streams(compressed(np.stack([small, wide])))[:, 0]
    assert found["factor"].tolist() == [300, 1]
    assert found["low_bits"][0] == 0 and found["low_bits"][1] >= 41 - 32
    assert found["width"][0] <= 11


def test_streams_that_predict_each_other_show(rng):
    sky = np.cumsum(rng.normal(size=65_536)) * 100
    data = np.round(sky + rng.normal(size=(4, 65_536))).astype("i4")
    found = library.streams(compressed(data))[:, 0]
    assert found["reference"].sum() >= 1
    assert found["predicted"].sum() >= 2
    assert (found["predicted"] <= 1).all() and (found["reference"] <= 1).all()


def test_complex_numbers_have_two(rng):
    data = (rng.normal(size=(3, 4000)) + 1j * rng.normal(size=(3, 4000))).astype("c8")
    data[2, 50] = complex(1, np.nan)
    found = library.streams(compressed(data, h5flac.Flac(quanta=0.1).filter_options))
    assert found.shape == (3, 2)
    assert found["exceptions"].tolist() == [[0, 0], [0, 0], [0, 1]]


def test_a_part_of_a_chunk_is_refused(rng):
    chunk = compressed(drifting(rng, (2, 5000)))
    with pytest.raises(library.CorruptError, match="bytes of"):
        library.streams(chunk[:-1])
    with pytest.raises(library.CorruptError):
        library.streams(b"no chunk")


def values(integers, steps, offsets, dtype):
    """Offset + step · integer for each stream, each operation rounded to the type."""
    steps, offsets = np.asarray(steps, dtype)[:, None], np.asarray(offsets, dtype)[:, None]
    return steps * integers.astype(dtype) + offsets


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_affine_values_cost_what_their_integers_do(rng, dtype, order):
    integers = np.round(drifting(rng, (3, 20_000), "f8") * 30).astype("i4")
    steps = np.array([1 / 300.7, 1 / 3.1e-5, 1 / 7.3e9], dtype)
    offsets = np.array([17.3, -4e6, 1e-9], dtype)
    data = values(integers, steps, offsets, dtype).astype(order + dtype)
    layout = Layout.of(data.dtype, data.shape)
    chunk = library.compress_affine(data, layout, steps, offsets)
    assert decompressed(chunk, data).tobytes() == data.tobytes()
    found = library.streams(chunk)[:, 0]
    assert (found["coding"] == AFFINE).all()
    assert (found["quanta"] == steps).all() and (found["offset"] == offsets).all()
    assert (found["exceptions"] == 0).all()
    assert len(chunk) < 1.01 * len(compressed(integers))


def test_affine_values_may_be_anything(rng):
    data = drifting(rng, (2, 5000), "f8")
    data[0, 7:9] = np.nan, -0.0
    layout = Layout.of(data.dtype, data.shape)
    chunk = library.compress_affine(data, layout, [0.1, 1e-300], [3, 1e300])
    assert decompressed(chunk, data).tobytes() == data.tobytes()


@pytest.mark.parametrize(
    "dtype, steps, offsets, message",
    [
        ("f4", [1], [0], "1 steps and offsets for 2 streams"),
        ("f4", [1, 1], [0], "2 steps and 1 offsets"),
        ("f4", [1, -1], [0, 0], "stream 1: step is -1"),
        ("f4", [1, 1], [np.nan, 0], "stream 0: offset is NaN"),
    ],
)
def test_what_is_no_step_or_offset_is_refused(dtype, steps, offsets, message):
    data = np.zeros((2, 100), dtype)
    with pytest.raises(ValueError, match=message):
        library.compress_affine(data, Layout.of(data.dtype, data.shape), steps, offsets)
