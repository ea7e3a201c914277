"""Parameter words, and the error that each of them allows: computed here, not by the plugin."""

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np

FILTER = 61868
DITHER = 0x100

# Streams with fewer usable samples are lossless where the quanta would come from a statistic.
FEWEST_SAMPLES = 16


@dataclass(frozen=True)
class Params:
    """What the user asks for. A decimal quanta's value is (numerator, power)."""

    mode: str = "lossless"
    value: object = None
    level: int = 5
    axis: int = 0
    dither: bool = False

    def __str__(self):
        value = "" if self.value is None else f"-{self.value}"
        return f"{self.mode}{value}{'-dither' if self.dither else ''}"

    def at(self, **changes):
        return replace(self, **changes)

    def words(self):
        """The five words that become cd_values."""
        mode = ["lossless", "quanta", "decimal", "precision", "noise"].index(self.mode)
        arguments = {
            "lossless": lambda: (0, 0),
            "quanta": lambda: double(self.value),
            "decimal": lambda: self.value,
            "precision": lambda: (self.value, 0),
            "noise": lambda: double(self.value),
        }[self.mode]()
        return (self.level, mode, *arguments, self.axis | DITHER * self.dither)

    def create(self, **changes):
        """Keywords of h5py's create_dataset."""
        return {"compression": FILTER, "compression_opts": self.words()} | changes

    def quanta(self, streams):
        """The step for each stream of doubles along the last axis; 0 where nothing may be lost.

        NaN and infinities enter no statistic.
        """
        if self.mode in ("lossless", "quanta", "decimal"):
            return np.full(streams.shape[:-1], float(self.fixed()))
        usable = np.isfinite(streams)
        if self.mode == "precision":
            count = usable.sum(axis=-1).clip(1)
            mean = np.where(usable, streams, 0).sum(axis=-1) / count
            with np.errstate(over="ignore"):
                squares = np.where(usable, streams - mean[..., None], 0) ** 2
            quanta = np.sqrt(squares.sum(axis=-1) / count) / 10**self.value
        else:
            quanta = noise(streams) / self.value
        return np.where(usable.sum(axis=-1) < FEWEST_SAMPLES, 0, quanta)

    def fixed(self):
        """The step exactly, where it is the user's."""
        if self.mode == "decimal":
            return Fraction(self.value[0], 10 ** self.value[1])
        return Fraction(self.value if self.mode == "quanta" else 0)


def double(x):
    return struct.unpack("<2I", struct.pack("<d", x))


def noise(streams):
    """Third-order noise of Pence, Seaman and White (2009), over runs of finite samples."""
    if streams.shape[-1] < 5:
        return np.zeros(streams.shape[:-1])
    x = np.where(np.isfinite(streams), streams, np.nan)
    gaps = np.lib.stride_tricks.sliding_window_view(np.isnan(x), 5, axis=-1).any(axis=-1)
    with np.errstate(over="ignore"):
        differences = np.abs(2 * x[..., 2:-2] - x[..., :-4] - x[..., 4:])
    differences = np.sort(np.where(gaps, np.nan, differences), axis=-1)
    count = (~gaps).sum(axis=-1)
    middle = ((count - 1) // 2).clip(0)[..., None]
    median = np.take_along_axis(differences, middle, axis=-1)[..., 0]
    return np.where(count > 0, 0.6052697 * median, 0)


LOSSLESS = Params()
QUANTA = Params("quanta", 0.01)
DECIMAL = Params("decimal", (25, 3))
PRECISION = Params("precision", 2)
NOISE = Params("noise", 16.0)
LOSSY = [QUANTA, DECIMAL, PRECISION, NOISE]
DITHERED = [params.at(dither=True) for params in (QUANTA, PRECISION, NOISE)]


def bits(array):
    """The same bytes as unsigned numbers, complex ones as pairs in a new last axis."""
    size = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
    return np.ascontiguousarray(components(array)).view(f"u{size}")


def components(array):
    """Floats as they are; complex numbers as pairs in a new last axis."""
    if array.dtype.kind != "c":
        return array
    part = np.dtype(f"{array.dtype.byteorder}f{array.dtype.itemsize // 2}")
    return np.ascontiguousarray(array)[..., None].view(part)


def assert_exact(decoded, original, seed):
    assert decoded.dtype == original.dtype and decoded.shape == original.shape
    different = np.argwhere(bits(decoded) != bits(original))
    assert different.size == 0, f"seed {seed}: differs first at {different[0]}"


def assert_within(decoded, original, params, chunks, seed, fill=None, margin=0):
    """Every sample within half the quanta of its stream in its chunk, or exact.

    Quanta that come from a statistic are computed again here, so that rounding may make them
    differ in the last digits, and `margin` more.
    """
    if params.mode in ("precision", "noise"):
        margin = max(margin, 1e-12)
    decoded, original = components(decoded), components(original)
    axis = len(chunks) - 1 - params.axis
    blocks = [range(0, size, step) for size, step in zip(original.shape, chunks, strict=False)]
    for corner in product(*blocks):
        block = tuple(slice(i, i + step) for i, step in zip(corner, chunks, strict=True))
        before = np.moveaxis(original[block], axis, -1)
        after = np.moveaxis(decoded[block], axis, -1)
        quanta = params.quanta(in_statistics(before, fill)) * (1 + margin)
        exact = None if margin else params.fixed()
        assert_close(after, before, quanta[..., None], exact, f"seed {seed}, chunk at {corner}")


def in_statistics(streams, fill):
    """Streams as doubles, NaN where a sample is fill or stands in a trailing run of it.

    Without a fill value of the user's, it is the 0 that HDF5 pads chunks with at the edge.
    """
    filled = bits(streams) == bits(np.array(0 if fill is None else fill, streams.dtype))
    if fill is None:
        filled = np.logical_and.accumulate(filled[..., ::-1], axis=-1)[..., ::-1]
    return np.where(filled, np.nan, streams.astype("f8"))


def assert_close(decoded, original, quanta, exact, told):
    """Compares in extended precision, and in fractions where that leaves a doubt."""
    finite = np.isfinite(original)
    assert (finite | (bits(decoded) == bits(original))).all(), f"{told}: NaN or Inf changed"
    assert np.isfinite(decoded[finite]).all(), f"{told}: NaN or Inf out of nothing"
    x = np.where(finite, original, 0).astype(np.longdouble)
    y = np.where(finite, decoded, 0).astype(np.longdouble)
    quanta = np.broadcast_to(quanta, original.shape)
    doubtful = (x != y) & (np.abs(x - y) > quanta / 2 * (1 - np.longdouble(1e-12)))
    for at in zip(*np.nonzero(doubtful), strict=True):
        error = abs(Fraction(float(original[at])) - Fraction(float(decoded[at])))
        bound = (Fraction(float(quanta[at])) if exact is None else exact) / 2
        assert error <= bound, (
            f"{told}, at {at}: {original[at]!r} became {decoded[at]!r}, "
            f"{float(error / bound) if bound else np.inf:.6f} of the bound"
        )
