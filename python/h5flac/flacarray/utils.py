"""Floats as integers, and back: `quantization` has the rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..parallel import thread_count
from .quantization import FLOATS, INTEGERS, REACH, quantize, restore

#: Samples over which neither a drift nor a glitch elsewhere counts.
_WINDOW = 128

#: At most one of the digits that are asked for is spent on drifts and glitches.
_SPENT = 10.0


def float_to_int(
    data: np.ndarray,
    quanta: Any = None,
    precision: Any = None,
    use_threads: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Converts floats to integers.

    Parameters
    ----------
    data : array of float32 or float64, of shape (leading…, samples)
    quanta : float, or array of the leading shape
        The step, in the unit of the data. No sample errs by more than half of it, and constant
        streams come back exact.
    precision : number, or array of the leading shape
        Decimal digits: the step is the standard deviation of each stream / 10**precision. Drifts
        and glitches are in that, but cost no more than one of the digits: it counts as at most ten
        times the deviation from a straight line that is usual (the median) in windows of 128
        samples (an eighth of shorter streams), as long as integers then reach all samples.
    use_threads : bool
        Whether to use several threads.

    Returns
    -------
    integers, offsets, gains
        int32 for float32, int64 for float64; offsets and gains (1 / step) of the leading shape,
        (1,) for one stream, in the type of the data. Without quanta and precision the step is
        the largest magnitude of each stream / 2**29 (float32) or 2**61.

    Raises
    ------
    RuntimeError
        If both quanta and precision are given, or a sample is NaN or infinite.
    ValueError
        If the type is another, a step is not finite and above 0, its shape is not the leading
        shape, or integers cannot give a stream within half a step: float32 has a range of about
        2**32 steps, float64 of 2**64.
    """
    data = np.asarray(data)
    dtype = data.dtype.newbyteorder("=")
    if dtype not in INTEGERS:
        raise ValueError(f"data are {data.dtype}; only float32 and float64 can be converted")
    if quanta is not None and precision is not None:
        raise RuntimeError("both quanta and precision are given; one of them sets the step")
    if data.size == 0:
        raise ValueError(f"data of shape {data.shape} have no samples")
    leading = data.shape[:-1]
    given = quanta if quanta is not None else precision
    values = None if given is None else _per_stream(given, leading)
    if quanta is not None and not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError("quanta must be finite and above 0")
    if precision is not None and not np.all(np.isfinite(values)):
        raise ValueError("precision must be finite")

    def steps(rows: slice, block: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        if quanta is not None:
            return values[rows]
        largest = np.maximum(np.abs(low), np.abs(high))
        finest = largest / 2.0 ** REACH[dtype]
        if precision is None:
            return finest
        whole, local = (spread / 10.0 ** values[rows] for spread in _spreads(block, largest))
        return np.minimum(whole, np.maximum(_SPENT * local, finest))

    streams = data.reshape(-1, data.shape[-1]).astype(dtype, copy=False)
    integers, offsets, gains = quantize(streams, steps, thread_count(None) if use_threads else 1)
    shape = leading or (1,)
    return integers.reshape(data.shape), offsets.reshape(shape), gains.reshape(shape)


def int_to_float(
    idata: np.ndarray, offset: np.ndarray, gain: np.ndarray, use_threads: bool = False
) -> np.ndarray:
    """Converts integers back to floats.

    Parameters
    ----------
    idata : array of int32 or int64, of shape (leading…, samples)
    offset, gain
        As `float_to_int` gives them: of the leading shape, (1,) or a number for one stream.

    Returns
    -------
    array of float32 or float64

    Raises
    ------
    ValueError
        If types or shapes are others.
    """
    idata = np.asarray(idata)
    if idata.dtype not in FLOATS:
        raise ValueError(f"integers are {idata.dtype}; they must be int32 or int64")
    dtype = FLOATS[idata.dtype]
    leading = idata.shape[:-1]
    offset, gain = (
        _like_leading(name, value, leading, dtype)
        for name, value in {"offset": offset, "gain": gain}.items()
    )
    streams = idata.reshape(-1, idata.shape[-1])
    out = np.empty(streams.shape, dtype)
    threads = thread_count(None) if use_threads else 1
    return restore(streams, offset, gain, out, threads).reshape(idata.shape)


def _spreads(block: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations of streams, and what is usual in a window of each, about a line.

    The second is infinite where windows tell nothing: few samples, or most of them constant.
    """
    # Squares of values of any size fit a double once the largest is between a half and 1.
    exponents = np.frexp(largest)[1]
    scaled = np.ldexp(block.astype(np.float64), -exponents[:, None])
    whole = np.ldexp(np.std(scaled, axis=-1), exponents)
    width = min(_WINDOW, block.shape[1] // 8)
    if width < 8:
        return whole, np.full(len(block), np.inf)
    windows = scaled[:, : block.shape[1] // width * width].reshape(len(block), -1, width)
    time = np.arange(width) - (width - 1) / 2
    slopes = windows @ time / (time @ time)
    windows -= slopes[..., None] * time
    local = np.ldexp(np.median(np.std(windows, axis=-1), axis=-1), exponents)
    return whole, np.where(local > 0, local, np.inf)


def _per_stream(values: Any, leading: tuple[int, ...]) -> np.ndarray:
    """One value for each stream."""
    values = np.asarray(values, np.float64)
    if values.shape not in ((), (1,), leading):
        raise ValueError(f"{values.shape} values, and the streams have the shape {leading}")
    return np.broadcast_to(values, leading or (1,)).reshape(-1)


def _like_leading(name: str, value: Any, leading: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    value = np.asarray(value)
    if value.shape != leading and not (value.size == 1 and np.prod(leading, dtype=int) == 1):
        raise ValueError(f"{name} has the shape {value.shape}, and the streams {leading}")
    if value.dtype != dtype and value.ndim > 0:
        raise ValueError(f"{name} is {value.dtype}; for these integers it must be {dtype}")
    return value.astype(dtype).reshape(-1)
