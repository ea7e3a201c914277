"""Streams of integers as whole FLAC files in memory, for NumPy arrays (h5flac.h)."""

from __future__ import annotations

import ctypes

import numpy as np

from .library import address, call, take, u32


def compress(integers: np.ndarray, level: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Compresses each row of (streams, samples) native int32 or int64 to a FLAC file.

    Returns
    -------
    files, lengths
        The bytes of all files, one after another (uint8), and of how many each consists (int64).
    """
    integers = np.ascontiguousarray(integers)
    streams, length = integers.shape
    lengths = np.empty(streams, np.uint64)
    files, total = ctypes.c_void_p(), ctypes.c_uint64()
    call(
        "h5flac_flac_compress",
        address(integers),
        ctypes.c_uint(integers.itemsize),
        ctypes.c_uint64(streams),
        ctypes.c_uint64(length),
        u32(level, "level"),
        u32(threads, "threads"),
        ctypes.byref(files),
        ctypes.byref(total),
        address(lengths),
    )
    # A writable copy, as arrays usually are.
    return np.frombuffer(bytearray(take(files, total.value)), np.uint8), lengths.astype(np.int64)


def decompress(
    files: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    out: np.ndarray,
    length: int,
    first_sample: int = 0,
    threads: int = 1,
) -> None:
    """Decodes samples of FLAC files into the rows of `out`, contiguous int32 or int64.

    File i has lengths[i] bytes from files[starts[i]] on, and `length` samples; row i gets those
    from `first_sample` on.
    """
    files = np.ascontiguousarray(files, np.uint8)
    starts = np.ascontiguousarray(starts, np.uint64)
    lengths = np.ascontiguousarray(lengths, np.uint64)
    call(
        "h5flac_flac_decompress",
        address(files),
        ctypes.c_uint64(files.size),
        address(starts),
        address(lengths),
        ctypes.c_uint64(starts.size),
        ctypes.c_uint(out.itemsize),
        ctypes.c_uint64(length),
        ctypes.c_uint64(first_sample),
        ctypes.c_uint64(out.shape[1]),
        address(out),
        u32(threads, "threads"),
    )
