"""Datasets that h5flac compresses as arrays of Dask, read by its workers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import dask.array
import h5py
import numpy as np

from .chunks import Chunks
from .reading import read


def from_dataset(path: str | os.PathLike, name: str, chunks: Any = None) -> dask.array.Array:
    """An array of Dask that reads a dataset by `h5flac.read`.

    Whoever computes a block opens the file and decodes the chunks that the block needs, of chunks
    that it needs in part just that part, without HDF5's lock. So several threads of a worker decode
    side by side, and every worker must see the file by this path.

    Parameters
    ----------
    path : path
        A file that nobody writes.
    name : str
        A dataset that h5flac compresses.
    chunks
        Blocks, as `dask.array.from_array` takes them: a shape, or "auto". Best are multiples of the
        dataset's own chunks, which are the default.

    Returns
    -------
    dask.array.Array
        Of the dataset's shape and type.

    Raises
    ------
    ValueError
        If the dataset is not compressed with h5flac.
    """
    path = os.path.abspath(path)
    with h5py.File(path, "r") as file:
        found = Chunks(file[name])
        status = os.stat(path)
        source = _Source(
            path,
            name,
            found.shape,
            found.dataset.dtype,
            found.time,
            (status.st_mtime_ns, status.st_size),
        )
    blocks = found.chunk_shape if chunks is None else chunks
    return dask.array.from_array(source, blocks, fancy=False)


@dataclass(frozen=True)
class _Source:
    """A dataset, wherever this is sent."""

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    time: int
    version: tuple[int, int]
    """When the file was changed, and its size: with another one Dask's names are others."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: tuple[slice | int, ...]) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        index += (slice(None),) * (self.ndim - len(index))
        leading, time = index[: self.time] + index[self.time + 1 :], index[self.time]
        with h5py.File(self.path, "r") as file:
            # One thread: Dask has others that do the same.
            found = read(file[self.name], leading, time, threads=1)
        if not isinstance(time, slice):
            return found
        before = sum(isinstance(i, slice) for i in index[: self.time])
        return np.moveaxis(found, -1, before)
