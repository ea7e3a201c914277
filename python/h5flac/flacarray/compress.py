"""Arrays to compressed streams."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import flac_files
from .mpi import agreed, global_array_properties
from .quantization import FLOATS, INTEGERS
from .streams import threads_of
from .utils import float_to_int

Compressed = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]


def array_compress(
    arr: np.ndarray,
    level: int = 5,
    quanta: Any = None,
    precision: Any = None,
    use_threads: bool = False,
) -> Compressed:
    """Compresses an array, each stream to a FLAC file.

    Parameters
    ----------
    arr : array of int32, int64, float32 or float64, of shape (leading…, samples)
        Integers are lossless; floats need quanta or precision.
    level : int
        Effort, 0 to 8.
    quanta, precision
        The step of floats: see `utils.float_to_int`.
    use_threads : bool
        Whether to use several threads.

    Returns
    -------
    compressed, starts, nbytes, offsets, gains
        The bytes of all streams; where each begins, and how many it has, of the leading shape, (1,)
        for one stream; offsets and gains are None for integers.

    Raises
    ------
    ValueError
        If the array is empty or of another type, or a sample cannot be had within the step.
    RuntimeError
        If floats have not one of quanta and precision, or a sample is NaN or infinite.
    """
    arr = np.asarray(arr)
    dtype = arr.dtype.newbyteorder("=")
    if dtype not in INTEGERS and dtype not in FLOATS:
        raise ValueError(
            f"unsupported data type {arr.dtype}: convert to int32, int64, float32 or float64"
        )
    if arr.size == 0 or arr.ndim == 0:
        raise ValueError(f"cannot compress an array of shape {arr.shape}: it has no samples")
    offsets = gains = None
    if dtype in INTEGERS:
        if quanta is None and precision is None:
            raise RuntimeError(f"{dtype} needs one of quanta and precision; integers are lossless")
        arr, offsets, gains = float_to_int(arr, quanta, precision, use_threads)
    shape = arr.shape[:-1] or (1,)
    streams = np.ascontiguousarray(arr, arr.dtype.newbyteorder("=")).reshape(-1, arr.shape[-1])
    compressed, lengths = flac_files.compress(streams, level, threads_of(use_threads))
    starts = np.cumsum(lengths) - lengths
    return compressed, starts.reshape(shape), lengths.reshape(shape), offsets, gains


def array_compress_empty(
    global_shape: tuple[int, ...], dtype: Any, quanta: Any = None, precision: Any = None
) -> Compressed:
    """What `array_compress` would give on an MPI process that has no stream."""
    shape = (0, *global_shape[1:-1])
    none = np.zeros(shape, np.int64)
    if np.dtype(dtype) not in INTEGERS:
        return np.zeros(0, np.uint8), none, none.copy(), None, None
    floats = np.zeros(shape, dtype)
    return np.zeros(0, np.uint8), none, none.copy(), floats, floats.copy()


def compress_local(
    arr: np.ndarray | None,
    level: int,
    quanta: Any,
    precision: Any,
    mpi_comm: Any,
    use_threads: bool,
) -> tuple[Compressed, dict[str, Any]]:
    """Compresses this process's part of an array, None where it has none.

    Returns
    -------
    parts, properties
        What `array_compress` gives, and what `mpi.global_array_properties` says of the whole
        array, its type in this machine's byte order.

    Raises
    ------
    RuntimeError
        If no process has data; on all processes what one of them raises.
    """
    empty = arr is None or arr.shape[0] == 0
    if empty and mpi_comm is None:
        raise RuntimeError("the array is empty, and there is no other process")
    shape, dtype = (None, None) if empty else (arr.shape, arr.dtype)
    properties = global_array_properties(shape, dtype, mpi_comm)
    properties["dtype"] = properties["dtype"].newbyteorder("=")

    def compress() -> Compressed:
        if empty:
            return array_compress_empty(properties["shape"], properties["dtype"])
        return array_compress(arr, level, quanta, precision, use_threads)

    return agreed(mpi_comm, compress), properties
