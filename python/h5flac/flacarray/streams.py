"""Compressed streams in memory, and the rules by which their integers are values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import flac_files
from ..library import CorruptError
from ..parallel import thread_count
from .quantization import FLOATS, restore


def threads_of(use_threads: bool) -> int:
    """Threads that `use_threads` means: H5FLAC_NUM_THREADS, else one for each processor; or one."""
    return thread_count(None) if use_threads else 1


def dtype_of(channels: int, offsets: Any, gains: Any) -> np.dtype:
    """Type of values: of the FLAC channels, and of whether they have offsets and gains."""
    if (offsets is None) != (gains is None):
        raise RuntimeError("offsets and gains are needed both, or neither of them")
    integer = np.dtype(np.int32 if channels == 1 else np.int64)
    return integer if offsets is None else FLOATS[integer]


@dataclass(frozen=True)
class Streams:
    """Streams, each a FLAC file, with what makes values of its integers.

    `starts`, `nbytes`, `offsets` and `gains` are flat, one for each stream.
    """

    compressed: np.ndarray
    starts: np.ndarray
    nbytes: np.ndarray
    offsets: np.ndarray | None
    gains: np.ndarray | None
    stream_size: int
    channels: int
    legacy: bool = False
    """Whether the values are those of groups of version 0, whose integers all have 32 bits."""

    @classmethod
    def of(
        cls,
        compressed: np.ndarray,
        starts: Any,
        nbytes: Any,
        offsets: Any,
        gains: Any,
        stream_size: int,
        channels: int,
    ) -> Streams:
        """Streams whose arrays have the leading shape."""
        shaped = (starts, nbytes, offsets, gains)
        flat = (None if one is None else np.asarray(one).reshape(-1) for one in shaped)
        return cls(compressed, *flat, stream_size, channels)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        if self.legacy and self.offsets is not None:
            return self.offsets.dtype
        return dtype_of(self.channels, self.offsets, self.gains)

    def integers(self, numbers: np.ndarray, first: int, count: int, threads: int) -> np.ndarray:
        """Integers of some streams, of shape (len(numbers), count)."""
        starts, nbytes = self.starts[numbers], self.nbytes[numbers]
        size = self.compressed.size
        wrong = (starts < 0) | (nbytes < 0) | (nbytes > size) | (starts > size - nbytes)
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise CorruptError(
                f"stream {numbers[i]} has {nbytes[i]} bytes at {starts[i]}, of {size}"
            )
        out = np.empty((len(numbers), count), np.int32 if self.channels == 1 else np.int64)
        if out.size:
            flac_files.decompress(
                self.compressed, starts, nbytes, out, self.stream_size, first, threads
            )
        return out

    def values(self, numbers: np.ndarray, samples: slice, threads: int) -> np.ndarray:
        """Values of some streams.

        Parameters
        ----------
        numbers : array of stream numbers, of any shape
        samples : slice, as NumPy takes it

        Returns
        -------
        array of shape (numbers.shape…, samples)
        """
        start, stop, step = samples.indices(self.stream_size)
        count = len(range(start, stop, step))
        low = start if step > 0 else start + (count - 1) * step
        span = (count - 1) * abs(step) + 1 if count else 0
        flat = np.asarray(numbers, np.int64).reshape(-1)
        found = self.integers(flat, low if count else 0, span, threads)
        if self.offsets is not None:
            offsets, gains = self.offsets[flat], None if self.gains is None else self.gains[flat]
            if self.dtype == np.int64:
                found = found + offsets[:, None]
            elif self.legacy and self.dtype == np.float64:
                found = offsets[:, None] + found / gains[:, None]
            else:
                # In the memory of the integers, which has what the floats need.
                found = restore(found, offsets, gains, found.view(self.dtype), threads)
        return found[:, ::step].reshape(*np.shape(numbers), count)

    def modern(self, threads: int) -> Streams:
        """The same values as groups of version 1 have them.

        Raises
        ------
        ValueError
            If those cannot: a float64 stream of more than 63 bits between its largest value and the
            last place of its smallest.
        """
        if not self.legacy or self.dtype.itemsize == 4:
            return replace(self, legacy=False)
        numbers = np.arange(self.starts.size)
        values = self.values(numbers, slice(None), threads)
        if self.dtype == np.int64:
            return self._with(values, None, None, threads)
        integers = self.integers(numbers, 0, self.stream_size, threads).astype(np.int64)
        offsets, gains = self.offsets.copy(), self.gains.copy()
        found = restore(integers, offsets, gains, np.empty(values.shape))
        for i in np.flatnonzero((found != values).any(axis=1)):
            # A quotient rounds otherwise than a product with the inverse: a power of two does not.
            integers[i], gains[i] = _binary(values[i])
            offsets[i] = 0
        return self._with(integers, offsets, gains, threads)

    def _with(self, integers: np.ndarray, offsets: Any, gains: Any, threads: int) -> Streams:
        compressed, lengths = flac_files.compress(integers, 5, threads)
        starts = np.cumsum(lengths) - lengths
        return Streams(compressed, starts, lengths, offsets, gains, self.stream_size, 2)


def _binary(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Doubles as integers times a power of two, and the inverse of that power."""
    mantissas, exponents = np.frexp(values[values != 0])
    # Places of the last bit that is set in each.
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    last = exponents - 53 + np.log2((whole & -whole).astype(np.float64)).astype(int)
    lowest = int(last.min()) if last.size else 0
    if last.size and exponents.max() - lowest > 63:
        raise ValueError(
            "values of version 0 span too many bits for one of version 1; read them as an array"
        )
    return np.ldexp(values, -lowest).astype(np.int64), float(np.ldexp(1.0, -lowest))
