"""Files and data that the tests share."""

import h5py
import numpy as np
import pytest


@pytest.fixture
def file(tmp_path):
    """A new HDF5 file, open for reading and writing."""
    with h5py.File(tmp_path / "data.h5", "w") as f:
        yield f


@pytest.fixture
def rng():
    return np.random.default_rng(20250401)


def drifting(rng, shape, dtype=np.float32):
    """Noise of standard deviation 1 on a slow drift, along the last axis."""
    time = np.linspace(0, 6, shape[-1])
    return (rng.normal(size=shape) + 20 * np.sin(time)).astype(dtype)
