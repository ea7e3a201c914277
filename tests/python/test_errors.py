"""Promise: what is refused is refused in words that the user sees, and the file stays usable."""

import ctypes.util
import math

import h5py
import hosts
import numpy as np
import pytest
import tables
from data import streams
from params import (
    DECIMAL,
    FILTER,
    LOSSLESS,
    NOISE,
    PRECISION,
    QUANTA,
    double,
)

WORDS = {
    "unknown level": ((9,), "level 9 in word 0; use 0 to 8"),
    "unknown mode": (
        (5, 7),
        "unknown mode 7 in word 1; known are 0 lossless, 1 quanta",
    ),
    "quanta 0": (
        QUANTA.at(value=0.0).words(),
        "quanta is 0; it must be finite and above 0",
    ),
    "quanta below 0": (
        QUANTA.at(value=-0.1).words(),
        "quanta is -0.1; it must be finite",
    ),
    "quanta NaN": (
        QUANTA.at(value=math.nan).words(),
        "quanta is NaN; it must be finite",
    ),
    "quanta infinite": (
        QUANTA.at(value=math.inf).words(),
        "quanta is inf; it must be finite",
    ),
    "quanta forgotten": ((5, 1), "quanta is 0; it must be finite and above 0"),
    "noise 0": (NOISE.at(value=0.0).words(), "noise divisor q is 0; it must be finite"),
    "decimal of 0": (
        DECIMAL.at(value=(0, 3)).words(),
        "the numerator (word 2) must be at least 1",
    ),
    "decimal power": (DECIMAL.at(value=(1, 23)).words(), "the power (word 3) 0 to 22"),
    "precision 0": (
        PRECISION.at(value=0).words(),
        "precision of 0 decimal digits in word 2",
    ),
    "precision 18": (
        PRECISION.at(value=18).words(),
        "precision of 18 decimal digits in word 2",
    ),
    "lossless with quanta": ((5, 0, *double(0.1)), "lossless mode takes no argument"),
    "dither without loss": (
        LOSSLESS.at(dither=True).words(),
        "dither (bit 8 of word 4)",
    ),
    "unknown option": ((5, 0, 0, 0, 1 << 9), "unknown option bits 0x200 in word 4"),
    "stream axis": (LOSSLESS.at(axis=2).words(), "stream axis 2 from the last"),
    "six words": ((5, 0, 0, 0, 0, 0), "6 parameter words, but at most 5"),
}


@pytest.mark.parametrize("words, told", WORDS.values(), ids=WORDS)
def test_h5py_tells_what_is_wrong_with_the_words(usable, words, told):
    with h5py.File(usable, "a") as f, pytest.raises(ValueError) as error:
        f.create_dataset("bad", (10, 10), "f8", compression=FILTER, compression_opts=words)
    assert told in str(error.value)


def test_h5py_tells_which_filter_is_in_the_way(usable):
    told = "shuffle stands before h5flac in the filter pipeline"
    with h5py.File(usable, "a") as f, pytest.raises(ValueError, match=told):
        f.create_dataset("bad", (10, 10), "f8", compression=FILTER, shuffle=True)


def damaged(f, seed, damage):
    """The stored bytes of the only chunk of dataset "x", changed."""
    filters, stored = f["x"].id.read_direct_chunk((0,))
    changed = damage(bytearray(stored), np.random.default_rng(seed))
    f["x"].id.write_direct_chunk((0,), bytes(changed), filters)


def flip(stored, rng):
    stored[rng.integers(len(stored))] ^= 1 << rng.integers(8)
    return stored


DAMAGE = {
    "a flipped bit": flip,
    "a cut end": lambda stored, rng: stored[: rng.integers(1, len(stored))],
    "a long end": lambda stored, rng: stored + rng.bytes(rng.integers(1, 9)),
    "foreign bytes": lambda stored, rng: rng.bytes(len(stored)),
    "zeros": lambda stored, rng: bytes(len(stored)),
    "one byte": lambda stored, rng: rng.bytes(1),
    "raw samples": lambda stored, rng: streams(rng, (2000,)).astype("f4").tobytes(),
}


@pytest.mark.parametrize("params", [LOSSLESS, QUANTA, NOISE], ids=str)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_h5py_tells_of_damaged_chunks(file, seed, last_error, damage, params):
    array = streams(np.random.default_rng(seed), (2000,)).astype("f4")
    for attempt in range(seed, seed + 20):
        with h5py.File(file, "w") as f:
            f.create_dataset("x", data=array, chunks=(2000,), **params.create())
            f.create_dataset("y", data=array, chunks=(2000,), **params.create())
        with h5py.File(file, "a") as f:
            damaged(f, attempt, damage)
        with h5py.File(file) as f:
            with pytest.raises(OSError) as error:
                f["x"][:]
            assert len(last_error()) > 10 and last_error() in str(error.value), f"seed {attempt}"
            assert np.abs(f["y"][:] - array).max() < 0.1, f"seed {attempt}"


# A process of its own: netCDF does not let go of a file that it failed to write.
REFUSED = """
import sys
from conftest import asks_last_error
from hosts import HOSTS, wave
from lowlevel import create, properties
from params import LOSSLESS
last_error, host = asks_last_error(), HOSTS[sys.argv[1]]()
for level in (9, 10):
    try:
        host.create(sys.argv[2], f"bad{level}", wave("<i4"), LOSSLESS.at(level=level))
    except RuntimeError:
        print(last_error())
"""


@pytest.mark.parametrize("name", ["netCDF4", "tables", "debian", "openmpi"])
def test_libraries_that_hide_errors_leave_the_last_one_with_the_plugin(tmp_path, run_python, name):
    host, path, data = hosts.HOSTS[name](), tmp_path / "x.h5", hosts.wave("<i4")
    host.create(path, "i4", data, LOSSLESS)
    told = run_python(REFUSED, name, path).splitlines()
    assert told == [f"level {level} in word 0; use 0 to 8" for level in (9, 10)]
    assert (host.read(path, "i4") == data).all()
    host.create(path, "more", data, LOSSLESS)
    host.append(path, "i4", data)
    with h5py.File(path) as f:
        assert (f["more"][:] == data).all() and (f["i4"][len(data) :] == data).all()


def test_damaged_chunks_are_errors_in_every_library(tmp_path, last_error):
    hosts.create(hosts.H5py(), tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as f:
        filters, stored = f["i4"].id.read_direct_chunk((0, 0))
        f["i4"].id.write_direct_chunk((0, 0), stored[:-1], filters)
    for make in hosts.HOSTS.values():
        host = make()
        with pytest.raises((OSError, RuntimeError, tables.HDF5ExtError)):
            host.read(tmp_path / "x.h5", "i4")
        assert len(last_error()) > 10
        assert (host.read(tmp_path / "x.h5", "i2") == hosts.wave("i2")).all()


LIBRARIES = {name: hosts.bundled(name, "libhdf5") for name in ("h5py", "netCDF4", "tables")}
LIBRARIES |= {name: ctypes.util.find_library(f"hdf5_{name}") for name in ("serial", "openmpi")}


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_innermost_error_says_what_is_damaged(tmp_path, name, last_error):
    """Also where HDF5 sets its own errors aside while a filter runs, as 1.14 and 2.0 do."""
    hosts.create(hosts.H5py(), tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as f:
        filters, stored = f["i4"].id.read_direct_chunk((0, 0))
        f["i4"].id.write_direct_chunk((0, 0), stored[:-1], filters)
    library = hosts.Library(LIBRARIES[name])
    with pytest.raises(RuntimeError) as error:
        library.read(tmp_path / "x.h5", "i4")
    assert "bytes of a chunk of" in last_error() and str(error.value).endswith(last_error())
    assert (library.read(tmp_path / "x.h5", "i2") == hosts.wave("i2")).all()


OLD_H5PY = """
import sys, h5py
assert h5py.version.hdf5_version.startswith("1."), h5py.version.hdf5_version
with h5py.File(sys.argv[1], "a") as f:
    try:
        f.create_dataset("bad", (100,), "f4", compression=61868, compression_opts=(5, 7))
    except ValueError as error:
        print(error)
    print((f["x"][:] == range(2000)).all())
    try:
        f["damaged"][:]
    except OSError as error:
        print(error)
"""


def test_debians_h5py_shows_them_too(tmp_path, run):
    """HDF5 1.10, which pushes errors as no later version does."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver=("earliest", "v110")) as f:
        for name in ("x", "damaged"):
            f.create_dataset(name, data=np.arange(2000, dtype="i4"), **LOSSLESS.create())
        f.flush()
        mask, chunk = f["damaged"].id.read_direct_chunk((0,))
        chunk = bytearray(chunk)
        chunk[-9] ^= 4
        f["damaged"].id.write_direct_chunk((0,), bytes(chunk), mask)
    python = "/usr/bin/python3"
    told = run(python, "-I", "-c", OLD_H5PY, path).splitlines()
    assert "unknown mode 7 in word 1; known are 0 lossless" in told[0]
    assert told[1] == "True"
    assert "does not match its CRC-32" in told[2]
