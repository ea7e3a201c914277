"""Compressed arrays in groups of HDF5 files: `storage.Storage` documents the functions."""

from __future__ import annotations

from typing import Any

from .hdf5_utils import hdf5_use_serial
from .storage import Storage, as_function


def _create(hgrp: Any) -> Any:
    return lambda name, shape, dtype: hgrp.create_dataset(name, shape, dtype)


def _everywhere(hgrp: Any, mpi_comm: Any) -> bool:
    return not hdf5_use_serial(hgrp, mpi_comm)


HDF5 = Storage(_create, _everywhere)

write_array = as_function(HDF5.write_array, "hgrp")
read_array = as_function(HDF5.read_array, "hgrp")
write_compressed = as_function(HDF5.write_compressed, "hgrp")
read_compressed = as_function(HDF5.read_compressed, "hgrp")
