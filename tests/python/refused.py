"""Datasets that h5flac does not take, tried through the C interface of any libhdf5.

As a script: `refused.py HOST FILE` creates each, optional and mandatory, in a file of its own with
a good dataset, and prints what came of it: its name, the flag, and the innermost error, or "stored"
and whether all came back.
"""

import ctypes
import sys

import hosts
from params import FILTER, LOSSLESS

MANDATORY, OPTIONAL = ctypes.c_uint(0), ctypes.c_uint(1)
COUNT = 1000
NONE = ctypes.c_int64(0)

OPAQUE, COMPOUND = 5, 6
FIXED = {
    "references to objects": "STD_REF_OBJ",
    "references to regions": "STD_REF_DSETREG",
    "bit fields": "STD_B16LE",
    "times": "UNIX_D32LE",
    "long doubles": "NATIVE_LDOUBLE",
    "VAX floats": "VAX_F32",
}


# Filters before h5flac on 32-bit integers, as functions and their arguments.
EARLIER = {
    "shuffle": ("H5Pset_shuffle",),
    "deflate": ("H5Pset_deflate", ctypes.c_uint(4)),
    "fletcher32": ("H5Pset_fletcher32",),
    "scaleoffset": ("H5Pset_scaleoffset", ctypes.c_int(2), ctypes.c_int(0)),
    "nbit": ("H5Pset_nbit",),
    "h5flac twice": ("H5Pset_filter", FILTER, MANDATORY, ctypes.c_size_t(0), None),
}


class Refused:
    """Makes them in one library."""

    def __init__(self, library):
        self.library = library
        self.i4 = library.variable("H5T_STD_I32LE_g")
        self.f4 = library.variable("H5T_IEEE_F32LE_g")
        self.kinds = {
            "variable-length data": self.variable_length,
            "variable-length strings": lambda: self.string(2**64 - 1),
            "strings": lambda: self.string(10),
            "records": lambda: self.record(self.i4),
            "records with variable length": lambda: self.record(self.variable_length()),
            "arrays": self.array,
            "opaque data": lambda: self.id("H5Tcreate", OPAQUE, ctypes.c_size_t(5)),
            "12 bits": lambda: self.changed("H5T_STD_I16LE", "H5Tset_precision", 12),
            "bfloat16": self.bfloat16,
            "floats of another bias": lambda: self.changed("H5T_IEEE_F32LE", "H5Tset_ebias", 126),
        }
        for kind, name in FIXED.items():
            self.kinds[kind] = lambda name=name: library.variable(f"H5T_{name}_g")

    def id(self, *call):
        return self.library.id(*call)

    def changed(self, name, setter, value):
        kind = self.id("H5Tcopy", self.library.variable(f"{name}_g"))
        self.library.check(setter, kind, ctypes.c_size_t(value))
        return kind

    def string(self, size):
        return self.changed("H5T_C_S1", "H5Tset_size", size)

    def variable_length(self):
        return self.id("H5Tvlen_create", self.i4)

    def record(self, second):
        kind = self.id("H5Tcreate", COMPOUND, ctypes.c_size_t(24))
        self.library.check("H5Tinsert", kind, b"a", ctypes.c_size_t(0), self.f4)
        self.library.check("H5Tinsert", kind, b"b", ctypes.c_size_t(8), second)
        return kind

    def array(self):
        return self.id("H5Tarray_create2", self.f4, ctypes.c_uint(1), hosts.sizes_of((3,)))

    def bfloat16(self):
        kind = self.id("H5Tcopy", self.f4)
        fields = [ctypes.c_size_t(n) for n in (15, 7, 8, 0, 7)]
        self.library.check("H5Tset_fields", kind, *fields)
        self.library.check("H5Tset_size", kind, ctypes.c_size_t(2))
        self.library.check("H5Tset_ebias", kind, ctypes.c_size_t(127))
        return kind

    def attempt(self, path, name, flag):
        """Creates, writes and reads a dataset "bad" of zeros."""
        library = self.library
        with library.file(path, writing=True) as file:
            space = self.id("H5Screate_simple", 1, hosts.sizes_of((COUNT,)), None)
            made = self.id("H5Pcreate", library.variable("H5P_CLS_DATASET_CREATE_ID_g"))
            library.check("H5Pset_chunk", made, 1, hosts.sizes_of((100,)))
            if name in EARLIER:
                function, *arguments = EARLIER[name]
                library.check(function, made, *arguments)
            words = (ctypes.c_uint * 5)(*LOSSLESS.words())
            library.check("H5Pset_filter", made, FILTER, flag, ctypes.c_size_t(5), words)
            kind = self.kinds.get(name, lambda: self.i4)()
            x = self.id("H5Dcreate2", file, b"bad", kind, space, NONE, made, NONE)
            library.c.H5Tget_size.restype = ctypes.c_size_t
            samples = ctypes.create_string_buffer(COUNT * library.c.H5Tget_size(kind))
            back = ctypes.create_string_buffer(b"\1" * len(samples), len(samples))
            library.check("H5Dwrite", x, kind, NONE, NONE, NONE, samples)
            library.check("H5Dclose", x)
            x = self.id("H5Dopen2", file, b"bad", NONE)
            library.check("H5Dread", x, kind, NONE, NONE, NONE, back)
            library.check("H5Dclose", x)
            return back.raw == samples.raw


def main():
    name, path = sys.argv[1:]
    host = hosts.HOSTS[name]()
    if not isinstance(host, hosts.Library):
        host = hosts.Library(hosts.bundled(name, "libhdf5"))
    refused = Refused(host)
    for number, tried in enumerate([*refused.kinds, *EARLIER]):
        for flag in (OPTIONAL, MANDATORY):
            this = f"{path}.{number}.{flag.value}"
            hosts.Library.create(host, this, "i4", hosts.wave("<i4"), LOSSLESS)
            try:
                told = f"stored {refused.attempt(this, tried, flag)}"
            except RuntimeError as error:
                told = error
            print(tried, "optional" if flag is OPTIONAL else "mandatory", told, sep="|")
            hosts.Library.append(host, this, "i4", hosts.wave("<i4"))


if __name__ == "__main__":
    main()
