"""An array in memory, compressed stream by stream."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import numpy as np

from .compress import compress_local
from .decompress import kept
from .hdf5 import HDF5
from .mpi import Distribution, global_bytes
from .quantization import FLOATS, INTEGERS
from .storage import Storage
from .streams import Streams, dtype_of, threads_of
from .zarr import ZARR


def _is_number(key: Any) -> bool:
    # A truth value is an int to Python, and a mask to NumPy.
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool)


def _is_basic(key: Any) -> bool:
    return key is None or key is Ellipsis or isinstance(key, slice) or _is_number(key)


class FlacArray:
    """An array of int32, int64, float32 or float64, compressed along its last axis.

    Made by `from_array`, `read_hdf5` and `read_zarr`. Indexing decodes what is asked for, and means
    what it does for the array itself. Integers are lossless; floats err by at most half of a step, the
    quanta (see `utils.float_to_int`).

    Parameters
    ----------
    other : FlacArray
        To be copied.
    shape, global_shape, compressed, dtype, stream_starts, stream_nbytes, stream_offsets, stream_gains, mpi_comm, mpi_dist
        Without `other`: the properties of these names.
    """  # noqa: E501

    def __init__(
        self,
        other: FlacArray | None,
        shape: tuple[int, ...] | None = None,
        global_shape: tuple[int, ...] | None = None,
        compressed: np.ndarray | None = None,
        dtype: Any = None,
        stream_starts: np.ndarray | None = None,
        stream_nbytes: np.ndarray | None = None,
        stream_offsets: np.ndarray | None = None,
        stream_gains: np.ndarray | None = None,
        mpi_comm: Any = None,
        mpi_dist: Distribution | None = None,
    ):
        if other is not None:
            # Communicators are few: the same one serves the copy.
            shared = {id(other._mpi_comm): other._mpi_comm}
            self.__dict__.update(copy.deepcopy(other.__dict__, shared))
            return
        if np.dtype(dtype) not in INTEGERS and np.dtype(dtype) not in FLOATS:
            raise RuntimeError(f"unsupported data type {dtype}")
        if shape is None or shape[0] == 0:
            if mpi_comm is None and shape is None:
                raise RuntimeError("the array is empty, and there is no other process")
            shape = (0, *global_shape[1:])
        self._shape = tuple(map(int, shape))
        self._global_shape = tuple(map(int, global_shape))
        self._dtype = np.dtype(dtype)
        self._compressed = compressed
        self._stream_starts = stream_starts
        self._stream_nbytes = stream_nbytes
        self._stream_offsets = stream_offsets
        self._stream_gains = stream_gains
        self._mpi_comm = mpi_comm
        self._mpi_dist = mpi_dist
        self._global_nbytes, self._global_process_nbytes, self._global_stream_starts = global_bytes(
            compressed.nbytes, stream_starts, mpi_comm
        )

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of this process's part."""
        return self._shape

    @property
    def global_shape(self) -> tuple[int, ...]:
        """Shape of the whole array: two axes at least."""
        return self._global_shape

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Shape of this process's streams, (1,) for one."""
        return self._shape[:-1] or (1,)

    @property
    def global_leading_shape(self) -> tuple[int, ...]:
        """Shape of all streams."""
        return self._global_shape[:-1]

    @property
    def stream_size(self) -> int:
        """Samples in a stream."""
        return self._global_shape[-1]

    @property
    def nstreams(self) -> int:
        """Number of this process's streams."""
        return math.prod(self.leading_shape)

    @property
    def global_nstreams(self) -> int:
        """Number of all streams."""
        return math.prod(self.global_leading_shape)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self._dtype

    @property
    def typestr(self) -> str:
        """Name of the type of the values, such as "float32"."""
        return self._dtype.name

    @property
    def nbytes(self) -> int:
        """Bytes of this process's compressed streams."""
        return self._compressed.nbytes

    @property
    def global_nbytes(self) -> int:
        """Bytes of all compressed streams."""
        return self._global_nbytes

    @property
    def global_process_nbytes(self) -> list[int]:
        """Bytes of compressed streams on each process."""
        return self._global_process_nbytes

    @property
    def compressed(self) -> np.ndarray:
        """Bytes of this process's streams, one after another."""
        return self._compressed

    @property
    def stream_starts(self) -> np.ndarray:
        """First byte of each stream in `compressed`, of the leading shape."""
        return self._stream_starts

    @property
    def stream_nbytes(self) -> np.ndarray:
        """Bytes of each stream, of the leading shape."""
        return self._stream_nbytes

    @property
    def global_stream_starts(self) -> np.ndarray:
        """First byte of each of this process's streams among those of all."""
        return self._global_stream_starts

    @property
    def global_stream_nbytes(self) -> np.ndarray:
        """Bytes of each stream of the whole array, of the global leading shape.

        All processes have to ask for it together.
        """
        if self._mpi_comm is None:
            return self._stream_nbytes
        return np.concatenate(self._mpi_comm.allgather(self._stream_nbytes))

    @property
    def stream_offsets(self) -> np.ndarray | None:
        """Offset of each stream, in the unit of the data; None for integers."""
        return self._stream_offsets

    @property
    def stream_gains(self) -> np.ndarray | None:
        """1 / step of each stream; None for integers."""
        return self._stream_gains

    @property
    def mpi_comm(self) -> Any:
        """The processes that share the array, or None."""
        return self._mpi_comm

    @property
    def mpi_dist(self) -> Distribution | None:
        """First and last (exclusive) index of the leading axis on each process."""
        return self._mpi_dist

    def __repr__(self) -> str:
        process = ""
        if self._mpi_comm is not None:
            first, last = self._mpi_dist[self._mpi_comm.rank]
            process = f" process {self._mpi_comm.rank} ({first} to {last})"
        return f"<FlacArray{process} {self.typestr} shape={self._shape} bytes={self.nbytes}>"

    def __eq__(self, other: object) -> bool:
        """Whether the compressed streams, and with them all values, are the same."""
        if not isinstance(other, FlacArray):
            return NotImplemented
        if (self._dtype, self._shape, self._global_shape) != (
            other._dtype,
            other._shape,
            other._global_shape,
        ):
            return False
        parts = ("_stream_starts", "_stream_nbytes", "_stream_offsets", "_stream_gains")
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in (*parts, "_compressed")
        )

    __hash__ = None

    # Decoding

    @property
    def _streams(self) -> Streams:
        return Streams.of(
            self._compressed,
            self._stream_starts,
            self._stream_nbytes,
            self._stream_offsets,
            self._stream_gains,
            self.stream_size,
            self._dtype.itemsize // 4,
        )

    def to_array(
        self,
        keep: Any = None,
        stream_slice: slice | None = None,
        keep_indices: bool = False,
        use_threads: bool = False,
    ) -> Any:
        """Decodes this process's part.

        Parameters
        ----------
        keep : boolean array of the leading shape
            Which streams. None keeps all.
        stream_slice : slice
            Which samples of each stream, as NumPy takes it.
        keep_indices : bool
            Whether to return also where the kept streams are.
        use_threads : bool
            Whether to use several threads.

        Returns
        -------
        array
            Of shape (leading…, samples), (samples,) for a single stream; with `keep` of shape
            (streams, samples).
        places
            With `keep` and `keep_indices`: list of the kept streams' indices in the leading shape.
        """
        numbers, places = kept(keep, self.leading_shape)
        samples = slice(None) if stream_slice is None else stream_slice
        found = self._streams.values(numbers, samples, threads_of(use_threads))
        if keep is None and len(self._shape) == 1:
            found = found[0]
        return (found, places) if keep is not None and keep_indices else found

    def __getitem__(self, key: Any) -> np.ndarray:
        """Decodes what NumPy's indexing of the array would give."""
        keys = list(key) if isinstance(key, tuple) else [key]
        leading = self._shape[:-1]
        numbers = np.arange(math.prod(leading)).reshape(leading)
        keys = _expanded(keys, len(self._shape))
        samples = keys[-1] if keys and keys[-1] is not None else None
        if isinstance(samples, slice) or (_is_number(samples) and all(map(_is_basic, keys))):
            chosen = numbers[tuple(keys[:-1])]
            if isinstance(samples, slice):
                return self._streams.values(chosen, samples, 1)
            place = range(self.stream_size)[samples]
            return self._streams.values(chosen, slice(place, place + 1), 1)[..., 0]
        return self._gather(numbers, tuple(keys))

    def _gather(self, numbers: np.ndarray, key: tuple) -> np.ndarray:
        """Elements at any places, through the number of stream and sample of each."""
        streams = np.broadcast_to(numbers[..., None], self._shape)[key]
        samples = np.broadcast_to(np.arange(self.stream_size), self._shape)[key]
        if streams.size == 0:
            return np.empty(streams.shape, self._dtype)
        needed, rows = np.unique(streams, return_inverse=True)
        first, last = int(samples.min()), int(samples.max())
        block = self._streams.values(needed, slice(first, last + 1), 1)
        return block[rows.reshape(streams.shape), samples - first]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise RuntimeError("a FlacArray cannot be changed; make a new one with from_array")

    def __delitem__(self, key: Any) -> None:
        raise RuntimeError("streams of a FlacArray cannot be deleted; choose some with to_array")

    # Making and storing

    @classmethod
    def from_array(
        cls,
        arr: np.ndarray | None,
        level: int = 5,
        quanta: Any = None,
        precision: Any = None,
        mpi_comm: Any = None,
        use_threads: bool = False,
    ) -> FlacArray:
        """Compresses an array.

        Parameters
        ----------
        arr : array of int32, int64, float32 or float64, of shape (leading…, samples)
            This process's part; None where it has none.
        level : int
            Effort, 0 to 8.
        quanta, precision : number, or array of the leading shape
            The step of floats: see `utils.float_to_int`.
        mpi_comm : MPI.Comm
            Processes over whose leading axis the array is distributed.
        use_threads : bool
            Whether to use several threads.

        Raises
        ------
        ValueError, RuntimeError
            See `compress.array_compress`.
        """
        parts, properties = compress_local(arr, level, quanta, precision, mpi_comm, use_threads)
        compressed, starts, nbytes, offsets, gains = parts
        whole = properties["shape"]
        return cls(
            None,
            shape=(0, *whole[1:]) if starts.size == 0 else arr.shape,
            global_shape=whole,
            compressed=compressed,
            dtype=properties["dtype"],
            stream_starts=starts,
            stream_nbytes=nbytes,
            stream_offsets=offsets,
            stream_gains=gains,
            mpi_comm=mpi_comm,
            mpi_dist=properties["dist"],
        )

    def write_hdf5(self, hgrp: Any) -> None:
        """Writes to a group of an HDF5 file (None on MPI processes that have not opened it)."""
        self._write(HDF5, hgrp)

    def write_zarr(self, zgrp: Any) -> None:
        """Writes to a Zarr group (None on all MPI processes but the first)."""
        self._write(ZARR, zgrp)

    def _write(self, storage: Storage, grp: Any) -> None:
        storage.write(
            grp,
            self._streams,
            self.leading_shape,
            self.global_leading_shape,
            self._mpi_comm,
            self._mpi_dist,
        )

    @classmethod
    def read_hdf5(
        cls,
        hgrp: Any,
        keep: Any = None,
        mpi_comm: Any = None,
        mpi_dist: Distribution | None = None,
        no_flatten: bool = False,
    ) -> FlacArray:
        """Reads from a group of an HDF5 file, without decoding.

        Parameters
        ----------
        keep : boolean array of the leading shape
            Which streams, then numbered along one axis. None keeps all.
        mpi_comm, mpi_dist
            Processes over which to distribute the leading axis; the range of each, by default even.
        no_flatten : bool
            Whether one stream has the shape (1, samples), not (samples,).
        """
        return cls._read(HDF5, hgrp, keep, mpi_comm, mpi_dist, no_flatten)

    @classmethod
    def read_zarr(
        cls,
        zgrp: Any,
        keep: Any = None,
        mpi_comm: Any = None,
        mpi_dist: Distribution | None = None,
        no_flatten: bool = False,
    ) -> FlacArray:
        """Reads from a Zarr group, without decoding: the arguments are those of `read_hdf5`."""
        return cls._read(ZARR, zgrp, keep, mpi_comm, mpi_dist, no_flatten)

    @classmethod
    def _read(
        cls,
        storage: Storage,
        grp: Any,
        keep: Any,
        mpi_comm: Any,
        mpi_dist: Distribution | None,
        no_flatten: bool,
    ) -> FlacArray:
        shape, whole, compressed, channels, starts, nbytes, offsets, gains, dist, _ = (
            storage.read_compressed(grp, keep, mpi_comm, mpi_dist)
        )
        if keep is not None:
            # The streams that are left have one leading axis, over all processes.
            counts = [len(starts)] if mpi_comm is None else mpi_comm.allgather(len(starts))
            borders = [0, *map(int, np.cumsum(counts))]
            whole, dist = (
                (borders[-1], whole[-1]),
                list(pairwise(borders)),
            )
        if shape[:-1] == (1,) and keep is None and not no_flatten:
            shape = shape[1:]
        return cls(
            None,
            shape=shape,
            global_shape=whole,
            compressed=compressed,
            dtype=dtype_of(channels, offsets, gains),
            stream_starts=starts,
            stream_nbytes=nbytes,
            stream_offsets=offsets,
            stream_gains=gains,
            mpi_comm=mpi_comm,
            mpi_dist=dist,
        )


def _expanded(keys: list[Any], axes: int) -> list[Any]:
    """A key for each axis: with slices for an Ellipsis and for those that are left out."""

    def taken(one: Any) -> int:
        if one is None or one is Ellipsis:
            return 0
        array = None if _is_basic(one) else np.asarray(one)
        return array.ndim if array is not None and array.dtype == bool else 1

    dots = [i for i, one in enumerate(keys) if one is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = sum(map(taken, keys))
    if given > axes:
        raise IndexError(f"too many indices: the array has {axes} axes, but {given} were indexed")
    place = dots[0] if dots else len(keys)
    return keys[:place] + [slice(None)] * (axes - given) + keys[place + len(dots) :]
