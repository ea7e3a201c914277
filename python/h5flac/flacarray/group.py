"""Groups of HDF5 and Zarr files that hold compressed streams.

A group has these arrays, all but the last one of the leading shape, (1,) for one stream:

`stream_starts` (int64)
    First byte of each stream in `compressed`. Its attribute `stream_size` is the samples in each.
`stream_bytes` (int64)
    Bytes of each stream.
`stream_offsets`, `stream_gains` (float32 or float64)
    Of floats only.
`compressed` (uint8)
    The streams, one after another.

Its attributes are `flacarray_format_version` ("1"), `flacarray_software_version` and
`flac_channels` ("1" for 32 bits, "2" for 64). Version 0 (a number) has no `flac_channels`: its
integers have 32 bits; int64 data are those + `stream_offsets` (int64, without gains), float64 data
offset + integer / gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ..library import CorruptError, version
from .decompress import Places, kept
from .mpi import (
    Distribution,
    agreed,
    caught,
    distribute_and_verify,
    messenger,
    raised,
    rank_of,
    told_to_all,
)
from .streams import Streams

VERSION = "flacarray_format_version"
SOFTWARE = "flacarray_software_version"
CHANNELS = "flac_channels"
STARTS = "stream_starts"
NBYTES = "stream_bytes"
SIZE = "stream_size"
OFFSETS = "stream_offsets"
GAINS = "stream_gains"
COMPRESSED = "compressed"

_ARRAYS = (STARTS, NBYTES, OFFSETS, GAINS, COMPRESSED)

_I8, _F4, _F8 = (np.dtype(name) for name in ("i8", "f4", "f8"))

#: Types of offsets and gains that a version has for a number of channels.
_FLOATS = {
    (0, 1): ((None, None), (_I8, None), (_F4, _F4), (_F8, _F8)),
    (1, 1): ((None, None), (_F4, _F4)),
    (1, 2): ((None, None), (_F8, _F8)),
}

#: Bytes written or read at a time: parallel HDF5 takes less than 2**31.
_PIECE = 1 << 30


@dataclass(frozen=True)
class Local:
    """This process's part of the streams of a group."""

    streams: Streams
    leading_shape: tuple[int, ...]
    """Of the part; (streams,) where some were chosen."""
    places: Places | None
    """Where the chosen streams are in the leading shape of the whole array."""
    global_shape: tuple[int, ...]
    dist: Distribution


# Writing


def write(
    group: Any,
    create: Callable[[str, tuple[int, ...], Any], Any],
    streams: Streams,
    leading_shape: tuple[int, ...],
    global_leading_shape: tuple[int, ...],
    comm: Any,
    dist: Distribution,
    everywhere: bool,
) -> None:
    """Writes a group of version 1.

    Parameters
    ----------
    group
        An open group, None on processes that have none.
    create : function of name, shape and type
        Makes an array in the group.
    streams : Streams
        Those of this process. Where they begin is counted from its own first byte.
    everywhere : bool
        Whether all processes have the group open.
    """
    each = [streams.compressed.size]
    if comm is not None:
        each = [int(count) for count in comm.allgather(streams.compressed.size)]
    parts = {
        STARTS: streams.starts + sum(each[: rank_of(comm)]),
        NBYTES: streams.nbytes,
        OFFSETS: streams.offsets,
        GAINS: streams.gains,
    }
    parts = {name: part.reshape(leading_shape) for name, part in parts.items() if part is not None}
    parts[COMPRESSED] = streams.compressed
    arrays = {}

    def prepare() -> None:
        if group is None:
            if rank_of(comm) == 0:
                raise RuntimeError("no group is open (with MPI, process 0 needs one)")
            return
        group.attrs[VERSION] = "1"
        group.attrs[SOFTWARE] = f"h5flac {version()}"
        group.attrs[CHANNELS] = str(streams.channels)
        for name, part in parts.items():
            shape = (sum(each),) if name == COMPRESSED else tuple(map(int, global_leading_shape))
            arrays[name] = create(name, shape, part.dtype)
        arrays[STARTS].attrs[SIZE] = int(streams.stream_size)

    agreed(comm, prepare)

    def store(process: int, parts: dict[str, np.ndarray]) -> None:
        for name, part in parts.items():
            first = sum(each[:process]) if name == COMPRESSED else dist[process][0]
            for rows in _pieces(part):
                arrays[name][first + rows.start : first + rows.stop] = part[rows]

    results = []
    if everywhere or rank_of(comm) == 0:
        results.append(caught(lambda: store(rank_of(comm), parts)))
    if not everywhere:
        if rank_of(comm) != 0:
            messenger(comm).send(parts, 0)
        else:
            for process in range(1, len(each)):
                received = messenger(comm).recv(source=process)
                results.append(caught(lambda p=process, r=received: store(p, r)))
    agreed(comm, lambda: [raised(result) for result in results])


def _pieces(part: np.ndarray) -> Iterator[slice]:
    """Ranges of rows of an array of at most as many bytes as are written at a time."""
    each = max(1, _PIECE // max(1, part[:1].nbytes))
    for start in range(0, len(part), each):
        yield slice(start, min(start + each, len(part)))


# Reading


@dataclass(frozen=True)
class Header:
    """What a group says of all its streams."""

    legacy: bool
    channels: int
    leading_shape: tuple[int, ...]
    stream_size: int

    @classmethod
    def read(cls, group: Any) -> Header:
        """That of a group; RuntimeError or CorruptError if it holds no streams."""
        if group is None:
            raise RuntimeError("no group is open (with MPI, process 0 needs one)")
        if VERSION not in group.attrs:
            raise RuntimeError("the group holds no FlacArray: it has no attribute " + VERSION)
        form = _whole(group, VERSION)
        if form not in (0, 1):
            raise RuntimeError(f"{VERSION} is {form}; known are 0 and 1: install a later h5flac")
        arrays = {name: group[name] for name in _ARRAYS if name in group}
        arrays = {name: array for name, array in arrays.items() if hasattr(array, "dtype")}
        for name in (STARTS, NBYTES, COMPRESSED):
            if name not in arrays:
                raise CorruptError(f"the group has no array {name}")
        channels = _whole(group, CHANNELS) if form == 1 else 1
        if channels not in (1, 2):
            raise CorruptError(f"{CHANNELS} is {channels}; it must be 1 or 2")
        types = {name: np.dtype(array.dtype).newbyteorder("=") for name, array in arrays.items()}
        if types[STARTS].kind != "i" or types[NBYTES].kind != "i" or types[COMPRESSED] != np.uint8:
            raise CorruptError(f"{STARTS}, {NBYTES} and {COMPRESSED} are {types}")
        floats = tuple(types.get(name) for name in (OFFSETS, GAINS))
        if floats not in _FLOATS[form, channels]:
            raise CorruptError(
                f"{OFFSETS} and {GAINS} are {floats[0]} and {floats[1]}, which version {form} "
                f"does not have for {channels} channel{'s' * (channels - 1)}"
            )
        leading = tuple(arrays[STARTS].shape)
        for name in (NBYTES, OFFSETS, GAINS):
            if name in arrays and arrays[name].shape != leading:
                raise CorruptError(
                    f"{name} has the shape {arrays[name].shape}, and {STARTS} {leading}"
                )
        if not leading or len(arrays[COMPRESSED].shape) != 1:
            raise CorruptError(f"{STARTS} has no axes, or {COMPRESSED} not one")
        size = _whole(arrays[STARTS], SIZE)
        if size < 1:
            raise CorruptError(f"{SIZE} is {size}; it must be 1 or more")
        return cls(form == 0, channels, leading, size)


def _whole(array: Any, name: str) -> int:
    """An attribute that is a whole number, or says one."""
    found = array.attrs.get(name)
    try:
        return int(found)
    except (TypeError, ValueError):
        raise CorruptError(f"the attribute {name} is {found!r}; it must be a number") from None


def read(group: Any, keep: Any, comm: Any, dist: Distribution | None, everywhere: bool) -> Local:
    """Reads this process's part of a group, and of it the streams that a mask keeps.

    Parameters
    ----------
    group
        An open group, None on processes that have none.
    keep : boolean array of the leading shape of the whole array
        Which streams. None keeps all.
    everywhere : bool
        Whether all processes have the group open.

    Raises
    ------
    RuntimeError
        If the group holds no streams, or `keep` or `dist` does not fit them.
    CorruptError
        If the group contradicts itself.
    """
    header = told_to_all(comm, lambda: Header.read(group))
    leading = header.leading_shape

    def check() -> tuple[Distribution, np.ndarray | None]:
        if keep is not None:
            kept(keep, leading)
        mask = None if keep is None else np.asarray(keep)
        return distribute_and_verify(comm, leading[0], dist), mask

    dist, keep = agreed(comm, check)
    if everywhere or rank_of(comm) == 0:
        part = caught(lambda: _read_part(group, header, keep, dist, rank_of(comm)))
    if not everywhere:
        if rank_of(comm) != 0:
            part = messenger(comm).recv(source=0)
        else:
            for process in range(1, len(dist)):
                other = caught(lambda p=process: _read_part(group, header, keep, dist, p))
                messenger(comm).send(other, process)
    return agreed(comm, lambda: raised(part))


def _read_part(group: Any, header: Header, keep: Any, dist: Distribution, process: int) -> Local:
    rows = slice(*dist[process])
    starts, nbytes = (np.asarray(group[name][rows], np.int64) for name in (STARTS, NBYTES))
    others = [np.asarray(group[name][rows]) if name in group else None for name in (OFFSETS, GAINS)]
    places = None
    if keep is not None:
        mask = keep[rows]
        starts, nbytes = starts[mask], nbytes[mask]
        others = [None if other is None else other[mask] for other in others]
        places = [(int(p[0]) + rows.start, *map(int, p[1:])) for p in np.argwhere(mask)]
    shape = starts.shape
    compressed, starts = _read_bytes(group[COMPRESSED], starts.reshape(-1), nbytes.reshape(-1))
    offsets, gains = (None if other is None else other.reshape(-1) for other in others)
    size, channels = header.stream_size, header.channels
    streams = Streams(
        compressed, starts, nbytes.reshape(-1), offsets, gains, size, channels, header.legacy
    )
    return Local(streams, shape, places, (*header.leading_shape, size), dist)


def _read_bytes(
    array: Any, starts: np.ndarray, nbytes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of some streams, one after another, and where each then begins."""
    size = array.shape[0]
    # No sum of both: it may overflow.
    wrong = (starts < 0) | (nbytes < 0) | (nbytes > size) | (starts > size - nbytes)
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise CorruptError(
            f"a stream has {nbytes[i]} bytes at {starts[i]}, and {COMPRESSED} has {size}"
        )
    if sum(map(int, nbytes)) > size:
        raise CorruptError(f"streams overlap: {sum(map(int, nbytes))} bytes of {size}")
    if starts.size == 0:
        return np.empty(0, np.uint8), starts
    if isinstance(array, h5py.Dataset) and array.id.get_storage_size() == 0:
        raise CorruptError(f"{COMPRESSED} was never written: none of its {size} bytes is stored")
    ends = starts + nbytes
    new = np.cumsum(nbytes) - nbytes
    out = np.empty(int(nbytes.sum()), np.uint8)
    # Streams that follow each other are read as one.
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != ends[:-1])))
    for i, j in zip(first, [*first[1:], len(starts)], strict=True):
        for start in range(int(starts[i]), int(ends[j - 1]), _PIECE):
            stop = min(start + _PIECE, int(ends[j - 1]))
            shift = int(new[i]) - int(starts[i])
            out[start + shift : stop + shift] = array[start:stop]
    return out, new
