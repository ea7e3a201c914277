"""The package needs NumPy and h5py alone."""

import subprocess
import sys

import pytest

OPTIONAL = ["dask", "kerchunk", "netCDF4", "numcodecs", "virtualizarr", "xarray", "zarr"]


def test_importing_it_imports_no_optional_package():
    code = f"import h5flac, sys; print(*(sys.modules.keys() & set({OPTIONAL})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done


@pytest.mark.parametrize("package", OPTIONAL)
def test_packages_find_the_codecs_by_themselves(package):
    """h5flac's modules have the names of these packages, and do not get in their way."""
    code = f"""
import h5flac, numcodecs, zarr
import {package}
assert "h5flac" not in {package}.__file__
assert numcodecs.get_codec({{"id": "h5flac"}}).codec_id == "h5flac"
assert zarr.registry.get_codec_class("h5flac").name == "h5flac"
assert zarr.registry.get_codec_class("numcodecs.h5flac").name == "numcodecs.h5flac"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
