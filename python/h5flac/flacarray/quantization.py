"""The rule by which integers are floats, and integers that keep a bound under it.

value = offset + step · integer, with step = 1 / gain. The integer, the step, the product and the
sum are each rounded to the float type, as NumPy does it and flacarray does: every reader of a group
gets the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..parallel import in_order

#: Integer type of each float type, and back.
INTEGERS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}
FLOATS = {integer: real for real, integer in INTEGERS.items()}

#: Steps of (largest magnitude of a stream) / 2**REACH always have integers for all its samples: one
#: bit is the sign's, and one pays for steps being lowered to a power of two.
REACH = {np.dtype(np.float32): 29, np.dtype(np.float64): 61}

#: Samples that are converted at a time: they stay in the cache.
_BLOCK = 1 << 15

#: Steps of some streams, from which they are, their samples, and the extremes of each.
StepsOf = Callable[[slice, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def restore(
    integers: np.ndarray, offsets: np.ndarray, gains: np.ndarray, out: np.ndarray, threads: int = 1
) -> np.ndarray:
    """Values of (streams, samples) integers, in the type of `out`, which may be their memory."""
    dtype = out.dtype
    with np.errstate(all="ignore"):
        steps = (dtype.type(1) / gains.astype(dtype))[:, None]
    offsets = offsets.astype(dtype)[:, None]

    def convert(rows: slice) -> None:
        for part in _pieces(integers[rows].shape):
            values = integers[rows, part].astype(dtype)
            with np.errstate(all="ignore"):
                values *= steps[rows]
                np.add(values, offsets[rows], out=out[rows, part])

    for _ in in_order(convert, _groups(integers.shape), threads):
        pass
    return out


def quantize(
    streams: np.ndarray, steps_of: StepsOf, threads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, offsets and gains of (streams, samples) floats.

    No sample errs by more than half of its stream's step, in what `restore` will give; constant
    streams come back exact.

    Raises
    ------
    RuntimeError
        If a sample is NaN or infinite.
    ValueError
        If integers cannot give a stream so closely.
    """
    integers = np.empty(streams.shape, INTEGERS[streams.dtype])
    offsets, gains = (np.empty(len(streams), streams.dtype) for _ in range(2))

    def convert(rows: slice) -> None:
        values = streams[rows]
        low, high = _extremes(values, rows.start)
        group = _Group(values, steps_of(rows, values, low, high), low, high)
        offsets[rows], gains[rows] = _encode(group, integers[rows], rows.start)

    for _ in in_order(convert, _groups(streams.shape), threads):
        pass
    return integers, offsets, gains


def _groups(shape: tuple[int, int]) -> Iterator[slice]:
    """Streams that are converted together: a long one, or several short ones."""
    each = max(1, _BLOCK // max(1, shape[1]))
    for start in range(0, shape[0], each):
        yield slice(start, min(start + each, shape[0]))


def _pieces(shape: tuple[int, int]) -> Iterator[slice]:
    """Ranges of samples of a group that are converted at a time."""
    each = max(1, _BLOCK // max(1, shape[0]))
    for start in range(0, shape[1], each):
        yield slice(start, start + each)


def _extremes(values: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        low, high = (f(values, axis=-1).astype(np.float64) for f in (np.min, np.max))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        stream, sample = np.argwhere(~np.isfinite(values))[0]
        raise RuntimeError(
            f"stream {first + stream}: sample {sample} is {values[stream, sample]}, which integers "
            "cannot hold; the h5flac filter keeps NaN and infinities"
        )
    return low, high


@dataclass(frozen=True)
class _Group:
    """Some streams, the step of each as it was asked for, and its extremes."""

    values: np.ndarray
    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def of(self, rows: np.ndarray) -> _Group:
        if rows.size == len(self.values):
            return self
        return _Group(self.values[rows], self.steps[rows], self.low[rows], self.high[rows])

    @property
    def middle(self) -> np.ndarray:
        return 0.5 * self.low + 0.5 * self.high

    @property
    def largest(self) -> np.ndarray:
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def unit(self) -> np.ndarray:
        """The type's unit in the last place of the largest value, or of the range of values."""
        largest = np.maximum(self.largest, self.high - self.low)
        return np.spacing(largest.astype(self.values.dtype)).astype(np.float64)


# Rules: an offset and a step for each stream of a group, in doubles. NaN is no rule for a stream.

_Rule = tuple[np.ndarray, np.ndarray]


def _as_flacarray(group: _Group) -> _Rule:
    """Steps as asked for, from a whole number of them near the middle."""
    return np.trunc(group.middle / group.steps) * group.steps, group.steps


def _with_room(group: _Group) -> _Rule:
    """Finer by what rounding the integer, the product and the sum may add, if that is little."""
    steps = np.where(group.steps > 16 * group.unit, group.steps - 3 * group.unit, np.nan)
    return np.trunc(group.middle / steps) * steps, steps


def _exact(group: _Group) -> _Rule:
    """A power of two, from the middle: no rounding where differences from it fit the type."""
    steps = _powers(group)
    whole = np.maximum(steps, group.unit)
    return np.rint(group.middle / whole) * whole, steps


def _from_zero(group: _Group) -> _Rule:
    """A power of two, from zero: no rounding, but large integers."""
    return np.zeros_like(group.steps), _powers(group)


def _powers(group: _Group) -> np.ndarray:
    """The largest power of two that is no larger than the step, or of which all values are whole
    multiples."""
    power = np.ldexp(1.0, np.frexp(group.steps)[1] - 1)
    sizes = np.abs(group.values)
    smallest = np.min(sizes, axis=-1, where=sizes > 0, initial=np.inf)
    smallest = np.where(np.isfinite(smallest), smallest, 0).astype(sizes.dtype)
    return np.maximum(power, np.spacing(smallest).astype(np.float64))


def _encode(group: _Group, out: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Fills `out` with integers, and gives offsets and gains: by the first rule that works."""
    dtype = group.values.dtype
    constant = group.low == group.high
    offsets, gains = group.low.astype(dtype), np.ones(len(out), dtype)
    out[constant] = 0
    left = np.flatnonzero(~constant)
    for rule in (_as_flacarray, _with_room, _exact, _from_zero):
        if left.size == 0:
            break
        part = group.of(left)
        with np.errstate(all="ignore"):
            found = _applied(rule(part), dtype)
            rows = left[_counts(part, *found) <= _limit(out.dtype)]
        if rows.size == 0:
            continue
        chosen = np.isin(left, rows)
        found = [values[chosen] for values in found]
        target = out if rows.size == len(out) else np.empty((rows.size, out.shape[1]), out.dtype)
        part = part.of(np.flatnonzero(chosen))
        good = _rounded(part, *found, target) <= part.steps / 2
        offsets[rows[good]], gains[rows[good]] = (values[good] for values in found)
        if target is not out:
            out[rows[good]] = target[good]
        left = np.setdiff1d(left, rows[good], assume_unique=True)
    if left.size:
        raise ValueError(_refusal(group.of(left[:1]), first + int(left[0])))
    return offsets, gains


def _applied(rule: _Rule, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and gains in the type. The step 1 / gain is no larger than the rule's."""
    offsets, steps = rule
    gains = (1 / steps).astype(dtype)
    larger = 1 / gains.astype(np.float64) > steps
    gains[larger] = np.nextafter(gains[larger], dtype.type(np.inf))
    return offsets.astype(dtype), gains


def _counts(group: _Group, offsets: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Steps from the offset to the farthest value; not finite where the step makes no sense."""
    steps, offsets = (1 / gains).astype(np.float64), offsets.astype(np.float64)
    farthest = np.maximum(group.high - offsets, offsets - group.low)
    return farthest / np.where(steps > 0, steps, np.nan)


def _limit(kind: np.dtype) -> float:
    """The largest double that rounds to an integer of the type: the type's largest may not."""
    return np.nextafter(float(np.iinfo(kind).max), 0)


def _rounded(group: _Group, offsets: np.ndarray, gains: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fills `out` with the integers nearest to the values; the largest error of each stream."""
    steps = (1 / gains).astype(np.float64)[:, None]
    origins = offsets.astype(np.float64)[:, None]
    bounds = group.steps / 2
    worst = np.zeros(len(out))
    for part in _pieces(out.shape):
        exact = group.values[:, part].astype(np.float64)
        number = exact - origins
        number /= steps
        np.rint(number, out=number)
        integers = number.astype(out.dtype)
        # The rule in the type; then the difference in doubles.
        values = np.empty(integers.shape, group.values.dtype)
        errors = restore(integers, offsets, gains, values) - exact
        largest = np.maximum(errors.max(axis=-1), -errors.min(axis=-1))
        if (largest > bounds).any():
            largest = _moved(integers, errors, exact, offsets, gains, bounds)
        out[:, part] = integers
        np.maximum(worst, largest, out=worst)
    return worst


def _moved(
    integers: np.ndarray,
    errors: np.ndarray,
    exact: np.ndarray,
    offsets: np.ndarray,
    gains: np.ndarray,
    bounds: np.ndarray,
) -> np.ndarray:
    """Takes the neighbour of an integer where roundings made that the nearer one."""
    rows, columns = np.nonzero(np.abs(errors) > bounds[:, None])
    old = errors[rows, columns]
    other = integers[rows, columns] - np.sign(old).astype(integers.dtype)
    values = np.empty((rows.size, 1), offsets.dtype)
    restore(other[:, None], offsets[rows], gains[rows], values)
    new = values[:, 0] - exact[rows, columns]
    nearer = np.abs(new) < np.abs(old)
    integers[rows[nearer], columns[nearer]] = other[nearer]
    errors[rows[nearer], columns[nearer]] = new[nearer]
    return np.abs(errors).max(axis=-1)


def _refusal(group: _Group, stream: int) -> str:
    """Why integers cannot give a stream within half of its step."""
    dtype, step = group.values.dtype, group.steps[0]
    kind = INTEGERS[dtype]
    with np.errstate(all="ignore"):
        offsets, gains = _applied(_as_flacarray(group), dtype)
        count = _counts(group, offsets, gains)[0]
    advice = "use larger quanta or fewer digits, float64, or the h5flac filter"
    if not np.isfinite(count):
        return f"stream {stream}: a step of {step:g} has no inverse in {dtype}; choose another"
    if count <= _limit(kind):
        return f"stream {stream} cannot be had within {step / 2:g} in {dtype}; {advice}"
    sample = int(np.argmax(np.abs(group.values[0].astype(np.float64) - float(offsets[0]))))
    return (
        f"stream {stream}: sample {sample}, {group.values[0, sample]}, is too many steps of "
        f"{step:g} from {offsets[0]} for {kind}; {advice}"
    )
