"""Floats as integers: value = offset + step · integer, in the arithmetic of the float type.

The step is 1 / gain. An integer, the product and the sum are each rounded to the type (as NumPy
does it), so that every reader of a group gets the same values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..parallel import in_order, thread_count

#: Integer type of each float type.
INTEGERS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}
FLOATS = {integer: real for real, integer in INTEGERS.items()}

#: Samples of a block of streams that is converted at a time: it stays in the cache.
_BLOCK = 1 << 16

#: Steps between the extremes of a stream where no step is asked for, as a power of two.
_FULL_RANGE = {np.dtype(np.float32): 31, np.dtype(np.float64): 62}


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
        The step, in the unit of the data. No sample errs by more than half of it. Where it is less
        than 16 units in the last place of the largest sample, which the type hardly resolves, two
        such units may come on top.
    precision : int, or array of the leading shape
        Decimal digits: the step is the standard deviation of each stream / 10**precision. Constant
        streams come back exact.
    use_threads : bool
        Whether to use several threads.

    Returns
    -------
    integers, offsets, gains
        int32 for float32, int64 for float64; offsets and gains of the leading shape, (1,) for one
        stream, in the type of the data. Without quanta and precision the step is about 2**-31
        (float32) or 2**-62 of the range of each stream.

    Raises
    ------
    RuntimeError
        If both quanta and precision are given, or a sample is NaN or infinite.
    ValueError
        If the type is another, a step is not finite and above 0, its shape is not the leading
        shape, or a sample is more than 2**31 (float32) or 2**63 steps from the offset.
    """
    data = np.asarray(data)
    dtype = data.dtype.newbyteorder("=")
    if dtype not in INTEGERS:
        raise ValueError(f"data are {data.dtype}; only float32 and float64 can be converted")
    if quanta is not None and precision is not None:
        raise RuntimeError("both quanta and precision are given; one of them sets the step")
    if data.size == 0:
        raise ValueError(f"data of shape {data.shape} have no samples")
    streams = data.reshape(-1, data.shape[-1])
    leading = data.shape[:-1]
    integers = np.empty(streams.shape, INTEGERS[dtype])
    offsets, gains = (np.empty(len(streams), dtype) for _ in range(2))
    given = quanta if quanta is not None else precision
    values = None if given is None else _per_stream(given, leading)
    if quanta is not None and not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError("quanta must be finite and above 0")

    def convert(rows: slice) -> None:
        block = streams[rows].astype(dtype, copy=False)
        if not np.isfinite(block).all():
            place = np.argwhere(~np.isfinite(block))[0]
            raise RuntimeError(
                f"stream {rows.start + place[0]}: sample {place[1]} is {block[tuple(place)]}, "
                "which integers cannot hold; the h5flac filter keeps NaN and infinities"
            )
        if quanta is not None:
            steps = values[rows]
        elif precision is not None:
            steps = np.std(block, axis=-1, dtype=np.float64) / 10.0 ** values[rows]
        else:
            steps = np.ptp(block.astype(np.float64), axis=-1) / 2.0 ** _FULL_RANGE[dtype]
        parts = _quantized(block, steps, rows.start)
        integers[rows], offsets[rows], gains[rows] = parts

    _in_blocks(convert, streams.shape, use_threads)
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

    def convert(rows: slice) -> None:
        out[rows] = decoded(streams[rows], offset[rows], gain[rows])

    _in_blocks(convert, streams.shape, use_threads)
    return out.reshape(idata.shape)


def decoded(integers: np.ndarray, offsets: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Values of (streams, samples) integers, in the type of the offsets."""
    values = integers.astype(offsets.dtype)
    with np.errstate(all="ignore"):
        values *= (offsets.dtype.type(1) / gains)[:, None]
        values += offsets[:, None]
    return values


def _quantized(
    block: np.ndarray, steps: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, offsets and gains of (streams, samples), checked on what decoding will give.

    `first` is the number of the first stream, for messages.
    """
    dtype = block.dtype
    extremes = [f(block, axis=-1).astype(np.float64) for f in (np.min, np.max)]
    bounds = steps / 2
    # What the roundings of the integer, the product and the sum may add, in units in the last
    # place of the largest that occurs: half for each.
    with np.errstate(over="ignore"):
        largest = np.max(np.abs([*extremes, extremes[1] - extremes[0]]), axis=0)
        units = np.spacing(largest.astype(dtype)).astype(np.float64)
    integers, offsets, gains, errors = _attempt(block, steps, extremes, first)
    over = errors > bounds
    if over.any():
        # With a step that leaves room for the roundings, where that is a small part of it.
        finer = over & (steps > 16 * units)
        if finer.any():
            parts = (block[finer], (steps - 3 * units)[finer], [e[finer] for e in extremes])
            integers[finer], offsets[finer], gains[finer], errors[finer] = _attempt(*parts, first)
        wrong = np.flatnonzero(errors > np.where(finer | ~over, bounds, bounds + 2 * units))
        if wrong.size:
            raise ValueError(
                f"stream {first + wrong[0]} cannot be had within {bounds[wrong[0]]:g}: the error "
                f"would be {errors[wrong[0]]:g}; use larger quanta, or the h5flac filter"
            )
    return integers, offsets, gains


def _attempt(
    block: np.ndarray, steps: np.ndarray, extremes: list[np.ndarray], first: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Integers, offsets, gains, and the largest error of each stream."""
    dtype, kind = block.dtype, INTEGERS[block.dtype]
    low, high = extremes
    # A constant stream is its offset, whatever the step.
    constant = low == high
    steps = np.where(constant | (steps == 0), 1.0, steps)
    with np.errstate(all="ignore"):
        # In the middle; of 64-bit integers below all where 31 bits then do: the high channel is 0,
        # which saves a bit per sample.
        base = 0.5 * low + 0.5 * high
        if kind.itemsize == 8:
            base = np.where((high - low) / steps < 2.0**31 - 2, low, base)
        whole = np.floor(base / steps) * steps
        offsets = np.where(constant, low, np.where(np.isfinite(whole), whole, base)).astype(dtype)
        gains = (1.0 / steps).astype(dtype)
        # The step that decoding uses is no larger than asked for.
        larger = 1.0 / gains.astype(np.float64) > steps
        gains[larger] = np.nextafter(gains[larger], dtype.type(np.inf))
        inverse = (dtype.type(1) / gains).astype(np.float64)
    wrong = ~(np.isfinite(gains) & (gains > 0) & np.isfinite(inverse) & (inverse > 0))
    if wrong.any():
        raise ValueError(f"quanta {steps[wrong][0]:g} has no inverse in {dtype}; choose another")
    exact = block.astype(np.float64)
    with np.errstate(all="ignore"):
        number = np.rint((exact - offsets.astype(np.float64)[:, None]) / inverse[:, None])
    # Below the largest: as a double, that of int64 is one more.
    limit = np.nextafter(float(np.iinfo(kind).max), 0)
    outside = ~(np.abs(number) <= limit)
    if outside.any():
        stream, sample = np.argwhere(outside)[0]
        raise ValueError(
            f"stream {first + stream}: sample {sample}, {block[stream, sample]}, is too many steps "
            f"of {inverse[stream]:g} from {offsets[stream]} for {kind}; use larger quanta, "
            "float64, or the h5flac filter"
        )
    integers = number.astype(kind)
    errors = decoded(integers, offsets, gains).astype(np.float64) - exact
    over = np.abs(errors) > steps[:, None] / 2
    if over.any():
        # The neighbour, where roundings made that the nearer one.
        other = integers - np.sign(errors).astype(kind) * over
        moved = decoded(other, offsets, gains).astype(np.float64) - exact
        nearer = np.abs(moved) < np.abs(errors)
        integers[nearer], errors[nearer] = other[nearer], moved[nearer]
    return integers, offsets, gains, np.abs(errors).max(axis=-1)


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


def _in_blocks(convert: Any, shape: tuple[int, int], use_threads: bool) -> None:
    each = max(1, _BLOCK // max(1, shape[1]))

    def blocks() -> Iterator[slice]:
        for start in range(0, shape[0], each):
            yield slice(start, min(start + each, shape[0]))

    for _ in in_order(convert, blocks(), thread_count(None) if use_threads else 1):
        pass
