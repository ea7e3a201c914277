"""Datasets that the ranks of an MPI program write together, and one process alone.

Arrays come as files from that one process, so that all write the same.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from data import floats, integers, streams
from params import DECIMAL, LOSSLESS, NOISE, PRECISION, QUANTA, Params

SHAPE, CHUNKS = (11, 6000), (3, 2500)  # With chunks that stand over at both edges.
EVERYWHERE = (slice(0, 11), slice(0, 6000))


@dataclass(frozen=True)
class Kind:
    dtype: str
    params: Params
    fill: object = None
    related: bool = False
    turned: bool = False

    def array(self, rng):
        if self.related:
            common = 40 * np.cumsum(rng.normal(0, 1, SHAPE[1]))
            array = (common * rng.uniform(0.8, 1.2, (SHAPE[0], 1)) + streams(rng, SHAPE)).round()
        elif np.dtype(self.dtype).kind in "iu":
            array = integers(rng, SHAPE, self.dtype)
        else:
            array = floats(rng, SHAPE, self.dtype)
        if self.fill is not None:
            array[2:5, 1000:2000] = self.fill
        return np.ascontiguousarray(self.along_time(array).astype(self.dtype))

    def along_time(self, pair):
        """Shapes, selections and arrays of datasets whose first axis is time."""
        if not self.turned:
            return pair
        return pair.T if isinstance(pair, np.ndarray) else pair[::-1]


KINDS = {
    "i4": Kind("<i4", LOSSLESS),
    "i2": Kind(">i2", LOSSLESS, fill=-7),
    "related": Kind("<i4", LOSSLESS.at(level=8), related=True),
    "quanta": Kind("<f4", QUANTA),
    "decimal": Kind("<f8", DECIMAL, fill=-999.0),
    "noise": Kind(">f8", NOISE),
    "turned": Kind("<f4", PRECISION.at(axis=1), turned=True),
    "dithered": Kind("<c8", QUANTA.at(dither=True)),
}


def edges(start, stop, ranks):
    """Cuts into parts of about the same length."""
    return [start + (stop - start) * i // ranks for i in range(ranks + 1)]


def chunk_rows(region, rank, ranks):
    """Rows of whole chunks."""
    cut = edges(0, -(-region[0].stop // CHUNKS[0]), ranks)
    first, last = (max(region[0].start, CHUNKS[0] * cut[i]) for i in (rank, rank + 1))
    return slice(first, min(last, region[0].stop)), region[1]


def times(region, rank, ranks):
    """A stretch of time each: ends in the middle of chunks."""
    cut = edges(region[1].start, region[1].stop, ranks)
    return region[0], slice(cut[rank], cut[rank + 1])


def every_other_sample(region, rank, ranks):
    """Each chunk is everybody's."""
    return region[0], slice(region[1].start + rank, region[1].stop, ranks)


def uneven(region, rank, ranks):
    """One sample for each but the last rank, which has the rest."""
    start = region[1].start + rank
    stop = region[1].stop if rank == ranks - 1 else min(start + 1, region[1].stop)
    return region[0], slice(start, stop)


def all_by_the_last(region, rank, ranks):
    """Nothing for the other ranks."""
    return region if rank == ranks - 1 else (slice(0, 0), slice(0, 0))


def all_by_the_first(region, rank, ranks):
    return all_by_the_last(region, ranks - 1 - rank, ranks)


# By chunks of one rank each, chunks of several ranks, and with ranks that have nothing to write.
SPLITS = [chunk_rows, times, every_other_sample, uneven, all_by_the_last, all_by_the_first]

# What is written, one call after the other. A dataset that is not written as a whole grows.
HISTORIES = {
    "once": [EVERYWHERE],
    "appends": [(slice(0, 11), slice(a, b)) for a, b in [(0, 700), (700, 3000), (3000, 6000)]],
    "patches": [(slice(1, 8), slice(900, 5100)), (slice(4, 11), slice(0, 2600))],
}


@dataclass(frozen=True)
class Case:
    kind: str
    split: object
    history: str

    def __str__(self):
        return f"{self.alone} {self.split.__name__}"

    @property
    def alone(self):
        """Name of the dataset that one process writes: without a split."""
        return f"{self.kind} {self.history}"

    def part(self, region, rank, ranks):
        """What a rank writes of a region."""
        return KINDS[self.kind].along_time(self.split(region, rank, ranks))


CASES = [Case(*case) for case in product(["i4", "noise"], SPLITS, ["once"])]
CASES += [Case(*case) for case in product(KINDS, [times, every_other_sample], ["once"])]
CASES += [Case(*case) for case in product(KINDS, [times], ["appends"])]
CASES += [Case(*case) for case in product(KINDS, [chunk_rows], ["patches"])]
CASES = list(dict.fromkeys(CASES))


def steps(case):
    """For each call the extent of the dataset then, and the region."""
    kind = KINDS[case.kind]
    for region in HISTORIES[case.history]:
        extent = (SHAPE[0], region[1].stop) if case.history == "appends" else SHAPE
        yield kind.along_time(extent), region


def creation(case):
    """Keywords of h5py's create_dataset."""
    kind = KINDS[case.kind]
    growing = kind.along_time((SHAPE[0], None)) if case.history == "appends" else None
    return kind.params.create(
        shape=next(steps(case))[0],
        dtype=kind.dtype,
        chunks=kind.along_time(CHUNKS),
        maxshape=growing,
        fillvalue=kind.fill,
    )
