"""What is compressed: synthetic sets of streams, and recordings of the real world."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import obspy
from flacarray.demo import create_fake_data

RECORDINGS = Path(__file__).parent.parent / "tests" / "data"
OBSPY_ROOT = Path(obspy.__file__).parent
OBSPY = OBSPY_ROOT / "signal" / "tests" / "data"

# The step of the float sets; of their values divided by it come the integer sets.
QUANTA = 0.01


@dataclass(frozen=True)
class Dataset:
    """Streams along the last axis of two, exact, or to be kept within half of quanta."""

    name: str
    title: str
    samples: np.ndarray
    quanta: float | None = None

    @property
    def allowed(self):
        """Largest error."""
        return self.quanta / 2 if self.quanta else 0.0

    def error(self, decoded):
        """The largest difference, infinite where NaN came back for a number or one for NaN.

        A single stream may come back without its first axis.
        """
        decoded = np.reshape(decoded, self.samples.shape)
        missing = np.isnan(self.samples)
        error = np.abs(np.subtract(decoded, self.samples, dtype=np.float64))
        error[missing] = np.where(np.isnan(decoded[missing]), 0, np.inf)
        worst = error.max()
        return worst if np.isfinite(worst) else np.inf


def random(name):
    """A generator of this set's own, so that no set depends on which others are made."""
    return np.random.default_rng([1, *name.encode()])


def white(shape):
    return random("a").normal(0, 100, shape)


def walk(shape):
    steps = random("b").normal(0, 20, shape)
    return np.cumsum(steps, axis=-1) + 3000 * np.sin(np.arange(shape[-1]) / 500)


def pink(shape):
    generator = random("b2")
    frequency = np.fft.rfftfreq(shape[-1])
    frequency[0] = frequency[1]
    spectrum = np.fft.rfft(generator.normal(0, 30, shape)) / np.sqrt(frequency)
    return np.fft.irfft(spectrum, shape[-1]) + generator.normal(0, 100, shape)


def detector(shape):
    return create_fake_data(shape, sigma=64.0, dtype=np.float64)[0]


def full_range(shape):
    return random("e").integers(-(2**31), 2**31, shape)


def constant(shape):
    return np.full(shape, 12_345)


def wide(shape):
    return random("g").normal(0, 1e6, shape) + 4e7 * np.sin(np.arange(shape[-1]) / 700)


SETS = {
    "a": ("white noise, sigma 100", white),
    "b": ("random walk of step 20 and a sine", walk),
    "b2": ("1/f and white noise, sigma 100", pink),
    "c": ("flacarray's demo: sines and noise, sigma 64", detector),
    "e": ("random 32-bit numbers", full_range),
    "f": ("constant", constant),
    "g": ("sigma 1e6 on a sine of 4e7: 27 bits", wide),
}
FLOATS = ("a", "b", "b2", "c")


@cache
def integers(name, shape):
    """A synthetic set as int32."""
    title, make = SETS[name]
    return Dataset(name, title, np.round(make(shape)).astype(np.int32))


@cache
def floats(name, shape, dtype):
    """The same streams before they were rounded, in steps of QUANTA."""
    title, make = SETS[name]
    dtype = np.dtype(dtype)
    samples = (make(shape) * QUANTA).astype(dtype)
    return Dataset(f"{name} {dtype.name}", f"{title}, times {QUANTA}", samples, QUANTA)


DETECTORS = 16
# What all detectors of an array see: the exponent of its spectrum, and its size in sigmas of the
# white noise that each has of its own.
SKIES = {"sky 1/f^1.5": (1.5, 100), "sky 1/f": (1.0, 10), "sky white": (0.0, 1)}


def sky_spectrum(name, length):
    """Power of the common signal over that of the noise, at each frequency."""
    exponent, size = SKIES[name]
    frequency = np.fft.rfftfreq(length)
    frequency[0] = np.inf
    power = frequency**-exponent if exponent else np.ones_like(frequency)
    return size**2 * power / power.mean()


def gains(name):
    return random(f"{name}, gains").uniform(0.8, 1.2, (DETECTORS, 1))


def detectors(name, length, delays=0):
    """White noise of sigma 100, and what is common to all, by gains and up to so many samples
    late."""
    generator = random(name)
    spectrum = np.fft.rfft(generator.normal(0, 100, length + delays))
    common = np.fft.irfft(spectrum * np.sqrt(sky_spectrum(name, length + delays)), length + delays)
    starts = delays - generator.integers(0, delays, DETECTORS, endpoint=True)
    seen = np.stack([common[start : start + length] for start in starts])
    return generator.normal(0, 100, seen.shape) + gains(name) * seen


def side_by_side(streams):
    """Streams as one array, cut to the length of the shortest."""
    length = min(len(stream) for stream in streams)
    return np.stack([stream[:length] for stream in streams]).astype(np.int32)


def components():
    """A node's three components, half a minute and the next: volts that were counts, 2^29/10^4."""
    traces = obspy.read(str(OBSPY_ROOT / "io/rg16/tests/data/three_chans_six_traces.fcnt"))
    volts = [
        np.concatenate([a.data, b.data]) for a, b in zip(traces[::2], traces[1::2], strict=True)
    ]
    return [np.rint(stream * (2.0**29 / 1e4)) for stream in volts]


@cache
def arrays(length):
    """Streams of one instrument as int32: detectors under common skies, and real ones."""
    found = [
        Dataset(name, f"sigma 100 and {name}", np.rint(detectors(name, length)).astype(np.int32))
        for name in SKIES
    ]
    ground = [obspy.read(str(OBSPY / name))[0].data for name in ("ref_STS2", "ref_unknown")]
    return [
        *found,
        Dataset("seismometers", "two side by side, 200 Hz", side_by_side(ground)),
        Dataset("geophone", "its three components, 500 Hz", side_by_side(components())),
    ]


@cache
def gapped_array(length):
    """Detectors of which each sees the sky a little later and misses a twentieth, as float32."""
    name, missing = "sky 1/f^1.5", length // 20
    samples = (detectors(name, length, delays=3) * QUANTA).astype(np.float32)
    generator = random("gaps")
    for stream in samples:
        while np.isnan(stream).sum() < missing:
            start = generator.integers(length)
            stream[start : start + generator.integers(50, 1000, endpoint=True)] = np.nan
    return Dataset(f"{name}, late, gaps", f"{name}, delays, gaps, float32", samples, QUANTA)


def quantized(samples, steps_per_deviation):
    step = np.std(samples) / steps_per_deviation
    return np.round(samples / step)


@cache
def recordings():
    """Recordings as int32: counts as they are, the one of decimals in two steps."""
    ground = obspy.read(str(OBSPY / "ref_STS2"))[0].data
    text = OBSPY / "BW.KW1._.EHZ.D.2011.090_downsampled.asc.gz"
    grasshopper = np.load(RECORDINGS / "grasshopper.npy")
    found = [
        ("STS2", "seismometer, 200 Hz", ground),
        ("KW1", "seismometer, 100 Hz", np.loadtxt(text)),
        ("ECG", "electrocardiogram, 360 Hz", np.load(RECORDINGS / "ecg.npy")),
        ("grasshopper/1000", "sound, 20 kHz, std/1000", quantized(grasshopper, 1000)),
        ("grasshopper/100", "sound, 20 kHz, std/100", quantized(grasshopper, 100)),
        ("hiss", "vinyl, 44.1 kHz", np.load(RECORDINGS / "hiss.npy")),
    ]
    return [
        Dataset(name, title, samples.astype(np.int32).reshape(1, -1))
        for name, title, samples in found
    ]
