"""Groups of flacarray to datasets that the filter compresses, and back, with the same values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from .. import flac_files, library
from ..chunks import Chunks, chunk_shape
from ..filter import FILTER_ID, Flac, filters
from ..library import Layout
from ..parallel import in_order, thread_count
from ..progress import shown
from ..reading import read
from ..writing import store
from . import utils
from .group import STARTS, Header
from .hdf5 import HDF5
from .quantization import INTEGERS, restore
from .storage import Storage
from .streams import Streams

#: Samples of the streams that are held in memory at once.
_HELD = 1 << 26


def to_dataset(
    group: Any,
    parent: h5py.Group,
    name: str,
    chunks: tuple[int, ...] | None = None,
    level: int = 5,
    threads: int | None = None,
    storage: Storage = HDF5,
) -> h5py.Dataset:
    """Makes a dataset of the values of a group, bit for bit.

    The filter decodes it without flacarray; its parameter words say lossless. A group of one stream
    becomes a dataset of one axis. Attributes that are not flacarray's come along.

    Parameters
    ----------
    group : h5py.Group or zarr.Group
        Of version 0 or 1.
    parent, name
        Where to make the dataset, and its name.
    chunks : tuple
        Chunk shape; by default up to 16 streams and 65536 samples.
    level : int
        Effort, 0 to 8.
    storage
        `hdf5.HDF5` or `zarr.ZARR`, as the group is.
    """
    threads = thread_count(threads)
    # No stream, but shape and type.
    none = np.zeros(Header.read(group).leading_shape, bool)
    if none.size == 0:
        raise ValueError(f"the group holds no streams: their shape is {none.shape}")
    whole = storage.read(group, none, None, None)
    leading, size, dtype = whole.global_shape[:-1], whole.global_shape[-1], whole.streams.dtype
    shape = (size,) if leading == (1,) else (*leading, size)
    chunks = tuple(chunks or chunk_shape(shape))
    dataset = parent.create_dataset(name, shape, dtype, chunks=chunks, compression=Flac(level))
    try:
        _copy_attributes(group, dataset)
        target = Chunks(dataset)
        rows = _leading_chunks(shape, chunks)
        for block in shown(rows, math.prod(target.grid[:-1]), "importing", "block of streams"):
            _import_block(group, storage, target, block, level, threads)
    except BaseException:
        # What is missing would read as zeros.
        del parent[name]
        raise
    return dataset


#: Attributes by which netCDF and dimension scales refer to other objects of a file.
_BOOKKEEPING = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS")


def _copy_attributes(source: Any, target: Any) -> None:
    """Copies what users wrote; values that HDF5 has no type for, as Zarr has, become JSON."""
    for key, value in source.attrs.items():
        own = key.startswith(("flacarray_", "flac_channels", "_Netcdf4", "_NC"))
        refers = isinstance(value, h5py.Reference) or h5py.check_ref_dtype(np.asarray(value).dtype)
        if own or key in _BOOKKEEPING or refers:
            continue
        try:
            target.attrs[key] = value
        except TypeError:
            target.attrs[key] = json.dumps(value)


def _leading_chunks(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """The streams of each row of chunks: slices of the leading axes."""
    counts = [math.ceil(n / c) for n, c in zip(shape[:-1], chunks[:-1], strict=True)]
    for place in np.ndindex(*counts):
        yield tuple(
            slice(p * c, min(n, (p + 1) * c)) for p, c, n in zip(place, chunks, shape, strict=False)
        )


def _import_block(
    group: Any,
    storage: Storage,
    target: Chunks,
    block: tuple[slice, ...],
    level: int,
    threads: int,
) -> None:
    leading = group[STARTS].shape
    keep = np.zeros(leading, bool)
    keep[block if target.leading_shape else ...] = True
    streams = storage.read(group, keep, None, None).streams
    extent = tuple(s.stop - s.start for s in block)
    length = target.chunk_shape[-1]
    # Time in parts of whole chunks, so that few samples are held.
    span = max(1, _HELD // (streams.starts.size * length)) * length
    for start in range(0, streams.stream_size, span):
        samples = slice(start, min(start + span, streams.stream_size))
        values = streams.values(np.arange(streams.starts.size), samples, threads)
        values = values.reshape(*extent, values.shape[-1])
        offsets = [
            (*(s.start for s in block), first) for first in range(start, samples.stop, length)
        ]

        def compress(offset: tuple[int, ...], start: int = start, values: Any = values) -> bytes:
            first = offset[-1] - start
            part = values[..., first : first + length]
            chunk = np.zeros(target.chunk_shape, values.dtype)
            chunk[tuple(map(slice, part.shape))] = part
            return _compress(chunk, target, streams, extent, level)

        store(target, offsets, in_order(compress, iter(offsets), threads))


def _compress(
    chunk: np.ndarray, target: Chunks, streams: Streams, extent: tuple[int, ...], level: int
) -> bytes:
    layout: Layout = target.layout
    if streams.offsets is None or streams.gains is None:
        return library.compress(chunk, layout, Flac(level).filter_options)
    # Padding streams are 0 everywhere: constants, whatever their step.
    sizes = target.chunk_shape[:-1]
    steps, offsets = np.ones(sizes), np.zeros(sizes)
    inside = tuple(map(slice, extent))
    step = (streams.gains.dtype.type(1) / streams.gains).astype(np.float64)
    steps[inside] = step.reshape(extent)
    offsets[inside] = streams.offsets.astype(np.float64).reshape(extent)
    # Of streams that were ruined when they were written: any step will do, all bits come back.
    ruined = ~(np.isfinite(offsets) & np.isfinite(steps) & (steps >= np.finfo(np.float64).tiny))
    steps[ruined], offsets[ruined] = 1, 0
    return library.compress_affine(chunk, layout, steps, offsets, level)


def to_group(
    dataset: h5py.Dataset,
    group: h5py.Group,
    quanta: Any = None,
    precision: Any = None,
    level: int = 5,
    threads: int | None = None,
) -> None:
    """Makes a group of version 1 of the values of a dataset.

    Without quanta and precision it holds the same values, bit for bit.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of int32, int64, float32 or float64; smaller integers become int32. Compressed with h5flac
        or not; where not, time is the last axis.
    group : h5py.Group
        An empty one.
    quanta, precision
        Steps of floats, to which they are rounded: see `utils.float_to_int`.
    level : int
        Effort, 0 to 8.

    Raises
    ------
    ValueError
        If flacarray's format cannot hold the values: floats that are not step · integer + offset
        with one step and offset for each stream, NaN, infinities, other types.
    """
    threads = thread_count(threads)
    if not dataset.shape:
        raise ValueError(f"{dataset.name} is no array: it has no axes")
    dtype = _group_type(dataset)
    compressed = FILTER_ID in filters(dataset)
    axis = Chunks(dataset).time if compressed else dataset.ndim - 1
    leading = dataset.shape[:axis] + dataset.shape[axis + 1 :]
    size, count = dataset.shape[axis], math.prod(leading)
    if count * size == 0:
        raise ValueError(f"{dataset.name} is empty: its shape is {dataset.shape}")
    rules = _rules(dataset, threads) if compressed and dtype.kind == "f" else None
    each = max(1, _HELD // size)
    parts = []
    blocks = range(0, count, each)
    for start in shown(blocks, len(blocks), "exporting", "block of streams"):
        numbers = slice(start, min(start + each, count))
        values = _streams_of(dataset, compressed, leading, numbers, threads).astype(dtype)
        offsets = gains = None
        if dtype.kind == "f":
            if quanta is not None or precision is not None:
                steps = [_part(v, leading, numbers) for v in (quanta, precision)]
                values, offsets, gains = utils.float_to_int(values, *steps, threads > 1)
            else:
                values, offsets, gains = _exact(dataset.name, values, rules, numbers)
        parts.append((*flac_files.compress(values, level, threads), offsets, gains))
    lengths = np.concatenate([part[1] for part in parts])
    floats = [
        None if dtype.kind != "f" else np.concatenate([part[i] for part in parts]) for i in (2, 3)
    ]
    streams = Streams(
        np.concatenate([part[0] for part in parts]),
        np.cumsum(lengths) - lengths,
        lengths,
        *floats,
        size,
        dtype.itemsize // 4,
    )
    HDF5.write(group, streams, leading or (1,), leading or (1,), None, None)
    _copy_attributes(dataset, group)


def _group_type(dataset: h5py.Dataset) -> np.dtype:
    dtype = dataset.dtype
    if dtype.kind in "iub" and dtype.newbyteorder("=") != np.uint64:
        return np.promote_types(dtype.newbyteorder("="), np.int32)
    if dtype.newbyteorder("=") in INTEGERS:
        return dtype.newbyteorder("=")
    raise ValueError(
        f"{dataset.name} holds {dtype}, and flacarray's groups int32, int64, float32 and float64"
    )


def _streams_of(
    dataset: h5py.Dataset, compressed: bool, leading: tuple[int, ...], numbers: slice, threads: int
) -> np.ndarray:
    """Consecutive streams of a dataset, of shape (streams, samples)."""
    if not leading:
        return (read(dataset, threads=threads) if compressed else dataset[...])[None]
    if compressed:
        keep = np.zeros(leading, bool)
        keep.reshape(-1)[numbers] = True
        return read(dataset, keep, threads=threads)
    places = np.unravel_index(np.arange(numbers.start, numbers.stop), leading)
    return np.stack([dataset[tuple(map(int, place))] for place in zip(*places, strict=True)])


def _part(values: Any, leading: tuple[int, ...], numbers: slice) -> Any:
    if values is None:
        return None
    return np.broadcast_to(values, leading or (1,)).reshape(-1)[numbers]


def _rules(dataset: h5py.Dataset, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Step and offset of each stream, as its first chunk has them."""
    chunks = Chunks(dataset)
    count = math.prod(chunks.leading_shape)
    steps, offsets = np.zeros(count), np.zeros(count)
    find = chunks.open()
    stored = ((offset, find(offset)) for offset in chunks.offsets(0, 1))
    stored = ((offset, chunk) for offset, chunk in stored if chunk and chunk.compressed)

    def describe(task: tuple) -> tuple:
        offset, chunk = task
        with chunks.errors_of(offset):
            data = chunk.whole()
            chunks.layout.check(data)
            return offset, library.streams(data)[:, 0]

    for offset, found in in_order(describe, stored, threads):
        numbers, kept = chunks.numbers(offset)
        steps[numbers], offsets[numbers] = found["quanta"][kept], found["offset"][kept]
    return steps, offsets


def _exact(
    name: str, values: np.ndarray, rules: tuple[np.ndarray, np.ndarray] | None, numbers: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, offsets and gains that give these very values."""
    dtype = values.dtype
    count = len(values)
    steps, offsets = rules or (np.zeros(numbers.stop), np.zeros(numbers.stop))
    steps, offsets = steps[numbers].astype(dtype), offsets[numbers].astype(dtype)
    constant = (values == values[:, :1]).all(axis=1)
    offsets = np.where(constant, values[:, 0], offsets)
    steps = np.where(constant | (steps == 0), 1, steps)
    integers = np.empty(values.shape, INTEGERS[dtype])
    gains = np.empty(count, dtype)
    for i in range(count):
        found = _integers(values[i], steps[i], offsets[i])
        if found is None:
            raise ValueError(
                f"stream {numbers.start + i} of {name} is not step · integer + offset for one step "
                "and offset, as flacarray's groups have it; round it with quanta or precision"
            )
        integers[i], gains[i] = found
    return integers, offsets, gains


def _integers(
    values: np.ndarray, step: np.floating, offset: np.floating
) -> tuple[np.ndarray, np.floating] | None:
    """Integers and gain that give a stream's values back, if there are any."""
    dtype, kind = values.dtype, INTEGERS[values.dtype]
    if not np.isfinite(values).all():
        return None
    inverse = dtype.type(1) / step
    up, down = (np.nextafter(inverse, dtype.type(end)) for end in (np.inf, 0))
    for gain in (inverse, up, down):
        used = float(dtype.type(1) / gain)
        number = np.rint((values.astype(np.float64) - float(offset)) / used)
        if np.abs(number).max() >= np.iinfo(kind).max:
            continue
        integers = number.astype(kind)
        one = np.array([offset]), np.array([gain])
        found = restore(integers[None], *one, np.empty((1, values.size), dtype))[0]
        # Bit for bit: -0 is not 0.
        if np.array_equal(found, values) and not (np.signbit(found) ^ np.signbit(values)).any():
            return integers, gain
    return None
