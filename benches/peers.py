"""h5flac and what its users could take instead, behind one interface."""

import os
from dataclasses import dataclass

import hdf5
import hdf5plugin
import numcodecs
import numpy as np
from flacarray.compress import array_compress
from flacarray.decompress import array_decompress
from numcodecs import blosc
from pcodec import ChunkConfig, standalone


class Filter:
    """A filter of HDF5, on a dataset of one chunk: the streams, or all of them end to end."""

    def __init__(self, flat=False, **arguments):
        self.flat, self.arguments = flat, arguments

    def prepare(self, like):
        shape = (like.size,) if self.flat else like.shape
        self.stored = hdf5.Stored(shape, like.dtype, shape, **self.arguments)
        self.out = np.zeros_like(like)

    def encode(self, samples):
        self.stored.write(samples)

    def decode(self):
        return self.stored.read(self.out)

    @property
    def size(self):
        return self.stored.size


class Flacarray:
    """flacarray's functions on arrays."""

    def __init__(self, level, quanta=None, threads=False):
        self.level, self.quanta, self.threads = level, quanta, threads

    def prepare(self, like):
        self.length, self.double = like.shape[-1], like.itemsize == 8

    def encode(self, samples):
        self.parts = array_compress(
            samples, level=self.level, quanta=self.quanta, use_threads=self.threads
        )

    def decode(self):
        data, *streams = self.parts
        return array_decompress(
            data, self.length, *streams, is_int64=self.double, use_threads=self.threads
        )

    @property
    def size(self):
        return sum(part.nbytes for part in self.parts if part is not None)


class Pcodec:
    """pcodec's functions on arrays; level 8 is its default."""

    def prepare(self, like):
        self.shape = like.shape

    def encode(self, samples):
        self.stored = standalone.simple_compress(samples.ravel(), ChunkConfig(compression_level=8))

    def decode(self):
        return standalone.simple_decompress(self.stored).reshape(self.shape)

    @property
    def size(self):
        return len(self.stored)


class Zarr:
    """Codecs of Zarr one after the other, on the chunk's bytes."""

    def __init__(self, *codecs):
        self.codecs = codecs

    def prepare(self, like):
        self.shape, self.dtype = like.shape, like.dtype

    def encode(self, samples):
        for codec in self.codecs:
            samples = codec.encode(samples)
        self.stored = samples

    def decode(self):
        samples = self.stored
        for codec in reversed(self.codecs):
            samples = codec.decode(samples)
        return np.frombuffer(samples, self.dtype).reshape(self.shape)

    @property
    def size(self):
        return len(self.stored)


class Quantized:
    """A codec of integers behind multiples of quanta, as one writes it with NumPy."""

    def __init__(self, codec, quanta):
        self.codec, self.quanta = codec, quanta

    def prepare(self, like):
        self.dtype = like.dtype
        self.codec.prepare(np.empty(like.shape, np.int32))

    def encode(self, samples):
        steps = np.multiply(samples, 1 / self.quanta, dtype=np.float64)
        self.codec.encode(np.rint(steps, out=steps).astype(np.int32))

    def decode(self):
        return np.multiply(self.codec.decode(), self.quanta, dtype=np.float64).astype(self.dtype)

    @property
    def size(self):
        return self.codec.size


@dataclass(frozen=True)
class Peer:
    """A codec's name, how to make it given quanta or None, and whether it can use threads."""

    name: str
    make: object
    threads: bool = False


def exact():
    """Codecs that know integers only."""
    plugin = hdf5plugin
    delta = numcodecs.Delta("<i4")
    return [
        Peer("gzip 4 + shuffle", lambda: Filter(compression="gzip", shuffle=True)),
        Peer("bitshuffle + LZ4", lambda: Filter(**plugin.Bitshuffle(cname="lz4"))),
        Peer("bitshuffle + Zstd", lambda: Filter(**plugin.Bitshuffle(cname="zstd"))),
        Peer("Blosc2 Zstd 5", lambda: Filter(**plugin.Blosc2("zstd", 5)), threads=True),
        Peer("pcodec 8", Pcodec),
        Peer("zarr Zstd", lambda: Zarr(numcodecs.Zstd())),
        Peer("zarr Blosc LZ4", lambda: Zarr(numcodecs.Blosc()), threads=True),
        Peer(
            "zarr delta + Blosc Zstd",
            lambda: Zarr(delta, numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE)),
            threads=True,
        ),
    ]


def bounded(quanta, threads):
    """Codecs that keep floats within quanta / 2, or integers exactly without quanta."""
    flac = [
        Peer(f"h5flac {level}", lambda level=level: Filter(**hdf5.h5flac(level, quanta)), True)
        for level in (0, 5, 8)
    ]
    flacarray = [
        Peer(f"flacarray {level}", lambda level=level: Flacarray(level, quanta, threads), True)
        for level in (5, 8)
    ]
    return flac + flacarray


def peers(quanta=None, threads=False):
    """All codecs for integers, or for floats at a bound of quanta / 2."""
    if quanta is None:
        return bounded(None, threads) + exact()
    sz3 = hdf5plugin.SZ3(absolute=quanta / 2)
    zfp = hdf5plugin.Zfp(accuracy=quanta / 2)
    # Side by side the streams come out larger with ZFP, and 2 % smaller with SZ3 at a third of the
    # speed; in chunks of (1, length) SZ3 stores them raw.
    return [
        *bounded(quanta, threads),
        Peer("SZ3", lambda: Filter(flat=True, **sz3)),
        Peer("ZFP", lambda: Filter(flat=True, **zfp)),
        *(
            Peer(f"quantize, {p.name}", lambda p=p: Quantized(p.make(), quanta), p.threads)
            for p in exact()
        ),
    ]


def set_threads(count):
    """Sets how many threads the codecs that have some use."""
    os.environ["H5FLAC_NUM_THREADS"] = str(count)
    os.environ["BLOSC_NTHREADS"] = str(count)
    blosc.use_threads = count > 1
    blosc.set_nthreads(count)
