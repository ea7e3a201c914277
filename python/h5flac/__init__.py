"""Error-bounded compression of time streams in HDF5.

Importing this package makes the filter known to h5py::

    import h5flac, h5py

    with h5py.File("streams.h5", "w") as f:
        f.create_dataset("x", data=x, chunks=(16, 65536), compression=h5flac.Flac(quanta=0.01))

`Flac` says how to compress; `read` and `write` use several threads and fetch only the bytes that
are needed; `h5flac.flacarray` stands in for the package flacarray; `h5flac --help` is a command.
"""

from .filter import Flac, enable, from_filter_options, get_config, register
from .library import FILTER_ID, PLUGIN_PATH, CorruptError, last_error
from .library import version as _version
from .reading import read
from .writing import write

__version__ = _version()

__all__ = [
    "FILTER_ID",
    "PLUGIN_PATH",
    "CorruptError",
    "Flac",
    "enable",
    "from_filter_options",
    "get_config",
    "last_error",
    "read",
    "register",
    "write",
]

register()
