"""Arrays to compress."""

import numpy as np

INTEGERS = [f"{order}{kind}{size}" for size in (2, 4, 8) for kind in "iu" for order in "<>"]
INTEGERS += ["|i1", "|u1", "|b1"]
FLOATS = [f"{order}{kind}" for kind in ("f2", "f4", "f8", "c8", "c16") for order in "<>"]

# Shape and chunk shape, never dividing it unless it is one.
SHAPES = [
    ((1,), (1,)),
    ((7,), (4,)),
    ((100000,), (30000,)),
    ((3, 5, 1000), (2, 3, 400)),
    ((1000, 1), (300, 1)),
    ((2, 3, 4, 5), (1, 2, 3, 4)),
    ((40, 7, 300), (16, 3, 128)),
]

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]


def streams(rng, shape):
    """A slow wave, a step here and there, and white noise, along the last axis."""
    phase = rng.uniform(0, 2 * np.pi, (*shape[:-1], 1))
    wave = 5 * np.sin(np.arange(shape[-1]) / 50 + phase)
    steps = np.cumsum(rng.random(shape) < 0.001, axis=-1)
    return wave + steps + rng.normal(0, 0.3, shape)


def integers(rng, shape, dtype):
    """Such streams within the type's range, with its extreme values here and there."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.2
    info = np.iinfo(dtype)
    array = (streams(rng, shape) * 8 + (64 if dtype.kind == "u" else 0)).clip(info.min, info.max)
    array = array.astype(dtype)
    extreme = rng.random(shape) < 0.002
    array[extreme] = rng.choice(np.array([info.min, info.max], dtype), int(extreme.sum()))
    return array


def floats(rng, shape, dtype, special=True):
    """Such streams, with NaN, infinities and zeros of both signs here and there."""
    dtype = np.dtype(dtype)
    array = np.empty(shape, dtype)
    for part in [array.real, array.imag] if dtype.kind == "c" else [array]:
        part[...] = streams(rng, shape)
        if special:
            at = rng.random(shape) < 0.01
            part[at] = rng.choice(SPECIAL, int(at.sum()))
    return array
