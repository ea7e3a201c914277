"""Stands in for the Python package flacarray: the same names, files and arguments.

::

    import h5flac.flacarray as flacarray

    fa = flacarray.FlacArray.from_array(data, quanta=0.01)
    fa[3, 1000:1100]

An array is compressed stream by stream, a stream being a vector along the last axis: each is a
whole FLAC file in memory. Groups in HDF5 and Zarr files are those of flacarray, of versions 0 and
1; version 1 is written. What flacarray got wrong is right here: see docs/flacarray.md.
"""

from ..library import version as _version
from .array import FlacArray

__version__ = _version()

__all__ = ["FlacArray"]
