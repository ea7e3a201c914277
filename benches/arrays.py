"""What streams of one instrument cost alone, together, and at least; and a look at one of them."""

import core
import datasets
import numpy as np
from sweeps import GAUSSIAN_BITS
from timing import Step

COLUMNS = ("set", "coded", "bits per sample")
SHAPE_COLUMNS = ("chunk", "samples", "level 5", "level 8")
STRETCH_COLUMNS = ("sample", "recorded", "own past", "four others")
REFERENCES = 4
ORDER = 12


def alone(samples, level, quanta=None):
    """Each stream as a chunk of its own."""
    return [core.Chunk(samples[i : i + 1], level, quanta) for i in range(len(samples))]


def total(chunks):
    return sum(chunk.length for chunk in chunks)


def sizes(dataset):
    """A row for each way of coding, and for the bits that no way can do without."""
    samples, quanta = dataset.samples, dataset.quanta
    bits = {}
    for level in (5, 8):
        together = core.Chunk(samples, level, quanta)
        if dataset.error(core.decoded(together, samples)) > dataset.allowed:
            raise SystemExit(f"h5flac, {dataset.name}: comes back changed at level {level}")
        unit = 8 / samples.size
        bits[f"alone, level {level}"] = unit * total(alone(samples, level, quanta))
        bits[f"together, level {level}"] = unit * together.length
    if dataset.name in datasets.SKIES:
        bits["Gaussian ideal"] = ideal(dataset.name, samples.shape[-1])
    return [
        {"set": dataset.name, "coded": coded, "bits per sample": f"{bits:.4f}"}
        for coded, bits in bits.items()
    ]


def ideal(name, length):
    """Entropy rate of detectors of sigma 100, all but the best four predicted from these at once.

    With x the ratio of common to own power at a frequency, the first four carry log2(1 + x) / 2
    bits for the sum of their squared gains, and each other what those four leave of it.
    """
    sky = datasets.sky_spectrum(name, length)[1:]
    squares = np.sort(datasets.gains(name).ravel() ** 2)[::-1]
    known = 1 + squares[:REFERENCES].sum() * sky
    powers = [known, *(1 + square * sky / known for square in squares[REFERENCES:])]
    bits = sum(np.log2(power).mean() / 2 for power in powers)
    return bits / len(squares) + np.log2(100) + GAUSSIAN_BITS


def steps(length):
    sets = datasets.arrays(length)
    simulated = len(datasets.SKIES)
    for dataset in (*sets[:simulated], datasets.gapped_array(length), *sets[simulated:]):
        yield Step(
            f"arrays: {dataset.name}",
            1.5e-7 * dataset.samples.size,
            lambda d=dataset: sizes(d),
        )


def shape_row(samples, streams, length):
    """Bits per sample of an array in chunks of a shape."""

    def chunk_sizes(level):
        for first in range(0, len(samples), streams):
            for start in range(0, samples.shape[-1], length):
                part = samples[first : first + streams, start : start + length]
                yield core.Chunk(np.ascontiguousarray(part), level).length

    bits = {
        f"level {level}": f"{8 * sum(chunk_sizes(level)) / samples.size:.3f}" for level in (5, 8)
    }
    return {"chunk": f"{streams} × {length:,}", "samples": f"{streams * length:,}"} | bits


def shape_steps(length):
    """Detectors under one sky in chunks of one stream up to all, and of ever shorter ones."""
    name, *_ = datasets.SKIES
    samples = np.rint(datasets.detectors(name, length)).astype(np.int32)
    for streams, parts in ((1, 1), (4, 4), (16, 4), (16, 16), (16, 64), (16, 128), (16, 1024)):
        yield Step(
            f"shapes: {streams} × {length // parts:,}",
            1.2e-7 * samples.size,
            lambda s=streams, n=length // parts: [shape_row(samples, s, n)],
        )


def unpredicted(wanted, known):
    """What is left of samples after least squares on what is known."""
    known = np.stack([*known, np.ones_like(wanted)], axis=-1)
    coefficients, *_ = np.linalg.lstsq(known, wanted)
    return wanted - known @ coefficients


def stretch(length, count=500):
    """Some samples of a stream, and what is left of them after two predictions."""
    first, *_ = datasets.arrays(length)
    streams = first.samples.astype(np.float64)
    wanted = streams[-1]
    past = unpredicted(wanted[ORDER:], [wanted[ORDER - t : -t] for t in range(1, ORDER + 1)])
    others = unpredicted(wanted, streams[:REFERENCES])
    middle = length // 2
    return [
        {
            "sample": i,
            "recorded": f"{wanted[i]:.0f}",
            "own past": f"{past[i - ORDER]:.1f}",
            "four others": f"{others[i]:.1f}",
        }
        for i in range(middle, middle + count)
    ]


def stretch_steps(length):
    yield Step("stretch of a stream", 1e-5 * length, lambda: stretch(length))
