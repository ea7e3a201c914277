"""Promise: what h5flac does not take is refused in words or stored as it is, the file intact."""

import ctypes

import h5py
import hosts
import numpy as np
import pytest
from lowlevel import MANDATORY, OPTIONAL, create, properties
from params import FILTER, LOSSLESS

FLAGS = {"optional": OPTIONAL, "mandatory": MANDATORY}
VARIABLE_LENGTH = ("variable-length data", "variable-length strings")

# What refused.py tries, and what is said of it.
TOLD = {
    "variable-length data": "cannot compress variable-length data",
    "variable-length strings": "cannot compress strings",
    "strings": "cannot compress strings",
    "records": "cannot compress compound records (store each field as a dataset of its own)",
    "records with variable length": "cannot compress compound records",
    "arrays": "cannot compress array elements (use more dimensions instead)",
    "opaque data": "cannot compress opaque data",
    "12 bits": "cannot compress integers of 12 bits in 2 bytes",
    "bfloat16": "cannot compress bfloat16 numbers",
    "floats of another bias": "floats of 4 bytes with 8 exponent and 23 mantissa bits (not IEEE",
    "references to objects": "cannot compress references",
    "references to regions": "cannot compress references",
    "bit fields": "cannot compress bit fields",
    "times": "cannot compress HDF5 times",
    "long doubles": "cannot compress long double numbers of 16 bytes",
    "VAX floats": "numbers in byte order 2 (neither little nor big)",
    "shuffle": "shuffle stands before h5flac in the filter pipeline",
    "deflate": "deflate stands before h5flac in the filter pipeline",
    "fletcher32": "fletcher32 stands before h5flac in the filter pipeline",
    "scaleoffset": "scaleoffset stands before h5flac in the filter pipeline",
    "nbit": "nbit stands before h5flac in the filter pipeline",
    "h5flac twice": "h5flac is twice in the pipeline; once is enough",
}


@pytest.mark.parametrize("name", hosts.HOSTS)
def test_every_library_is_told_what_is_refused_and_goes_on(tmp_path, run_python, name):
    """HDF5 up to 2.0 asks nobody about variable length: it stores it, or refuses it by itself."""
    told = [line.split("|") for line in run_python("refused.py", name, tmp_path / "x").splitlines()]
    assert {tried for tried, _, _ in told} == set(TOLD) and len(told) == 2 * len(TOLD)
    for tried, flag, words in told:
        if tried in VARIABLE_LENGTH and name != "netCDF4":
            assert {"optional": "stored True", "mandatory": "not suitable"}[flag] in words
        else:
            assert TOLD[tried] in words
    assert len(list(tmp_path.iterdir())) == len(told)
    for path in tmp_path.iterdir():
        with h5py.File(path) as f:
            assert np.array_equal(f["i4"][:], np.tile(hosts.wave("<i4"), (2, 1)))
            assert set(f) <= {"i4", "bad"}


def five_bits():
    kind = h5py.h5t.STD_I8LE.copy()
    kind.set_precision(5)
    kind = h5py.h5t.enum_create(kind)
    kind.enum_insert(b"ON", 1)
    return kind


def pair(real, imaginary):
    return lambda: h5py.h5t.py_create(np.dtype([("r", real), ("i", imaginary)]))


ALMOST = {
    "complex of integers": (pair("i4", "i4"), "compounds of r and i that are not two equal floats"),
    "complex of two sizes": (pair("f4", "f8"), "compounds of r and i that are not two equal"),
    "complex of two orders": (pair("<f4", ">f4"), "complex numbers whose parts differ in byte"),
    "enum of 5 bits": (five_bits, "integers of 5 bits in 1 bytes"),
}


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("kind, told", ALMOST.values(), ids=ALMOST)
def test_what_is_almost_a_sample_is_refused(usable, kind, told, flag):
    made = properties(LOSSLESS, (100, 10), FLAGS[flag])
    with h5py.File(usable, "a") as f, pytest.raises(ValueError) as error:
        create(f, kind(), (1000, 10), made, name="bad")
    assert told in str(error.value)
    assert "create this dataset without the filter" in str(error.value)


def test_variable_length_data_come_back_as_they_were(file):
    """The filter is handed their addresses, and lets them be."""
    rows = [np.arange(i % 7, dtype="i4") for i in range(1000)]
    with h5py.File(file, "w") as f:
        options = LOSSLESS.create(chunks=(100,))
        x = f.create_dataset("x", (1000,), h5py.vlen_dtype("i4"), **options)
        s = f.create_dataset("s", (1000,), h5py.string_dtype(), **options)
        for i, row in enumerate(rows):
            x[i], s[i] = row, "s" * (i % 9)
    with h5py.File(file) as f:
        for i, row in enumerate(rows):
            assert (f["x"][i] == row).all() and f["s"][i] == b"s" * (i % 9)
        for name in ("x", "s"):
            infos = [f[name].id.get_chunk_info(i) for i in range(10)]
            assert {(info.filter_mask, info.size) for info in infos} == {(1, 1600)}


@pytest.mark.parametrize("flag", FLAGS)
def test_links_are_refused_where_hdf5_would_compress_them(usable, flag):
    """A group asks when it has more than eight, too many for its header."""
    library = hosts.Library(hosts.bundled("h5py", "libhdf5"))
    made = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    words = (ctypes.c_uint(FLAGS[flag]), ctypes.c_size_t(0), None)
    library.check("H5Pset_filter", ctypes.c_int64(made.id), FILTER, *words)
    with h5py.File(usable, "a", libver="latest") as f:
        group = h5py.Group(h5py.h5g.create(f.id, b"group", gcpl=made))
        for i in range(8):
            group[f"link{i}"] = h5py.SoftLink("/good")
        with pytest.raises(OSError, match="cannot compress a group's links"):
            group["another"] = h5py.SoftLink("/good")
    with h5py.File(usable) as f:
        assert sorted(f["group"]) == [f"link{i}" for i in range(8)]
        assert f["group/link7"].shape == (9000,)


REFUSED_BY_NETCDF = """
import sys, netCDF4, numpy as np
from conftest import asks_last_error
from hosts import NetCDF4
from params import FILTER, LOSSLESS
last_error, host = asks_last_error(), NetCDF4()
kind, path = sys.argv[1:]
f = netCDF4.Dataset(path, "a")
before = {kind: True} if kind in ("zlib", "fletcher32") else {}
made = {
    "characters": lambda: "S1",
    "strings": lambda: str,
    "variable length": lambda: f.createVLType("i4", "lengths"),
    "records": lambda: f.createCompoundType(np.dtype([("a", "f4"), ("b", "i4")]), "record"),
}.get(kind, lambda: "f4")()
try:
    host.define(f, f.createVariable("bad", made, ("x",), chunksizes=(100,), **before), LOSSLESS)
    f.sync()
except RuntimeError:
    print(last_error())
"""

NETCDF = {
    "characters": "cannot compress strings",
    "strings": "cannot compress strings",
    "variable length": "cannot compress variable-length data",
    "records": "cannot compress compound records",
    "zlib": "shuffle stands before h5flac",
    "fletcher32": "fletcher32 stands before h5flac",
}


@pytest.mark.parametrize("kind, told", NETCDF.items(), ids=NETCDF)
def test_netcdf_variables_that_are_refused_leave_their_file_intact(
    tmp_path, run_python, kind, told
):
    host, path, data = hosts.NetCDF4(), tmp_path / "x.nc", hosts.wave("<i4")
    host.create(path, "good", data, LOSSLESS)
    assert told in run_python(REFUSED_BY_NETCDF, kind, path)
    host.append(path, "good", data)
    host.create(path, "more", data, LOSSLESS)
    for name, expected in [("good", np.concatenate([data, data])), ("more", data)]:
        assert np.array_equal(host.read(path, name), expected)
