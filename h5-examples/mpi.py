"""Writes one dataset from the processes of an MPI program, and reads it by other parts.

Needs an h5py built for MPI, mpi4py, and HDF5_PLUGIN_PATH naming the folder of libh5flac.so on every
machine. On Debian 12 these are the packages openmpi-bin, python3-h5py-mpi and python3-mpi4py; run:
mpirun -n 4 /usr/bin/python3 mpi.py out.h5
(as root with --allow-run-as-root, on fewer than four processors with --oversubscribe)
"""

import sys
import traceback

import h5py
import numpy as np
from mpi4py import MPI

STREAMS, LENGTH, STRETCHES = 16, 16_384, 6
STEP = 0.01

world = MPI.COMM_WORLD


def measured(stretch):
    """What a rank has: all streams for a stretch of time, which will be one chunk."""
    rng = np.random.default_rng(stretch)
    sky = np.cumsum(rng.normal(0, 3, LENGTH))
    gains = np.linspace(0.8, 1.2, STREAMS)[:, None]
    return gains * sky + rng.normal(0, 1, (STREAMS, LENGTH))


def share(count):
    """The first of `count` things that are this rank's, and the first that are the next one's."""
    return count * world.rank // world.size, count * (world.rank + 1) // world.size


def collectively(call, dataset, start, array):
    """Reads or writes an array at a place, by dataset.id.read or write, which every rank must call.

    h5py's dataset[...] does not call HDF5 where a rank has nothing, and the others wait for it.
    """
    place = dataset.id.get_space()
    if array.size:
        place.select_hyperslab(start, array.shape)
    else:
        place.select_none()
    options = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    options.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
    call(h5py.h5s.create_simple(array.shape), place, array, dxpl=options)


def write(path):
    """Each rank writes whole chunks: none has to wait for samples that others send."""
    first, end = share(STRETCHES)
    samples = np.empty((STREAMS, (end - first) * LENGTH))
    for i in range(end - first):
        samples[:, i * LENGTH : (i + 1) * LENGTH] = measured(first + i)
    # Not in a with statement: after an error, closing would wait for the other ranks.
    file = h5py.File(path, "w", driver="mpio", comm=world)
    # Every rank says the same: HDF5 does not compare.
    x = file.create_dataset(
        "x",
        shape=(STREAMS, STRETCHES * LENGTH),
        dtype="f8",  # that of the samples: HDF5 converts nothing in such a write
        chunks=(STREAMS, LENGTH),
        compression=61868,
        compression_opts=(5, 2, 1, 2),  # steps of 1/10^2
    )
    collectively(x.id.write, x, (0, first * LENGTH), samples)
    file.close()


def read(path):
    """Each rank reads some streams from beginning to end, and gives its largest error."""
    first, end = share(STREAMS)
    samples = np.empty((end - first, STRETCHES * LENGTH))
    file = h5py.File(path, "r", driver="mpio", comm=world)
    collectively(file["x"].id.read, file["x"], (first, 0), samples)
    stored = file["x"].id.get_storage_size()
    file.close()
    original = np.concatenate([measured(i)[first:end] for i in range(STRETCHES)], axis=1)
    return np.abs(samples - original).max(initial=0), stored


def main(path):
    write(path)
    error, stored = read(path)
    error = world.reduce(error, op=MPI.MAX)
    if world.rank == 0:
        raw = 8 * STREAMS * STRETCHES * LENGTH
        print(f"{world.size} ranks: {stored:,} of {raw:,} bytes, largest error {error:.6f}")
        assert error <= STEP / 2 * (1 + 1e-9)
        print("PASS")


try:
    main(sys.argv[1])
except BaseException:
    # A rank that just ended would leave the others waiting.
    traceback.print_exc()
    sys.stderr.flush()
    world.Abort(1)
