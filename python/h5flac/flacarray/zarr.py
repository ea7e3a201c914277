"""Compressed arrays in groups of Zarr stores: `storage.Storage` documents the functions."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from .mpi import rank_of
from .storage import Storage, as_function

#: Whether the package zarr, 2 or 3, is installed.
have_zarr = importlib.util.find_spec("zarr") is not None


def _create(zgrp: Any) -> Any:
    # zarr 2 has no create_array.
    create = getattr(zgrp, "create_array", None) or getattr(zgrp, "create_dataset", None)
    return lambda name, shape, dtype: create(name, shape=shape, dtype=dtype)


ZARR = Storage(_create, lambda _, mpi_comm: mpi_comm is None or mpi_comm.size == 1)

write_array = as_function(ZARR.write_array, "zgrp")
read_array = as_function(ZARR.read_array, "zgrp")
write_compressed = as_function(ZARR.write_compressed, "zgrp")
read_compressed = as_function(ZARR.read_compressed, "zgrp")


class ZarrGroup:
    """An open group, for a ``with`` statement: None on all MPI processes but the first.

    Parameters
    ----------
    name : path
    mode : str
        As `zarr.open_group` has it.
    comm : MPI.Comm

    Raises
    ------
    ImportError
        If zarr is not installed.
    """

    def __init__(self, name: str | os.PathLike, mode: str, comm: Any = None):
        try:
            import zarr
        except ImportError:
            raise ImportError("Zarr groups need the package zarr: pip install zarr") from None
        self.handle = zarr.open_group(name, mode=mode) if rank_of(comm) == 0 else None
        if comm is not None:
            comm.barrier()

    def close(self) -> None:
        """Closes the store; again does no harm."""
        if self.handle is not None:
            self.handle.store.close()
            self.handle = None

    def __enter__(self) -> Any:
        return self.handle

    def __exit__(self, *_: object) -> None:
        self.close()
