"""The filter as a codec of the package numcodecs: for Zarr's format 2, and for kerchunk.

zarr finds it by its name in the metadata, "h5flac". To write::

    zarr.create_array("x.zarr", data=x, zarr_format=2, compressors=H5Flac(quanta=0.01))

A chunk is the one that HDF5 would hold, in a dataset without a fill value: numcodecs does not tell
codecs of Zarr's. Arrays of Zarr's format 3 have a codec of their own, in `h5flac.zarr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray
from numcodecs.registry import register_codec

from . import library
from .filter import Flac
from .library import Layout


class H5Flac(Codec):
    """How h5flac compresses the chunks of an array.

    Parameters
    ----------
    **arguments
        Those of `h5flac.Flac`: level, quanta, precision, noise, absolute, axis, dither. Only the
        encoder needs them.

    Raises
    ------
    ValueError
        If an argument makes no sense.
    """

    codec_id = "h5flac"

    def __init__(self, **arguments: Any):
        self.filter = Flac(**arguments)

    def encode(self, buf: Any) -> bytes:
        """Compresses a chunk.

        Parameters
        ----------
        buf : array in row-major order
            Its type and shape are part of what is stored, its byte order, too.

        Raises
        ------
        TypeError
            If it is a buffer without type and shape.
        ValueError
            If it is in Fortran's order, of a type that is not numbers, or has no stream axis.
        """
        if isinstance(buf, bytes | bytearray | memoryview):
            raise TypeError(
                f"h5flac compresses numbers, and {type(buf).__name__} has no type and shape; pass "
                "an array"
            )
        data = np.asarray(buf)
        if data.flags.f_contiguous and not data.flags.c_contiguous:
            raise ValueError(
                "a chunk in Fortran's order; h5flac needs its streams as rows: make the array with "
                "order='C'"
            )
        layout = Layout.of(data.dtype, data.shape, self.filter.axis)
        data = np.ascontiguousarray(data)
        return library.compress(data, layout, self.filter.filter_options, threads=0)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decompresses a chunk, whatever this codec's arguments are.

        Parameters
        ----------
        buf : buffer
        out : writable buffer of the chunk's size in bytes
            Where to put the samples, if given.

        Returns
        -------
        array or `out`
            All samples in row-major order: a flat array of the type that was compressed (booleans
            as bytes), without `out`.

        Raises
        ------
        CorruptError
            If it is damaged, or is no chunk of h5flac.
        ValueError
            If `out` has another size, or cannot be written to.
        """
        data = ensure_contiguous_ndarray(buf)
        layout = library.describe(data)
        if out is None:
            target = np.empty(layout.nbytes // layout.dtype.itemsize, layout.dtype)
        else:
            target = ensure_contiguous_ndarray(out)
            if target.nbytes != layout.nbytes:
                raise ValueError(f"out has {target.nbytes} bytes; the chunk needs {layout.nbytes}")
            if not target.flags.writeable:
                raise ValueError("out is read-only")
        library.decompress(data, target, threads=0)
        return target if out is None else out

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id} | self.filter.config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> H5Flac:
        return cls(**Flac.from_config(config).config)

    def __repr__(self) -> str:
        return repr(self.filter).replace("Flac", "H5Flac", 1)


register_codec(H5Flac)
