"""Writes from several processes without MPI: in a file each, and as chunks for one file.

Needs h5py and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python processes.py
"""

import multiprocessing

import h5py
import numpy as np

STREAMS, LENGTH, STRETCHES = 16, 16_384, 6
STEP = 0.01
CREATION = {
    "dtype": "f8",
    "chunks": (STREAMS, LENGTH),
    "compression": 61868,
    "compression_opts": (5, 2, 1, 2),  # steps of 1/10^2
}


def measured(stretch):
    """What one process has: all streams for a stretch of time."""
    rng = np.random.default_rng(stretch)
    sky = np.cumsum(rng.normal(0, 3, LENGTH))
    return sky + rng.normal(0, 1, (STREAMS, LENGTH))


def write_file(stretch):
    with h5py.File(f"stretch{stretch}.h5", "w") as file:
        file.create_dataset("x", data=measured(stretch), **CREATION)


def show_as_one():
    """A dataset that holds no samples, and finds them in the other files."""
    view = h5py.VirtualLayout((STREAMS, STRETCHES * LENGTH), "f8")
    for i in range(STRETCHES):
        source = h5py.VirtualSource(f"stretch{i}.h5", "x", (STREAMS, LENGTH))
        view[:, i * LENGTH : (i + 1) * LENGTH] = source
    with h5py.File("view.h5", "w") as file:
        file.create_virtual_dataset("x", view)


def encoded(stretch):
    """A chunk as it is stored, from a file in memory that holds nothing else."""
    with h5py.File("chunk", "w", driver="core", backing_store=False) as file:
        x = file.create_dataset("x", data=measured(stretch), **CREATION)
        return x.id.read_direct_chunk((0, 0))[1]


def store(chunks):
    """Writes chunks without the filter: that work is done."""
    with h5py.File("one.h5", "w") as file:
        x = file.create_dataset("x", shape=(STREAMS, STRETCHES * LENGTH), **CREATION)
        for i, chunk in enumerate(chunks):
            x.id.write_direct_chunk((0, i * LENGTH), chunk)


if __name__ == "__main__":
    # Not forked: libraries that the parent uses, HDF5 among them, would be copied as they are.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(write_file, range(STRETCHES))
        show_as_one()
        store(pool.imap(encoded, range(STRETCHES)))

    original = np.concatenate([measured(i) for i in range(STRETCHES)], axis=1)
    for name in ("view.h5", "one.h5"):
        with h5py.File(name) as file:
            error = np.abs(file["x"][:] - original).max()
        print(f"{name}: largest error {error:.6f}")
        assert error <= STEP / 2 * (1 + 1e-9)
    print("PASS")
