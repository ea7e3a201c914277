"""References of kerchunk to files that h5flac compresses.

kerchunk knows some filters, and has no place to tell it others. This class stands in for its own::

    from h5flac.kerchunk import SingleHdf5ToZarr

    references = SingleHdf5ToZarr("streams.h5", error="raise").translate()

What reads them (zarr, fsspec) must have this package installed, and need not import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
from kerchunk import hdf

from .chunks import Chunks
from .filter import FILTER_ID, filters
from .numcodecs import H5Flac

_FLETCHER32_LENGTH = 4

# Methods of kerchunk that the class replaces, so that it must know how they are called.
_REPLACED = ("_decode_filters", "_storage_info_and_adj_filters")
if not all(hasattr(hdf.SingleHdf5ToZarr, name) for name in _REPLACED):
    raise ImportError(
        f"this kerchunk makes references in another way than 0.2.10: its SingleHdf5ToZarr has no "
        f"{' or '.join(_REPLACED)}; install kerchunk 0.2.10"
    )


class SingleHdf5ToZarr(hdf.SingleHdf5ToZarr):
    """kerchunk's class, which knows h5flac, too.

    References say nothing of level and step: chunks decode without, and who writes what they show
    again loses nothing more. Checksums of fletcher32 are passed over, as kerchunk does; each chunk
    has its own. A dataset whose chunks cannot be referred to (other filters beside h5flac, chunks
    that are stored uncompressed) is an error of kerchunk's: see its argument `error`, which by
    default makes it a warning.
    """

    def _decode_filters(self, h5obj: h5py.Dataset) -> list[Any]:
        if FILTER_ID not in filters(h5obj):
            return super()._decode_filters(h5obj)
        with _unsupported():
            return [H5Flac(axis=Chunks(h5obj).axis)]

    def _storage_info_and_adj_filters(self, dset: h5py.Dataset, filters: list[Any]) -> dict:
        if not any(isinstance(filter, H5Flac) for filter in filters):
            return super()._storage_info_and_adj_filters(dset, filters)
        # kerchunk takes these bytes off every chunk of such a dataset, whether it has them or not.
        checksum = _FLETCHER32_LENGTH if dset.fletcher32 else 0
        with _unsupported():
            return {
                place: {"offset": address, "size": size + checksum}
                for place, address, size in Chunks(dset).references()
            }


@contextmanager
def _unsupported() -> Iterator[None]:
    """Turns an error into kerchunk's own, which makes it read small datasets in another way."""
    try:
        yield
    except ValueError as error:
        raise hdf.Hdf5FeatureNotSupported(str(error)) from None
