"""The C interface of libh5flac.so (h5flac.h), for NumPy arrays.

Every call releases the global interpreter lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Folder that holds the plugin and nothing else, for HDF5_PLUGIN_PATH.
PLUGIN_PATH = str(Path(__file__).parent / "plugin")

#: Number of the filter in HDF5.
FILTER_ID = 61868

#: Streams of values step · n + offset, in the field "coding" of `streams`.
CODING_AFFINE = 5

#: Parameter words that a user passes, and those that the filter stores.
USER_WORDS = 5
COMPLETE_WORDS = 16

LOSSLESS = (5, 0, 0, 0, 0)


class CorruptError(OSError):
    """Stored bytes contradict themselves or their checksum, or end too early."""


_ERRORS = {
    -1: ValueError,
    -2: NotImplementedError,
    -3: CorruptError,
    -4: CorruptError,
    -5: MemoryError,
    -7: OSError,
}


class _Layout(ctypes.Structure):
    _fields_ = (
        ("number_class", ctypes.c_uint),
        ("size", ctypes.c_uint),
        ("big_endian", ctypes.c_uint),
        ("is_complex", ctypes.c_uint),
        ("outer", ctypes.c_uint64),
        ("length", ctypes.c_uint64),
        ("inner", ctypes.c_uint64),
    )


class _Selection(ctypes.Structure):
    _fields_ = (
        ("streams", ctypes.c_void_p),
        ("stream_count", ctypes.c_uint64),
        ("first_sample", ctypes.c_uint64),
        ("sample_count", ctypes.c_uint64),
    )


_RANGE = np.dtype([("start", np.uint64), ("length", np.uint64)])


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(f"{PLUGIN_PATH}/libh5flac.so")
    library.h5flac_version.restype = ctypes.c_char_p
    library.h5flac_last_error.restype = ctypes.c_char_p
    library.h5flac_prefix_length.restype = ctypes.c_uint64
    library.h5flac_free.restype = None
    library.H5PLget_plugin_info.restype = ctypes.c_void_p
    return library


_library = _load()

#: Bytes that tell how long a chunk's head is.
PREFIX_LENGTH: int = _library.h5flac_prefix_length()


def version() -> str:
    """Version of the library, such as "0.1.0"."""
    return _library.h5flac_version().decode()


def plugin_info() -> int:
    """Address of the filter's H5Z_class2_t."""
    return _library.H5PLget_plugin_info()


def last_error() -> str:
    """Message of this thread's last failure in the plugin, HDF5's use of it included.

    For callers that hide HDF5's own messages (netCDF4, PyTables). Empty before any failure.
    It is that of the plugin inside this package, which another copy on HDF5_PLUGIN_PATH is not.
    """
    return _library.h5flac_last_error().decode(errors="replace")


def call(name: str, *arguments: Any) -> None:
    status = getattr(_library, name)(*arguments)
    if status != 0:
        raise _ERRORS.get(status, RuntimeError)(last_error())


def u32(value: int, name: str) -> ctypes.c_uint:
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{name} is {value}; it must be from 0 to 2**32 - 1")
    return ctypes.c_uint(value)


def address(array: np.ndarray | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def _bytes(buffer: Any) -> np.ndarray:
    """A buffer's bytes, without a copy."""
    view = memoryview(buffer)
    # A view of nothing cannot be cast.
    return np.asarray(view.cast("B")) if view.nbytes else np.empty(0, np.uint8)


def params(mode: str, level: int, *values: float, options: int = 0) -> tuple[int, ...]:
    """The five parameter words of a mode.

    Parameters
    ----------
    mode : "lossless", "quanta", "decimal", "precision" or "noise"
    level : int
        Effort, 0 to 8.
    *values
        Quanta; numerator and power; digits; or q.
    options : int
        Stream axis counted from the last, and 256 for dither.

    Raises
    ------
    ValueError
        If a value makes no sense.
    """
    words = (ctypes.c_uint * USER_WORDS)()
    convert = ctypes.c_double if mode in ("quanta", "noise") else lambda v: u32(v, mode)
    arguments = [convert(value) for value in values]
    function = f"h5flac_params_{mode}"
    call(function, words, u32(level, "level"), *arguments, u32(options, "options"))
    return tuple(words)


#: H5FLAC_SIGNED, H5FLAC_UNSIGNED or H5FLAC_FLOAT of each kind of NumPy type.
_CLASSES = {"i": 0, "b": 0, "u": 1, "f": 2, "c": 2}


@dataclass(frozen=True)
class Layout:
    """Type and shape of a chunk: a row-major array (outer, length, inner).

    Its streams run along the middle axis; stream number = index along outer · inner + index along
    inner.
    """

    dtype: np.dtype
    outer: int
    length: int
    inner: int

    @classmethod
    def of(cls, dtype: np.dtype, shape: Sequence[int], axis: int = -1) -> Layout:
        """The layout of an array with time along `axis`, counted from the last (-1)."""
        if not shape:
            raise ValueError("a scalar has no streams; only arrays can be compressed")
        if not -len(shape) <= axis < 0:
            raise ValueError(
                f"stream axis {axis}, but the array has {len(shape)} dimensions; "
                f"use {-len(shape)} to -1"
            )
        place = len(shape) + axis
        outer, inner = np.prod(shape[:place], dtype=int), np.prod(shape[place + 1 :], dtype=int)
        return cls(np.dtype(dtype), int(outer), int(shape[place]), int(inner))

    @property
    def streams(self) -> int:
        return self.outer * self.inner

    @property
    def nbytes(self) -> int:
        return self.outer * self.length * self.inner * self.dtype.itemsize

    def __post_init__(self):
        if self.dtype.kind not in _CLASSES:
            raise ValueError(
                f"cannot compress {self.dtype}; integers, floats, complex numbers and booleans "
                "can be"
            )

    def _as_c(self) -> _Layout:
        dtype = self.dtype
        is_complex = dtype.kind == "c"
        size = dtype.itemsize // 2 if is_complex else dtype.itemsize
        big = dtype.str.startswith(">")
        return _Layout(
            _CLASSES[dtype.kind], size, big, is_complex, self.outer, self.length, self.inner
        )

    @classmethod
    def _from_c(cls, layout: _Layout) -> Layout:
        kind = "c" if layout.is_complex else "iuf"[layout.number_class]
        size = layout.size * (2 if layout.is_complex else 1)
        dtype = np.dtype(f"{'>' if layout.big_endian else '<'}{kind}{size}")
        return cls(dtype, layout.outer, layout.length, layout.inner)

    @property
    def _is_byte(self) -> bool:
        return self.dtype.kind in "iub" and self.dtype.itemsize == 1

    def check(self, chunk: Any) -> None:
        """Checks that a chunk, of which its head suffices, is of this layout.

        A boolean is a byte, signed or not; so are integers of one byte, as for `read_pieces`.

        Raises
        ------
        CorruptError
            If it is of another, or its head is damaged.
        """
        found = describe(chunk)
        shape = (self.outer, self.length, self.inner)
        same = found.dtype == self.dtype or (found._is_byte and self._is_byte)
        if not same or (found.outer, found.length, found.inner) != shape:
            raise CorruptError(f"holds {found}, and {self} was expected")

    def __str__(self) -> str:
        return f"{self.dtype} of shape ({self.outer}, {self.length}, {self.inner})"


def take(address: ctypes.c_void_p, length: int) -> bytes:
    try:
        return ctypes.string_at(address, length)
    finally:
        _library.h5flac_free(address)


def _fill(fill: Any, dtype: np.dtype) -> np.ndarray | None:
    return None if fill is None else np.ascontiguousarray(fill, dtype).reshape(1)


def compress(
    data: np.ndarray,
    layout: Layout,
    words: Sequence[int] = LOSSLESS,
    *,
    quanta: np.ndarray | None = None,
    fill: Any = None,
    threads: int = 1,
) -> bytes:
    """Compresses a chunk.

    Parameters
    ----------
    data : contiguous array of the layout's type and size
    words
        Parameter words, as passed to HDF5 or as it stores them.
    quanta : float64 array of one step for each stream, in the unit of the data
        Used instead of the mode's. Floats only.
    fill
        A value that comes back exact and enters no statistic.
    """
    if not data.flags.c_contiguous or data.dtype != layout.dtype or data.nbytes != layout.nbytes:
        raise ValueError(f"data of {data.dtype}{data.shape} is not a chunk of {layout}")
    given = np.array(words, np.uint32)
    if quanta is not None:
        quanta = np.ascontiguousarray(quanta, np.float64).reshape(-1)
    element = _fill(fill, layout.dtype)
    chunk, length = ctypes.c_void_p(), ctypes.c_uint64()
    call(
        "h5flac_compress",
        address(data),
        ctypes.c_uint64(data.nbytes),
        ctypes.byref(layout._as_c()),
        address(element),
        address(given),
        ctypes.c_uint64(given.size),
        address(quanta),
        ctypes.c_uint64(0 if quanta is None else quanta.size),
        u32(threads, "threads"),
        ctypes.byref(chunk),
        ctypes.byref(length),
    )
    return take(chunk, length.value)


def compress_affine(
    data: np.ndarray,
    layout: Layout,
    steps: np.ndarray,
    offsets: np.ndarray,
    level: int = 5,
    threads: int = 1,
) -> bytes:
    """Compresses a chunk of values that were quantized elsewhere, without loss.

    Parameters
    ----------
    data : contiguous array of float32 or float64, of the layout's type and size
        Values step · n + offset, each integer n, product and sum rounded to the type. Others come
        back bit for bit, too, and cost more.
    steps, offsets : arrays of one number for each stream, in the unit of the data
    """
    if not data.flags.c_contiguous or data.dtype != layout.dtype or data.nbytes != layout.nbytes:
        raise ValueError(f"data of {data.dtype}{data.shape} is not a chunk of {layout}")
    steps, offsets = (np.ascontiguousarray(v, np.float64).reshape(-1) for v in (steps, offsets))
    if steps.size != offsets.size:
        raise ValueError(f"{steps.size} steps and {offsets.size} offsets; pass one for each stream")
    chunk, length = ctypes.c_void_p(), ctypes.c_uint64()
    call(
        "h5flac_compress_affine",
        address(data),
        ctypes.c_uint64(data.nbytes),
        ctypes.byref(layout._as_c()),
        address(steps),
        address(offsets),
        ctypes.c_uint64(steps.size),
        u32(level, "level"),
        u32(threads, "threads"),
        ctypes.byref(chunk),
        ctypes.byref(length),
    )
    return take(chunk, length.value)


def describe(head: Any) -> Layout:
    """Type and shape of a chunk, from its bytes or those of its head."""
    data, layout = _bytes(head), _Layout()
    call("h5flac_describe", address(data), ctypes.c_uint64(data.size), ctypes.byref(layout))
    return Layout._from_c(layout)


_STREAM = np.dtype(
    [
        ("coding", np.uint32),
        ("width", np.uint32),
        ("quanta", np.float64),
        ("offset", np.float64),
        ("frames", np.uint64),
        ("bytes", np.uint64),
        ("exceptions", np.uint64),
        ("predicted", np.uint64),
        ("reference", np.uint64),
        ("factor", np.uint64),
        ("low_bits", np.uint64),
    ]
)


def streams(chunk: Any) -> np.ndarray:
    """How each stream of a chunk, all its bytes, is stored; nothing is decoded.

    Returns
    -------
    array of shape (streams, components), components being 2 for complex numbers, else 1
        Its fields: "coding" (the H5FLAC_CODING_* of h5flac.h), "width" (bits per sample of the FLAC
        frames), "quanta" (the step in the unit of the data, 0 where every bit comes back),
        "offset" (the value of integer 0, not 0 for affine streams only), "frames", "bytes" (of
        frames and exceptions), "exceptions" (samples stored bit for bit beside the frames),
        "predicted" (1 where other streams predict it), "reference" (1 where others are predicted
        from it), "factor" (common factor of the integers that are coded), "low_bits" (bits per
        sample beside the frames, at most: of integers too wide for FLAC, and of lossless floats).
    """
    data, count, layout = _bytes(chunk), ctypes.c_uint64(), describe(chunk)
    components = 2 if layout.dtype.kind == "c" else 1
    found = np.empty((layout.streams, components), _STREAM)
    call(
        "h5flac_streams",
        address(data),
        ctypes.c_uint64(data.size),
        address(found),
        ctypes.c_uint64(found.size),
        ctypes.byref(count),
    )
    return found


def decompress(chunk: Any, out: np.ndarray, threads: int = 1) -> None:
    """Decompresses a whole chunk into a contiguous array of its layout's size."""
    data = _bytes(chunk)
    call(
        "h5flac_decompress",
        address(data),
        ctypes.c_uint64(data.size),
        address(out),
        ctypes.c_uint64(out.nbytes),
        u32(threads, "threads"),
    )


@dataclass(frozen=True)
class Part:
    """Some samples of some streams of a chunk: `streams` are numbers in the order wanted."""

    streams: np.ndarray
    first_sample: int
    sample_count: int

    def _as_c(self) -> _Selection:
        return _Selection(
            self.streams.ctypes.data, self.streams.size, self.first_sample, self.sample_count
        )


def head_length(prefix: Any) -> int:
    """Bytes of a chunk's head, from its first PREFIX_LENGTH bytes."""
    data, length = _bytes(prefix), ctypes.c_uint64()
    call("h5flac_head_length", address(data), ctypes.c_uint64(data.size), ctypes.byref(length))
    return length.value


def byte_ranges(head: Any, part: Part) -> np.ndarray:
    """Ranges of the chunk's bytes that decoding a part needs.

    Returns
    -------
    array of shape (n,) with the fields "start" and "length", ascending and disjoint
    """
    data, selection, count = _bytes(head), part._as_c(), ctypes.c_uint64()
    ranges = np.empty(4 * part.streams.size + 16, _RANGE)
    while True:
        call(
            "h5flac_byte_ranges",
            address(data),
            ctypes.c_uint64(data.size),
            ctypes.byref(selection),
            address(ranges),
            ctypes.c_uint64(ranges.size),
            ctypes.byref(count),
        )
        if count.value <= ranges.size:
            return ranges[: count.value]
        ranges = np.empty(count.value, _RANGE)


def decompress_ranges(
    head: Any,
    part: Part,
    ranges: np.ndarray,
    data: np.ndarray,
    positions: np.ndarray,
    out: np.ndarray,
    threads: int = 1,
) -> None:
    """Decodes a part from the bytes of the ranges (or of fewer and larger ones that hold them).

    Those of range i are in `data` (uint8) from positions[i] on. `out` is contiguous, with streams ×
    samples elements.
    """
    selection, head = part._as_c(), _bytes(head)
    if np.any(positions + ranges["length"].astype(np.int64) > data.size):
        raise ValueError(f"ranges end after the {data.size} bytes that hold them")
    addresses = (positions + data.ctypes.data).astype(np.uintp)
    ranges = np.ascontiguousarray(ranges, _RANGE)
    call(
        "h5flac_decompress_ranges",
        address(head),
        ctypes.c_uint64(head.size),
        ctypes.byref(selection),
        address(ranges),
        address(addresses),
        ctypes.c_uint64(addresses.size),
        address(out),
        ctypes.c_uint64(out.nbytes),
        u32(threads, "threads"),
    )


def decompress_part(chunk: Any, part: Part, out: np.ndarray, threads: int = 1) -> None:
    """Decodes a part of a chunk in memory, touching only the bytes that it needs."""
    data, selection = _bytes(chunk), part._as_c()
    call(
        "h5flac_decompress_streams",
        address(data),
        ctypes.c_uint64(data.size),
        ctypes.byref(selection),
        address(out),
        ctypes.c_uint64(out.nbytes),
        u32(threads, "threads"),
    )


_PIECE = np.dtype(
    [
        ("address", np.uint64),
        ("length", np.uint64),
        ("streams", np.uint64),
        ("stream_count", np.uint64),
        ("first_sample", np.uint64),
        ("sample_count", np.uint64),
        ("rows", np.uint64),
    ]
)


class PieceError(Exception):
    """What is wrong with which of several pieces; its cause is the error itself."""

    def __init__(self, piece: int):
        super().__init__(piece)
        self.piece = piece


def read_pieces(
    descriptor: int,
    layout: Layout,
    places: Sequence[tuple[int, int]],
    parts: Sequence[Part],
    rows: np.ndarray,
    threads: int = 1,
) -> None:
    """Reads and decodes parts of chunks of a layout, side by side on as many threads.

    Only the bytes that they need are read.

    Parameters
    ----------
    descriptor : int
        Of an open file.
    places
        First byte of each chunk in the file, and how many it has.
    parts
        What is wanted of each.
    rows : array of np.uint64
        Address of the memory for each stream of the first part, of the second, and so on.

    Raises
    ------
    PieceError
        For the first part that fails, from its error: a CorruptError if bytes are damaged or the
        chunk is of another layout, an OSError if they cannot be read.
    """
    table, failed = np.empty(len(parts), _PIECE), ctypes.c_uint64()
    streams = np.concatenate([part.streams for part in parts])
    counts = np.array([part.streams.size for part in parts], np.uint64)
    before = (np.cumsum(counts) - counts) * np.uint64(8)
    table["address"], table["length"] = np.array(places, np.uint64).T
    table["streams"], table["stream_count"] = before + np.uint64(streams.ctypes.data), counts
    table["first_sample"] = [part.first_sample for part in parts]
    table["sample_count"] = [part.sample_count for part in parts]
    table["rows"] = before + np.uint64(rows.ctypes.data)
    try:
        call(
            "h5flac_read_streams",
            ctypes.c_int(descriptor),
            ctypes.byref(layout._as_c()),
            address(table),
            ctypes.c_uint64(table.size),
            u32(threads, "threads"),
            ctypes.byref(failed),
        )
    except Exception as error:
        if failed.value >= table.size:
            raise
        raise PieceError(failed.value) from error
