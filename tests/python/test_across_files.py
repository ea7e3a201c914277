"""Promise: compressed datasets serve where they are used from other files and other processes."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from data import floats, streams
from params import LOSSLESS, NOISE, QUANTA, assert_exact, assert_within

SHAPE, CHUNKS = (12, 3000), (5, 700)


@pytest.fixture(params=[LOSSLESS, QUANTA, NOISE], ids=str)
def source(request, tmp_path, seed):
    """A file with the dataset "x", what it decodes to, and its parameters."""
    array = floats(np.random.default_rng(seed), SHAPE, "f4")
    options = request.param.create(chunks=CHUNKS, maxshape=(None, None), fillvalue=-999)
    with h5py.File(tmp_path / "source.h5", "w") as f:
        f.create_dataset("x", data=array, **options)
    with h5py.File(tmp_path / "source.h5") as f:
        return tmp_path / "source.h5", f["x"][:], request.param


def test_virtual_datasets_read_and_write_through(source, tmp_path, seed):
    path, array, _ = source
    layout = h5py.VirtualLayout((3, *SHAPE), "f8")
    for i, name in enumerate((path, path, "missing.h5")):
        layout[i] = h5py.VirtualSource(name, "x", shape=SHAPE)
    with h5py.File(tmp_path / "virtual.h5", "w") as f:
        f.create_virtual_dataset("v", layout, fillvalue=-5)
    with h5py.File(tmp_path / "virtual.h5") as f:
        assert_exact(f["v"][0], array.astype("f8"), seed)
        assert_exact(f["v"][1, 3:9, 600:2200:7], array[3:9, 600:2200:7].astype("f8"), seed)
        assert (f["v"][2] == -5).all()
    with h5py.File(tmp_path / "virtual.h5", "a") as f:
        f["v"][0, :5, :700] = np.full(CHUNKS, 2.0)
    with h5py.File(path) as f:
        assert (f["x"][:5, :700] == 2).all()
        assert_exact(f["x"][5:], array[5:], seed)


def test_external_links_lead_to_datasets_that_read_write_and_grow(source, tmp_path, seed):
    path, array, params = source
    with h5py.File(tmp_path / "link.h5", "w") as f:
        f["group/link"] = h5py.ExternalLink(path.name, "/x")
    with h5py.File(tmp_path / "link.h5", "a") as f:
        x = f["group/link"]
        assert_exact(x[:], array, seed)
        x.resize(20, axis=0)
        assert (x[12:] == -999).all()
        x[15:] = more = streams(np.random.default_rng(seed), (5, 3000)).astype("f4")
    with h5py.File(path) as f:
        assert_exact(f["x"][:10], array[:10], seed)
        assert_within(f["x"][15:], more, params, CHUNKS, seed)


@pytest.mark.parametrize("libver", ["earliest", "v110", "latest"])
def test_copies_hold_the_same_chunks(source, tmp_path, seed, libver):
    path, array, _ = source
    with h5py.File(path) as f, h5py.File(tmp_path / "copy.h5", "w", libver=libver) as g:
        f.copy("x", g, name="a")
        g.copy("a", "b")
        chunks = [chunk for chunk in f["x"].iter_chunks()]
        for x in (g["a"], g["b"]):
            for chunk in chunks:
                at = tuple(part.start for part in chunk)
                assert x.id.read_direct_chunk(at) == f["x"].id.read_direct_chunk(at)
    with h5py.File(tmp_path / "copy.h5") as g:
        assert_exact(g["a"][:], array, seed)
        assert_exact(g["b"][:], array, seed)


def test_files_are_copied_where_the_plugin_is_missing(source, tmp_path, seed, run):
    path, array, _ = source
    run("h5copy", "-i", path, "-o", tmp_path / "copy.h5", "-s", "x", "-d", "y", HDF5_PLUGIN_PATH="")
    with h5py.File(tmp_path / "copy.h5") as f:
        assert_exact(f["y"][:], array, seed)


def test_chunks_are_moved_without_decoding(source, tmp_path, seed):
    """And one that the mask says was not filtered is taken as it is."""
    path, array, params = source
    plain = streams(np.random.default_rng(seed), CHUNKS).astype("f4")
    with h5py.File(path) as f, h5py.File(tmp_path / "moved.h5", "w") as g:
        options = params.create(chunks=CHUNKS, fillvalue=-999)
        y = g.create_dataset("y", SHAPE, "f4", **options)
        for chunk in f["x"].iter_chunks():
            at = tuple(part.start for part in chunk)
            mask, stored = f["x"].id.read_direct_chunk(at)
            y.id.write_direct_chunk(at, stored, mask)
        y.id.write_direct_chunk((0, 0), plain.tobytes(), filter_mask=1)
    with h5py.File(tmp_path / "moved.h5") as g:
        assert_exact(g["y"][5:], array[5:], seed)
        assert_exact(g["y"][:5, :700], plain, seed)


# Rows in all, rows at a time (chunks of 64 are written again until they are full), and after how
# many the writer waits until the reader has seen them.
ROWS, STEP, WAIT = 600, 5, 150


def rows(start, end):
    i = np.arange(50 * start, 50 * end).reshape(-1, 50)
    return np.sin(i / 30) + i + 1


WRITER = """
import sys, h5py
from params import LOSSLESS, QUANTA
from test_across_files import ROWS, STEP, WAIT, rows
params = {"lossless": LOSSLESS, "quanta": QUANTA}[sys.argv[2]]
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    options = params.create(chunks=(64, 50), maxshape=(None, 50))
    x = f.create_dataset("x", (0, 50), "f8", **options)
    f.swmr_mode = True
    print("ready", flush=True)
    for end in range(STEP, ROWS + 1, STEP):
        x.resize(end, axis=0)
        x[end - STEP:] = rows(end - STEP, end)
        x.flush()
        if end % WAIT == 0:
            input()
"""


@pytest.mark.parametrize("params", [LOSSLESS, QUANTA], ids=["lossless", "quanta"])
def test_a_reader_follows_a_writer(file, request, params):
    command = [sys.executable, "-c", WRITER, file, request.node.callspec.id]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    path = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, env=path, **pipes) as writer:
        try:
            assert writer.stdout.readline() == "ready\n"
            follow(file, writer, (params.value or 0) / 2)
            assert writer.wait(60) == 0
        finally:
            writer.kill()


def follow(file, writer, bound):
    """Reads what is there until all is, and lets the writer go on where it waits."""
    seen = 0
    with h5py.File(file, libver="latest", swmr=True) as f:
        while seen < ROWS:
            assert writer.poll() is None, f"the writer ended after {seen} rows"
            f["x"].refresh()
            found = f["x"][:]
            written = found.any(axis=1)
            assert (~written).sum() <= STEP, "only the last rows may still be without values"
            assert (np.abs(found - rows(0, len(found)))[written] <= bound).all()
            if len(found) > seen and len(found) % WAIT == 0 and written.all():
                print(file=writer.stdin, flush=True)
                seen = len(found)
