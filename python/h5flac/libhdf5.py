"""Functions of libhdf5 that h5py does not offer, and the libhdf5 of other packages."""

from __future__ import annotations

import ctypes
import importlib

import h5py
from h5py._objects import phil

#: Extension module of each package that brings or links a libhdf5.
EXTENSIONS = {
    "h5py": "h5py.h5z",
    "netCDF4": "netCDF4._netCDF4",
    "tables": "tables.hdf5extension",
}

_EXTENSIBLE_ARRAY = 4
_DONT_FILTER_PARTIAL_CHUNKS = 2


def of_package(package: str) -> ctypes.CDLL:
    """A package's libhdf5: functions are looked up in what its extension module links, too."""
    return ctypes.CDLL(importlib.import_module(EXTENSIONS[package]).__file__)


def register_filter(class_address: int) -> bool:
    """Makes a filter known to h5py's libhdf5; whether that succeeded."""
    with phil:
        return of_package("h5py").H5Zregister(ctypes.c_void_p(class_address)) >= 0


def has_extensible_array(dataset: h5py.Dataset) -> bool:
    """Whether chunks are found by an extensible array: one axis is unlimited, the format new."""
    kind = ctypes.c_int()
    with phil:
        of_package("h5py").H5Dget_chunk_index_type(
            ctypes.c_int64(dataset.id.id), ctypes.byref(kind)
        )
    return kind.value == _EXTENSIBLE_ARRAY


def leaves_partial_chunks(dataset: h5py.Dataset) -> bool:
    """Whether chunks that reach over the dataset's edge are stored without filters."""
    options = ctypes.c_uint()
    with phil:
        plist = dataset.id.get_create_plist()
        of_package("h5py").H5Pget_chunk_opts(ctypes.c_int64(plist.id), ctypes.byref(options))
    return bool(options.value & _DONT_FILTER_PARTIAL_CHUNKS)


def chunk_size(dataset: h5py.Dataset, offset: tuple[int, ...]) -> int:
    """Bytes of a chunk as it is stored, 0 if it is not."""
    size = ctypes.c_uint64()
    place = (ctypes.c_uint64 * len(offset))(*offset)
    with phil:
        of_package("h5py").H5Dget_chunk_storage_size(
            ctypes.c_int64(dataset.id.id), place, ctypes.byref(size)
        )
    return size.value


def add_plugin_folder(package: str, folder: str) -> None:
    """Puts a folder before those where a package's libhdf5 looks for plugins, if it is not there.

    Raises
    ------
    RuntimeError
        If the libhdf5 cannot be reached or does not take the folder.
    """
    libhdf5, wanted = of_package(package), folder.encode()
    if hasattr(libhdf5, "nc_plugin_path_set"):
        return _add_to_netcdf(libhdf5, wanted)
    try:
        prepend, count, get = libhdf5.H5PLprepend, libhdf5.H5PLsize, libhdf5.H5PLget
    except AttributeError:
        raise RuntimeError(
            f"{package} does not show its libhdf5; set HDF5_PLUGIN_PATH to {folder} "
            "before the program starts"
        ) from None
    folders, found = ctypes.c_uint(), ctypes.create_string_buffer(4096)
    get.restype = ctypes.c_ssize_t
    count(ctypes.byref(folders))
    for i in range(folders.value):
        get(ctypes.c_uint(i), found, ctypes.c_size_t(len(found)))
        if found.value == wanted:
            return
    if prepend(wanted) < 0:
        raise RuntimeError(f"the libhdf5 of {package} did not take the folder {folder}")


class _Folders(ctypes.Structure):
    """NCPluginList of netcdf.h."""

    _fields_ = (("count", ctypes.c_size_t), ("names", ctypes.POINTER(ctypes.c_char_p)))


def _add_to_netcdf(netcdf: ctypes.CDLL, folder: bytes) -> None:
    """Puts a folder before the others of netCDF, which since 4.9.3 has one list for HDF5 and Zarr.

    Its Zarr looks for plugins once, when it first meets a filter.
    """
    folders = _Folders()
    address = ctypes.byref(folders)
    failed = netcdf.nc_initialize() or netcdf.nc_plugin_path_get(address)
    if not failed and folder not in folders.names[: folders.count]:
        failed = netcdf.ncaux_plugin_path_prepend(address, folder)
        failed = failed or netcdf.nc_plugin_path_set(address)
    netcdf.ncaux_plugin_path_clear(address)
    if failed:
        raise RuntimeError(f"netCDF did not take the folder {folder.decode()}: error {failed}")
