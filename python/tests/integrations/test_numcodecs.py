"""The codec of numcodecs, and Zarr's format 2 with it."""

import json
import pickle

import h5py
import netCDF4
import numcodecs
import numpy as np
import pytest
import zarr
from conftest import drifting
from h5flac import CorruptError, Flac, netcdf
from h5flac.numcodecs import H5Flac

FILTERS = [
    {},
    {"noise": 8.0, "axis": -2},
    {"quanta": "0.025"},
    {"level": 8, "quanta": 0.01},
    {"precision": 3},
    {"noise": 16.0, "dither": True},
]
TYPES = ["i1", "u1", "i2", "<u4", ">i4", "i8", "u8", "f2", "<f4", ">f4", "f8", "c8", ">c16", "?"]


def in_hdf5(path, data, arguments, chunks=None):
    """What HDF5 makes of data, in a dataset without a fill value, and what it stores as the first
    chunk."""
    with h5py.File(path / "same.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=chunks or data.shape, **Flac(**arguments))
    with h5py.File(path / "same.h5") as file:
        return file["x"][:], file["x"].id.read_direct_chunk((0,) * data.ndim)[1]


@pytest.mark.parametrize("arguments", FILTERS, ids=repr)
def test_a_chunk_is_that_of_hdf5(tmp_path, rng, arguments):
    data = drifting(rng, (4, 5000))
    decoded, chunk = in_hdf5(tmp_path, data, arguments)
    assert H5Flac(**arguments).encode(data) == chunk
    assert np.array_equal(H5Flac().decode(chunk).reshape(data.shape), decoded)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back_as_from_hdf5(tmp_path, rng, dtype):
    data = drifting(rng, (3, 2, 500), "f8")
    data = (data > 0) if dtype == "?" else np.abs(data).astype(dtype)
    chunk = H5Flac().encode(data)
    assert chunk == in_hdf5(tmp_path, data, {})[1]
    found = H5Flac(quanta=3).decode(chunk)
    assert found.dtype == (np.int8 if dtype == "?" else data.dtype)
    assert found.tobytes() == data.tobytes()


def test_out_is_filled(rng):
    data = drifting(rng, (3, 500))
    chunk = H5Flac().encode(data)
    for out in (np.empty_like(data), bytearray(data.nbytes), np.empty(data.nbytes, "u1")):
        assert H5Flac().decode(chunk, out) is out
        assert bytes(out) == data.tobytes()
    with pytest.raises(ValueError, match="out has 5996 bytes; the chunk needs 6000"):
        H5Flac().decode(chunk, np.empty(1499, "f4"))
    locked = np.zeros_like(data)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        H5Flac().decode(chunk, locked)
    assert not locked.any()


def test_any_buffer_is_decoded(rng):
    data = drifting(rng, (3, 500))
    chunk = H5Flac().encode(data)
    for buffer in (chunk, bytearray(chunk), memoryview(chunk), np.frombuffer(chunk, "u1")):
        assert H5Flac().decode(buffer).tobytes() == data.tobytes()


def test_a_slice_is_compressed_as_its_copy(rng):
    data = drifting(rng, (6, 1000))[::2, ::-2]
    assert H5Flac().encode(data) == H5Flac().encode(data.copy())


def test_what_cannot_be_compressed_is_refused(rng):
    data = drifting(rng, (3, 500))
    for buffer in (data.tobytes(), bytearray(8), memoryview(data)):
        with pytest.raises(TypeError, match="has no type and shape; pass an array"):
            H5Flac().encode(buffer)
    with pytest.raises(ValueError, match="Fortran's order"):
        H5Flac().encode(np.asfortranarray(data))
    with pytest.raises(ValueError, match="cannot compress datetime64"):
        H5Flac().encode(np.arange(9).astype("M8[s]"))
    with pytest.raises(ValueError, match="a scalar has no streams"):
        H5Flac().encode(np.array(1.0))
    with pytest.raises(ValueError, match="stream axis -3, but the array has 2 dimensions"):
        H5Flac(axis=-3).encode(data)


def test_damage_is_told(rng):
    chunk = bytearray(H5Flac().encode(drifting(rng, (3, 500))))
    with pytest.raises(CorruptError):
        H5Flac().decode(bytes(100))
    with pytest.raises(CorruptError):
        H5Flac().decode(chunk[:-1])
    chunk[-20] ^= 1
    with pytest.raises(CorruptError, match="CRC-32"):
        H5Flac().decode(chunk)


@pytest.mark.parametrize("arguments", FILTERS, ids=repr)
def test_the_configuration_is_the_arguments(arguments):
    codec = H5Flac(**arguments)
    config = codec.get_config()
    assert config == {"id": "h5flac"} | Flac(**arguments).config
    again = numcodecs.get_codec(json.loads(json.dumps(config)))
    assert again == codec and again.filter == codec.filter and isinstance(again, H5Flac)
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert eval(repr(codec)) == codec
    assert codec != H5Flac(level=1) and codec != numcodecs.Zlib()


def test_a_configuration_that_is_not_understood_is_refused():
    with pytest.raises(ValueError, match="unknown key 'speed'; known are level, quanta"):
        numcodecs.get_codec({"id": "h5flac", "speed": 3})
    with pytest.raises(ValueError, match="level is 9; use 0 to 8"):
        numcodecs.get_codec({"id": "h5flac", "level": 9})


@pytest.mark.parametrize("dtype", ["i2", ">i4", "f4", ">f8", "c16", "?"])
@pytest.mark.parametrize(
    "arguments", [{}, {"quanta": "0.25"}, {"noise": 8.0, "axis": -2}], ids=repr
)
def test_format_2_round_trip(tmp_path, rng, dtype, arguments):
    data = drifting(rng, (5, 1000), "f8")
    data = (data > 0) if dtype == "?" else data.astype(dtype)
    options = {"chunks": (2, 300), "zarr_format": 2, "fill_value": 0}
    zarr.create_array(tmp_path / "x", data=data, compressors=H5Flac(**arguments), **options)
    metadata = json.loads((tmp_path / "x/.zarray").read_text())
    assert metadata["compressor"] == {"id": "h5flac"} | arguments
    decoded, chunk = in_hdf5(tmp_path, data, arguments, (2, 300))
    assert (tmp_path / "x/0.0").read_bytes() == chunk
    found = zarr.open_array(tmp_path / "x", mode="r")[:]
    assert found.dtype == data.dtype and np.array_equal(found, decoded)


def test_netcdf_and_zarr_read_each_others_stores(tmp_path, rng):
    data = drifting(rng, (5, 1000))

    def address(name):
        return f"file://{tmp_path}/{name}#mode=nczarr,file"

    with netCDF4.Dataset(address("netcdf"), "w") as file:
        file.createDimension("row", 5)
        file.createDimension("time", 1000)
        x = file.createVariable("x", "f4", ("row", "time"), chunksizes=(2, 300), fill_value=0)
        netcdf.compress(x, Flac(quanta="0.01"))
        x[:] = data
    found = zarr.open_array(tmp_path / "netcdf/x", mode="r")
    assert found.compressors == (H5Flac(quanta="0.01"),)
    assert 0.004 < np.abs(found[:] - data).max() <= 0.005 * (1 + 1e-6)
    group = zarr.open_group(tmp_path / "zarr", mode="w", zarr_format=2)
    group.create_array(
        "x",
        data=data,
        chunks=(2, 300),
        compressors=H5Flac(quanta="0.01"),
        attributes={"_ARRAY_DIMENSIONS": ["row", "time"]},
    )
    with netCDF4.Dataset(address("zarr")) as file:
        assert np.array_equal(file["x"][:].filled(), found[:])
    for chunk in ("0.0", "2.3"):
        stored = (tmp_path / "netcdf/x" / chunk).read_bytes()
        assert (tmp_path / "zarr/x" / chunk).read_bytes() == stored


def test_format_2_in_fortrans_order_is_refused(tmp_path, rng):
    x = zarr.create_array(
        tmp_path / "x",
        shape=(4, 100),
        dtype="f4",
        zarr_format=2,
        order="F",
        compressors=H5Flac(),
    )
    with pytest.raises(ValueError, match="make the array with order='C'"):
        x[:] = drifting(rng, (4, 100))
