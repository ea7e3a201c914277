"""A power spectrum of each stream, with Dask, of a dataset that is larger than a worker's memory.

Twice: from the HDF5 file, chunks read directly, and from its Zarr view, which is a file of
references to the same chunks. Needs the packages h5flac, dask, distributed, kerchunk and zarr.
Run: python dask_spectrum.py [MIB_OF_DATA MIB_OF_A_WORKER]
"""

import json
import sys
import time

import dask.array
import h5flac
import h5flac.dask
import h5py
import numpy as np
import zarr
from distributed import Client, LocalCluster
from h5flac.kerchunk import SingleHdf5ToZarr
from kerchunk.utils import refs_as_store

SIZE, MEMORY = map(int, sys.argv[1:]) if len(sys.argv) == 3 else (768, 512)

RATE = 100.0  # Hz
SEGMENT = 4096
CHUNK = (16, 65_536)
BLOCK = (16, 4 * 65_536)  # 16 MiB, a multiple of the chunks
STREAMS = 32
LENGTH = SIZE * 2**20 // (4 * STREAMS) // BLOCK[1] * BLOCK[1]

FREQUENCIES = np.fft.rfftfreq(SEGMENT, 1 / RATE)
WINDOW = np.hanning(SEGMENT + 1)[:-1]
LINE = 12.5  # Hz; of all streams, its amplitude their number / 10


def measured(start, rng):
    """A stretch of all streams: noise of standard deviation 1 on a drift, and a line."""
    seconds = np.arange(start, start + BLOCK[1]) / RATE
    line = np.outer(np.arange(STREAMS) / 10, np.sin(2 * np.pi * LINE * seconds))
    noise = rng.normal(size=(STREAMS, BLOCK[1]))
    return (line + noise + 10 * np.sin(seconds / 3600)).astype("f4")


def write(path):
    """The file, written in stretches: here, too, memory is short."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        x = file.create_dataset(
            "x", (STREAMS, LENGTH), "f4", chunks=CHUNK, compression=h5flac.Flac(noise=8)
        )
        for start in range(0, LENGTH, BLOCK[1]):
            stretch = slice(start, start + BLOCK[1])
            h5flac.write(x, measured(start, rng), samples=stretch)
        file.flush()
        return x.id.get_storage_size()


def power(block):
    """Sum of the spectra of overlapping segments, of shape (streams, 1, frequencies)."""
    total = np.zeros((len(block), 1, len(FREQUENCIES)))
    segments = np.lib.stride_tricks.sliding_window_view(block, SEGMENT, axis=1)
    for stream, own in enumerate(segments[:, :: SEGMENT // 2]):
        own = own - own.mean(axis=1, keepdims=True)
        total[stream, 0] = (np.abs(np.fft.rfft(own * WINDOW)) ** 2).sum(axis=0)
    return total


def welch(data):
    """Power spectral density of each stream, one-sided, per Hz.

    Segments lie within blocks, so that a worker needs one block at a time; a few between blocks are
    left out.
    """
    data = data.rechunk(BLOCK)
    segments = sum(length // (SEGMENT // 2) - 1 for length in data.chunks[1])
    chunks = (data.chunks[0], (1,) * data.numblocks[1], (len(FREQUENCIES),))
    total = data.map_blocks(power, chunks=chunks, new_axis=2, dtype="f8").sum(axis=1)
    return total * (2 / RATE / (WINDOW**2).sum() / segments)


def peak():
    """The most memory that this process has had, in MiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10


if __name__ == "__main__":
    stored = write("streams.h5")
    raw = STREAMS * LENGTH * 4
    print(f"{raw >> 20} MiB became {stored >> 20} MiB")
    assert raw > MEMORY << 20

    references = SingleHdf5ToZarr("streams.h5", error="raise").translate()
    with open("references.json", "w") as file:
        json.dump(references, file)

    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=f"{MEMORY}MiB",
        dashboard_address=None,
    )
    with cluster, Client(cluster) as client:
        view = zarr.open_array(refs_as_store("references.json"), path="x", mode="r")
        arrays = {
            "HDF5, direct chunks": h5flac.dask.from_dataset("streams.h5", "x", BLOCK),
            "Zarr view": dask.array.from_zarr(view),
        }
        spectra = {}
        for name, data in arrays.items():
            begin = time.perf_counter()
            spectra[name] = welch(data).compute()
            print(f"{name}: {time.perf_counter() - begin:.1f} s")
        most = max(client.run(peak).values())
        print(f"workers took up to {most} MiB of {MEMORY}")
        assert most < MEMORY

    found, same = spectra.values()
    assert np.array_equal(found, same)
    # One stream read by h5py.
    with h5py.File("streams.h5") as file:
        stream = dask.array.from_array(file["x"][7:8], BLOCK)
        assert np.allclose(welch(stream).compute(scheduler="sync"), found[7:8], rtol=1e-9)
    # The noise and the line that were put in.
    quiet = (FREQUENCIES > 1) & (np.abs(FREQUENCIES - LINE) > 1)
    assert np.allclose(found[:, quiet].mean(axis=1) * RATE / 2, 1, atol=0.05)
    near = np.abs(FREQUENCIES - LINE) < 0.2
    line = (found[:, near] - 2 / RATE).sum(axis=1) * FREQUENCIES[1]
    assert np.allclose(np.sqrt(2 * line[10:]), np.arange(10, STREAMS) / 10, rtol=0.02)
    print("PASS")
