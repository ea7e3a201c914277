"""The core library without HDF5: the C interface of libh5flac.so, which h5flac.h describes."""

import ctypes
import struct
from ctypes import POINTER, byref, c_double, c_uint, c_uint64, c_void_p
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).parent.parent / "target" / "plugin" / "libh5flac.so"
FILTER = 61868
CLASSES = {"i": 0, "u": 1, "f": 2}


class Layout(ctypes.Structure):
    _fields_ = (
        ("number_class", c_uint),
        ("size", c_uint),
        ("big_endian", c_uint),
        ("is_complex", c_uint),
        ("outer", c_uint64),
        ("length", c_uint64),
        ("inner", c_uint64),
    )


class Selection(ctypes.Structure):
    _fields_ = (
        ("streams", POINTER(c_uint64)),
        ("stream_count", c_uint64),
        ("first_sample", c_uint64),
        ("sample_count", c_uint64),
    )


library = ctypes.CDLL(str(LIBRARY))
library.h5flac_last_error.restype = ctypes.c_char_p
library.h5flac_free.argtypes = [c_void_p]
library.h5flac_compress.argtypes = [
    c_void_p, c_uint64, POINTER(Layout), c_void_p, POINTER(c_uint), c_uint64,
    POINTER(c_double), c_uint64, c_uint, POINTER(c_void_p), POINTER(c_uint64),
]  # fmt: skip
library.h5flac_decompress.argtypes = [c_void_p, c_uint64, c_void_p, c_uint64, c_uint]
library.h5flac_decompress_streams.argtypes = [
    c_void_p, c_uint64, POINTER(Selection), c_void_p, c_uint64, c_uint,
]  # fmt: skip


def words(level, quanta=None):
    """Parameter words: lossless, or in steps of quanta."""
    if quanta is None:
        return (level,)
    return (level, 1, *struct.unpack("<2I", struct.pack("<d", quanta)))


def succeed(code):
    if code != 0:
        raise RuntimeError(library.h5flac_last_error().decode())


class Chunk:
    """A chunk in the library's memory."""

    def __init__(self, array, level, quanta=None, threads=1):
        """Compresses the streams along the last axis of a C-contiguous array."""
        layout = Layout(
            CLASSES[array.dtype.kind], array.itemsize, 0, 0,
            array.size // array.shape[-1], array.shape[-1], 1,
        )  # fmt: skip
        params = words(level, quanta)
        self.address, length = c_void_p(), c_uint64()
        code = library.h5flac_compress(
            array.ctypes.data, array.nbytes, byref(layout), None,
            (c_uint * len(params))(*params), len(params), None, 0, threads,
            byref(self.address), byref(length),
        )  # fmt: skip
        succeed(code)
        self.length = length.value

    def __del__(self):
        library.h5flac_free(self.address)

    def decode(self, out, threads=1):
        """Decodes the whole chunk into an array of its size."""
        code = library.h5flac_decompress(
            self.address, self.length, out.ctypes.data, out.nbytes, threads
        )
        succeed(code)
        return out

    def decode_samples(self, first, out):
        """Decodes as many samples as out has, from the one numbered first, of each stream."""
        selection = Selection(None, 0, first, out.shape[-1])
        code = library.h5flac_decompress_streams(
            self.address, self.length, byref(selection), out.ctypes.data, out.nbytes, 1
        )
        succeed(code)
        return out


def decoded(chunk, like, threads=1):
    """The whole chunk in a new array."""
    return chunk.decode(np.empty_like(like), threads)
