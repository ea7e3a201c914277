"""The binding of the C interface: shapes and types are checked before they reach it."""

import h5flac
import numpy as np
import pytest
from conftest import drifting
from h5flac import Flac, flac_files, library
from h5flac.library import Layout, Part


def test_streams_are_described(rng):
    data = drifting(rng, (3, 20000))
    data[1] = 7.5
    data[2, 100:105] = np.nan
    chunk = library.compress(
        data, Layout.of(data.dtype, data.shape), Flac(quanta=0.5).filter_options
    )
    found = library.streams(chunk)
    assert found.shape == (3, 1) and np.all(found["quanta"][[0, 2]] == 0.5)
    assert list(found["exceptions"][:, 0]) == [0, 0, 5]
    assert found["bytes"].sum() < len(chunk) < found["bytes"].sum() + 300
    assert found["frames"][1] == 0 and np.all(found["frames"][[0, 2]] > 1)
    with pytest.raises(h5flac.CorruptError):
        library.streams(chunk[: len(chunk) // 2])


def test_affine_values_come_back_and_stay_small(rng):
    for dtype in ("f4", "f8"):
        integers = rng.integers(-1000, 1000, (4, 5000))
        steps = rng.uniform(0.01, 0.1, 4).astype(dtype)
        offsets = rng.normal(size=4).astype(dtype)
        data = integers.astype(dtype) * steps[:, None] + offsets[:, None]
        data[2, 17] = np.inf
        layout = Layout.of(data.dtype, data.shape)
        chunk = library.compress_affine(data, layout, steps, offsets)
        out = np.empty_like(data)
        library.decompress(chunk, out)
        assert out.tobytes() == data.tobytes()
        assert len(chunk) < 4 * 5000 * 11.5 / 8
        other = library.compress_affine(drifting(rng, (4, 5000), dtype), layout, steps, offsets)
        assert len(other) < data.nbytes
    with pytest.raises(ValueError, match="3 steps and 4 offsets"):
        library.compress_affine(data, layout, steps[:3], offsets)
    with pytest.raises(ValueError, match="3 steps and offsets for 4 streams"):
        library.compress_affine(data, layout, steps[:3], offsets[:3])
    with pytest.raises(ValueError, match="stream 1: step is 0"):
        library.compress_affine(data, layout, steps * [1, 0, 1, 1], offsets)
    with pytest.raises(ValueError, match="stream 0: offset is NaN"):
        library.compress_affine(data, layout, steps, offsets * [np.nan, 1, 1, 1])


def test_arrays_that_do_not_fit_are_refused(rng):
    data = drifting(rng, (3, 1000))
    layout = Layout.of(data.dtype, data.shape)
    for wrong in (data.T, data[:2], data.astype("f8"), np.asfortranarray(data)):
        with pytest.raises(ValueError, match="is not a chunk of float32 of shape"):
            library.compress(wrong, layout)
    chunk = library.compress(data, layout)
    with pytest.raises(ValueError, match="out has 11996 bytes, and the chunk decodes to 12000"):
        library.decompress(chunk, np.empty(2999, "f4"))
    part = Part(np.array([3], np.uint64), 0, 10)
    with pytest.raises(ValueError, match="stream 3, but the chunk has 3"):
        library.decompress_part(chunk, part, np.empty((1, 10), "f4"))
    with pytest.raises(ValueError, match="cannot compress <U4"):
        library.compress(np.array(["text"]), Layout(np.dtype("U4"), 1, 1, 1))
    with pytest.raises(ValueError, match="stream axis -3, but the array has 2 dimensions"):
        Layout.of(data.dtype, data.shape, -3)


def test_flac_files_come_back():
    rng = np.random.default_rng(1)
    for dtype in (np.int32, np.int64):
        info = np.iinfo(dtype)
        data = rng.integers(info.min, info.max, (3, 9000), dtype)
        files, lengths = flac_files.compress(data, 5, 2)
        assert files.size == lengths.sum() and bytes(files[:4]) == b"fLaC"
        starts = np.cumsum(lengths) - lengths
        out = np.empty((2, 100), dtype)
        flac_files.decompress(files, starts[[2, 0]], lengths[[2, 0]], out, 9000, 4500, 2)
        assert np.array_equal(out, data[[2, 0], 4500:4600])
