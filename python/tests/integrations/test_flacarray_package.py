"""The stand-in and the package flacarray itself: its tests, its files both ways, MPI."""

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import flacarray
import flacarray.hdf5
import flacarray.zarr
import h5py
import numpy as np
import pytest
import zarr
from conftest import drifting
from h5flac.flacarray import FlacArray
from h5flac.flacarray import hdf5 as our_hdf5
from h5flac.flacarray import zarr as our_zarr
from h5flac.flacarray.demo import create_fake_data, plot_data
from h5flac.flacarray.zarr import ZarrGroup

HERE = Path(__file__).parent
SUITE = HERE / "flacarray_suite.py"
TYPES = ["i4", "i8", "f4", "f8"]


def run(*command):
    # This process has started MPI (flacarray does), and says so to those that it starts.
    own = ("OMPI_", "PMIX_", "PRTE_", "ORTE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def mpi(processes, *command):
    """Runs a command as an MPI program: with more processes than processors, and as any user."""
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    # Containers often forbid a process to read another's memory.
    options = ["--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none"]
    return run("mpirun", *as_root, *options, "-n", str(processes), *command)


def test_the_tests_of_flacarray_pass():
    assert "18 ran, 0 skipped" in run(sys.executable, str(SUITE))


@pytest.mark.parametrize("processes", [2, 3])
def test_the_tests_of_flacarray_pass_on_several_processes(processes):
    told = mpi(processes, sys.executable, str(SUITE))
    assert told.count("18 ran, 0 skipped") == processes


def data_of(dtype, shape=(3, 2, 5000)):
    rng = np.random.default_rng(11)
    if np.dtype(dtype).kind == "i":
        info = np.iinfo(dtype)
        wide = rng.integers(info.min, info.max, shape, dtype)
        # Of both signs around 0, and wide.
        return np.where(np.arange(shape[-1]) < shape[-1] // 2, wide, wide >> 20)
    return drifting(rng, shape, dtype)


def quanta_of(dtype):
    return None if np.dtype(dtype).kind == "i" else 0.01


@pytest.mark.parametrize("level", [0, 1, 5, 8])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 2, 5000), (5000,), (4, 1)])
def test_flacarray_reads_our_hdf5_groups_bit_for_bit(file, dtype, shape, level):
    data = data_of(dtype, shape)
    our_hdf5.write_array(data, file, level=level, quanta=quanta_of(dtype))
    wanted = our_hdf5.read_array(file)
    found = flacarray.hdf5.read_array(file)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
    theirs = flacarray.FlacArray.read_hdf5(file)
    ours = FlacArray.read_hdf5(file)
    assert np.array_equal(theirs.to_array(), wanted)
    for name in ("shape", "stream_size", "typestr", "leading_shape", "global_shape", "nbytes"):
        assert getattr(theirs, name) == getattr(ours, name), name


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("level", [0, 1000.3])
@pytest.mark.parametrize("units", [0.05, 0.7, 3, 17, 1000])
def test_flacarray_reads_steps_of_the_size_of_roundings_bit_for_bit(file, dtype, level, units):
    data = (level + np.random.default_rng(3).normal(size=(3, 5000))).astype(dtype)
    quanta = units * np.spacing(np.abs(data).max()).astype("f8")
    our_hdf5.write_array(data, file, quanta=quanta)
    found = flacarray.hdf5.read_array(file)
    assert np.array_equal(found, our_hdf5.read_array(file))
    assert np.all(np.abs(found.astype("f8") - data.astype("f8")) <= quanta / 2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_precision_is_that_of_flacarray_without_glitches(dtype):
    data, _ = create_fake_data((30, 20000), dtype=np.dtype(dtype))
    ours = FlacArray.from_array(data, precision=3)
    theirs = flacarray.FlacArray.from_array(data, precision=3)
    ratio = ours.stream_gains / theirs.stream_gains
    # Where roundings would break the bound, the step is a little finer.
    assert np.all((ratio > 1 - 1e-6) & (ratio < (1.005 if dtype == "f4" else 1 + 1e-9)))


@pytest.mark.parametrize("level", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 2, 5000), (5000,)])
def test_we_read_hdf5_groups_of_flacarray_bit_for_bit(file, dtype, shape, level):
    data = data_of(dtype, shape)
    flacarray.hdf5.write_array(data, file, level=level, quanta=quanta_of(dtype))
    wanted = flacarray.hdf5.read_array(file)
    found = our_hdf5.read_array(file)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
    found = our_hdf5.read_array(file, stream_slice=slice(1234, 4321), use_threads=True)
    assert np.array_equal(found, wanted[..., 1234:4321])
    array = FlacArray.read_hdf5(file)
    assert np.array_equal(array.to_array(), wanted)
    array.write_hdf5(file.create_group("again"))
    assert np.array_equal(flacarray.hdf5.read_array(file["again"]), wanted)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 2, 5000), (5000,)])
def test_zarr_groups_are_read_both_ways(tmp_path, dtype, shape):
    data, quanta = data_of(dtype, shape), quanta_of(dtype)
    with ZarrGroup(tmp_path / "ours", "w") as group:
        our_zarr.write_array(data, group, quanta=quanta)
    with ZarrGroup(tmp_path / "ours", "r") as group:
        wanted = our_zarr.read_array(group)
        assert np.array_equal(flacarray.zarr.read_array(group), wanted)
        array = FlacArray.read_zarr(group)
        assert np.array_equal(array.to_array(), wanted)
    theirs = zarr.open_group(tmp_path / "theirs", mode="w")
    flacarray.zarr.write_array(data, theirs, quanta=quanta)
    found = our_zarr.read_array(theirs, stream_slice=slice(-99, None))
    assert np.array_equal(found, flacarray.zarr.read_array(theirs)[..., -99:])
    array.write_zarr(zarr.open_group(tmp_path / "again", mode="w"))
    again = zarr.open_group(tmp_path / "again", mode="r")
    assert FlacArray.read_zarr(again) == array


@pytest.mark.parametrize("dtype", TYPES)
def test_our_streams_are_no_larger(dtype):
    data = create_fake_data((4, 50000), sigma=100.0, dtype=np.dtype("f8"))[0].astype(dtype)
    ours = FlacArray.from_array(data, quanta=quanta_of(dtype))
    theirs = flacarray.FlacArray.from_array(data, quanta=quanta_of(dtype))
    assert ours.nbytes <= 1.002 * theirs.nbytes


@pytest.mark.parametrize("dtype", TYPES)
def test_fake_data_are_those_of_flacarray(dtype):
    from flacarray.demo import create_fake_data as their_fake_data

    arguments = {"sigma": None if dtype.startswith("i") else 2.0, "dtype": np.dtype(dtype)}
    found, dist = create_fake_data((3, 4, 500), **arguments)
    wanted, their_dist = their_fake_data((3, 4, 500), **arguments)
    assert dist == their_dist and np.allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(500,), (3, 500), (2, 3, 500)])
def test_data_are_plotted(tmp_path, shape):
    data, _ = create_fake_data(shape)
    plot_data(data, file=tmp_path / "all.png")
    keep = np.ones(shape[:-1], bool)
    plot_data(data, keep=keep, stream_slc=slice(100), file=tmp_path / "some.png")
    assert (tmp_path / "all.png").stat().st_size > 1000
    with pytest.raises(NotImplementedError, match="4 axes"):
        plot_data(np.zeros((1, 1, 1, 9)))


def same_arguments(ours, theirs):
    """Ours takes what theirs takes, by place and by name."""
    if isinstance(theirs, type):
        for name in ("__init__", *(name for name in vars(theirs) if not name.startswith("_"))):
            same_arguments(getattr(ours, name), getattr(theirs, name))
    elif callable(theirs):
        wanted = inspect.signature(theirs).parameters.values()
        found = inspect.signature(ours).parameters.values()
        for one, other in zip(found, wanted, strict=False):
            assert (one.name, one.kind) == (other.name, other.kind), theirs
            assert other.default in (other.empty, one.default), theirs
        assert all(one.default is not one.empty for one in list(found)[len(wanted) :])


def test_every_public_name_is_there():
    names = {
        "": ["FlacArray"],
        ".array": ["FlacArray"],
        ".compress": ["array_compress"],
        ".decompress": ["array_decompress", "array_decompress_slice"],
        ".hdf5": ["write_array", "read_array", "write_compressed", "read_compressed"],
        ".zarr": ["write_array", "read_array", "ZarrGroup", "have_zarr"],
        ".demo": ["create_fake_data", "plot_data"],
        ".utils": ["float_to_int", "int_to_float"],
        ".mpi": ["use_mpi", "MPI", "distribute_and_verify", "global_array_properties"],
        ".hdf5_utils": ["H5File", "have_hdf5", "have_hdf5_parallel", "hdf5_open"],
        "._libflacarray": [
            *("encode_flac", "decode_flac", "wrap_decode_i32", "wrap_decode_i64"),
            *("wrap_encode_i32", "wrap_encode_i32_threaded"),
            *("wrap_encode_i64", "wrap_encode_i64_threaded"),
        ],
    }
    for module, wanted in names.items():
        ours = importlib.import_module(f"h5flac.flacarray{module}")
        theirs = importlib.import_module(f"flacarray{module}")
        for name in wanted:
            same_arguments(getattr(ours, name), getattr(theirs, name))
    public = {name for name in dir(flacarray.FlacArray) if not name.startswith("_")}
    assert public <= set(dir(FlacArray))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [5, 6, 17])
def test_streams_are_spread_as_by_flacarray(size, count):
    from flacarray.mpi import distribute_and_verify as theirs
    from h5flac.flacarray.mpi import distribute_and_verify as ours

    comm = SimpleNamespace(size=size, rank=0)
    assert ours(comm, count) == theirs(comm, count)


def test_write_compressed_takes_the_arguments_of_flacarray(file):
    data = data_of("f4")
    array = FlacArray.from_array(data, quanta=0.01)
    our_hdf5.write_compressed(
        file,
        array.leading_shape,
        array.global_leading_shape,
        array.stream_size,
        array.stream_starts,
        array.global_stream_starts,
        array.stream_nbytes,
        array.stream_offsets,
        array.stream_gains,
        array.compressed,
        1,
        array.nbytes,
        array.global_nbytes,
        array.global_process_nbytes,
        array.mpi_comm,
        array.mpi_dist,
    )
    assert np.array_equal(flacarray.hdf5.read_array(file), array.to_array())


MPI_PROGRAM = """
import sys
import numpy as np
from h5flac.flacarray import FlacArray
from h5flac.flacarray.hdf5 import read_array
from h5flac.flacarray.hdf5_utils import H5File
from h5flac.flacarray.mpi import MPI

comm, path = MPI.COMM_WORLD, sys.argv[1]
whole = np.arange(60000).reshape(6, 10000).astype("i8") ** 3
# The last process has nothing.
borders = [0] + [min(6, 4 * (i + 1)) for i in range(comm.size)]
local = whole[borders[comm.rank]:borders[comm.rank + 1]]
array = FlacArray.from_array(local if len(local) else None, mpi_comm=comm)
assert array.global_shape == (6, 10000) and array.global_nstreams == 6
assert array.global_stream_nbytes.shape == (6,) and len(array.global_process_nbytes) == comm.size
with H5File(path, "w", comm=comm) as file:
    array.write_hdf5(file.handle)
with H5File(path, "r", comm=comm) as file:
    dist = [(0, 1)] + [(1 + 5 * i // (comm.size - 1), 1 + 5 * (i + 1) // (comm.size - 1))
                       for i in range(comm.size - 1)]
    part = read_array(file.handle, mpi_comm=comm, mpi_dist=dist, no_flatten=True)
    assert np.array_equal(part, whole[slice(*dist[comm.rank])])
    keep = np.array([0, 1, 0, 0, 1, 1], bool)
    some = FlacArray.read_hdf5(file.handle, keep=keep, mpi_comm=comm)
    assert some.global_shape == (3, 10000)
    pieces = comm.allgather(some.to_array())
    assert np.array_equal(np.concatenate([p.reshape(-1, 10000) for p in pieces]), whole[keep])
    try:
        read_array(file.handle, mpi_comm=comm, mpi_dist=[(0, 6)])
    except RuntimeError as error:
        assert "mpi_dist" in str(error)
print("PASS", flush=True)
"""


@pytest.mark.parametrize("processes", [2, 3])
def test_arrays_are_distributed_and_read_back_otherwise(tmp_path, processes):
    program = tmp_path / "program.py"
    program.write_text(MPI_PROGRAM)
    path = tmp_path / "data.h5"
    assert mpi(processes, sys.executable, str(program), str(path)).count("PASS") == processes
    with h5py.File(path) as file:
        assert np.array_equal(
            flacarray.hdf5.read_array(file), np.arange(60000).reshape(6, 10000) ** 3
        )


def test_an_error_on_one_process_reaches_all(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import sys
import h5py
from h5flac.flacarray.hdf5 import read_array
from h5flac.flacarray.hdf5_utils import H5File
from h5flac.flacarray.mpi import MPI

comm = MPI.COMM_WORLD
with H5File(sys.argv[1], "w", comm=comm) as file:
    try:
        read_array(file.handle, mpi_comm=comm)
    except RuntimeError as error:
        assert "the group holds no FlacArray" in str(error)
        print("PASS", flush=True)
"""
    )
    told = mpi(2, sys.executable, str(program), str(tmp_path / "data.h5"))
    assert told.count("PASS") == 2


def test_what_fails_on_one_process_fails_on_all(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import sys
import numpy as np
from h5flac.flacarray import FlacArray
from h5flac.flacarray.hdf5 import read_array, write_array
from h5flac.flacarray.hdf5_utils import H5File
from h5flac.flacarray.mpi import MPI

comm = MPI.COMM_WORLD

def fails(message, body):
    try:
        body()
    except (RuntimeError, ValueError, OSError) as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)

data = np.random.default_rng(comm.rank).normal(size=(3, 100_000))
gap = data.copy()
if comm.rank == 1:
    gap[2, 50] = np.nan
with H5File(sys.argv[1], "w", comm=comm) as file:
    fails("stream 2: sample 50", lambda: write_array(gap, file.handle, quanta=0.1, mpi_comm=comm))
    fails("stream 2", lambda: FlacArray.from_array(gap, quanta=0.1, mpi_comm=comm))
    fails("no group", lambda: write_array(data, None, quanta=0.1, mpi_comm=comm))
    write_array(data, file.handle, quanta=0.1, mpi_comm=comm)
    # Process 0 alone finds that the names are taken, and what is damaged.
    fails("name already exists", lambda: write_array(data, file.handle, quanta=0.1, mpi_comm=comm))
    if file.handle is not None:
        starts = file.handle["stream_starts"][...]
        file.handle["stream_starts"][-1] = 10**9
    fails("a stream has", lambda: read_array(file.handle, mpi_comm=comm))
    fails("a stream has", lambda: FlacArray.read_hdf5(file.handle, mpi_comm=comm))
    if file.handle is not None:
        file.handle["stream_starts"][...] = starts
    part = read_array(file.handle, mpi_comm=comm)
    assert np.abs(part - data).max() <= 0.05
print("PASS", flush=True)
"""
    )
    told = mpi(2, sys.executable, str(program), str(tmp_path / "data.h5"))
    assert told.count("PASS") == 2
