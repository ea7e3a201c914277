"""Fills the disk, as far as the process is allowed to, while a dataset is written.

As a script: `full_disk.py HOST FILE` adds "more" to the file until it may grow no further, then has
room again, as when somebody deletes something, and closes the file. Prints what it was told.
"""

import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import hosts
import numpy as np
from params import LOSSLESS

NOISE = np.random.default_rng(0).integers(-(2**31), 2**31, (500, 2000), dtype="i4")


@contextmanager
def no_room(path):
    """The file may become 100 000 bytes longer. Python ignores the signal of one that does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100_000, hard))
    try:
        yield
    except (OSError, RuntimeError) as error:
        print(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def by_h5py(path):
    import h5py

    with h5py.File(path, "a") as f:
        x = f.create_dataset("more", NOISE.shape, "i4", **LOSSLESS.create(chunks=hosts.CHUNKS))
        with no_room(path):
            x[:] = NOISE
            f.flush()


def by_netcdf(path):
    import netCDF4

    with netCDF4.Dataset(path, "a") as f:
        f.createDimension("y", len(NOISE))
        x = f.createVariable("more", "i4", ("y", "x"), chunksizes=hosts.CHUNKS)
        hosts.NetCDF4().define(f, x, LOSSLESS)
        with no_room(path):
            x[:] = NOISE
            f.sync()


if __name__ == "__main__":
    {"h5py": by_h5py, "netCDF4": by_netcdf}[sys.argv[1]](Path(sys.argv[2]))
