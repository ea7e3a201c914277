"""Writes detectors that see the same sky in chunks of one stream, and of all.

Streams of one chunk predict each other, so what they have in common is stored once.
Needs h5py and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python arrays.py
"""

import h5py
import numpy as np

DETECTORS, SAMPLES = 16, 262_144
STEP = 0.01

# White noise of 1 for each detector, and a wandering sky that all see, by gains of their own.
rng = np.random.default_rng(3)
sky = np.cumsum(rng.normal(0, 3, SAMPLES))
data = rng.uniform(0.8, 1.2, (DETECTORS, 1)) * sky + rng.normal(0, 1, (DETECTORS, SAMPLES))

# Chunks of as many samples: one stream for long, or all of them for a sixteenth of the time.
SHAPES = {"alone": (1, SAMPLES), "together": (DETECTORS, SAMPLES // DETECTORS)}

with h5py.File("arrays.h5", "w") as file:
    for name, chunks in SHAPES.items():
        file.create_dataset(
            name,
            data=data,
            chunks=chunks,
            compression=61868,
            compression_opts=(5, 2, 1, 2),  # steps of 1/10^2
        )

sizes = {}
with h5py.File("arrays.h5") as file:
    for name, chunks in SHAPES.items():
        # Predictions act on the steps, after rounding: the bound is the same for both.
        error = np.abs(file[name][:] - data).max()
        sizes[name] = file[name].id.get_storage_size()
        print(f"{name:9} chunks of {chunks}: {sizes[name]:,} bytes, largest error {error:.6f}")
        assert error <= STEP / 2 * (1 + 1e-9)
assert sizes["together"] < 0.9 * sizes["alone"]
print("PASS")
