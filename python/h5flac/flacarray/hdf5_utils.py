"""HDF5 files of MPI programs."""

from __future__ import annotations

import os
from typing import Any

import h5py

from . import mpi

#: h5py is always there.
have_hdf5 = True


def have_hdf5_parallel() -> bool:
    """Whether h5py opens files on several processes at once."""
    return bool(h5py.get_config().mpi) and mpi.use_mpi


def hdf5_use_serial(hgrp: h5py.Group | None, mpi_comm: Any) -> bool:
    """Whether process 0 alone has the group open, or there is no other process."""
    if mpi_comm is None or mpi_comm.size == 1:
        return True
    return not all(mpi_comm.allgather(hgrp is not None))


def hdf5_open(
    path: str | os.PathLike, mode: str, comm: Any = None, force_serial: bool = False
) -> h5py.File | None:
    """Opens a file: on all processes where h5py can, else on process 0, the others getting None."""
    if comm is not None and not force_serial and have_hdf5_parallel():
        return h5py.File(path, mode, driver="mpio", comm=comm)
    return h5py.File(path, mode) if mpi.rank_of(comm) == 0 else None


class H5File:
    """An open file, closed at the end of a ``with`` statement.

    Attributes
    ----------
    handle : h5py.File
        None on processes that do not take part.
    """

    def __init__(
        self,
        name: str | os.PathLike,
        mode: str,
        comm: Any = None,
        force_serial: bool = False,
    ):
        self.handle = hdf5_open(name, mode, comm, force_serial)

    def close(self) -> None:
        """Closes the file; again does no harm."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None

    def __enter__(self) -> H5File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
