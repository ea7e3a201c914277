"""Datasets in HDF5 files in memory: what a filter costs with all that HDF5 does around it."""

import math
from uuid import uuid4

import core
import h5py

h5py.h5pl.prepend(bytes(core.LIBRARY.parent))
ALL = h5py.h5s.ALL


class Stored:
    """A dataset in a file of its own, without a chunk cache: every read decodes."""

    def __init__(self, shape, dtype, chunks, **filters):
        room = 2 * dtype.itemsize * math.prod(shape) + (1 << 20)
        self.file = h5py.File(
            uuid4().hex, "w", driver="core", backing_store=False, block_size=room, rdcc_nbytes=0
        )
        self.dataset = self.file.create_dataset("x", shape, dtype, chunks=chunks, **filters).id
        # Takes and clears the file's memory now: that is not the filter's doing.
        self.file.flush()

    def write(self, array):
        self.dataset.write(ALL, ALL, array)

    def read(self, out):
        self.dataset.read(ALL, ALL, out)
        return out

    @property
    def size(self):
        return self.dataset.get_storage_size()


def h5flac(level, quanta=None):
    """Arguments of create_dataset for this filter."""
    return {"compression": core.FILTER, "compression_opts": core.words(level, quanta)}
