"""VirtualiZarr's view of files that h5flac compresses.

VirtualiZarr looks filters up in a table of its own, and has no place to tell it others. After ::

    import h5flac.virtualizarr
    h5flac.virtualizarr.enable()

its HDFParser takes files with h5flac, and what it makes of them can be written for kerchunk, too.
What reads such references (zarr, fsspec, icechunk) must have this package installed, and need not
import it.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from importlib.metadata import version
from types import ModuleType
from typing import Any

import h5py
import numpy as np
from virtualizarr.manifests import ChunkManifest, ManifestArray
from zarr.codecs import BytesCodec

from .chunks import Chunks
from .filter import FILTER_ID, filters
from .numcodecs import H5Flac
from .zarr import H5FlacBytes, H5FlacCodec


def enable() -> None:
    """Teaches VirtualiZarr the filter, for the rest of the process. Again does no harm.

    It replaces two functions inside VirtualiZarr: that which makes a virtual array of a dataset,
    and that which makes kerchunk's metadata of an array. For all other datasets the new ones call
    the old.

    Raises
    ------
    RuntimeError
        If VirtualiZarr is of a version that has no such functions.
    """
    _replace(
        "virtualizarr.parsers.hdf.hdf",
        "_construct_manifest_array",
        ["filepath", "dataset", "group"],
        _manifest_array,
    )
    _replace(
        "virtualizarr.writers.kerchunk",
        "convert_v3_to_v2_metadata",
        ["v3_metadata", "fill_value"],
        _kerchunk_metadata,
    )


def _replace(module_name: str, name: str, parameters: list[str], new: Any) -> None:
    """Puts `new`, called with the old function and its arguments, in the place of a function."""
    module: ModuleType | None
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        module = None
    old = getattr(module, name, None)
    if old is None or list(inspect.signature(old).parameters) != parameters:
        raise RuntimeError(
            f"VirtualiZarr {version('virtualizarr')} has no {module_name}.{name}"
            f"({', '.join(parameters)}), which h5flac would replace; install virtualizarr 2.5.1, "
            "or make references with h5flac.kerchunk"
        )
    if not hasattr(old, "_h5flac"):
        replacement = functools.wraps(old)(functools.partial(new, old))
        replacement._h5flac = True
        setattr(module, name, replacement)


class _WithoutFilters:
    """A dataset of which VirtualiZarr sees everything but its filters."""

    def __init__(self, dataset: h5py.Dataset):
        self._dataset, self._filters = dataset, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)


def _manifest_array(old: Any, filepath: str, dataset: h5py.Dataset, group: str) -> ManifestArray:
    """A virtual array of a dataset.

    Its codec says nothing of level and step: chunks decode without, files that were compressed in
    different ways are arrays of one kind, and who writes what they show again loses nothing more.

    Raises
    ------
    ValueError
        If other filters were applied beside h5flac, or a chunk is stored uncompressed.
    """
    if FILTER_ID not in filters(dataset):
        return old(filepath, dataset, group)
    chunks = Chunks(dataset)
    paths = np.full(chunks.grid, "", np.dtypes.StringDType())
    addresses, sizes = np.zeros(chunks.grid, np.uint64), np.zeros(chunks.grid, np.uint64)
    for place, address, size in chunks.references():
        paths[place], addresses[place], sizes[place] = filepath, address, size
    metadata = old(filepath, _WithoutFilters(dataset), group).metadata
    if dataset.dtype.str.startswith(">"):
        # Types of format 3 have no byte order; that of the codec "bytes" survives all that is done
        # with metadata, and whole chunks are read.
        codecs = (BytesCodec(endian="big"), H5FlacBytes(axis=chunks.axis))
    else:
        codecs = (H5FlacCodec(axis=chunks.axis),)
    manifest = ChunkManifest.from_arrays(paths=paths, offsets=addresses, lengths=sizes)
    return ManifestArray(dataclasses.replace(metadata, codecs=codecs), manifest)


def _kerchunk_metadata(old: Any, v3_metadata: Any, fill_value: Any = None) -> Any:
    """Metadata of format 2: VirtualiZarr leaves codecs that make bytes of arrays away."""
    codec = v3_metadata.codecs[0]
    if not isinstance(codec, H5FlacCodec):
        return old(v3_metadata, fill_value)
    plain = dataclasses.replace(v3_metadata, codecs=(BytesCodec(), *v3_metadata.codecs[1:]))
    metadata = old(plain, fill_value)
    filters = (H5Flac(**codec.filter.config), *(metadata.filters or ()))
    return dataclasses.replace(metadata, filters=filters)
