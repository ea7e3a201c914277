"""Reading from Python: h5flac.read beside h5py and flacarray, on files of the same streams."""

import tempfile
from pathlib import Path

import h5flac
import h5py
import numpy as np
from flacarray import hdf5 as flacarray_hdf5
from h5flac.flacarray import hdf5 as stand_in
from timing import Step, compare

COLUMNS = ("what", "than", "ms", "their ms", "times as fast", "wanted", "met")

STREAMS, SAMPLES, CHUNK = 256, 1_000_000, 16
SLICE = slice(500_000, 500_100)
# Samples of a small chunk of one stream, 64 KiB, and how many of each stream are stored in those.
SMALL, OF_EACH = 16_384, 65_536


def write(folder, streams, samples):
    """Noise on a random walk, float32, in steps of a hundredth of the noise."""
    ours, small, theirs = (folder / f"{name}.h5" for name in ("h5flac", "small", "flacarray"))
    rng = np.random.default_rng(1)
    data = np.empty((streams, samples), np.float32)
    for stream in data:
        stream[:] = np.cumsum(rng.normal(size=samples)) * 0.1 + rng.normal(size=samples) * 10
    filter = h5flac.Flac(quanta=0.1)
    start = np.ascontiguousarray(data[:, :OF_EACH])
    for path, what, chunks in [
        (ours, data, (min(CHUNK, streams), samples)),
        (small, start, (1, min(SMALL, samples))),
    ]:
        with h5py.File(path, "w") as file:
            dset = file.create_dataset("x", what.shape, "f4", chunks=chunks, **filter)
            h5flac.write(dset, what)
    with h5py.File(theirs, "w") as file:
        flacarray_hdf5.write_array(data, file, quanta=0.1)
    return ours, small, theirs


def opened(path, read):
    """Opens, reads, closes: no cache of HDF5's helps the next."""

    def work():
        with h5py.File(path) as file:
            return read(file)

    return work


def rows(streams, samples, runs):
    part = SLICE if samples > SLICE.stop else slice(samples // 2, samples // 2 + 100)
    with tempfile.TemporaryDirectory() as folder:
        ours, small, theirs = write(Path(folder), streams, samples)
        two = {"threads": 2}
        whole = opened(ours, lambda f: h5flac.read(f["x"], **two))
        some = opened(ours, lambda f: h5flac.read(f["x"], samples=part, **two))
        whole_small = opened(small, lambda f: h5flac.read(f["x"], **two))
        whole_h5py = opened(ours, lambda f: f["x"][...])
        small_h5py = opened(small, lambda f: f["x"][...])
        some_h5py = opened(ours, lambda f: f["x"][:, part])
        whole_theirs = opened(theirs, flacarray_hdf5.read_array)
        some_theirs = opened(theirs, lambda f: flacarray_hdf5.read_array(f, stream_slice=part))
        whole_stand_in = opened(theirs, lambda f: stand_in.read_array(f, use_threads=True))
        if not np.array_equal(some(), some_h5py()):
            raise SystemExit("h5flac.read gives other samples than h5py")
        if not np.array_equal(whole_stand_in(), whole_theirs()):
            raise SystemExit("h5flac.flacarray gives other samples than flacarray")
        for what, than, first, second, wanted in [
            ("all, 2 threads", "h5py", whole, whole_h5py, 1.7),
            ("100 samples of every stream, 2 threads", "h5py", some, some_h5py, 20),
            ("all of small chunks, 2 threads", "h5py", whole_small, small_h5py, 1),
            ("all, 2 threads", "flacarray", whole, whole_theirs, 4),
            ("100 samples of every stream, 2 threads", "flacarray", some, some_theirs, 10),
            ("flacarray's file, 2 threads", "flacarray", whole_stand_in, whole_theirs, 4),
        ]:
            pair = compare(first, second, runs)
            yield {
                "what": what,
                "than": than,
                "ms": f"{1000 * pair.first:.4g}",
                "their ms": f"{1000 * pair.second:.4g}",
                "times as fast": f"{pair.ratio:.2f}",
                "wanted": f"{wanted:g}",
                "met": "yes" if pair.ratio >= wanted else "no",
            }


def steps(quick):
    shape, runs = ((32, 20_000), 2) if quick else ((STREAMS, SAMPLES), 5)
    return [
        Step("reading from Python", 1e-6 * shape[0] * shape[1], lambda: list(rows(*shape, runs)))
    ]
