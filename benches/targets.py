"""What must hold, each as the median of ratios of alternating runs in one process."""

import os
from dataclasses import dataclass
from math import prod

import arrays
import core
import datasets
import hdf5plugin
import numpy as np
from flacarray.compress import array_compress
from flacarray.decompress import array_decompress
from hdf5 import h5flac
from peers import Filter
from timing import Step, compare

LEVEL = 5
COLUMNS = ("target", "set", "measured", "wanted", "bound", "met", "speed MB/s")


@dataclass(frozen=True)
class Scale:
    """How much is measured: shape of the sets, runs of each pair."""

    shape: tuple = (10, 200_000)
    runs: int = 11

    def samples(self, number):
        """A number of samples for sets that have another shape."""
        return max(number * prod(self.shape) // 2_000_000, 200)


def row(target, name, measured, wanted, bound, speed=None):
    """A row of the table; wanted is "≥" or "≤"; speed that of h5flac in MB/s of samples."""
    met = measured >= bound if wanted == "≥" else measured <= bound
    return {
        "target": target,
        "set": name,
        "measured": f"{measured:.4g}",
        "wanted": wanted,
        "bound": bound,
        "met": "yes" if met else "NO",
        "speed MB/s": "" if speed is None else f"{speed:.0f}",
    }


def speed_row(target, dataset, pair, bound):
    speed = dataset.samples.nbytes / pair.first / 1e6
    return row(target, dataset.name, pair.ratio, "≥", bound, speed)


def flacarray_functions(dataset, level=LEVEL):
    """flacarray's encoder and decoder of the set, and its size in bytes."""
    samples, quanta = dataset.samples, dataset.quanta
    data, *streams = array_compress(samples, level=level, quanta=quanta)
    size = data.nbytes + sum(part.nbytes for part in streams if part is not None)
    return (
        lambda: array_compress(samples, level=level, quanta=quanta),
        lambda: array_decompress(data, samples.shape[-1], *streams, is_int64=samples.itemsize == 8),
        size,
    )


def against_flacarray(dataset, encode_bound, decode_bound, runs):
    """Arrays to bytes and back; both decoders make the array that they return."""
    encode, decode, size = flacarray_functions(dataset)
    samples, quanta = dataset.samples, dataset.quanta
    chunk = core.Chunk(samples, LEVEL, quanta)
    verify(dataset, core.decoded(chunk, samples))
    encoding = compare(lambda: core.Chunk(samples, LEVEL, quanta), encode, runs)
    decoding = compare(lambda: core.decoded(chunk, samples), decode, runs)
    kind = samples.dtype.name
    return [
        speed_row(f"{kind}: encode, × flacarray", dataset, encoding, encode_bound),
        speed_row(f"{kind}: decode, × flacarray", dataset, decoding, decode_bound),
        row(f"{kind}: size, × flacarray", dataset.name, chunk.length / size, "≤", 0.99999),
    ]


def verify(dataset, decoded):
    error = dataset.error(decoded)
    if error > dataset.allowed:
        raise SystemExit(f"h5flac, {dataset.name}: error {error}, allowed {dataset.allowed}")


def through_hdf5(dataset, runs):
    """h5py and HDF5 around the filter, against the core library; both read into one array."""
    samples, quanta = dataset.samples, dataset.quanta
    stored = Filter(**h5flac(LEVEL, quanta))
    stored.prepare(samples)
    stored.encode(samples)
    verify(dataset, stored.decode())
    chunk = core.Chunk(samples, LEVEL, quanta)
    out = np.zeros_like(samples)
    writing = compare(
        lambda: stored.encode(samples), lambda: core.Chunk(samples, LEVEL, quanta), runs
    )
    reading = compare(stored.decode, lambda: chunk.decode(out), runs)
    return [
        speed_row("h5py write, × core library", dataset, writing, 0.75),
        speed_row("h5py read, × core library", dataset, reading, 0.80),
    ]


def against_bitshuffle(dataset, size_bound, runs):
    """The same int32 in the same layout of a file."""
    ours, theirs = Filter(**h5flac(LEVEL)), Filter(**hdf5plugin.Bitshuffle(cname="lz4"))
    for each in (ours, theirs):
        each.prepare(dataset.samples)
        each.encode(dataset.samples)
        verify(dataset, each.decode())
    writing = compare(
        lambda: ours.encode(dataset.samples), lambda: theirs.encode(dataset.samples), runs
    )
    reading = compare(ours.decode, theirs.decode, runs)
    return [
        speed_row("encode, × bitshuffle + LZ4", dataset, writing, 1),
        speed_row("decode, × bitshuffle + LZ4", dataset, reading, 0.85),
        row("size, × bitshuffle + LZ4", dataset.name, ours.size / theirs.size, "≤", size_bound),
    ]


def short_streams(dataset, length, bound, runs):
    """The same samples cut into shorter streams."""
    whole = dataset.samples
    cut = whole.reshape(-1, length)
    long_chunk, short_chunk = core.Chunk(whole, LEVEL), core.Chunk(cut, LEVEL)
    out = np.zeros_like(whole)
    encoding = compare(lambda: core.Chunk(cut, LEVEL), lambda: core.Chunk(whole, LEVEL), runs)
    decoding = compare(lambda: short_chunk.decode(out), lambda: long_chunk.decode(out), runs)
    title = f"streams of {length:,}, × long ones"
    return [
        speed_row(f"encode, {title}", dataset, encoding, bound),
        speed_row(f"decode, {title}", dataset, decoding, bound),
    ]


def real_recordings(runs):
    """Geometric means over the recordings."""
    sizes = {5: [], 8: []}
    speeds = []
    for recording in datasets.recordings():
        samples = recording.samples
        *_, size = flacarray_functions(recording)
        for level, ratios in sizes.items():
            chunk = core.Chunk(samples, level)
            verify(recording, core.decoded(chunk, samples))
            ratios.append(chunk.length / size)
        theirs, *_ = flacarray_functions(recording, 8)
        speeds.append(compare(lambda x=samples: core.Chunk(x, 8), theirs, runs).ratio)
    name = "geometric mean"
    return [
        row("recordings: size at level 5, × flacarray 5", name, mean(sizes[5]), "≤", 0.975),
        row("recordings: size at level 8, × flacarray 5", name, mean(sizes[8]), "≤", 0.945),
        row("recordings: encode at level 8, × flacarray 8", name, mean(speeds), "≥", 0.5),
    ]


def together(dataset, bounds, runs, level=LEVEL):
    """Streams in one chunk against each in a chunk of its own; (size, encode, decode) bounds."""
    samples, quanta = dataset.samples, dataset.quanta
    chunk, apart = core.Chunk(samples, level, quanta), arrays.alone(samples, level, quanta)
    out = np.zeros_like(samples)
    verify(dataset, chunk.decode(out))

    def decode_apart():
        for each, stream in zip(apart, out, strict=True):
            each.decode(stream)

    size, encode, decode = bounds
    rows = []
    if size is not None:
        ratio = chunk.length / arrays.total(apart)
        rows.append(row("in one chunk: size, × alone", dataset.name, ratio, "≤", size))
    if encode is not None:
        pair = compare(
            lambda: core.Chunk(samples, level, quanta),
            lambda: arrays.alone(samples, level, quanta),
            runs,
        )
        rows.append(speed_row("in one chunk: encode, × alone", dataset, pair, encode))
    if decode is not None:
        pair = compare(lambda: chunk.decode(out), decode_apart, runs)
        rows.append(speed_row("in one chunk: decode, × alone", dataset, pair, decode))
    return rows


def under_one_sky(dataset, bits, runs):
    """Detectors that see a common signal: their bits per sample at two levels, and speeds."""
    rows = []
    for level, bound in zip((5, 8), bits, strict=True):
        chunk = core.Chunk(dataset.samples, level)
        verify(dataset, core.decoded(chunk, dataset.samples))
        title = f"in one chunk: bits per sample at level {level}"
        measured = 8 * chunk.length / dataset.samples.size
        rows.append(row(title, dataset.name, measured, "≤", bound))
    return rows + together(dataset, (None, 0.5, 0.6), runs)


def array_steps(length, runs):
    skies = {array.name: array for array in datasets.arrays(length)}
    bounds = ((9.30, 9.20), (9.22, 9.15), (9.05, 9.02))
    for name, bits in zip(datasets.SKIES, bounds, strict=True):
        yield Step(
            f"targets: {name} in one chunk",
            0.35 * runs,
            lambda s=skies[name], b=bits: under_one_sky(s, b, runs),
        )
    gapped = datasets.gapped_array(length)
    yield Step(
        f"targets: {gapped.name} in one chunk", 1, lambda: together(gapped, (0.85, None, None), 0)
    )
    for name in ("a", "b"):
        unrelated = datasets.integers(name, (datasets.DETECTORS, length))
        yield Step(
            f"targets: {name} in one chunk",
            0.15 * runs,
            lambda s=unrelated: together(s, (1.001, 0.95, None), runs),
        )


def mean(ratios):
    return float(np.exp(np.mean(np.log(ratios))))


def slices(scale):
    """100 samples from the middle of a stream, from a chunk in memory."""
    lengths = [scale.samples(number) for number in (100_000, 1_000_000, 10_000_000)]
    slice_of = {length: middle_slice(length) for length in lengths}
    shortest, million, longest = lengths
    samples = pink(million)
    chunk, out = core.Chunk(samples, LEVEL), np.zeros_like(samples)
    part = compare(slice_of[million], lambda: chunk.decode(out), scale.runs)
    flat = compare(slice_of[longest], slice_of[shortest], scale.runs)
    title = "100 samples: time"
    return [
        row(f"{title} in {million:,}, × that of all", "b2", 1 / part.ratio, "≤", 1 / 40),
        row(f"{title} in {longest:,}, × in {shortest:,}", "b2", 1 / flat.ratio, "≤", 1.5),
    ]


def middle_slice(length):
    """Decodes 100 samples of a stream of a length; what it gives was checked once."""
    samples, part = pink(length), np.zeros((1, 100), np.int32)
    chunk, middle = core.Chunk(samples, LEVEL), length // 2
    chunk.decode_samples(middle, part)
    if not np.array_equal(part, samples[:, middle : middle + 100]):
        raise SystemExit(f"h5flac: wrong samples from the middle of {length:,}")
    return lambda: chunk.decode_samples(middle, part)


def pink(length):
    return datasets.pink((1, length)).round().astype(np.int32)


def two_threads(shape, runs):
    samples = datasets.pink(shape).round().astype(np.int32)
    dataset = datasets.Dataset("b2", "", samples)
    chunk, out = core.Chunk(samples, LEVEL), np.zeros_like(samples)
    encoding = compare(
        lambda: core.Chunk(samples, LEVEL, threads=2), lambda: core.Chunk(samples, LEVEL), runs
    )
    decoding = compare(lambda: chunk.decode(out, 2), lambda: chunk.decode(out), runs)
    verify(dataset, out)
    title = f"two threads, {shape[0]} × {shape[1]:,}, × one"
    return [
        speed_row(f"encode, {title}", dataset, encoding, 1.8),
        speed_row(f"decode, {title}", dataset, decoding, 1.8),
    ]


def steps(scale):
    """All targets, in the order in which the table lists them."""
    shape, runs = scale.shape, scale.runs
    integers = {name: datasets.integers(name, shape) for name in ("a", "b", "b2", "c", "g")}
    floats = [
        (datasets.floats(name, shape, dtype), encode)
        for dtype, encode in (("float32", 8), ("float64", 10))
        for name in datasets.FLOATS
    ]
    bounds = {"a": (9, 3), "b": (9, 3), "b2": (9, 4.5), "c": (9, 4.5), "g": (4, 3.5)}
    yield from (
        Step(
            f"targets: int32 {name} against flacarray",
            0.16 * runs,
            lambda s=integers[name], b=bounds[name]: against_flacarray(s, *b, runs),
        )
        for name in integers
    )
    yield from (
        Step(
            f"targets: {dataset.name} against flacarray",
            0.22 * runs,
            lambda s=dataset, e=encode: against_flacarray(s, e, 4, runs),
        )
        for dataset, encode in floats
    )
    yield from (
        Step(
            f"targets: {dataset.name} through HDF5",
            0.12 * runs,
            lambda s=dataset: through_hdf5(s, runs),
        )
        for dataset in (integers["a"], integers["b2"], datasets.floats("c", shape, "float32"))
    )
    yield from (
        Step(
            f"targets: {name} against bitshuffle + LZ4",
            0.12 * runs,
            lambda n=name: against_bitshuffle(integers[n], 0.925 if n == "a" else 0.92, runs),
        )
        for name in datasets.FLOATS
    )
    yield from (
        Step(
            f"targets: {name} in streams of {length:,}",
            0.15 * runs,
            lambda n=name, k=length, b=bound: short_streams(integers[n], k, b, runs),
        )
        for length, bound in ((1_000, 0.6), (10_000, 0.85))
        for name in ("a", "b2")
    )
    yield from array_steps(shape[-1], runs)
    yield Step("targets: recordings", 1.5 * runs, lambda: real_recordings(runs))
    yield Step("targets: samples from the middle", 1.5 * runs, lambda: slices(scale))
    if (os.cpu_count() or 1) > 1:
        yield from (
            Step(
                f"targets: two threads, {shape[0]} × {shape[1]:,}",
                0.2 * runs,
                lambda s=shape: two_threads(s, runs),
            )
            for shape in ((1, scale.samples(4_000_000)), (64, scale.samples(62_500)))
        )
