"""The HDF5 libraries that one process may hold, each creating and reading the same datasets.

As a script: `hosts.py FOLDER NAME...` imports the named hosts in this order into one process. Each
creates its file there and opens it again to append, is refused what the plugin refuses, and reads
every file there. Then all create, append and read at the same time, each in a thread of its own.
"""

import ctypes
import ctypes.util
import gc
import importlib.util
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from params import FILTER, LOSSLESS, QUANTA

CHUNKS = (5, 700)
FILL = -7
ROWS = 12


def wave(dtype, shape=(ROWS, 2000)):
    """Samples that every mode can store, the same at every call."""
    i = np.arange(np.prod(shape)).reshape(shape)
    return (100 * np.sin(i / 30) + i % 13).astype(dtype)


# Name, samples, parameters.
DATASETS = [
    ("i4", wave("<i4"), LOSSLESS),
    ("i2", wave(">i2"), LOSSLESS),
    ("f4", wave("<f4"), QUANTA),
    ("f8", wave(">f8"), LOSSLESS),
]


def bundled(package, name):
    """Path of a library that a wheel brings, loaded when its package is."""
    folder = Path(importlib.util.find_spec(package).origin).parents[1] / f"{package}.libs".lower()
    (found,) = folder.glob(f"{name}-*")
    return str(found)


class H5py:
    """The h5py wheel."""

    def __init__(self):
        import h5py

        self.h5py = h5py

    def create(self, path, name, data, params):
        with self.h5py.File(path, "a") as f:
            options = params.create(chunks=CHUNKS, fillvalue=FILL, maxshape=(None, data.shape[1]))
            f.create_dataset(name, data=data, **options)

    def append(self, path, name, data):
        with self.h5py.File(path, "a") as f:
            start = f[name].shape[0]
            f[name].resize(start + len(data), axis=0)
            f[name][start:] = data

    def read(self, path, name):
        with self.h5py.File(path) as f:
            return f[name][:]


class NetCDF4:
    """The netCDF4 wheel; a filter by number is set in the C library below it."""

    def __init__(self):
        import netCDF4

        self.netCDF4 = netCDF4
        self.c = ctypes.CDLL(bundled("netCDF4", "libnetcdf"))

    def define(self, dataset, variable, params):
        words = params.words()
        status = self.c.nc_def_var_filter(
            dataset._grpid,
            variable._varid,
            ctypes.c_uint(FILTER),
            ctypes.c_size_t(len(words)),
            (ctypes.c_uint * len(words))(*words),
        )
        if status:
            raise RuntimeError(f"nc_def_var_filter gives {status}")

    def create(self, path, name, data, params):
        exists = Path(path).exists()
        with self.netCDF4.Dataset(path, "a" if exists else "w") as f:
            f.set_auto_maskandscale(False)
            if "x" not in f.dimensions:
                f.createDimension("x", data.shape[1])
            f.createDimension(f"{name}_rows")
            axes = (f"{name}_rows", "x")
            order = "big" if data.dtype.byteorder == ">" else "little"
            options = {"chunksizes": CHUNKS, "fill_value": FILL, "endian": order}
            v = f.createVariable(name, data.dtype, axes, **options)
            self.define(f, v, params)
            v[:] = data

    def append(self, path, name, data):
        with self.netCDF4.Dataset(path, "a") as f:
            f.set_auto_maskandscale(False)
            f[name][len(f[name]) :] = data

    def read(self, path, name):
        with self.netCDF4.Dataset(path) as f:
            f.set_auto_maskandscale(False)
            return f[name][:]


class ErrorRecord(ctypes.Structure):
    """H5E_error2_t."""

    _fields_ = (
        ("ids", ctypes.c_int64 * 3),
        ("line", ctypes.c_uint),
        ("names", ctypes.c_char_p * 2),
        ("description", ctypes.c_char_p),
    )


Walker = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.POINTER(ErrorRecord), ctypes.c_void_p)


class Library:
    """Any libhdf5, through its C interface."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.check("H5open")

    def call(self, name, arguments, result):
        function = getattr(self.c, name)
        function.restype = result
        value = function(*arguments)
        if value < 0:
            raise RuntimeError(f"{name} gives {value}: {self.innermost_error()}")
        return value

    def innermost_error(self):
        told = []

        @Walker
        def walk(number, record, _):
            told.append(record.contents.description.decode())
            return 0

        upward = 0
        self.c.H5Ewalk2(ctypes.c_int64(0), upward, walk, None)
        return told[0] if told else "no error on the stack"

    def check(self, name, *arguments):
        self.call(name, arguments, ctypes.c_int)

    def id(self, name, *arguments):
        return ctypes.c_int64(self.call(name, arguments, ctypes.c_int64))

    def variable(self, name):
        return ctypes.c_int64.in_dll(self.c, name)

    def version(self):
        numbers = [ctypes.c_uint() for _ in range(3)]
        self.check("H5get_libversion", *map(ctypes.byref, numbers))
        return ".".join(str(n.value) for n in numbers)

    def type(self, dtype):
        kind = {"f": "IEEE_F", "i": "STD_I", "u": "STD_U"}[dtype.kind]
        order = "BE" if dtype.byteorder == ">" else "LE"
        return self.variable(f"H5T_{kind}{8 * dtype.itemsize}{order}_g")

    @contextmanager
    def file(self, path, writing=False):
        name, zero = str(path).encode(), ctypes.c_int64(0)
        # Errors become exceptions, and are not printed: in this thread.
        self.check("H5Eset_auto2", zero, None, None)
        if writing and not Path(path).exists():
            file = self.id("H5Fcreate", name, ctypes.c_uint(2), zero, zero)
        else:
            file = self.id("H5Fopen", name, ctypes.c_uint(1 if writing else 0), zero)
        try:
            yield file
        finally:
            self.check("H5Fclose", file)

    def create(self, path, name, data, params):
        zero, words = ctypes.c_int64(0), params.words()
        kind = self.type(data.dtype)
        listed = (ctypes.c_uint * len(words))(*words)
        fill = np.full(1, FILL, data.dtype).ctypes.data_as(ctypes.c_void_p)
        with self.file(path, writing=True) as file:
            sizes = sizes_of(data.shape)
            unlimited = sizes_of((2**64 - 1, data.shape[1]))
            space = self.id("H5Screate_simple", data.ndim, sizes, unlimited)
            made = self.id("H5Pcreate", self.variable("H5P_CLS_DATASET_CREATE_ID_g"))
            self.check("H5Pset_chunk", made, data.ndim, sizes_of(CHUNKS))
            self.check("H5Pset_fill_value", made, kind, fill)
            count = ctypes.c_size_t(len(words))
            self.check("H5Pset_filter", made, FILTER, ctypes.c_uint(0), count, listed)
            x = self.id("H5Dcreate2", file, name.encode(), kind, space, zero, made, zero)
            self.transfer("H5Dwrite", x, data)

    def append(self, path, name, data):
        zero = ctypes.c_int64(0)
        with self.file(path, writing=True) as file:
            x = self.id("H5Dopen2", file, name.encode(), zero)
            sizes = sizes_of((0, 0))
            self.check("H5Sget_simple_extent_dims", self.id("H5Dget_space", x), sizes, None)
            start, added = sizes_of((sizes[0], 0)), sizes_of(data.shape)
            self.check("H5Dset_extent", x, sizes_of((sizes[0] + data.shape[0], data.shape[1])))
            space = self.id("H5Dget_space", x)
            self.check("H5Sselect_hyperslab", space, 0, start, None, added, None)
            part = self.id("H5Screate_simple", data.ndim, added, None)
            self.transfer("H5Dwrite", x, data, part, space)

    def read(self, path, name):
        out = np.empty_like(next(data for known, data, _ in DATASETS if known == name))
        with self.file(path) as file:
            x = self.id("H5Dopen2", file, name.encode(), ctypes.c_int64(0))
            self.transfer("H5Dread", x, out)
        return out

    def transfer(self, call, dataset, array, *spaces):
        zero = ctypes.c_int64(0)
        memory, inside = spaces or (zero, zero)
        target = array.ctypes.data_as(ctypes.c_void_p)
        self.check(call, dataset, self.type(array.dtype), memory, inside, zero, target)
        self.check("H5Dclose", dataset)


def sizes_of(shape):
    return (ctypes.c_uint64 * len(shape))(*shape)


class Tables(Library):
    """The tables wheel, which reads any filter but creates only those it knows by name."""

    def __init__(self):
        import tables

        self.tables = tables
        # It knows nothing of the lists by which netCDF joins dimensions and variables.
        warnings.simplefilter("ignore", tables.exceptions.DataTypeWarning)
        super().__init__(bundled("tables", "libhdf5"))

    def read(self, path, name):
        with self.tables.open_file(path) as f:
            node = f.get_node(f"/{name}")
            return node.read().astype(node.dtype.newbyteorder(node.byteorder[0]))


class Debian(Library):
    """A libhdf5 of Debian's."""

    def __init__(self, name="hdf5_serial", package="libhdf5-dev"):
        found = ctypes.util.find_library(name)
        if found is None:
            sys.exit(f"Debian's {name} is missing: apt-get install {package}")
        super().__init__(found)


class OpenMPI(Debian):
    """The one that is built for parallel programs, used by a single process."""

    def __init__(self):
        super().__init__("hdf5_openmpi", "python3-h5py-mpi")


HOSTS = {"h5py": H5py, "netCDF4": NetCDF4, "tables": Tables, "debian": Debian, "openmpi": OpenMPI}


def check(host, path):
    """Reads every dataset of a file."""
    for name, data, params in DATASETS:
        back = host.read(path, name)
        assert back.dtype.newbyteorder("=") == data.dtype.newbyteorder("="), (
            name,
            back.dtype,
        )
        error = np.abs(back.astype("f8") - data.astype("f8")).max()
        assert error <= (params.value or 0) / 2, f"{name}: error {error}"


def create(host, path):
    """Creates every dataset in a file, and appends to it: part of a chunk is written again."""
    first = CHUNKS[0] + 2
    for name, data, params in DATASETS:
        host.create(path, name, data[:first], params)
    for name, data, _ in DATASETS:
        host.append(path, name, data[first:])


def is_refused(host, path):
    """The plugin refuses an unknown level."""
    _, data, params = DATASETS[0]
    try:
        host.create(path, "refused", data, params.at(level=77))
    except (ValueError, RuntimeError, OSError):
        return
    raise AssertionError("level 77 is accepted")


def work(host, folder):
    """What a thread does while others do the same with their libraries."""
    folder.mkdir(exist_ok=True)
    for file in (folder / f"{i}.h5" for i in range(4)):
        file.unlink(missing_ok=True)
        create(host, file)
        check(host, file)


def main():
    folder, *names = sys.argv[1:]
    folder = Path(folder)
    hosts = {name: HOSTS[name]() for name in names}
    for name, host in hosts.items():
        if not (folder / f"{name}.h5").exists():
            create(host, folder / f"{name}.h5")
    for name, host in hosts.items():
        is_refused(host, folder / f"{name}.refused")
        for file in sorted(folder.glob("*.h5")):
            check(host, file)
    # What netCDF4 could not close when it was refused is not left to the thread that collects it.
    gc.collect()
    with ThreadPoolExecutor(len(hosts)) as pool:
        threads = [pool.submit(work, host, folder / name) for name, host in hosts.items()]
        for thread in threads:
            thread.result(timeout=120)
    print("PASS", *names)


if __name__ == "__main__":
    main()
