"""`h5flac.write` stores what any reader decodes."""

import subprocess
import sys

import h5flac
import h5py
import numpy as np
import pytest
from conftest import drifting
from h5flac import Flac


@pytest.mark.parametrize("threads", [1, 2, None])
@pytest.mark.parametrize("filter", [Flac(), Flac(quanta=0.01), Flac(8, precision=3)], ids=repr)
def test_it_stores_the_bytes_that_h5py_stores(file, rng, filter, threads):
    data = drifting(rng, (5, 1000))
    usual = file.create_dataset("usual", data=data, chunks=(2, 300), **filter)
    direct = file.create_dataset("direct", data.shape, "f4", chunks=(2, 300), **filter)
    h5flac.write(direct, data, threads=threads)
    assert usual.id.get_num_chunks() == direct.id.get_num_chunks()
    for i in range(usual.id.get_num_chunks()):
        offset = usual.id.get_chunk_info(i).chunk_offset
        assert usual.id.read_direct_chunk(offset) == direct.id.read_direct_chunk(offset)


@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_each_stream_has_its_own_step(file, rng, axis):
    shape, chunks = [3, 4, 5], [2, 3, 4]
    shape[axis], chunks[axis] = 1000, 300
    data = np.moveaxis(drifting(rng, (*np.delete(shape, axis), 1000)), -1, axis)
    leading = tuple(np.delete(shape, axis))
    steps = np.geomspace(1e-4, 1, int(np.prod(leading))).reshape(leading)
    dset = file.create_dataset("x", shape, "f4", chunks=tuple(chunks), **Flac(axis=axis))
    h5flac.write(dset, data, quanta=steps)
    error = np.moveaxis(np.abs(dset[...].astype("f8") - data.astype("f8")), axis, -1)
    assert np.all(error <= steps[..., None] / 2)
    assert np.all(error.max(axis=-1) > steps / 4)
    assert np.array_equal(np.moveaxis(dset[...], axis, -1), h5flac.read(dset))


def test_another_process_decodes_it_with_the_plain_filter(tmp_path, rng):
    data = drifting(rng, (4, 1000))
    with h5py.File(tmp_path / "data.h5", "w") as f:
        dset = f.create_dataset("x", data.shape, "f4", chunks=(2, 300), **Flac())
        h5flac.write(dset, data, quanta=np.full(4, 0.02))
    code = f"""
import h5py, numpy as np
with h5py.File({str(tmp_path / "data.h5")!r}) as f:
    np.save({str(tmp_path / "decoded.npy")!r}, f["x"][...])
"""
    environment = {"HDF5_PLUGIN_PATH": h5flac.PLUGIN_PATH}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    decoded = np.load(tmp_path / "decoded.npy")
    assert np.all(np.abs(decoded - data) <= 0.01 + 1e-6)
    assert np.abs(decoded - data).max() > 0.005


def test_rewriting_loses_nothing_more(file, rng):
    data = drifting(rng, (4, 1000))
    dset = file.create_dataset("x", data.shape, "f4", chunks=(2, 300), **Flac())
    h5flac.write(dset, data, quanta=[0.01, 0.1, 0.2, 0.5])
    values = dset[...]
    dset[...] = values
    assert np.array_equal(dset[...], values)
    assert Flac.of(dset) == Flac()


@pytest.mark.parametrize(
    "quanta, message",
    [
        ([1, 2, 3], r"quanta have the shape \(3,\), and the streams \(4,\)"),
        ([1, 2, 3, 0], "quanta must be finite and above 0"),
        ([1, 2, 3, -1], "above 0"),
        ([1, 2, 3, np.nan], "finite"),
        ([1, 2, 3, np.inf], "finite"),
    ],
)
def test_wrong_steps_raise_in_words_and_write_nothing(file, rng, quanta, message):
    dset = file.create_dataset("x", (4, 1000), "f4", chunks=(4, 1000), **Flac())
    with pytest.raises(ValueError, match=message):
        h5flac.write(dset, drifting(rng, (4, 1000)), quanta=quanta)
    assert dset.id.get_num_chunks() == 0


def test_steps_need_a_lossless_dataset(file, rng):
    dset = file.create_dataset("x", (4, 1000), "f4", chunks=(2, 300), **Flac(quanta=0.1))
    with pytest.raises(ValueError, match=r"create it with Flac\(\)"):
        h5flac.write(dset, drifting(rng, (4, 1000)), quanta=0.1)


def test_integers_are_lossless_whatever_the_step(file):
    dset = file.create_dataset("x", (4, 1000), "i4", chunks=(2, 300), **Flac())
    data = np.arange(4000, dtype="i4").reshape(4, 1000)
    h5flac.write(dset, data, quanta=10.0)
    assert np.array_equal(dset[...], data)


def test_shapes_and_types_must_fit(file, rng):
    dset = file.create_dataset("x", (4, 1000), "f4", chunks=(2, 300), **Flac())
    with pytest.raises(ValueError, match=r"data have the shape \(4, 900\), expected \(4, 1000\)"):
        h5flac.write(dset, np.zeros((4, 900), "f4"))
    with pytest.raises(TypeError, match="data are complex128, and the dataset holds float32"):
        h5flac.write(dset, np.zeros((4, 1000), complex))
    integers = file.create_dataset("i", (4, 1000), "i2", chunks=(2, 300), **Flac())
    with pytest.raises(TypeError, match="data are int64, and the dataset holds int16; convert"):
        h5flac.write(integers, np.zeros((4, 1000), "i8"))
    with pytest.raises(TypeError, match="data are float64"):
        h5flac.write(integers, np.zeros((4, 1000)))
    double = file.create_dataset("d", (4, 1000), "f8", chunks=(2, 300), **Flac())
    with pytest.raises(TypeError, match="data are int64, and the dataset holds float64"):
        h5flac.write(double, np.zeros((4, 1000), "i8"))


def test_a_conversion_that_loses_values_is_refused(file):
    dset = file.create_dataset("x", (1, 10), "f4", chunks=(1, 10), **Flac())
    with pytest.raises(TypeError, match="data are float64, and the dataset holds float32"):
        h5flac.write(dset, np.full((1, 10), 1.1))
    h5flac.write(dset, np.arange(10, dtype="i2").reshape(1, 10))
    assert np.array_equal(dset[0], np.arange(10))


def test_parts_are_whole_chunks_of_time(file, rng):
    data = drifting(rng, (4, 1000))
    dset = file.create_dataset("x", data.shape, "f4", chunks=(3, 300), **Flac())
    h5flac.write(dset, data[:, 600:], samples=slice(600, None))
    h5flac.write(dset, data[:, :600], samples=slice(0, 600))
    assert np.array_equal(dset[...], data)
    for samples in (slice(0, 500), slice(100, 300), slice(0, 900, 2)):
        with pytest.raises(ValueError, match="begin and end at multiples of 300"):
            h5flac.write(dset, data[:, samples], samples=samples)


def test_streams_are_appended(file, rng):
    data = drifting(rng, (4, 1500))
    dset = file.create_dataset("x", (4, 0), "f4", maxshape=(4, None), chunks=(4, 500), **Flac())
    for start in (0, 500, 1000):
        dset.resize(start + 500, axis=1)
        h5flac.write(dset, data[:, start : start + 500], samples=slice(start, None))
    assert np.array_equal(dset[...], data)


def test_edges_are_padded_with_the_fill_value(file, rng):
    data = drifting(rng, (3, 500))
    dset = file.create_dataset(
        "x", data.shape, "f4", chunks=(2, 300), fillvalue=-1e6, maxshape=(None, None), **Flac()
    )
    h5flac.write(dset, data, quanta=0.5)
    dset.resize((4, 600))
    assert np.all(dset[3] == -1e6) and np.all(dset[:, 500:] == -1e6)
    assert np.all(np.abs(dset[:3, :500] - data) <= 0.25 + 1e-5)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">c8", "f2", "?", ">i4", "u1"])
def test_every_type_is_written(file, rng, dtype):
    data = (drifting(rng, (4, 900), "f8") + 30).astype(dtype)
    dset = file.create_dataset("x", data.shape, dtype, chunks=(3, 200), **Flac())
    h5flac.write(dset, data)
    assert np.array_equal(dset[...], data)
    assert np.array_equal(h5flac.read(dset), data)


def test_anything_that_is_sliced_like_an_array_is_written(file, rng, tmp_path):
    data = drifting(rng, (4, 900))
    np.save(tmp_path / "data.npy", data)
    plain = file.create_dataset("plain", data=data)
    for name, source in {
        "memory map": np.load(tmp_path / "data.npy", mmap_mode="r"),
        "dataset": plain,
        "view": np.asfortranarray(data),
        "list": data.tolist(),
    }.items():
        dtype = "f8" if name == "list" else "f4"
        dset = file.create_dataset(name, data.shape, dtype, chunks=(3, 200), **Flac())
        h5flac.write(dset, source)
        assert np.array_equal(dset[...], data)


def test_fletcher32_is_left_out_and_all_is_readable(file, rng):
    data = drifting(rng, (4, 900))
    dset = file.create_dataset("x", data.shape, "f4", chunks=(2, 200), fletcher32=True, **Flac())
    h5flac.write(dset, data)
    assert np.array_equal(dset[...], data)
    assert np.array_equal(h5flac.read(dset), data)


def test_nothing_is_written_to_nothing(file):
    dset = file.create_dataset("x", (0, 9), "f4", chunks=(2, 5), maxshape=(None, 9), **Flac())
    h5flac.write(dset, np.zeros((0, 9), "f4"))
    assert dset.id.get_num_chunks() == 0


def test_a_file_open_for_reading_is_refused(tmp_path, rng):
    data = drifting(rng, (4, 900))
    with h5py.File(tmp_path / "data.h5", "w") as f:
        f.create_dataset("x", data=data, chunks=(2, 200), **Flac())
    refused = r"is open for reading only; open it with mode 'r\+'"
    with h5py.File(tmp_path / "data.h5") as f, pytest.raises(ValueError, match=refused):
        h5flac.write(f["x"], data)


def test_samples_are_a_slice(file, rng):
    data = drifting(rng, (4, 900))
    dset = file.create_dataset("x", data=data, chunks=(2, 200), **Flac())
    with pytest.raises(TypeError, match="samples is 3; it must be a slice"):
        h5flac.write(dset, data, samples=3)
