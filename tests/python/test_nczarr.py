"""Promise: netCDF writes and reads Zarr stores with the filter, chunk for chunk as in HDF5."""

import ctypes
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
from conftest import PLUGIN, PLUGINS
from data import INTEGERS, floats, integers
from hosts import NetCDF4
from params import (
    DECIMAL,
    DITHERED,
    FILTER,
    LOSSLESS,
    LOSSY,
    NOISE,
    PRECISION,
    QUANTA,
    assert_exact,
    assert_within,
    double,
)

SHAPE, CHUNKS = (5, 1000), (2, 300)

# What netCDF has: no booleans, half floats or complex numbers.
NUMBERS = [kind for kind in [*INTEGERS, "<f4", ">f4", "<f8", ">f8"] if kind != "|b1"]
LITTLE = [kind for kind in NUMBERS if kind[0] != ">"]

FILTER_ERROR = "NetCDF: Filter error"


def url(store):
    return f"file://{store}#mode=nczarr,file"


def samples(dtype, seed, special=True):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return floats(rng, SHAPE, dtype, special)
    return integers(rng, SHAPE, dtype)


@contextmanager
def created(where, dtype, words, fill=None, chunks=CHUNKS):
    """A file with the variable x, not yet written."""
    netcdf = NetCDF4()
    with netCDF4.Dataset(where, "w") as f:
        f.set_auto_maskandscale(False)
        f.createDimension("row", SHAPE[0])
        f.createDimension("time", SHAPE[1])
        order = "big" if np.dtype(dtype).byteorder == ">" else "native"
        options = {"chunksizes": chunks, "fill_value": fill, "endian": order}
        x = f.createVariable("x", dtype, ("row", "time"), **options)
        status = netcdf.c.nc_def_var_filter(
            f._grpid, x._varid, FILTER, ctypes.c_size_t(len(words)), (ctypes.c_uint * 16)(*words)
        )
        assert status == 0
        yield x


def write(where, data, words, fill=None, chunks=CHUNKS):
    with created(where, data.dtype, words, fill, chunks) as x:
        x[:] = data


def read(store):
    with netCDF4.Dataset(url(store)) as f:
        f.set_auto_maskandscale(False)
        return f["x"][:]


def metadata(store):
    return json.loads((store / "x/.zarray").read_text())


def change_codec(store, **changes):
    array = metadata(store)
    array["compressor"] |= changes
    (store / "x/.zarray").write_text(json.dumps(array))


def decompressed(chunk, dtype):
    """What h5flac.h makes of a chunk's bytes."""
    plugin = ctypes.CDLL(str(PLUGIN))
    out = np.empty(CHUNKS, dtype)
    sizes = ctypes.c_uint64(len(chunk)), ctypes.c_uint64(out.nbytes)
    assert (
        plugin.h5flac_decompress(chunk, sizes[0], out.ctypes.data_as(ctypes.c_void_p), sizes[1], 1)
        == 0
    )
    return out


@pytest.fixture
def store(tmp_path):
    return tmp_path / "x.zarr"


@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_number_comes_back(store, dtype, seed):
    data = samples(dtype, seed)
    write(url(store), data, LOSSLESS.words())
    assert metadata(store)["compressor"] == {"id": "h5flac"}
    assert_exact(read(store).astype(data.dtype), data, seed)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("params", LOSSY + DITHERED, ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_every_mode_keeps_its_bound(store, dtype, params, axis, seed):
    data = samples(dtype, seed)
    params = params.at(axis=axis)
    # Where netCDF pads in another byte order there may be no fill value, for precision.
    fill = False if params.mode == "precision" and dtype[0] == ">" else -999.25
    write(url(store), data, params.words(), fill=fill)
    assert_within(read(store).astype(dtype), data, params, CHUNKS, seed, fill=fill or None)


@pytest.mark.parametrize(
    "words, config",
    [
        ((), {}),
        ((8,), {"level": 8}),
        ((5, 2, 1, 3), {"quanta": "0.001"}),
        ((5, 2, 25, 1, 1), {"quanta": "2.5", "axis": -2}),
        ((5, 1, *double(0.01)), {"quanta": 0.01}),
        ((5, 1, *double(1e-300)), {"quanta": 1e-300}),
        ((0, 3, 4, 0, 256), {"level": 0, "precision": 4, "dither": True}),
        ((5, 4, *double(1 / 3)), {"noise": 1 / 3}),
    ],
)
def test_the_metadata_is_what_python_calls_the_parameters(store, words, config, seed):
    data = samples("<f4", seed)
    write(url(store), data, words)
    array = metadata(store)
    assert array["compressor"] == {"id": "h5flac"} | config and array["filters"] is None
    with netCDF4.Dataset(url(store)) as f:
        count, found = ctypes.c_size_t(), (ctypes.c_uint * 16)()
        c = NetCDF4().c
        identity = f._grpid, f["x"]._varid, FILTER
        assert c.nc_inq_var_filter_info(*identity, ctypes.byref(count), found) == 0
    assert tuple(found[: count.value]) == (*words, *(5, 0, 0, 0, 0)[len(words) :])


def test_words_of_a_dataset_say_the_same_as_those_of_the_user(tmp_path, store, seed):
    """nccopy passes on what an HDF5 file stores."""
    data = samples("<f8", seed)
    write(tmp_path / "x.nc", data, DECIMAL.words())
    with h5py.File(tmp_path / "x.nc") as f:
        stored = f["x"].id.get_create_plist().get_filter(0)[2]
    assert len(stored) == 16
    write(url(store), data, stored, chunks=(5, 400))
    assert metadata(store)["compressor"] == {"id": "h5flac", "quanta": "0.025"}
    assert_within(read(store), data, DECIMAL, (5, 400), seed)


@pytest.mark.parametrize("dtype", LITTLE)
@pytest.mark.parametrize("fill", [None, 7, False], ids=["default", "seven", "none"])
@pytest.mark.parametrize("params", [LOSSLESS, DECIMAL, NOISE], ids=str)
def test_chunks_are_those_of_hdf5(tmp_path, store, dtype, fill, params, seed):
    """Edges included, where netCDF pads as HDF5 does: not in another byte order."""
    data = samples(dtype, seed)
    write(tmp_path / "x.nc", data, params.words(), fill)
    write(url(store), data, params.words(), fill)
    found = read(store)
    with h5py.File(tmp_path / "x.nc") as f:
        for row, column in product(range(3), range(4)):
            _, expected = f["x"].id.read_direct_chunk((2 * row, 300 * column))
            chunk = (store / f"x/{row}.{column}").read_bytes()
            assert chunk == expected, (row, column)
            rows, columns = slice(2 * row, 2 * row + 2), slice(300 * column, 300 * column + 300)
            part = found[rows, columns]
            raw = decompressed(chunk, dtype)[: part.shape[0], : part.shape[1]]
            assert_exact(raw, part, seed)


def test_gaps_are_the_fill_value_and_in_no_statistic(store, seed):
    data = samples("<f4", seed, special=False)
    data[:, 200:600] = -999.25
    with created(url(store), "<f4", PRECISION.words(), fill=-999.25) as x:
        x[:, :200], x[:, 600:] = data[:, :200], data[:, 600:]
    found = read(store)
    assert (found[:, 200:600] == np.float32(-999.25)).all()
    assert_within(found, data, PRECISION, CHUNKS, seed, fill=-999.25)


def test_a_chunk_written_again_and_shorter_is_read(store, seed):
    """netCDF leaves the end of the longer one in the file."""
    write(url(store), samples("<f8", seed), LOSSLESS.words())
    longer = (store / "x/0.0").stat().st_size
    # Not in the package, whose modes "a" and "r+" make a new store of an address.
    c, ncid, ones = NetCDF4().c, ctypes.c_int(), np.ones(SHAPE)
    assert c.nc_open(url(store).encode(), 1, ctypes.byref(ncid)) == 0
    assert c.nc_put_var_double(ncid, 0, ones.ctypes.data_as(ctypes.c_void_p)) == 0
    assert c.nc_close(ncid) == 0
    assert (store / "x/0.0").stat().st_size == longer
    assert_exact(read(store), ones, seed)


def test_threads_and_unwinding_change_no_byte(tmp_path, run_python, seed):
    code = (
        "import sys, test_nczarr as t; from pathlib import Path; from params import NOISE\n"
        "store = Path(sys.argv[1])\n"
        f"data = t.samples('<f4', {seed})\n"
        "t.write(t.url(store), data, NOISE.words())\n"
        "t.assert_within(t.read(store), data, NOISE, t.CHUNKS, 0)\n"
    )
    for name, environment in {
        "plain": {},
        "threads": {"H5FLAC_NUM_THREADS": "3"},
        "unwind": {"H5FLAC_HOST": "unwind"},
    }.items():
        run_python(code, tmp_path / name, **environment)
    files = sorted(path.name for path in (tmp_path / "plain/x").iterdir())
    assert len(files) == 14
    for name in ("threads", "unwind"):
        for file in files:
            there = (tmp_path / name / "x" / file).read_bytes()
            assert there == (tmp_path / "plain/x" / file).read_bytes(), (name, file)


def test_netcdfs_own_filters_stay_with_their_folder(tmp_path, run_python):
    """HDF5_PLUGIN_PATH takes the place of the folder that the package sets: name both."""
    own = Path(netCDF4.__file__).parent / "plugins"
    code = (
        "import sys, netCDF4, test_nczarr as t; from params import LOSSLESS\n"
        "store = sys.argv[1]\n"
        "with t.created(t.url(store), 'i4', LOSSLESS.words()) as x:\n"
        "    x[:] = 3\n"
        "    y = x._grp.createVariable('y', 'i4', ('time',), zlib=True, shuffle=False)\n"
        "    y[:] = 4\n"
        "with netCDF4.Dataset(t.url(store)) as f:\n"
        "    assert (f['x'][:] == 3).all() and (f['y'][:] == 4).all()\n"
    )
    # The test's own conftest sets the folder; this one comes before it.
    before = f"import os; os.environ['HDF5_PLUGIN_PATH'] = '{PLUGINS}:{own}'\n"
    start = "import conftest\n" + before + code
    run_python(start, tmp_path / "both.zarr")
    array = json.loads((tmp_path / "both.zarr/y/.zarray").read_text())
    assert array["compressor"]["id"] == "zlib"


@pytest.mark.parametrize(
    "dtype, words, told",
    [
        ("S1", LOSSLESS.words(), "variable x: cannot compress characters"),
        ("<f4", (5, 7), "variable x: unknown mode 7 in word 1; known are 0 lossless"),
        ("<f4", (5, 0, 0, 0, 2), "variable x: stream axis 2 from the last, but the chunk has 2"),
        ("<f8", PRECISION.words(), "variable x: its fill value 9.969209968386869e36 becomes"),
        (">f4", PRECISION.words(), "variable x: netCDF fills Zarr's chunks in this machine's byte"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(store, dtype, words, told):
    """In a process of its own: what the package could not close it tries to close later."""
    code = (
        "import sys, numpy as np, test_nczarr as t; from conftest import asks_last_error\n"
        "last_error, dtype = asks_last_error(), sys.argv[2]\n"
        "try:\n"
        "    with t.created(t.url(sys.argv[1]), dtype, [int(w) for w in sys.argv[3:]]) as x:\n"
        "        x[:] = np.ones(t.SHAPE, dtype)\n"
        "except RuntimeError as error:\n"
        "    print(error, last_error(), sep=': ')\n"
    )
    command = [sys.executable, "-c", code, store, dtype, *words]
    path = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    options = {"capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run([str(part) for part in command], env=path, **options)
    assert done.returncode == 0 and FILTER_ERROR in done.stdout and told in done.stdout, done
    assert f"h5flac: {told}" in done.stderr


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"levle": 3}, 'unknown key "levle"; known are id, level, quanta, precision, noise, axis'),
        ({"level": 9}, "level is 9; it must be an integer from 0 to 8"),
        ({"quanta": "x"}, 'quanta is "x"; as a string it is a decimal above 0'),
        ({"quanta": 0.5, "noise": 3}, "both quanta and noise are given"),
        ({"dither": "yes"}, 'dither is "yes"; it must be true or false'),
    ],
)
def test_metadata_without_meaning_is_refused_in_words(store, changes, told, last_error, capfd):
    write(url(store), samples("<f4", 1), LOSSLESS.words())
    change_codec(store, **changes)
    with pytest.raises((OSError, RuntimeError, IndexError)):
        read(store)
    assert last_error().startswith('codec {"id": "h5flac"') and told in last_error()
    assert told in capfd.readouterr().err


def test_metadata_of_others_is_read(store, seed):
    data = samples("<f4", seed)
    write(url(store), data, QUANTA.words())
    change_codec(store, level=None, precision=None, noise=None, axis=-1, dither=False)
    assert_within(read(store), data, QUANTA, CHUNKS, seed)
    # No such axis, which only the encoder needs.
    change_codec(store, axis=-7)
    assert_within(read(store), data, QUANTA, CHUNKS, seed)


def test_damage_is_an_error_in_words(store, seed, last_error, capfd):
    write(url(store), samples("<f4", seed), NOISE.words())
    chunk = store / "x/1.2"
    data = bytearray(chunk.read_bytes())
    data[-20] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(RuntimeError, match=FILTER_ERROR):
        read(store)
    assert "CRC-32" in last_error() and "CRC-32" in capfd.readouterr().err
    chunk.write_bytes(data[:-30])
    with pytest.raises(RuntimeError, match=FILTER_ERROR):
        read(store)
    assert "bytes of a chunk of" in last_error()
    os.remove(chunk)
    default = netCDF4.default_fillvals["f4"]
    assert (read(store)[2:4, 600:900] == np.float32(default)).all()
