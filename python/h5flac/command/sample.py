"""Blocks of a dataset that stand for all of it, and what compressing them costs."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace

import h5py
import numpy as np

from .. import library
from ..chunks import chunk_shape, defined_fill
from ..filter import Flac
from ..library import Layout
from .options import shape_of

#: Standard deviation of white noise by the median of its differences, as below.
_OF_MEDIAN = 0.6052697


@dataclass(frozen=True)
class Sample:
    """Blocks of a dataset, each of the shape of a chunk or the rest of one at an edge."""

    dtype: np.dtype
    axis: int
    blocks: list[np.ndarray]
    offsets: list[tuple[int, ...]]
    """Where each block begins in the dataset."""
    fill: np.ndarray | None

    @property
    def nbytes(self) -> int:
        return sum(block.nbytes for block in self.blocks)

    @property
    def size(self) -> int:
        """Number of samples."""
        return sum(block.size for block in self.blocks)

    def streams(self) -> list[np.ndarray]:
        """Each block with time last: arrays of shape (streams, samples)."""
        moved = [np.moveaxis(block, self.axis, -1) for block in self.blocks]
        return [block.reshape(-1, block.shape[-1]) for block in moved]

    def noise(self) -> list[np.ndarray]:
        """The noise of each stream in each block: see `noise`."""
        return [noise(block) for block in self.streams()]


def noise(streams: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise of (streams, samples), blind to drifts and glitches.

    As the filter estimates it: 0.6052697 times the median of abs(2·x[i] - x[i-2] - x[i+2]) (Pence,
    Seaman and White 2009, PASP 121, 414); of complex numbers that of the noisier component. 0 where
    most differences are 0, NaN for streams of less than five samples.
    """
    if streams.shape[-1] < 5:
        return np.full(len(streams), np.nan)
    parts = (streams.real, streams.imag) if streams.dtype.kind == "c" else (streams,)
    found = []
    for part in parts:
        x = part.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            differences = np.abs(2 * x[:, 2:-2] - x[:, :-4] - x[:, 4:])
        differences[~np.isfinite(differences)] = np.nan
        some = np.isfinite(differences).any(axis=-1)
        median = np.zeros(len(streams))
        median[some] = np.nanmedian(differences[some], axis=-1)
        found.append(_OF_MEDIAN * median)
    return np.max(found, axis=0)


def take(dataset: h5py.Dataset, axis: int, limit: float, chunks: tuple[int, ...] | None) -> Sample:
    """Blocks spread evenly over a dataset, of no more bytes than `limit` where one is not more.

    Raises
    ------
    ValueError
        If the dataset is not an array of numbers, is empty, or has too few axes.
    """
    dtype, shape = dataset.dtype, dataset.shape
    if shape is None or not shape or dtype.kind not in "iufcb":
        raise ValueError(f"{dataset.name} is not an array of numbers ({dtype}, shape {shape})")
    if 0 in shape:
        raise ValueError(f"{dataset.name} is empty: its shape is {shape}")
    Layout.of(dtype, shape, axis)
    chunks = chunks or dataset.chunks or chunk_shape(shape, axis)
    if len(chunks) != len(shape) or min(chunks) < 1:
        raise ValueError(f"chunks {chunks} do not fit the shape {shape}")
    chunks = tuple(min(c, n) for c, n in zip(chunks, shape, strict=True))
    grid = [math.ceil(n / c) for n, c in zip(shape, chunks, strict=True)]
    total = math.prod(grid)
    each = math.prod(chunks) * dtype.itemsize
    wanted = max(1, min(total, int(limit // each)))
    blocks, offsets = [], []
    for i in range(wanted):
        # The middle of each of as many equal parts of the row of all chunks.
        place = np.unravel_index(int((i + 0.5) * total / wanted), grid)
        offset = tuple(int(p) * c for p, c in zip(place, chunks, strict=True))
        slices = tuple(slice(o, o + c) for o, c in zip(offset, chunks, strict=True))
        offsets.append(offset)
        blocks.append(np.ascontiguousarray(dataset[slices]))
    return Sample(dtype, axis, blocks, offsets, defined_fill(dataset))


@dataclass(frozen=True)
class Trial:
    """What compressing a sample with a filter gives."""

    filter: Flac
    chunks: list[bytes]
    """The compressed bytes of each block."""
    decoded: list[np.ndarray]
    encode_seconds: float
    decode_seconds: float

    @property
    def nbytes(self) -> int:
        return sum(map(len, self.chunks))

    def bits(self) -> list[np.ndarray]:
        """Bits per sample of each stream of each block, its share of the chunk's head included."""
        found = []
        for chunk in self.chunks:
            layout = library.describe(chunk)
            taken = library.streams(chunk)["bytes"].sum(axis=1).astype(np.float64)
            taken += (len(chunk) - taken.sum()) / layout.streams
            found.append(8 * taken / layout.length)
        return found


def attempt(sample: Sample, filter: Flac) -> Trial:
    """Compresses a sample and decodes it, on one thread."""
    chunks, decoded, encode, decode = [], [], 0.0, 0.0
    for block in sample.blocks:
        layout = Layout.of(block.dtype, block.shape, sample.axis)
        start = time.perf_counter()
        chunk = library.compress(block, layout, filter.filter_options, fill=sample.fill)
        middle = time.perf_counter()
        out = np.empty_like(block)
        library.decompress(chunk, out)
        decode += time.perf_counter() - middle
        encode += middle - start
        chunks.append(chunk)
        decoded.append(out)
    return Trial(filter, chunks, decoded, encode, decode)


@dataclass(frozen=True)
class Errors:
    """Errors of decoded blocks, in the unit of the data."""

    largest: float
    rms: float
    relative: float
    """Median over streams of the errors' RMS, in units of the stream's noise. NaN without noise."""


def errors(sample: Sample, trial: Trial) -> Errors:
    """Compares decoded blocks with the originals. Values that are not finite do not count."""
    largest, total, count, relative = 0.0, 0.0, 0, []
    for original, decoded, level in zip(
        sample.streams(),
        replace(sample, blocks=trial.decoded).streams(),
        sample.noise(),
        strict=True,
    ):
        difference = magnitude(original, decoded)
        finite = np.isfinite(difference)
        squares = np.where(finite, difference, 0) ** 2
        if finite.any():
            largest = max(largest, float(difference[finite].max()))
        total, count = total + float(squares.sum()), count + int(finite.sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            relative.append(np.sqrt(squares.mean(axis=-1)) / level)
    ratios = np.concatenate(relative)
    ratios = ratios[np.isfinite(ratios)]
    median = float(np.median(ratios)) if ratios.size else math.nan
    return Errors(largest, math.sqrt(total / count) if count else 0.0, median)


def magnitude(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Absolute errors, in double precision; of complex numbers the larger of both parts."""
    if original.dtype.kind == "c":
        return np.maximum(
            magnitude(original.real, decoded.real), magnitude(original.imag, decoded.imag)
        )
    if original.dtype.kind in "iub":
        return (original != decoded).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.abs(decoded.astype(np.float64) - original.astype(np.float64))


def add_sample(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how much to take."""
    text = "megabytes of the dataset to take, in blocks spread over it; default 64"
    parser.add_argument("--sample", type=_megabytes, default=64.0, metavar="MB", help=text)
    text = "chunk shape to compress in, such as 16,65536; default: the dataset's"
    parser.add_argument("--chunks", type=shape_of, metavar="SHAPE", help=text)


def _megabytes(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} megabytes; use a number above 0")
    return value
