"""Writes one recording in every mode, and reads it back through plain h5py.

Needs h5py and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python h5py_modes.py
"""

import struct

import h5py
import numpy as np

H5FLAC = 61868


def double(x):
    """A double as two parameter words, low one first."""
    return struct.unpack("<2I", struct.pack("<d", x))


# 16 detectors, 20,000 samples each: a drift, and white noise of 2.5.
rng = np.random.default_rng(1)
drift = np.cumsum(rng.normal(0, 0.1, (16, 20_000)), axis=1)
data = (300 + drift + rng.normal(0, 2.5, drift.shape)).astype("f4")

# Level 5; mode; its two arguments. The step of the last two is each stream's own.
MODES = {
    "lossless": (5, 0),
    "quanta 0.01": (5, 1, *double(0.01)),
    "decimal quanta 0.01": (5, 2, 1, 2),
    "precision, 3 digits": (5, 3, 3),
    "noise / 16": (5, 4, *double(16.0)),
    "noise / 16, dithered": (5, 4, *double(16.0), 1 << 8),
}
STEPS = {
    "lossless": 0,
    "quanta 0.01": 0.01,
    "decimal quanta 0.01": 0.01,
    "precision, 3 digits": data.std(axis=1, keepdims=True, dtype="f8") / 10**3,
    # The noise as it was made; the filter estimates it, within a few percent.
    "noise / 16": 2.5 / 16 * 1.1,
    "noise / 16, dithered": 2.5 / 16 * 1.1,
}

with h5py.File("modes.h5", "w") as file:
    for name, words in MODES.items():
        # One chunk holds whole streams: longer streams compress better.
        file.create_dataset(
            name, data=data, chunks=(4, 20_000), compression=H5FLAC, compression_opts=words
        )

with h5py.File("modes.h5") as file:
    for name, step in STEPS.items():
        error = np.abs(file[name][:].astype("f8") - data)
        ratio = data.nbytes / file[name].id.get_storage_size()
        print(f"{name:22} {ratio:5.2f} times smaller, largest error {error.max():.5f}")
        assert (error <= np.multiply(step, 0.5 * (1 + 1e-9))).all(), name
print("PASS")
