"""Variables of netCDF4 are compressed in HDF5 files and in Zarr stores, in the same chunks."""

import json
import os
import subprocess
import sys

import h5flac
import h5py
import netCDF4
import numpy as np
import pytest
from h5flac import Flac, library, netcdf

FILTERS = [
    Flac(),
    Flac(level=8, axis=-2),
    Flac(quanta=0.01),
    Flac(quanta="0.0250"),
    Flac(precision=3),
    Flac(noise=16, dither=True),
]


def url(store):
    return f"file://{store}#mode=nczarr,file"


def write(where, data, filter, **options):
    with netCDF4.Dataset(where, "w") as file:
        file.createDimension("row", data.shape[0])
        file.createDimension("time", data.shape[1])
        options = {"chunksizes": (2, 300), "fill_value": -999} | options
        x = file.createVariable("x", data.dtype, ("row", "time"), **options)
        netcdf.compress(x, filter)
        x[:] = data


def read(where):
    with netCDF4.Dataset(where) as file:
        return file["x"][:]


@pytest.fixture
def store(tmp_path):
    return tmp_path / "x.zarr"


@pytest.fixture
def data(rng):
    return rng.normal(0, 30, size=(5, 1000)).astype("f4")


@pytest.mark.parametrize("filter", FILTERS, ids=repr)
def test_zarr_holds_the_chunks_of_hdf5(tmp_path, store, data, filter):
    write(tmp_path / "x.nc", data, filter)
    write(url(store), data, filter)
    decoded = read(url(store))
    assert np.array_equal(decoded, read(tmp_path / "x.nc"))
    with h5py.File(tmp_path / "x.nc") as f:
        assert Flac.of(f["x"]) == filter
        for row, column in np.ndindex(3, 4):
            chunk = (store / f"x/{row}.{column}").read_bytes()
            assert f["x"].id.read_direct_chunk((2 * row, 300 * column))[1] == chunk
            samples = np.empty((2, 300), "f4")
            library.decompress(chunk, samples)
            part = decoded[2 * row :, 300 * column :][:2, :300]
            assert np.array_equal(samples[: part.shape[0], : part.shape[1]], part)


@pytest.mark.parametrize("filter", FILTERS, ids=repr)
def test_the_metadata_are_the_arguments(store, data, filter):
    write(url(store), data, filter)
    codec = json.loads((store / "x/.zarray").read_text())["compressor"]
    assert codec == {"id": "h5flac"} | filter.config
    assert Flac(**{key: value for key, value in codec.items() if key != "id"}) == filter


def test_a_process_needs_no_environment(store):
    """netCDF's own filters stay, and the folder is there once however often it is asked for."""
    code = f"""
import ctypes, h5flac, netCDF4, numpy as np
from h5flac import netcdf
with netCDF4.Dataset({url(store)!r}, "w") as file:
    file.createDimension("time", 3000)
    x = file.createVariable("x", "f4", ("time",), chunksizes=(1000,))
    netcdf.compress(x, h5flac.Flac(quanta="0.25"))
    x[:] = np.arange(3000, dtype="f4") / 7
    y = file.createVariable("y", "i4", ("time",), zlib=True)
    y[:] = 4
h5flac.enable("netCDF4")
count = ctypes.c_size_t()
ctypes.CDLL(netCDF4._netCDF4.__file__).nc_plugin_path_ndirs(ctypes.byref(count))
assert count.value == 2
with netCDF4.Dataset({url(store)!r}) as file:
    assert 0.1 < np.abs(file["x"][:] - np.arange(3000, dtype="f4") / 7).max() <= 0.125
    assert (file["y"][:] == 4).all()
"""
    environment = {k: v for k, v in os.environ.items() if k != "HDF5_PLUGIN_PATH"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_compressed_is_refused(tmp_path, store, data):
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
        scalar = file.createVariable("scalar", "f4", ())
        with pytest.raises(RuntimeError, match=r"variable scalar: .*it must have dimensions"):
            netcdf.compress(scalar, Flac())
    code = f"""
import h5flac, netCDF4
from h5flac import netcdf
try:
    with netCDF4.Dataset({url(store)!r}, "w") as file:
        file.createDimension("time", 100)
        x = file.createVariable("x", "S1", ("time",))
        netcdf.compress(x, h5flac.Flac())
        x[:] = b"a"
except RuntimeError:
    print(h5flac.last_error())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("variable x: cannot compress characters"), done
    assert "h5flac: variable x: cannot compress characters" in done.stderr


def test_damage_is_told(store, data):
    write(url(store), data, Flac(quanta=0.01))
    chunk = store / "x/1.2"
    chunk.write_bytes(chunk.read_bytes()[:-8] + b"damaged!")
    with pytest.raises(RuntimeError, match="Filter error"):
        read(url(store))
    assert "does not match its CRC-32" in h5flac.last_error()
