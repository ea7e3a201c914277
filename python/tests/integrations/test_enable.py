"""`enable` lets the libhdf5 of other packages find the plugin; each case in its own process."""

import os
import subprocess
import sys

import h5flac
import h5py
import numpy as np
import pytest
from h5flac import Flac

READ = {
    "netCDF4": """
import netCDF4
with netCDF4.Dataset(path) as file:
    found = file["x"][:].filled()
""",
    "tables": """
import tables
with tables.open_file(path) as file:
    found = file.root.x[:]
""",
}
ENABLE = "import h5flac; h5flac.enable({!r})\n"


@pytest.fixture
def path(tmp_path):
    data = np.arange(8000.0).reshape(4, 2000)
    with h5py.File(tmp_path / "data.h5", "w") as f:
        f.create_dataset("x", data=data, chunks=(4, 500), **Flac(quanta=0.5))
    return tmp_path / "data.h5"


def run(code, path):
    environment = {k: v for k, v in os.environ.items() if k != "HDF5_PLUGIN_PATH"}
    code = f"import numpy as np\npath = {str(path)!r}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("package", READ)
def test_a_package_reads_once_enabled(path, package):
    check = "assert np.array_equal(found, np.arange(8000.0).reshape(4, 2000))"
    done = run(ENABLE.format(package) + READ[package] + check, path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", READ)
def test_without_it_the_package_does_not_find_the_filter(path, package):
    assert run(READ[package], path).returncode != 0


def test_netcdf_writes_once_enabled(path):
    code = (
        ENABLE.format("netCDF4")
        + """
import ctypes, netCDF4
with netCDF4.Dataset(path + ".nc", "w") as file:
    file.createDimension("time", 3000)
    x = file.createVariable("x", "f4", ("time",), chunksizes=(1000,))
    words = (ctypes.c_uint * 5)(*h5flac.Flac(quanta=0.5).filter_options)
    netcdf = ctypes.CDLL(netCDF4._netCDF4.__file__)
    arguments = map(ctypes.c_int, (file._grpid, x._varid, h5flac.FILTER_ID))
    assert netcdf.nc_def_var_filter(*arguments, ctypes.c_size_t(5), words) == 0
    x[:] = np.arange(3000) / 7
"""
    )
    done = run(code, path)
    assert done.returncode == 0, done.stderr
    with h5py.File(f"{path}.nc") as f:
        assert Flac.of(f["x"]) == Flac(quanta=0.5)
        error = np.abs(h5flac.read(f["x"]) - np.arange(3000) / 7)
        assert 0.2 < error.max() <= 0.25


def test_the_last_error_is_told_where_netcdf_hides_it(path):
    with h5py.File(path, "a") as f:
        _, data = f["x"].id.read_direct_chunk((0, 0))
        f["x"].id.write_direct_chunk((0, 0), data[:50] + b"damage" + data[56:])
    code = (
        ENABLE.format("netCDF4")
        + """
import netCDF4
with netCDF4.Dataset(path) as file:
    try:
        file["x"][:]
    except RuntimeError as error:
        print(h5flac.last_error())
"""
    )
    assert "does not match its CRC-32" in run(code, path).stdout
