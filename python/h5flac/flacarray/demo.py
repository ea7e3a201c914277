"""Data to try things with."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mpi import global_array_properties, rank_of


def create_fake_data(
    local_shape: tuple[int, ...],
    sigma: float | None = 1.0,
    dtype: Any = np.float64,
    seed: int = 123456789,
    comm: Any = None,
    dc_sigma: float | None = 5,
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Random streams: a level and a slow wave of their own, and white noise.

    Parameters
    ----------
    local_shape : tuple
        Shape of this process's part.
    sigma : float
        Standard deviation of the noise. None: uniform over all values of the type.
    dc_sigma : float
        Spread of the levels in `sigma`. None: all are 0.
    comm : MPI.Comm
        Processes over whose leading axis the data are distributed.

    Returns
    -------
    data, distribution
        Of the local shape, and the range of the leading axis on each process.
    """
    properties = global_array_properties(local_shape, dtype, comm)
    shape, dtype, dist = properties["shape"], properties["dtype"], properties["dist"]
    data = None
    if rank_of(comm) == 0:
        rng = np.random.default_rng(seed)
        data = _uniform(rng, shape, dtype) if sigma is None else None
        if data is None:
            data = _waves(rng, shape, dtype, sigma, dc_sigma)
    if comm is not None:
        data = comm.bcast(data, root=0)
    data = data[slice(*dist[rank_of(comm)])]
    return (data[0] if data.ndim == 2 and len(data) == 1 else data), dist


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    size = int(np.prod(shape))
    if dtype.kind in "iu":
        data = rng.integers(info.min, info.max, size=size, dtype=np.int64).astype(dtype)
    else:
        data = (info.max * rng.uniform(-1, 1, size)).astype(dtype)
    data[:2] = [info.min, info.max][: data[:2].size]
    return data.reshape(shape)


def _waves(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: np.dtype,
    sigma: float,
    dc_sigma: float | None,
) -> np.ndarray:
    each = (*shape[:-1], 1)
    level = 0 if dc_sigma is None else dc_sigma * sigma * (rng.random(each) - 0.5)
    phase = 2 * np.pi * 5 * np.arange(shape[-1]) / shape[-1]
    wave = (2 * sigma * np.sin(3 * phase) + 6 * sigma * np.sin(phase)).astype(dtype)
    data = level + rng.random(each) * wave
    return (data + rng.normal(0, sigma, shape)).astype(dtype)


def plot_data(
    data: np.ndarray, keep: Any = None, stream_slc: slice = slice(None), file: Any = None
) -> None:
    """Draws streams, one below the other, those of a third axis side by side. Needs matplotlib.

    Parameters
    ----------
    data : array of one to three axes, the last one time
    keep : boolean array of the leading shape
        Which streams to draw.
    stream_slc : slice
        Which samples.
    file : path
        Where to save the picture; None shows it.

    Raises
    ------
    NotImplementedError
        If there are more than three axes.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plot_data needs matplotlib: pip install matplotlib") from None
    if data.ndim > 3:
        raise NotImplementedError(f"data of {data.ndim} axes; one to three can be drawn")
    panels = data.reshape((1,) * (3 - data.ndim) + data.shape)
    drawn = np.ones(panels.shape[:2], bool)
    if keep is not None:
        drawn = np.asarray(keep, bool).reshape(drawn.shape)
    columns, rows = panels.shape[:2]
    size = (6 * columns, 4 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for column, row in np.ndindex(columns, rows):
        if drawn[column, row]:
            axes[row, column].plot(panels[column, row, stream_slc])
        else:
            axes[row, column].set_axis_off()
    if file is None:
        plt.show()
    else:
        figure.savefig(file)
    plt.close(figure)
