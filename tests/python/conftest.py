"""Finds the plugin before any HDF5 library is loaded, and gives tests their fixtures."""

import ctypes
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGINS = HERE.parents[1] / "target" / "plugin"
PLUGIN = PLUGINS / "libh5flac.so"

# HDF5 reads it once, when the library starts.
os.environ["HDF5_PLUGIN_PATH"] = str(PLUGINS)
os.environ.pop("H5FLAC_NUM_THREADS", None)


def pytest_configure(config):
    if not PLUGIN.exists():
        raise pytest.UsageError(f"{PLUGIN} is missing: build it with 'make plugin'")


@pytest.fixture
def file(tmp_path):
    """Path of a file that is not there yet."""
    return tmp_path / "test.h5"


@pytest.fixture
def usable(file):
    """A file with the dataset "good", which is still good afterwards, and takes another, "bad"."""
    # Only now, with HDF5_PLUGIN_PATH as set above.
    import h5py
    from params import LOSSLESS

    samples = [i * i % 1009 / 8 for i in range(9000)]
    with h5py.File(file, "w") as f:
        f.create_dataset("good", data=samples, chunks=(2000,), **LOSSLESS.create())
    yield file
    with h5py.File(file, "a") as f:
        assert "bad" not in f
        f.create_dataset("bad", data=samples, chunks=(2000,), **LOSSLESS.create())
    with h5py.File(file) as f:
        assert (f["good"][:] == samples).all() and (f["bad"][:] == samples).all()


@pytest.fixture
def seed(request):
    """A number of this test's own, from its id: shown there, so a failure can be repeated."""
    return zlib.crc32(request.node.nodeid.split("::")[-1].encode())


@pytest.fixture
def run():
    """Runs a command that must succeed within a minute, and gives its standard output.

    A silent one writes nothing to standard error.
    """

    def run(*command, silent=False, **environment):
        done = subprocess.run(
            [str(part) for part in command],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        told = f"{command} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0 and not (silent and done.stderr), told
        return done.stdout

    return run


@pytest.fixture
def run_python(run):
    """Runs Python code, or a script of this folder, in a process of its own that tells no error."""

    def run_python(code, *arguments, **environment):
        start = [HERE / code] if code.endswith(".py") else ["-c", code]
        path = {"PYTHONPATH": str(HERE)}
        return run(sys.executable, *start, *arguments, silent=True, **path, **environment)

    return run_python


def asks_last_error():
    """A function that gives the plugin's last error on this thread."""
    function = ctypes.CDLL(str(PLUGIN)).h5flac_last_error
    function.restype = ctypes.c_char_p
    return lambda: function().decode()


@pytest.fixture
def last_error():
    """The plugin's last error, for libraries that hide HDF5's error stack."""
    return asks_last_error()
