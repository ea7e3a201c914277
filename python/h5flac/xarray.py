"""Saving again, with xarray, what h5flac compresses.

`h5flac.Flac` is an encoding of the engine h5netcdf as it is::

    encoding = {"x": {**h5flac.Flac(quanta=0.01), "chunksizes": (16, 65536)}}
    ds.to_netcdf("streams.nc", engine="h5netcdf", encoding=encoding)

What xarray loads has forgotten the filter. `repair_encoding` looks it up in the file.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any, TypeVar

import h5py
import xarray

from .filter import FILTER_ID, Flac, filters

Loaded = TypeVar("Loaded", xarray.Dataset, xarray.DataTree)

#: What h5py calls a filter that is not its own.
_UNKNOWN = "unknown"


def repair_encoding(
    ds: Loaded, group: str = "/", names: dict[Hashable, str] | None = None
) -> Loaded:
    """A loaded dataset whose variables can be saved again, compressed as they were.

    Call it on what `xarray.open_dataset` or `open_datatree` gave, before anything is renamed, and
    again after a selection, which changes how large chunks can be. Files are then saved with the
    engine h5netcdf, and Zarr stores with `to_zarr`. Variables without h5flac stay as they are.

    Saving again must not lose more than was asked for in the first place. Lossless stays so, and
    quanta stays, since values that are multiples of the step come back as they are. But steps that
    follow from the samples (precision, noise) may come out otherwise, in other chunks surely, and
    dither is drawn anew: such variables, and those that were joined from several files, become
    lossless. That takes hardly more space in the same chunks, where each stream has one step; more
    in others, and much more with dither. To lose more on purpose, set the encoding afterwards:
    ``ds.x.encoding.update(h5flac.Flac(noise=16))``.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataTree
    group : str
        The group of the file that the dataset was opened from.
    names : mapping
        Names in the file of variables that were renamed.

    Returns
    -------
    xarray.Dataset or xarray.DataTree
        A copy that shares the data.

    Raises
    ------
    ValueError
        If the compression of a variable is unknown and cannot be looked up: its file is gone or
        remote, or it has another name there.
    """
    names = names or {}
    result = ds.copy()
    nodes = result.subtree if isinstance(result, xarray.DataTree) else [result]
    for node in nodes:
        within = node.path if isinstance(node, xarray.DataTree) else ""
        for name, variable in node.variables.items():
            place = f"{group}/{within}/{names.get(name, name)}"
            _repair(name, variable, "/" + "/".join(filter(None, place.split("/"))))
    return result


def _repair(name: Hashable, variable: xarray.Variable, place: str) -> None:
    encoding = variable.encoding
    if "serializer" in encoding or "compressors" in encoding:
        _repair_zarr(encoding)
        return
    source = encoding.get("source")
    if isinstance(source, str) and os.path.isfile(source):
        with h5py.File(source, "r") as file:
            dataset = file.get(place)
            if isinstance(dataset, h5py.Dataset):
                if FILTER_ID in filters(dataset):
                    encoding |= _encoding(variable, dataset)
                    # Where the shape is no longer this, xarray forgets the chunks.
                    encoding.pop("original_shape", None)
                return
    if encoding.get("compression") == _UNKNOWN:
        raise ValueError(
            f"variable {name!r}: its compression cannot be looked up, since {source!r} has no "
            f"{place}; name it in `names` or `group`, or set its encoding, such as {{**Flac()}}"
        )


def _encoding(variable: xarray.Variable, dataset: h5py.Dataset) -> dict[str, Any]:
    """Filter and chunks for a variable that came from a dataset of the file."""
    filter = Flac.of(dataset)
    # xarray keeps the dimensions as they are in the file, in their order, together with the chunks.
    dims = tuple(variable.encoding.get("preferred_chunks", ()))
    if len(dims) != dataset.ndim:
        dims = variable.dims
    sizes, chunks = (dict(zip(dims, n, strict=False)) for n in (dataset.shape, dataset.chunks))
    joined = any(n > sizes.get(dim, 0) for dim, n in variable.sizes.items())
    time = dims[filter.axis]
    axis = variable.dims.index(time) - variable.ndim if time in variable.dims else -1
    chunks = tuple(max(1, min(chunks.get(dim, 1), n)) for dim, n in variable.sizes.items())
    return {**_again(filter, axis, joined), "chunksizes": chunks}


def _again(filter: Flac, axis: int, joined: bool = False) -> Flac:
    """The filter that loses nothing of what the given one left."""
    fixed = filter.mode in ("lossless", "quanta", "decimal") and not filter.dither
    config = filter.config if fixed and not joined else {"level": filter.level}
    return Flac(**config | {"axis": axis})


def _repair_zarr(encoding: dict[str, Any]) -> None:
    for key in ("serializer", "compressors", "filters"):
        codecs = encoding.get(key)
        if isinstance(codecs, tuple | list):
            encoding[key] = tuple(map(_codec_again, codecs))
        elif codecs is not None:
            encoding[key] = _codec_again(codecs)


def _codec_again(codec: Any) -> Any:
    filter = getattr(codec, "filter", None)
    return type(codec)(**_again(filter, filter.axis).config) if isinstance(filter, Flac) else codec
