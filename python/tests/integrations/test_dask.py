"""Datasets as arrays of Dask, and the example that takes more data than a worker has memory."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import dask.array
import h5flac.dask
import h5py
import numpy as np
import pytest
import zarr
from conftest import drifting
from h5flac import Flac
from h5flac.kerchunk import SingleHdf5ToZarr
from h5flac.zarr import H5FlacCodec
from kerchunk.utils import refs_as_store
from zarr.storage import MemoryStore

EXAMPLE = Path(__file__).parents[3] / "h5-examples/dask_spectrum.py"

SELECTIONS = [
    np.s_[:],
    np.s_[3],
    np.s_[:, 2, 5:9],
    np.s_[1:9:2, ::3, 7],
    np.s_[..., [1, 650, 3]],
    np.s_[[3, 1], :, 299:301],
    np.s_[-2, -2, -2],
]


@pytest.fixture(params=[-1, -2, -3])
def path(request, tmp_path, rng):
    with h5py.File(tmp_path / "data.h5", "w") as f:
        f["plain"] = np.arange(9)
        f.create_dataset(
            "group/x",
            data=drifting(rng, (12, 10, 700)),
            chunks=(5, 4, 300),
            **Flac(quanta=0.01, axis=request.param),
        )
    return tmp_path / "data.h5"


def test_selections_are_those_of_numpy(path):
    with h5py.File(path) as f:
        wanted = f["group/x"][:]
    x = h5flac.dask.from_dataset(path, "group/x")
    assert x.shape == wanted.shape and x.dtype == wanted.dtype and x.chunksize == (5, 4, 300)
    for selection in SELECTIONS:
        assert np.array_equal(x[selection].compute(), wanted[selection]), selection
    blocks = h5flac.dask.from_dataset(path, "group/x", (7, "auto", 600))
    assert blocks.chunks == ((7, 5), (10,), (600, 100))
    assert np.array_equal(blocks.compute(), wanted)
    assert x.sum().compute() == pytest.approx(wanted.sum(dtype="f8"), rel=1e-4)


def test_arrays_are_sent_to_other_processes(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    x = h5flac.dask.from_dataset(path.name, "group/x")
    # Whatever folder the other is in.
    monkeypatch.chdir("/")
    again = pickle.loads(pickle.dumps(x))
    with h5py.File(path) as f:
        assert np.array_equal(again[2, 3].compute(scheduler="processes"), f["group/x"][2, 3])


def test_another_file_is_another_array(path):
    x = h5flac.dask.from_dataset(path, "group/x")
    assert h5flac.dask.from_dataset(str(path), "group/x").name == x.name
    os.utime(path, ns=(1, 1))
    assert h5flac.dask.from_dataset(path, "group/x").name != x.name


def test_other_datasets_are_refused(path):
    with pytest.raises(ValueError, match="plain is not compressed with h5flac"):
        h5flac.dask.from_dataset(path, "plain")


def test_dask_writes_and_reads_zarr(rng):
    data = drifting(rng, (6, 4000))
    store = MemoryStore()
    target = zarr.create_array(
        store,
        shape=data.shape,
        dtype=data.dtype,
        chunks=(2, 1000),
        serializer=H5FlacCodec(quanta=0.01),
        compressors=None,
    )
    dask.array.store(dask.array.from_array(data, chunks=(2, 2000)), target, lock=False)
    found = dask.array.from_zarr(zarr.open_array(store, mode="r"))
    assert found.chunksize == (2, 1000)
    assert np.abs(found.compute() - data).max() <= 0.005 * (1 + 1e-6)


def test_references_are_sent_to_other_processes(path):
    references = SingleHdf5ToZarr(str(path), error="raise").translate()
    view = zarr.open_array(refs_as_store(references, read_only=True), path="group/x", mode="r")
    found = dask.array.from_zarr(pickle.loads(pickle.dumps(view)))
    with h5py.File(path) as f:
        assert np.array_equal(found[2].compute(scheduler="processes"), f["group/x"][2])


def test_the_example_works(tmp_path):
    command = [sys.executable, str(EXAMPLE), "352", "320"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    passed = done.returncode == 0 and done.stdout.endswith("PASS\n")
    assert passed, done.stdout + done.stderr
