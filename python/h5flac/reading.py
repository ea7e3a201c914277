"""Reading with several threads, and no more bytes than needed."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from . import library
from .chunks import Chunks, Stored, StoredInFile
from .library import CorruptError, Part, PieceError
from .parallel import in_order, thread_count
from .progress import shown

#: Samples of a frame, about: of each stream so many are decoded at least.
_FRAME = 8192
#: Samples that a call decodes for each thread, about: so often is progress shown, and Ctrl-C heard.
_CALL = 1 << 23
#: Samples of a task below which threads of Python, which take turns, hinder each other.
_ONE_THREAD = 1 << 18


@dataclass(frozen=True)
class _Task:
    """What one chunk gives: some samples of some streams, for some rows of the result."""

    offset: tuple[int, ...]
    rows: np.ndarray
    part: Part
    columns: slice

    @property
    def decoded(self) -> int:
        """Samples that are decoded, at least."""
        return self.rows.size * max(self.part.sample_count, _FRAME)


def read(
    dset: h5py.Dataset,
    keep: Any = None,
    samples: slice | int = slice(None),
    threads: int | None = None,
) -> np.ndarray:
    """Reads streams of a dataset, chunks side by side, and just the bytes that they need.

    Time is the last axis of the result, wherever it is in the dataset; the axes before it are those
    of ``leading[keep]``, for an array `leading` of the leading shape (all axes but time). With time
    last in the dataset and `keep` an index, a slice, a list or a mask of its leading shape, that
    is ``dset[...][keep][..., samples]``.

    Parameters
    ----------
    dset : h5py.Dataset
        Compressed with h5flac.
    keep
        Which streams: any index that NumPy takes for an array of the leading shape. An integer, a
        slice, a list, a boolean mask, an Ellipsis, or a tuple of these. None keeps all.
    samples : slice or int
        Which samples of each stream. Negative, open and stepped slices mean what they do in NumPy.
    threads : int
        Default: what H5FLAC_NUM_THREADS says, else one for each processor.

    Returns
    -------
    array of the dataset's type

    Raises
    ------
    ValueError
        If the dataset is not compressed with h5flac.
    IndexError
        If `keep` or `samples` does not fit the shape.
    CorruptError
        If stored bytes are damaged.
    """
    chunks, threads = Chunks(dset), thread_count(threads)
    leading = chunks.leading_shape
    streams = np.arange(np.prod(leading, dtype=np.int64)).reshape(leading)
    if keep is not None:
        streams = np.asarray(streams[keep])
    length = chunks.shape[chunks.time]
    if isinstance(samples, slice):
        start, stop, step = samples.indices(length)
        count = len(range(start, stop, step))
    else:
        start, count, step = _sample(samples, length), 1, 1
    if step < 0:
        start = start + (count - 1) * step
    # The range that is decoded, ascending; a step then thins it.
    end = start + (count - 1) * abs(step) + 1 if count else start
    whole = np.empty((streams.size, end - start if count else 0), dset.dtype)
    tasks = list(_tasks(chunks, streams.reshape(-1), start, end)) if whole.size else []
    find = chunks.open(len(tasks))
    found = ((task, find(task.offset)) for task in tasks)
    if chunks.in_plain_file:
        work = _read(chunks, found, whole, threads)
    else:
        if sum(task.decoded for task in tasks) < _ONE_THREAD * len(tasks):
            threads = 1
        within = max(1, threads // max(1, len(tasks)))
        work = in_order(lambda task: _decode(chunks, *task, whole, within), found, threads)
    for _ in shown(work, len(tasks), "reading"):
        pass
    result = whole[:, ::step] if step != 1 else whole
    if not isinstance(samples, slice):
        return result.reshape(streams.shape)
    return result.reshape(*streams.shape, count)


def _sample(samples: Any, length: int) -> int:
    try:
        place = operator.index(samples)
    except TypeError:
        raise TypeError(f"samples is {samples!r}; it must be a slice or an integer") from None
    if not -length <= place < length:
        raise IndexError(f"sample {place} of streams with {length} samples")
    return place % length


def _tasks(chunks: Chunks, streams: np.ndarray, start: int, end: int) -> Iterator[_Task]:
    """What each chunk gives to samples start to end of streams, numbered in row-major order."""
    time, leading = chunks.time, chunks.leading_shape
    sizes = chunks.chunk_shape[:time] + chunks.chunk_shape[time + 1 :]
    length = chunks.chunk_shape[time]
    if leading:
        coordinates = np.array(np.unravel_index(streams, leading))
        places, local = np.divmod(coordinates, np.array(sizes)[:, None])
        grid = [-(-n // c) for n, c in zip(leading, sizes, strict=True)]
        group = np.ravel_multi_index(tuple(places), grid)
        numbers = np.ravel_multi_index(tuple(local), sizes)
    else:
        places = np.empty((0, streams.size), np.int64)
        group = numbers = np.zeros(streams.size, np.int64)
    order = np.argsort(group, kind="stable")
    borders = np.flatnonzero(np.diff(group[order])) + 1
    for rows in np.split(order, borders):
        place = places[:, rows[0]]
        corner = [int(p) * c for p, c in zip(place, sizes, strict=True)]
        selected = np.ascontiguousarray(numbers[rows], np.uint64)
        for first in range(start - start % length, end, length):
            a, b = max(start, first), min(end, first + length)
            part = Part(selected, a - first, b - a)
            offset = (*corner[:time], first, *corner[time:])
            yield _Task(offset, rows, part, slice(a - start, b - start))


def _read(
    chunks: Chunks,
    found: Iterable[tuple[_Task, Stored | None]],
    whole: np.ndarray,
    threads: int,
) -> Iterator[None]:
    """Does tasks by addresses in the file, many in one call; yields as often as one is done."""
    batch: list[tuple[_Task, StoredInFile]] = []
    decoded = 0
    for task, stored in found:
        if stored is None or not stored.compressed:
            _decode(chunks, task, stored, whole, threads)
            yield
            continue
        batch.append((task, stored))
        decoded += task.decoded
        if decoded >= _CALL * threads:
            yield from _read_batch(chunks, batch, whole, threads)
            batch, decoded = [], 0
    yield from _read_batch(chunks, batch, whole, threads)


def _read_batch(
    chunks: Chunks, batch: list[tuple[_Task, StoredInFile]], whole: np.ndarray, threads: int
) -> Iterator[None]:
    if not batch:
        return
    row, sample = whole.strides
    rows = np.concatenate([task.rows for task, _ in batch]) * row + whole.ctypes.data
    columns = np.array([task.columns.start for task, _ in batch]) * sample
    rows += np.repeat(columns, [task.rows.size for task, _ in batch])
    places = [(stored.address, stored.size) for _, stored in batch]
    parts = [task.part for task, _ in batch]
    try:
        library.read_pieces(
            batch[0][1].descriptor, chunks.layout, places, parts, rows.astype(np.uint64), threads
        )
    except PieceError as error:
        with chunks.errors_of(batch[error.piece][0].offset):
            raise error.__cause__ from None
    yield from (None for _ in batch)


def _decode(
    chunks: Chunks, task: _Task, stored: Stored | None, whole: np.ndarray, threads: int
) -> None:
    """Decodes a task into its place in the result."""
    rows, part = task.rows, task.part
    ascending = rows[-1] - rows[0] == rows.size - 1 and np.all(np.diff(rows) == 1)
    place = (slice(rows[0], rows[-1] + 1) if ascending else rows, task.columns)
    if stored is None:
        whole[place] = chunks.fillvalue
        return
    target = whole[place] if ascending else None
    # A place in one piece is decoded in place, others through a buffer.
    direct = target is not None and target.flags.c_contiguous
    out = target if direct else np.empty((rows.size, part.sample_count), whole.dtype)
    with chunks.errors_of(task.offset):
        _decode_part(chunks, stored, part, out, threads)
    if not direct:
        whole[place] = out


def _decode_part(chunks: Chunks, stored: Stored, part: Part, out: np.ndarray, threads: int) -> None:
    if stored.compressed:
        stored.decode(chunks.layout, part, out, threads)
        return
    layout = chunks.layout
    raw = decode_chunk(chunks, stored)
    raw = raw.reshape(layout.outer, layout.length, layout.inner).swapaxes(1, 2)
    samples = slice(part.first_sample, part.first_sample + part.sample_count)
    out[...] = raw.reshape(layout.streams, layout.length)[part.streams.astype(int), samples]


def decode_chunk(chunks: Chunks, stored: Stored) -> np.ndarray:
    """A whole chunk as HDF5 has it in memory: of the chunk's shape, with what pads it at an edge.

    Raises
    ------
    CorruptError
        If it is damaged.
    """
    data, layout = stored.whole(), chunks.layout
    if stored.compressed:
        chunks.layout.check(data)
        out = np.empty(chunks.chunk_shape, layout.dtype)
        library.decompress(data, out)
        return out
    if len(data) != layout.nbytes:
        raise CorruptError(f"has {len(data)} bytes uncompressed, not {layout.nbytes}")
    return np.frombuffer(data, layout.dtype).reshape(chunks.chunk_shape)
