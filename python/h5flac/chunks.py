"""The chunks of a dataset: where they are, and their bytes without HDF5's filter pipeline."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from . import libhdf5, library
from .filter import Flac, filters, stored_words
from .library import FILTER_ID, CorruptError, Layout, Part

#: Number of HDF5's checksum filter.
FLETCHER32 = 3
#: Bytes that fletcher32 puts behind a chunk.
_FLETCHER32_LENGTH = 4

#: Chunks that are looked up one by one.
_FEW = 64
#: Whether h5py tells of all chunks in one go; earlier libraries do not, or not in samples.
_HAS_CHUNK_ITER = hasattr(h5py.h5d.DatasetID, "chunk_iter") and (
    h5py.version.hdf5_version_tuple >= (1, 14, 4)
)

#: Chunk shape where none is given: samples, and streams at most.
_SAMPLES = 65536
_STREAMS = 16


def defined_fill(dataset: h5py.Dataset) -> np.ndarray | None:
    """The fill value that a user defined, one element, else None."""
    plist = dataset.id.get_create_plist()
    if plist.fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED:
        return None
    return np.asarray(dataset.fillvalue, dataset.dtype)


def chunk_shape(shape: tuple[int, ...], axis: int = -1) -> tuple[int, ...]:
    """A chunk shape that suits an array with time along `axis`: several streams, long ones."""
    chunks, room = [1] * len(shape), _STREAMS
    time = axis % len(shape)
    chunks[time] = min(shape[time], _SAMPLES)
    for i in reversed(range(len(shape))):
        if i != time:
            chunks[i] = min(shape[i], room)
            room = max(1, room // chunks[i])
    return tuple(chunks)


class Stored:
    """The bytes of a chunk, in memory."""

    def __init__(self, data: Any, size: int, compressed: bool):
        self._data = np.frombuffer(data, np.uint8)
        self.size = size
        #: Whether the filter was applied: HDF5 may store a chunk without.
        self.compressed = compressed

    def whole(self) -> np.ndarray:
        """All bytes."""
        return self._data[: self.size]

    def decode(self, expected: Layout, part: Part, out: np.ndarray, threads: int) -> None:
        """Decodes a part into a contiguous array of streams × samples.

        Raises
        ------
        CorruptError
            If the chunk has another layout, or bytes are damaged.
        """
        data = self.whole()
        expected.check(data)
        library.decompress_part(data, part, out, threads)


class StoredInFile(Stored):
    """The bytes of a chunk, in a file, from where `library.read_pieces` reads what it needs."""

    def __init__(self, descriptor: int, address: int, size: int, compressed: bool):
        self.descriptor = descriptor
        self.address = address
        self.size = size
        self.compressed = compressed

    def whole(self) -> np.ndarray:
        data, position = np.empty(self.size, np.uint8), 0
        # The system reads less than 2 GiB at once.
        while position < self.size:
            address = self.address + position
            count = os.preadv(self.descriptor, [data[position:]], address)
            if count == 0:
                raise CorruptError(f"should go on at byte {address} of the file, which ends there")
            position += count
        return data


class Chunks:
    """Chunks of a dataset that h5flac compresses.

    Parameters
    ----------
    dataset : h5py.Dataset

    Raises
    ------
    ValueError
        If the dataset is not compressed with h5flac, or by other filters too.
    TypeError
        If it is none.
    """

    def __init__(self, dataset: h5py.Dataset):
        if not isinstance(dataset, h5py.Dataset):
            raise TypeError(f"{dataset!r} is not an h5py.Dataset")
        self.dataset = dataset
        self.name = dataset.name
        self.words = stored_words(dataset)
        self.filter = Flac.from_filter_options(self.words)
        self.axis = self.filter.axis
        self.shape = dataset.shape
        self.chunk_shape = dataset.chunks
        self.layout = Layout.of(dataset.dtype, self.chunk_shape, self.axis)
        pipeline = list(filters(dataset))
        if pipeline not in ([FILTER_ID], [FILTER_ID, FLETCHER32]):
            raise ValueError(
                f"dataset {dataset.name} has other filters beside h5flac ({pipeline}); "
                "use h5py's own dataset[...]"
            )
        self.fletcher32 = len(pipeline) > 1
        self._leaves_partial = libhdf5.leaves_partial_chunks(dataset)
        #: The value where nothing is stored. HDF5 is not to be asked on other threads: who reads
        #: while h5py visits a file's datasets holds its lock.
        self.fillvalue = dataset.fillvalue
        #: The fill value that a user defined, one element, else None.
        self.fill = defined_fill(dataset)

    @property
    def time(self) -> int:
        """Place of the time axis, from the first."""
        return len(self.shape) + self.axis

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Shape of the dataset's streams: all axes but time."""
        return self.shape[: self.time] + self.shape[self.time + 1 :]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(math.ceil(n / c) for n, c in zip(self.shape, self.chunk_shape, strict=True))

    def offsets(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, ...]]:
        """Where each chunk begins, stored or not, in row-major order: those that begin at samples
        `start` to `end` of time, the default being all."""
        ranges, length = [range(n) for n in self.grid], self.chunk_shape[self.time]
        first, last = (-(-sample // length) for sample in (start, self.shape[self.time]))
        if end is not None:
            last = min(last, -(-end // length))
        ranges[self.time] = range(first, last)
        for place in _places(ranges):
            yield tuple(p * c for p, c in zip(place, self.chunk_shape, strict=True))

    def stored_offsets(self) -> Iterator[tuple[int, ...]]:
        """Where each stored chunk begins, in row-major order; where HDF5 does not tell which
        are, where each chunk does.

        A shape may be as large as HDF5 counts, with hardly a chunk stored.
        """
        stored = self.dataset.id.get_num_chunks()
        if stored == math.prod(self.grid) or not self.has_true_addresses:
            return self.offsets()
        return iter(sorted(tuple(info.chunk_offset) for info in self._all_infos()))

    def stored(self) -> Iterator[tuple[tuple[int, ...], Stored]]:
        """Where each stored chunk begins, and its bytes: see `open`."""
        find = self.open(self.dataset.id.get_num_chunks())
        for offset in self.stored_offsets():
            chunk = find(offset)
            if chunk is not None:
                yield offset, chunk

    def numbers(self, offset: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of a chunk's streams in the dataset, and in the chunk, those of padding left out.

        Both are in row-major order.
        """
        if not self.leading_shape:
            return np.zeros(1, int), np.zeros(1, int)
        time, leading = self.time, self.leading_shape
        begin = offset[:time] + offset[time + 1 :]
        sizes = self.chunk_shape[:time] + self.chunk_shape[time + 1 :]
        places = np.indices(sizes).reshape(len(sizes), -1) + np.array(begin)[:, None]
        kept = np.flatnonzero(np.all(places < np.array(leading)[:, None], axis=0))
        return np.ravel_multi_index(tuple(places[:, kept]), leading), kept

    @contextmanager
    def errors_of(self, offset: tuple[int, ...]) -> Iterator[None]:
        """Says of damage, a later format, a failing disk or a lack of memory which chunk it is
        about."""
        try:
            yield
        except (OSError, NotImplementedError, MemoryError) as error:
            where = ", ".join(map(str, offset))
            raise type(error)(f"{self.name}: chunk at ({where}): {error}") from None

    def open(self, lookups: int = 1) -> Callable[[tuple[int, ...]], Stored | None]:
        """A function from a chunk's offset to its bytes, None where it is not stored.

        `lookups` says about how many will be asked for: HDF5 looks through all chunks for each,
        so that many are found sooner in a table of all.

        What an open file has not written yet is flushed. To be called, as the function is, on the
        thread that uses HDF5; what the function returns may be read on any, while the file is open.
        """
        file, dataset = self.dataset.file, self.dataset.id
        if file.mode != "r":
            file.flush()
        plain = self.in_plain_file
        descriptor = file.id.get_vfd_handle() if plain else -1

        look_up = dataset.get_chunk_info_by_coord
        if plain and lookups > _FEW and _HAS_CHUNK_ITER:
            look_up = {tuple(info.chunk_offset): info for info in self._all_infos()}.get

        def by_address(offset: tuple[int, ...]) -> Stored | None:
            info = look_up(offset)
            if info is None or info.byte_offset is None:
                return None
            size, compressed = self._applied(offset, info.size, info.filter_mask)
            return StoredInFile(descriptor, info.byte_offset, size, compressed)

        def directly(offset: tuple[int, ...]) -> Stored | None:
            if libhdf5.chunk_size(self.dataset, offset) == 0:
                return None
            mask, data = dataset.read_direct_chunk(offset)
            return Stored(data, *self._applied(offset, len(data), mask))

        return by_address if plain else directly

    @property
    def in_plain_file(self) -> bool:
        """Whether chunks are read by their addresses in a file, else through HDF5."""
        # Addresses count from behind a user block, and other drivers have no such file.
        file = self.dataset.file
        return file.driver == "sec2" and file.userblock_size == 0 and self.has_true_addresses

    def references(self) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Place in the grid, address in the file and number of bytes of each stored chunk, without
        a checksum of fletcher32: what a program needs to read them without HDF5.

        Raises
        ------
        ValueError
            If HDF5 does not tell addresses right, or a chunk is stored uncompressed.
        """
        name, userblock = self.name, self.dataset.file.userblock_size
        if userblock:
            raise ValueError(
                f"{name}: the file has a user block of {userblock} bytes, and not all versions of "
                "HDF5 count it in addresses; remove it with h5unjam"
            )
        if not self.has_true_addresses:
            raise ValueError(
                f"{name}: HDF5 tells the addresses of this dataset's chunks wrong, since its "
                "unlimited axis is not the first; write it with libver='earliest', or chunks that "
                "span the axes before"
            )
        for info in self._all_infos():
            place = tuple(o // c for o, c in zip(info.chunk_offset, self.chunk_shape, strict=True))
            size, compressed = self._applied(info.chunk_offset, info.size, info.filter_mask)
            if not compressed:
                raise ValueError(
                    f"{name}: the chunk at {info.chunk_offset} is stored uncompressed, as HDF5 "
                    "does when it does not find the filter, or is told to leave partial chunks; "
                    "h5repack compresses it"
                )
            yield place, info.byte_offset, size

    def _all_infos(self) -> list[Any]:
        dataset = self.dataset.id
        if _HAS_CHUNK_ITER:
            infos: list[Any] = []
            dataset.chunk_iter(infos.append)
            return infos
        return [dataset.get_chunk_info(i) for i in range(dataset.get_num_chunks())]

    @property
    def has_true_addresses(self) -> bool:
        """Whether HDF5 tells the addresses of this dataset's chunks right.

        An extensible array holds chunks with the unlimited axis first, and up to HDF5 2.0 what is
        told about them forgets to undo that (seen in 1.12.2, 1.14.6 and 2.0.0): the addresses are
        those of other chunks, unless there is one chunk along each axis before the unlimited.
        """
        limits = self.dataset.maxshape
        unlimited = limits.index(None) if None in limits else 0
        before = zip(limits[:unlimited], self.chunk_shape, strict=False)
        return all(n <= c for n, c in before) or not libhdf5.has_extensible_array(self.dataset)

    def is_left(self, offset: tuple[int, ...]) -> bool:
        """Whether HDF5 applies no filter to a chunk: the dataset may leave partial ones alone."""
        ends = zip(offset, self.chunk_shape, self.shape, strict=True)
        return self._leaves_partial and any(o + c > n for o, c, n in ends)

    def _applied(self, offset: tuple[int, ...], size: int, mask: int) -> tuple[int, bool]:
        """Bytes of a chunk without those of fletcher32, and whether it is compressed.

        A bit of the mask is set for each filter that was left out.
        """
        if self.is_left(offset):
            return size, False
        if self.fletcher32 and not mask & 2:
            size = max(0, size - _FLETCHER32_LENGTH)
        return size, not mask & 1


def _places(ranges: list[range]) -> Iterator[tuple[int, ...]]:
    """All places in row-major order, one by one: `itertools.product` lists each range."""
    if not ranges:
        yield ()
        return
    for place in ranges[0]:
        for rest in _places(ranges[1:]):
            yield (place, *rest)
