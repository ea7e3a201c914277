"""Writing with several threads, and with a step for each stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from . import library
from .chunks import Chunks
from .parallel import in_order, thread_count
from .progress import shown

#: Bytes of a chunk below which threads, which take turns in Python, hinder each other.
_ONE_THREAD = 1 << 17


def write(
    dset: h5py.Dataset,
    arr: Any,
    quanta: Any = None,
    samples: slice = slice(None),
    threads: int | None = None,
) -> None:
    """Compresses an array into a dataset, chunks side by side.

    Parameters
    ----------
    dset : h5py.Dataset
        Compressed with h5flac; it says how, where `quanta` does not.
    arr : array of the dataset's shape, but for `samples` along the axis of time
        An array in memory or anything that is sliced like one, such as a memory map.
    quanta : array of the leading shape (all axes but time), or what broadcasts to it
        The step of each stream, in the unit of the data; any reader decodes the result. The dataset
        must be lossless (``Flac()``), so that rewriting it later, when these steps are not
        known any more, loses nothing more. Integers and booleans are lossless all the same.
    samples : slice
        Which samples of the streams to write, in whole chunks: from the beginning of a chunk to
        the end of one, or of the dataset.
    threads : int
        Default: what H5FLAC_NUM_THREADS says, else one for each processor.

    Raises
    ------
    ValueError
        If the dataset is not compressed with h5flac or not lossless where `quanta` is given, if
        shapes do not fit, or if a step is not finite and above 0.
    TypeError
        If the dataset's type does not hold every value of the array's.
    """
    chunks, threads = Chunks(dset), thread_count(threads)
    if dset.file.mode == "r":
        raise ValueError(f"{dset.file.filename} is open for reading only; open it with mode 'r+'")
    if not isinstance(samples, slice):
        raise TypeError(f"samples is {samples!r}; it must be a slice")
    arr = arr if hasattr(arr, "shape") and hasattr(arr, "dtype") else np.asarray(arr)
    if not _fits(arr.dtype, dset.dtype):
        raise TypeError(f"data are {arr.dtype}, and the dataset holds {dset.dtype}; convert first")
    start, end = _whole_chunks(chunks, samples)
    expected = list(chunks.shape)
    expected[chunks.time] = end - start
    if tuple(arr.shape) != tuple(expected):
        raise ValueError(f"data have the shape {tuple(arr.shape)}, expected {tuple(expected)}")
    steps = _steps(chunks, quanta)
    offsets = list(chunks.offsets(start, end))
    if not offsets or 0 in expected:
        return
    within = max(1, threads // len(offsets))
    if chunks.layout.nbytes < _ONE_THREAD:
        threads = 1

    def tasks() -> Iterator[tuple[tuple[int, ...], np.ndarray, np.ndarray | None]]:
        for offset in offsets:
            yield offset, _cut(chunks, arr, start, offset), _cut_steps(chunks, steps, offset)

    def compress(task: tuple[tuple[int, ...], np.ndarray, np.ndarray | None]) -> bytes:
        offset, data, step = task
        if chunks.is_left(offset):
            return data.tobytes()
        return library.compress(
            data, chunks.layout, chunks.words, quanta=step, fill=chunks.fill, threads=within
        )

    work = in_order(compress, tasks(), threads)
    store(chunks, offsets, shown(work, len(offsets), "writing"))


def _fits(dtype: np.dtype, target: np.dtype) -> bool:
    """Whether a type holds every value of another; NumPy calls int64 to float64 safe, too."""
    wide_integer = dtype.kind in "iu" and dtype.itemsize == 8
    return np.can_cast(dtype, target) and not (wide_integer and target.kind in "fc")


def store(chunks: Chunks, offsets: list[tuple[int, ...]], stored: Iterator[bytes]) -> None:
    """Puts compressed chunks into their dataset."""
    # fletcher32 is marked as left out: each chunk has checksums of its own.
    mask = 2 if chunks.fletcher32 else 0
    for offset, data in zip(offsets, stored, strict=True):
        chunks.dataset.id.write_direct_chunk(offset, data, mask)


def _whole_chunks(chunks: Chunks, samples: slice) -> tuple[int, int]:
    total, length = chunks.shape[chunks.time], chunks.chunk_shape[chunks.time]
    start, end, step = samples.indices(total)
    end = max(start, end)
    if step != 1 or start % length or (end % length and end != total):
        raise ValueError(
            f"samples {start} to {end} in steps of {step} are not whole chunks; begin and end at "
            f"multiples of {length} or at the end, {total}"
        )
    return start, end


def _steps(chunks: Chunks, quanta: Any) -> np.ndarray | None:
    if quanta is None:
        return None
    if chunks.filter.mode != "lossless":
        raise ValueError(
            f"quanta are given, and the dataset has {chunks.filter}, which rewriting would apply "
            "again; create it with Flac()"
        )
    steps = np.asarray(quanta, np.float64)
    if not np.all(np.isfinite(steps) & (steps > 0)):
        raise ValueError("quanta must be finite and above 0")
    try:
        return np.broadcast_to(steps, chunks.leading_shape)
    except ValueError:
        raise ValueError(
            f"quanta have the shape {steps.shape}, and the streams {chunks.leading_shape}"
        ) from None


def _cut(chunks: Chunks, arr: Any, start: int, offset: tuple[int, ...]) -> np.ndarray:
    """The data of a chunk, padded as HDF5 pads chunks at the edge."""
    ends = [min(o + c, n) for o, c, n in zip(offset, chunks.chunk_shape, chunks.shape, strict=True)]
    shift = [0] * len(offset)
    shift[chunks.time] = start
    index = tuple(slice(o - s, e - s) for o, e, s in zip(offset, ends, shift, strict=True))
    dtype = chunks.layout.dtype
    data = np.ascontiguousarray(arr[index], dtype)
    if data.shape == chunks.chunk_shape:
        return data
    padded = np.full(chunks.chunk_shape, chunks.fillvalue, dtype)
    padded[tuple(map(slice, data.shape))] = data
    return padded


def _cut_steps(
    chunks: Chunks, steps: np.ndarray | None, offset: tuple[int, ...]
) -> np.ndarray | None:
    """The steps of a chunk's streams; those that are padding have that of the first."""
    if steps is None:
        return None
    time = chunks.time
    begin = offset[:time] + offset[time + 1 :]
    sizes = chunks.chunk_shape[:time] + chunks.chunk_shape[time + 1 :]
    part = steps[tuple(slice(b, b + s) for b, s in zip(begin, sizes, strict=True))]
    padded = np.full(sizes, part.reshape(-1)[0])
    padded[tuple(map(slice, part.shape))] = part
    return padded
