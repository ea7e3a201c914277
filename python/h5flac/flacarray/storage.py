"""What writing to and reading from groups of HDF5 and Zarr have in common."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import group
from .compress import compress_local
from .mpi import Distribution
from .streams import Streams, threads_of

Create = Callable[[Any], Callable[[str, tuple[int, ...], Any], Any]]


@dataclass(frozen=True)
class Storage:
    """A kind of file.

    `create` gives, for a group, the function that makes an array in it; `everywhere` says whether
    all processes of a communicator have a group open.
    """

    create: Create
    everywhere: Callable[[Any, Any], bool]

    def write_compressed(
        self,
        grp: Any,
        leading_shape: tuple[int, ...],
        global_leading_shape: tuple[int, ...],
        stream_size: int,
        stream_starts: Any,
        global_stream_starts: Any,
        stream_nbytes: Any,
        stream_offsets: Any,
        stream_gains: Any,
        compressed: np.ndarray,
        n_channels: int,
        local_nbytes: int,
        global_nbytes: int,
        global_process_nbytes: list[int],
        mpi_comm: Any,
        mpi_dist: Distribution,
    ) -> None:
        """Writes compressed streams to a group.

        The arguments are the properties of a `FlacArray`. Those that follow from others
        (`global_stream_starts` and all `…_nbytes`) may be None.
        """
        streams = Streams.of(
            compressed,
            stream_starts,
            stream_nbytes,
            stream_offsets,
            stream_gains,
            stream_size,
            n_channels,
        )
        self.write(
            grp, streams, leading_shape or (1,), global_leading_shape or (1,), mpi_comm, mpi_dist
        )

    def write(
        self,
        grp: Any,
        streams: Streams,
        leading_shape: tuple[int, ...],
        global_leading_shape: tuple[int, ...],
        comm: Any,
        dist: Distribution | None,
    ) -> None:
        """Writes streams to a group."""
        group.write(
            grp,
            self.create(grp),
            streams,
            leading_shape,
            global_leading_shape,
            comm,
            dist or [(0, leading_shape[0])],
            self.everywhere(grp, comm),
        )

    def write_array(
        self,
        arr: np.ndarray | None,
        grp: Any,
        level: int = 5,
        quanta: Any = None,
        precision: Any = None,
        mpi_comm: Any = None,
        use_threads: bool = False,
    ) -> None:
        """Compresses an array into a group.

        Parameters
        ----------
        arr : array of int32, int64, float32 or float64, of shape (leading…, samples)
            This process's part; None where it has none.
        grp
            An open group; None on processes that have none.
        level, quanta, precision, use_threads
            See `compress.array_compress`.
        mpi_comm : MPI.Comm
            Processes over whose leading axis the array is distributed.
        """
        parts, properties = compress_local(arr, level, quanta, precision, mpi_comm, use_threads)
        whole, starts = properties["shape"], parts[1]
        streams = Streams.of(*parts, whole[-1], properties["dtype"].itemsize // 4)
        self.write(grp, streams, starts.shape, whole[:-1], mpi_comm, properties["dist"])

    def read(
        self, grp: Any, keep: Any, mpi_comm: Any, mpi_dist: Distribution | None
    ) -> group.Local:
        """Reads this process's streams."""
        return group.read(grp, keep, mpi_comm, mpi_dist, self.everywhere(grp, mpi_comm))

    def read_compressed(
        self,
        grp: Any,
        keep: Any = None,
        mpi_comm: Any = None,
        mpi_dist: Distribution | None = None,
    ) -> tuple:
        """Reads compressed streams.

        Returns
        -------
        tuple
            Local shape, global shape, bytes, FLAC channels, starts, numbers of bytes, offsets,
            gains and distribution, as the properties of a `FlacArray` are; and where the kept
            streams are, None without `keep`.
        """
        local = self.read(grp, keep, mpi_comm, mpi_dist)
        streams = local.streams.modern(1)
        shape = local.leading_shape

        def shaped(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values.reshape(shape)

        return (
            (*shape, streams.stream_size),
            local.global_shape,
            streams.compressed,
            streams.channels,
            shaped(streams.starts),
            shaped(streams.nbytes),
            shaped(streams.offsets),
            shaped(streams.gains),
            local.dist,
            local.places,
        )

    def read_array(
        self,
        grp: Any,
        keep: Any = None,
        stream_slice: slice | None = None,
        keep_indices: bool = False,
        mpi_comm: Any = None,
        mpi_dist: Distribution | None = None,
        use_threads: bool = False,
        no_flatten: bool = False,
    ) -> Any:
        """Reads an array.

        Parameters
        ----------
        grp
            An open group; None on processes that have none.
        keep : boolean array of the leading shape
            Which streams. None keeps all.
        stream_slice : slice
            Which samples of each stream, as NumPy takes it.
        keep_indices : bool
            Whether to return also where the kept streams are.
        mpi_comm, mpi_dist
            Processes over which to distribute the leading axis; the range of each, by default even.
        use_threads : bool
            Whether to use several threads.
        no_flatten : bool
            Whether one stream has the shape (1, samples), not (samples,).

        Returns
        -------
        array
            Of shape (leading…, samples); with `keep` of shape (streams, samples).
        places
            With `keep_indices`: list of the kept streams' indices in the leading shape of the whole
            array, None without `keep`.
        """
        local = self.read(grp, keep, mpi_comm, mpi_dist)
        numbers = np.arange(local.streams.starts.size).reshape(local.leading_shape)
        samples = slice(None) if stream_slice is None else stream_slice
        found = local.streams.values(numbers, samples, threads_of(use_threads))
        if keep is None and local.leading_shape == (1,) and not no_flatten:
            found = found.reshape(found.shape[-1])
        return (found, local.places) if keep_indices else found


def as_function(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A method of `Storage` as a function whose argument `grp` has another name."""
    found = inspect.signature(method)
    arguments = [
        one.replace(name=name) if one.name == "grp" else one for one in found.parameters.values()
    ]
    signature = found.replace(parameters=arguments)

    @functools.wraps(method)
    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return method(*bound.args)

    function.__signature__ = signature
    function.__doc__ = method.__doc__.replace("    grp\n", f"    {name}\n")
    return function
