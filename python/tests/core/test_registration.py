"""How libhdf5 finds the filter. Each case in a process of its own: libhdf5 remembers."""

import os
import subprocess
import sys

import h5flac
import h5py
import pytest


def run(code, **environment):
    clean = {k: v for k, v in os.environ.items() if k != "HDF5_PLUGIN_PATH"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_package_carries_the_plugin():
    assert os.listdir(h5flac.PLUGIN_PATH) == ["libh5flac.so"]


def test_importing_registers_and_leaves_the_environment_alone():
    code = """
import os, h5py
before = dict(os.environ)
assert not h5py.h5z.filter_avail(61868)
import h5flac
assert h5py.h5z.filter_avail(61868)
assert dict(os.environ) == before
assert h5flac.register() is False
assert h5flac.register(force=True) is True
"""
    run(code)


def test_a_plugin_that_h5py_has_is_left_in_place():
    code = """
import h5py
assert h5py.h5z.filter_avail(61868)
import h5flac
print(h5flac.register())
"""
    assert run(code, HDF5_PLUGIN_PATH=h5flac.PLUGIN_PATH) == "False"


def test_importing_imports_no_optional_package():
    code = """
import sys, h5flac
optional = "zarr numcodecs xarray dask kerchunk tqdm matplotlib mpi4py netCDF4 tables".split()
print([name for name in optional if name in sys.modules])
"""
    assert run(code) == "[]"


def test_enable_adds_the_folder_once():
    code = """
import h5flac, h5py
h5flac.enable("h5py")
h5flac.enable("h5py")
paths = [h5py.h5pl.get(i).decode() for i in range(h5py.h5pl.size())]
print(paths.count(h5flac.PLUGIN_PATH), paths[0] == h5flac.PLUGIN_PATH)
"""
    assert run(code) == "1 True"


def test_enable_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="unknown package 'pandas'; known are h5py, netCDF4"):
        h5flac.enable("pandas")


def test_get_config_says_what_is_in_use():
    config = h5flac.get_config()
    assert config["version"] == h5flac.__version__
    assert config["filter_id"] == 61868 and config["registered"] is True
    assert config["library"].endswith("libh5flac.so") and os.path.exists(config["library"])
    assert config["h5py"] == h5py.__version__


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert h5flac.__version__ == version("h5flac")
