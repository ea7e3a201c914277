"""Lossless floats that are no integers times a factor: bits per sample, beside other codecs."""

import hdf5
import hdf5plugin
import numpy as np
from peers import Filter, Pcodec
from timing import Step

COLUMNS = (
    "signal", "type", "h5flac 0", "h5flac 5", "h5flac 8", "gzip 4 + shuffle", "bitshuffle + Zstd",
    "Blosc2 Zstd 5", "pcodec 8",
)  # fmt: skip


def band(noise, low, high):
    """What of a series lies between two frequencies, in cycles per sample."""
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(noise.size)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, noise.size)


def signals(samples):
    rng = np.random.default_rng(1)
    noise, walk = rng.normal(size=samples), np.cumsum(rng.normal(size=samples))
    filtered = band(walk, 0.005, 0.05)
    glitches = filtered.copy()
    glitches[::5000] = 1e6
    gaps = filtered.copy()
    gaps[samples // 3 : samples // 2] = np.nan
    return {
        "white noise": noise,
        "the same, about 5": 5 + noise,
        "random walk": walk,
        "walk, band-passed": filtered,
        "the same, some noise": filtered + 0.01 * noise,
        "the same, glitches": glitches,
        "the same, a gap": gaps,
        "sine, noise of a thousandth": np.sin(np.arange(samples) / 50) + 1e-3 * noise,
    }


def peers():
    yield from (Filter(**hdf5.h5flac(level, None)) for level in (0, 5, 8))
    yield Filter(flat=True, shuffle=True, compression="gzip", compression_opts=4)
    yield Filter(flat=True, **hdf5plugin.Bitshuffle(cname="zstd"))
    yield Filter(flat=True, **hdf5plugin.Blosc2(cname="zstd", clevel=5))
    yield Pcodec()


def row(name, series, kind):
    samples = series.astype(kind)[None]
    bits = []
    for peer in peers():
        peer.prepare(samples)
        peer.encode(samples)
        if peer.decode().tobytes() != samples.tobytes():
            raise SystemExit(f"{name} as {kind} came back with other bits")
        bits.append(f"{8 * peer.size / samples.size:.4g}")
    return dict(zip(COLUMNS, (name, np.dtype(kind).name, *bits), strict=True))


def steps(samples):
    kinds = ("f4", "f8")
    return [
        Step(
            name,
            2e-6 * samples * len(kinds),
            lambda name=name, series=series: [row(name, series, kind) for kind in kinds],
        )
        for name, series in signals(samples).items()
    ]
