"""Size against quanta; speed against threads, chunk size and stream length."""

from statistics import median

import core
import datasets
import hdf5
import hdf5plugin
import numpy as np
from flacarray.compress import array_compress
from flacarray.decompress import array_decompress
from peers import peers, set_threads
from timing import Step, seconds

LEVEL = 5
ENTROPY_COLUMNS = ("sigma / quanta", "codec", "bits per sample")
THREAD_COLUMNS = ("shape", "threads", "encode MB/s", "decode MB/s")
CHUNK_COLUMNS = ("codec", "threads", "chunk bytes", "bits per sample", "encode MB/s", "decode MB/s")
LENGTH_COLUMNS = ("codec", "length", "bits per sample", "encode MB/s", "decode MB/s")

# log2 of sigma/quanta, plus half of log2(2 pi e): what a Gaussian of fine steps costs at least.
GAUSSIAN_BITS = 2.0471


def sizes(samples, exponent):
    """Bits per sample of each codec for white noise in steps of sigma / 2^exponent."""
    quanta = 2.0**-exponent
    rows = []
    for peer in peers(quanta):
        codec = peer.make()
        codec.prepare(samples)
        codec.encode(samples)
        bits = f"{8 * codec.size / samples.size:.4f}"
        rows.append({"sigma / quanta": 2**exponent, "codec": peer.name, "bits per sample": bits})
    entropy = f"{exponent + GAUSSIAN_BITS:.4f}"
    return [
        *rows,
        {"sigma / quanta": 2**exponent, "codec": "Gaussian entropy", "bits per sample": entropy},
    ]


def entropy_steps(length):
    samples = np.random.default_rng(2).normal(0, 1, (2, length)).astype(np.float32)
    for exponent in range(0, 13):
        yield Step(
            f"entropy: sigma / {2**exponent}",
            4e-6 * length,
            lambda e=exponent: sizes(samples, e),
        )


def speeds(nbytes, encode, decode, runs):
    """Both speeds, from median times after one run that does not count."""
    times = [(seconds(encode), seconds(decode)) for _ in range(runs + 1)][1:]
    return {
        "encode MB/s": f"{nbytes / median(t for t, _ in times) / 1e6:.0f}",
        "decode MB/s": f"{nbytes / median(t for _, t in times) / 1e6:.0f}",
    }


def thread_rows(shape, cores, runs):
    samples = datasets.pink(shape).round().astype(np.int32)
    chunk, out = core.Chunk(samples, LEVEL), np.zeros_like(samples)
    for threads in range(1, cores + 1):
        measured = speeds(
            samples.nbytes,
            lambda t=threads: core.Chunk(samples, LEVEL, threads=t),
            lambda t=threads: chunk.decode(out, t),
            runs,
        )
        yield {"shape": f"{shape[0]} × {shape[1]:,}", "threads": threads} | measured


def thread_steps(samples, cores, runs):
    for streams in (1, 8, 64):
        shape = (streams, samples // streams)
        yield Step(
            f"threads: {shape[0]} × {shape[1]:,}",
            5e-8 * samples * (runs + 1) * cores,
            lambda s=shape: list(thread_rows(s, cores, runs)),
        )


def chunk_rows(samples, length, cores, runs):
    """One long stream in chunks of a length, through HDF5."""
    out = np.zeros_like(samples)
    filters = [("h5flac 5", threads, hdf5.h5flac(LEVEL)) for threads in sorted({1, cores})]
    filters.append(("bitshuffle + LZ4", 1, hdf5plugin.Bitshuffle(cname="lz4")))
    for name, threads, arguments in filters:
        set_threads(threads)
        stored = hdf5.Stored(samples.shape, samples.dtype, (1, length), **arguments)
        measured = speeds(
            samples.nbytes,
            lambda s=stored: s.write(samples),
            lambda s=stored: s.read(out),
            runs,
        )
        if not np.array_equal(samples, out):
            raise SystemExit(f"{name}: chunks of {length} samples come back changed")
        yield {
            "codec": name,
            "threads": threads,
            "chunk bytes": 4 * length,
            "bits per sample": f"{8 * stored.size / samples.size:.4f}",
        } | measured
    set_threads(1)


def chunk_steps(total, cores, runs):
    samples = datasets.pink((1, total)).round().astype(np.int32)
    length = 1 << 12
    while length <= total:
        yield Step(
            f"chunks: {4 * length:,} bytes",
            6e-8 * total * (runs + 1),
            lambda n=length: list(chunk_rows(samples, n, cores, runs)),
        )
        length *= 4


def length_rows(samples, length, runs):
    """The same samples cut into streams of a length, without HDF5."""
    cut, out = samples.reshape(-1, length), np.zeros_like(samples)
    chunk = core.Chunk(cut, LEVEL)
    data, *streams = array_compress(cut, level=LEVEL)
    size = data.nbytes + sum(part.nbytes for part in streams if part is not None)
    codecs = [
        (
            "h5flac 5", chunk.length,
            lambda: core.Chunk(cut, LEVEL), lambda: chunk.decode(out),
        ),
        (
            "flacarray 5", size,
            lambda: array_compress(cut, level=LEVEL),
            lambda: array_decompress(data, length, *streams),
        ),
    ]  # fmt: skip
    for name, nbytes, encode, decode in codecs:
        measured = speeds(samples.nbytes, encode, decode, runs)
        bits = f"{8 * nbytes / samples.size:.4f}"
        yield {"codec": name, "length": length, "bits per sample": bits} | measured
    if not np.array_equal(samples, out):
        raise SystemExit(f"h5flac: streams of {length} samples come back changed")


def length_steps(total, runs):
    samples = datasets.pink((1, total)).round().astype(np.int32)
    for length in (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000):
        if total % length == 0:
            yield Step(
                f"lengths: {length:,}",
                1.5e-7 * total * (runs + 1),
                lambda n=length: list(length_rows(samples, n, runs)),
            )
