"""The filter for variables of the package netCDF4, in HDF5 files and in Zarr stores.

The package names the filters that it knows by words; this one is set in the library below it::

    with netCDF4.Dataset("streams.nc", "w") as file:
        file.createDimension("time", 100_000)
        x = file.createVariable("x", "f4", ("time",), chunksizes=(50_000,))
        h5flac.netcdf.compress(x, h5flac.Flac(quanta=0.01))
        x[:] = data

A Zarr store has an address in place of a name: ``file:///data/streams.zarr#mode=nczarr,file``.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from . import libhdf5
from .filter import FILTER_ID, Flac, enable

if TYPE_CHECKING:
    import netCDF4


def compress(variable: netCDF4.Variable, filter: Flac) -> None:
    """Has netCDF compress a variable that was just created, before anything is written to it.

    It is chunked, by netCDF's choice unless `chunksizes` said how. netCDF asks the filter whether
    it suits the variable when data are first stored, at the latest when the file is closed; its
    error then says little, and `h5flac.last_error` why.

    Raises
    ------
    RuntimeError
        If netCDF refuses: the variable has no dimensions, or is already stored.
    """
    enable("netCDF4")
    netcdf = libhdf5.of_package("netCDF4")
    words = filter.filter_options
    status = netcdf.nc_def_var_filter(
        ctypes.c_int(variable._grpid),
        ctypes.c_int(variable._varid),
        ctypes.c_uint(FILTER_ID),
        ctypes.c_size_t(len(words)),
        (ctypes.c_uint * len(words))(*words),
    )
    if status != 0:
        netcdf.nc_strerror.restype = ctypes.c_char_p
        told = netcdf.nc_strerror(status).decode()
        raise RuntimeError(
            f"netCDF does not compress variable {variable.name}: {told}; it must have dimensions, "
            "and no data yet"
        )
