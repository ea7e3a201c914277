"""Promise: threads and forks, the plugin's or the program's, change nothing in what is stored."""

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import h5py
import hosts
import numpy as np
import pytest
from data import streams
from params import LOSSLESS, NOISE, QUANTA, assert_exact, assert_within

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("spawn")


def array(seed):
    return streams(np.random.default_rng(seed), (16, 20000)).astype("f4")


def write_and_read(path, seed):
    data = array(seed)
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=data, chunks=(8, 20000), **QUANTA.create())
    with h5py.File(path) as f:
        assert_within(f["x"][:], data, QUANTA, (8, 20000), seed)


def nested(path, seed, depth):
    """Works, then lets a child of its own work."""
    write_and_read(path, seed)
    if depth:
        child = FORK.Process(target=nested, args=(f"{path}.{depth}", seed + 1, depth - 1))
        child.start()
        child.join(60)
        assert child.exitcode == 0, f"exit code {child.exitcode}, None is a hang"
        write_and_read(path, seed)


@pytest.mark.parametrize("threads", ["1", "2", "auto"])
@pytest.mark.parametrize("start", [FORK, SPAWN], ids=["fork", "spawn"])
def test_children_and_their_parents_work_on(tmp_path, monkeypatch, seed, start, threads):
    monkeypatch.setenv("H5FLAC_NUM_THREADS", threads)
    nested(tmp_path / "x.h5", seed, 2)
    children = [
        start.Process(target=nested, args=(tmp_path / f"{i}.h5", seed + i, 1)) for i in range(4)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    write_and_read(tmp_path / "x.h5", seed)


@pytest.mark.parametrize("start", [FORK, SPAWN], ids=["fork", "spawn"])
def test_a_pool_of_readers_reads_the_same(tmp_path, monkeypatch, seed, start):
    monkeypatch.setenv("H5FLAC_NUM_THREADS", "2")
    write_and_read(tmp_path / "x.h5", seed)
    with start.Pool(3) as pool:
        waiting = pool.map_async(row, [(tmp_path / "x.h5", i) for i in range(16)])
        rows = waiting.get(timeout=60)
    with h5py.File(tmp_path / "x.h5") as f:
        assert_exact(np.stack(rows), f["x"][:], seed)


def row(where):
    path, i = where
    with h5py.File(path) as f:
        return f["x"][i]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_many_python_threads_share_the_plugin(tmp_path, monkeypatch, seed, threads):
    monkeypatch.setenv("H5FLAC_NUM_THREADS", threads)
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(write_and_read, tmp_path / f"{i}.h5", seed + i) for i in range(24)]
        for done in work:
            done.result(timeout=60)


@pytest.mark.parametrize("params", [LOSSLESS, QUANTA, NOISE, NOISE.at(dither=True)], ids=str)
def test_the_stored_bytes_do_not_depend_on_threads(file, monkeypatch, seed, params):
    data, found = array(seed), set()
    for threads in ["1", "2", "3", "auto", "0", "many", ""]:
        monkeypatch.setenv("H5FLAC_NUM_THREADS", threads)
        with h5py.File(file, "w") as f:
            f.create_dataset("x", data=data, chunks=(16, 7000), **params.create())
        with h5py.File(file) as f:
            chunks = [f["x"].id.read_direct_chunk((0, i))[1] for i in (0, 7000, 14000)]
        found.add(hashlib.sha256(b"".join(chunks)).hexdigest())
    assert len(found) == 1, f"seed {seed}"


# What comes after a file was opened, written and left with chunks in HDF5's cache.
ENDS = {
    "the end of the script": "",
    "sys.exit": "sys.exit()",
    "os._exit": "f.flush(); os._exit(0)",
    "a thread that works on": "threading.Thread(target=for_ever, daemon=True).start()",
    "a thread that ended": "threading.Thread(target=write, args=('other.h5',)).start()",
    "writing once more": "atexit.register(write, 'other.h5')",
}

BEFORE_THE_END = """
import atexit, os, sys, threading
import h5py, netCDF4, numpy as np, tables
import hosts
from params import LOSSLESS
os.chdir(sys.argv[1])
host = hosts.NetCDF4()

def write(path):
    host.create(path, "more", hosts.wave("<i4"), LOSSLESS)

def for_ever():
    while True:
        write("other.h5")
        os.remove("other.h5")

f = h5py.File("x.h5", "w")
x = f.create_dataset("x", data=np.arange(1e5), chunks=(30_000,), **LOSSLESS.create())
n = netCDF4.Dataset("n.h5", "w")
n.createDimension("x", 1000)
v = n.createVariable("x", "i4", ("x",), chunksizes=(300,))
host.define(n, v, LOSSLESS)
v[:] = np.arange(1000)
"""


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("end", ENDS)
def test_python_may_end_in_any_state(tmp_path, run_python, end, threads):
    run_python(BEFORE_THE_END + ENDS[end], tmp_path, H5FLAC_NUM_THREADS=threads)
    with h5py.File(tmp_path / "x.h5") as f:
        assert (f["x"][:] == np.arange(1e5)).all()
    if end != "os._exit":
        with h5py.File(tmp_path / "n.h5") as f:
            assert (f["x"][:] == np.arange(1000)).all()


@pytest.mark.parametrize("name", ["h5py", "netCDF4"])
def test_a_full_disk_is_an_error_and_what_was_flushed_stays(tmp_path, run_python, name):
    path = tmp_path / "x.h5"
    hosts.create(hosts.HOSTS[name](), path)
    told = run_python("full_disk.py", name, path)
    assert {"h5py": "File too large", "netCDF4": "HDF error"}[name] in told
    hosts.check(hosts.HOSTS[name](), path)
    hosts.HOSTS[name]().create(path, "another", hosts.wave("<i4"), LOSSLESS)
