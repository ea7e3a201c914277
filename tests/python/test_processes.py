"""Promise: threads and forks, the plugin's or the program's, change nothing in what is stored."""

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import h5py
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
