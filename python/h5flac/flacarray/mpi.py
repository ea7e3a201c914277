"""Streams that are distributed over the processes of an MPI program, by their leading axis.

``use_mpi`` and ``MPI`` load mpi4py, and with it start MPI, when they are first asked for; the
environment variable MPI_DISABLE forbids that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

#: First and last (exclusive) index along the leading axis of each process.
Distribution = list[tuple[int, int]]


def __getattr__(name: str) -> Any:
    if name not in ("MPI", "use_mpi"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    mpi = None
    if "MPI_DISABLE" not in os.environ:
        try:
            from mpi4py import MPI as mpi
        except (ImportError, RuntimeError):
            # Not installed, or without an MPI library.
            mpi = None
    globals().update(MPI=mpi, use_mpi=mpi is not None)
    return globals()[name]


def rank_of(comm: Any) -> int:
    """This process's number, 0 without a communicator."""
    return 0 if comm is None else comm.rank


def messenger(comm: Any) -> Any:
    """A communicator for objects of any size: MPI counts only 2**31 bytes in a message."""
    from mpi4py.util import pkl5

    return pkl5.Intracomm(comm)


def caught(body: Callable[[], Any]) -> Any:
    """What `body` gives, or its error."""
    try:
        return body()
    except Exception as error:
        return error


def raised(result: Any) -> Any:
    """What `caught` gave; an error is raised."""
    if isinstance(result, Exception):
        raise result
    return result


def agreed(comm: Any, body: Callable[[], Any]) -> Any:
    """What `body` gives on this process, if it succeeds on all.

    Otherwise all raise an error, so that none waits for one that failed.
    """
    if comm is None:
        return body()
    result = caught(body)
    failed = comm.allgather(str(result) if isinstance(result, Exception) else None)
    raised(result)
    for process, message in enumerate(failed):
        if message is not None:
            raise RuntimeError(f"process {process}: {message}")
    return result


def told_to_all(comm: Any, body: Callable[[], Any]) -> Any:
    """What `body` gives on process 0, or its error, on all processes."""
    if comm is None:
        return body()
    return raised(comm.bcast(caught(body) if comm.rank == 0 else None, root=0))


def distribute_and_verify(
    mpi_comm: Any, n_elem: int, mpi_dist: Distribution | None = None
) -> Distribution:
    """A distribution of the leading axis: the given one, if it makes sense, or an even one.

    Raises
    ------
    RuntimeError
        If `mpi_dist` does not cover the axis, in order, with a range for each process.
    """
    size = 1 if mpi_comm is None else mpi_comm.size
    if mpi_dist is None:
        # The first processes have one more where they cannot all have as many.
        each, more = divmod(int(n_elem), size)
        return list(pairwise(i * each + min(i, more) for i in range(size + 1)))
    borders = [0] + [last for _, last in mpi_dist]
    if len(mpi_dist) != size:
        raise RuntimeError(f"mpi_dist has {len(mpi_dist)} ranges for {size} processes")
    contiguous = [first for first, _ in mpi_dist] == borders[:-1]
    if not contiguous or borders[-1] != n_elem or sorted(borders) != borders:
        raise RuntimeError(
            f"mpi_dist {mpi_dist} is not ranges, one after another, from 0 to {n_elem}"
        )
    return mpi_dist


def global_array_properties(
    local_shape: tuple[int, ...] | None, local_dtype: Any, mpi_comm: Any = None
) -> dict[str, Any]:
    """Shape, type and distribution of the array that all processes hold together.

    Parameters
    ----------
    local_shape
        Shape of this process's part; None or a leading 0 where it has none. Of one axis: a single
        stream.

    Returns
    -------
    dict with "shape" (two axes at least), "dtype" and "dist" (see `Distribution`)

    Raises
    ------
    RuntimeError
        If types or shapes, the leading axis aside, differ between processes.
    """
    local = None
    if local_shape is not None and local_shape[0] > 0:
        shape = tuple(map(int, local_shape))
        local = (shape if len(shape) > 1 else (1, *shape), np.dtype(local_dtype).str)
    parts = [local] if mpi_comm is None else mpi_comm.allgather(local)
    present = [part for part in parts if part is not None]
    if not present:
        raise RuntimeError("no process has data")
    shape, dtype = present[0]
    for i, part in enumerate(parts):
        if part is not None and (part[0][1:] != shape[1:] or part[1] != dtype):
            raise RuntimeError(f"process {i} has {part[1]}{part[0]}, another {dtype}{shape}")
    counts = [0 if part is None else part[0][0] for part in parts]
    borders = [0, *map(int, np.cumsum(counts))]
    return {
        "shape": (borders[-1], *shape[1:]),
        "dtype": np.dtype(dtype),
        "dist": list(pairwise(borders)),
    }


def global_bytes(
    local_nbytes: int, stream_starts: np.ndarray, mpi_comm: Any = None
) -> tuple[int, list[int], np.ndarray]:
    """Compressed bytes of all processes, of each, and where streams begin among those of all."""
    if mpi_comm is None or mpi_comm.size == 1:
        return local_nbytes, [local_nbytes], stream_starts
    each = [int(count) for count in mpi_comm.allgather(local_nbytes)]
    return sum(each), each, stream_starts + sum(each[: mpi_comm.rank])
