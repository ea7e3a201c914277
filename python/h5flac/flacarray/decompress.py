"""Compressed streams to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .streams import Streams, threads_of

Places = list[tuple[int, ...]]


def array_decompress_slice(
    compressed: np.ndarray,
    stream_size: int,
    stream_starts: Any,
    stream_nbytes: Any,
    stream_offsets: Any = None,
    stream_gains: Any = None,
    keep: np.ndarray | None = None,
    first_stream_sample: int | None = None,
    last_stream_sample: int | None = None,
    is_int64: bool = False,
    use_threads: bool = False,
    no_flatten: bool = False,
) -> tuple[np.ndarray, Places | None]:
    """Decodes some samples of some streams.

    Parameters
    ----------
    compressed, stream_starts, stream_nbytes, stream_offsets, stream_gains
        As `array_compress` gives them.
    stream_size : int
        Samples in a stream.
    keep : boolean array of the leading shape
        Which streams. None keeps all.
    first_stream_sample, last_stream_sample : int
        The range of samples, without the last. None or a negative number: from the first, to the
        end.
    is_int64 : bool
        Whether the streams hold 64-bit integers (or float64).
    use_threads : bool
        Whether to use several threads.
    no_flatten : bool
        Whether one stream has the shape (1, samples), not (samples,).

    Returns
    -------
    array, places
        Of shape (leading…, samples) and None; with `keep` of shape (streams, samples), and where in
        the leading shape each was.

    Raises
    ------
    CorruptError
        If the bytes are damaged.
    RuntimeError
        If `keep` has another shape, or offsets are given without gains.
    """
    starts = np.atleast_1d(np.asarray(stream_starts, np.int64))
    streams = Streams.of(
        np.asarray(compressed),
        starts,
        np.asarray(stream_nbytes, np.int64),
        stream_offsets,
        stream_gains,
        int(stream_size),
        2 if is_int64 else 1,
    )
    samples = _samples(first_stream_sample, last_stream_sample)
    numbers, places = kept(keep, starts.shape)
    found = streams.values(numbers, samples, threads_of(use_threads))
    if starts.shape == (1,) and keep is None and not no_flatten:
        found = found[0]
    return found, places


def array_decompress(
    compressed: np.ndarray,
    stream_size: int,
    stream_starts: Any,
    stream_nbytes: Any,
    stream_offsets: Any = None,
    stream_gains: Any = None,
    first_stream_sample: int | None = None,
    last_stream_sample: int | None = None,
    is_int64: bool = False,
    use_threads: bool = False,
    no_flatten: bool = False,
) -> np.ndarray:
    """Decodes some samples of all streams: see `array_decompress_slice`.

    Returns
    -------
    array of shape (leading…, samples)
    """
    found, _ = array_decompress_slice(
        compressed,
        stream_size,
        stream_starts,
        stream_nbytes,
        stream_offsets,
        stream_gains,
        None,
        first_stream_sample,
        last_stream_sample,
        is_int64,
        use_threads,
        no_flatten,
    )
    return found


def kept(keep: Any, leading: tuple[int, ...]) -> tuple[np.ndarray, Places | None]:
    """Numbers of the streams that a mask keeps, and their places in the leading shape."""
    numbers = np.arange(np.prod(leading, dtype=np.int64)).reshape(leading)
    if keep is None:
        return numbers, None
    keep = np.asarray(keep)
    if keep.dtype != bool or keep.shape != leading:
        raise RuntimeError(
            f"keep is {keep.dtype} of shape {keep.shape}; it must be bool of the leading shape "
            f"{leading}"
        )
    places = [tuple(map(int, place)) for place in np.argwhere(keep)]
    return numbers[keep], places


def _samples(first: int | None, last: int | None) -> slice:
    return slice(
        None if first is None or first < 0 else int(first),
        None if last is None or last < 0 else int(last),
    )
