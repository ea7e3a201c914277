"""The filter as a codec of Zarr's format 3, for the package zarr 3.

zarr finds it by its name in the metadata, "h5flac". To write::

    zarr.create_array("x.zarr", data=x, serializer=H5FlacCodec(quanta=0.01), compressors=None)

It makes bytes of arrays, as Zarr's own codec "bytes" does, so that no compressor is to follow:
without ``compressors=None`` zarr adds Zstandard. A selection then reads and decodes just the bytes
that it needs. Arrays of Zarr's format 2 have a codec of their own, in `h5flac.numcodecs`.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from zarr.abc.codec import (
    ArrayBytesCodec,
    ArrayBytesCodecPartialDecodeMixin,
    BaseCodec,
    BytesBytesCodec,
)
from zarr.abc.store import ByteGetter, RangeByteRequest
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.registry import register_codec
from zarr.storage import StorePath

from . import library
from .filter import Flac
from .library import CorruptError, Layout, Part

#: Bytes of a chunk read at first: the head of most, and all of small ones.
_FIRST_READ = 65536
#: No chunk takes so many bytes more than its samples do.
_LARGEST_OVERHEAD = 4096
#: Ranges closer than this are read as one: to ask a store once more takes longer.
_GAP = 65536


@dataclass(frozen=True, init=False, repr=False)
class _Codec(BaseCodec):
    """What codecs of Zarr consist of: a name, and a configuration."""

    name: ClassVar[str]
    is_fixed_size = False

    filter: Flac

    def __init__(self, **arguments: Any):
        object.__setattr__(self, "filter", Flac(**arguments))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        if data.get("name") != cls.name:
            raise ValueError(f"codec {data.get('name')!r}; expected {cls.name!r}")
        return cls(**Flac.from_config(data.get("configuration") or {}).config)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "configuration": self.filter.config}

    def __repr__(self) -> str:
        return repr(self.filter).replace("Flac", type(self).__name__, 1)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError("the size of a compressed chunk depends on its samples")


class H5FlacCodec(_Codec, ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):
    """How h5flac compresses the chunks of an array.

    A chunk is the one that HDF5 would hold: little-endian, in a dataset that has the array's fill
    value, or none where the array's is 0.

    Parameters
    ----------
    **arguments
        Those of `h5flac.Flac`: level, quanta, precision, noise, absolute, axis, dither. Only the
        encoder needs them.

    Raises
    ------
    ValueError
        If an argument makes no sense; and, once zarr shows the array, if its type is not numbers
        or it has no such axis.
    """

    name = "h5flac"

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> H5FlacCodec:
        # Called before anything is written, in shards, too; the shape may be that of the array.
        Layout.of(array_spec.dtype.to_native_dtype(), array_spec.shape, self.filter.axis)
        return self

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        data = chunk_data.as_numpy_array()
        chunk = await asyncio.to_thread(_encode, data, chunk_spec, self.filter)
        return chunk_spec.prototype.buffer.from_bytes(chunk)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        found = await asyncio.to_thread(_decode, chunk_data.as_numpy_array(), chunk_spec)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(_of_type(found, chunk_spec))

    async def _decode_partial_single(
        self, byte_getter: ByteGetter, selection: Any, chunk_spec: ArraySpec
    ) -> NDBuffer | None:
        found = await _Reader(byte_getter, chunk_spec).read(selection)
        return None if found is None else chunk_spec.prototype.nd_buffer.from_numpy_array(found)


class H5FlacBytes(_Codec, BytesBytesCodec):
    """The codec of `h5flac.numcodecs`, where metadata of format 2 were turned into those of 3.

    It decodes bytes to bytes, whole chunks, of which Zarr's codec "bytes" then makes arrays; so
    these can be big-endian. It does not encode.
    """

    name = "numcodecs.h5flac"

    @property
    def codec_config(self) -> dict[str, Any]:
        """The configuration of format 2."""
        return {"id": H5FlacCodec.name} | self.filter.config

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        found = await asyncio.to_thread(_decode, chunk_data.as_numpy_array(), chunk_spec)
        return chunk_spec.prototype.buffer.from_array_like(found.reshape(-1).view(np.uint8))

    async def _encode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        raise NotImplementedError(
            f"codec {self.name!r} only reads what was written elsewhere; make arrays with "
            "serializer=h5flac.zarr.H5FlacCodec(…) to write"
        )


def _encode(data: np.ndarray, spec: ArraySpec, filter: Flac) -> bytes:
    # Zarr's types have no byte order.
    dtype = spec.dtype.to_native_dtype().newbyteorder("<")
    layout = Layout.of(dtype, spec.shape, filter.axis)
    fill = np.asarray(spec.fill_value, dtype)
    return library.compress(
        np.ascontiguousarray(data, dtype),
        layout,
        filter.filter_options,
        fill=fill if any(fill.tobytes()) else None,
        threads=0,
    )


def _decode(data: np.ndarray, spec: ArraySpec) -> np.ndarray:
    """A whole chunk, of the type that is stored."""
    layout = _checked(library.describe(data), spec)
    out = np.empty(spec.shape, layout.dtype)
    library.decompress(data, out, threads=0)
    return out


def _checked(layout: Layout, spec: ArraySpec) -> Layout:
    """The layout of a chunk, if it is of the array's type, in any byte order, and chunk shape."""
    expected = spec.dtype.to_native_dtype()
    kinds = "iu" if expected.kind == "b" else expected.kind
    fits = layout.dtype.kind in kinds and layout.dtype.itemsize == expected.itemsize
    if not fits or layout.streams * layout.length != math.prod(spec.shape):
        raise CorruptError(
            f"holds {layout}, but the array has chunks of {expected} of shape {spec.shape}"
        )
    return layout


def _of_type(found: np.ndarray, spec: ArraySpec) -> np.ndarray:
    dtype = spec.dtype.to_native_dtype()
    return found.view(dtype) if dtype.kind == "b" else found.astype(dtype, copy=False)


def _time_axis(layout: Layout, shape: tuple[int, ...]) -> int | None:
    """The axis of a chunk along which its streams run."""
    for axis in range(len(shape)):
        if Layout.of(layout.dtype, shape, axis - len(shape)) == layout:
            return axis
    return None


@dataclass(frozen=True)
class _Selection:
    """What an index takes of a chunk: `kept` are places along each axis, and `index` takes the
    result from the array of those."""

    kept: tuple[np.ndarray, ...]
    index: tuple[Any, ...]

    @classmethod
    def of(cls, index: Any, shape: tuple[int, ...]) -> _Selection | None:
        """The selection of an index that has at most one slice, integer or array for each axis."""
        index = index if isinstance(index, tuple) else (index,)
        if len(index) > len(shape):
            return None
        index += (slice(None),) * (len(shape) - len(index))
        kept, within = [], []
        for part, size in zip(index, shape, strict=True):
            places = np.arange(size)
            if isinstance(part, slice):
                kept.append(places[part])
                within.append(slice(None))
                continue
            part = np.asarray(part)
            if part.dtype.kind not in "iub" or (part.dtype.kind == "b" and part.ndim != 1):
                return None
            taken = places[part]
            some, inverse = np.unique(taken, return_inverse=True)
            kept.append(some)
            within.append(inverse.reshape(taken.shape) if taken.ndim else 0)
        return cls(tuple(kept), tuple(within))

    @property
    def size(self) -> int:
        return math.prod(places.size for places in self.kept)

    def part(self, shape: tuple[int, ...], time: int) -> Part:
        """The streams, and the samples from the first to the last of those kept."""
        sizes, kept = shape[:time] + shape[time + 1 :], self.kept[:time] + self.kept[time + 1 :]
        streams = np.zeros(1, np.int64)
        for size, places in zip(sizes, kept, strict=True):
            streams = np.add.outer(streams * size, places)
        first, last = int(self.kept[time].min()), int(self.kept[time].max())
        return Part(streams.reshape(-1).astype(np.uint64), first, last + 1 - first)

    def taken(self, samples: np.ndarray, part: Part, time: int) -> np.ndarray:
        """The result, from an array of the part's streams and samples."""
        places = self.kept[time]
        if places.size != part.sample_count or places[0] != part.first_sample:
            samples = samples[:, places - part.first_sample]
        leading = [p.size for p in self.kept[:time] + self.kept[time + 1 :]]
        return np.moveaxis(samples.reshape(*leading, -1), -1, time)[self.index]


class _Reader:
    """Reads from a stored chunk what an index takes of it."""

    def __init__(self, getter: ByteGetter, spec: ArraySpec):
        self.getter, self.spec = getter, spec

    async def read(self, index: Any) -> np.ndarray | None:
        """The elements, None if the chunk is not stored."""
        try:
            selection = _Selection.of(index, self.spec.shape)
            if selection is None or not 0 < 2 * selection.size <= math.prod(self.spec.shape):
                return await self._whole(index)
            try:
                first = await self._get(0, _FIRST_READ)
            except Exception:
                # Some stores refuse a range that ends behind the chunk, which then is small, each
                # with an error of its own. What else went wrong does so again.
                return await self._whole(index)
            return None if first is None else await self._part(first, selection, index)
        except CorruptError as error:
            # Within shards the getter is no path.
            where = f"{self.getter}: " if isinstance(self.getter, StorePath) else ""
            raise CorruptError(f"{where}{error}") from None

    async def _get(self, start: int, length: int) -> np.ndarray | None:
        span = RangeByteRequest(start, start + length)
        buffer = await self.getter.get(self.spec.prototype, span)
        return None if buffer is None else buffer.as_numpy_array()

    async def _whole(self, index: Any) -> np.ndarray | None:
        buffer = await self.getter.get(self.spec.prototype)
        if buffer is None:
            return None
        found = await asyncio.to_thread(_decode, buffer.as_numpy_array(), self.spec)
        return _of_type(found[index], self.spec)

    async def _part(
        self, first: np.ndarray, selection: _Selection, index: Any
    ) -> np.ndarray | None:
        """The elements of a chunk, given its first bytes."""
        length = library.head_length(first[: library.PREFIX_LENGTH])
        head = await self._bytes(first, 0, length)
        layout = _checked(library.describe(head), self.spec)
        time = _time_axis(layout, self.spec.shape)
        if time is None:
            return await self._whole(index)
        part = selection.part(self.spec.shape, time)
        ranges = _merged(await asyncio.to_thread(library.byte_ranges, head, part))
        wanted = (self._bytes(first, int(start), int(length)) for start, length in ranges)
        data = np.concatenate([np.empty(0, np.uint8), *await asyncio.gather(*wanted)])
        lengths = ranges["length"].astype(np.int64)
        positions = np.cumsum(lengths) - lengths
        samples = np.empty((part.streams.size, part.sample_count), layout.dtype)
        await asyncio.to_thread(
            library.decompress_ranges, head, part, ranges, data, positions, samples, threads=0
        )
        return _of_type(selection.taken(samples, part, time), self.spec)

    async def _bytes(self, first: np.ndarray, start: int, length: int) -> np.ndarray:
        """Bytes of the chunk, from the first ones if those hold them."""
        if start + length <= first.size:
            return first[start : start + length]
        dtype = self.spec.dtype.to_native_dtype()
        largest = math.prod(self.spec.shape) * dtype.itemsize + _LARGEST_OVERHEAD
        if start + length > largest:
            raise CorruptError(
                f"speaks of {start + length} bytes, and no chunk of {dtype} of shape "
                f"{self.spec.shape} takes more than {largest}"
            )
        found = await self._get(start, length)
        if found is None or found.size < length:
            size = 0 if found is None else found.size
            raise CorruptError(f"has {size} bytes from {start} on, and {length} of them are needed")
        return found


def _merged(ranges: np.ndarray) -> np.ndarray:
    """Ascending byte ranges, those close to each other made one."""
    if not ranges.size:
        return ranges
    starts = ranges["start"].astype(np.int64)
    ends = starts + ranges["length"].astype(np.int64)
    first = np.flatnonzero(np.concatenate(([True], starts[1:] - ends[:-1] > _GAP)))
    last = np.append(first[1:], starts.size) - 1
    result = np.empty(first.size, ranges.dtype)
    result["start"], result["length"] = starts[first], ends[last] - starts[first]
    return result


register_codec(H5FlacCodec.name, H5FlacCodec)
register_codec(H5FlacBytes.name, H5FlacBytes)
