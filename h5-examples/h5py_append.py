"""Appends to a compressed recording, minute by minute, and patches a gap in it.

Needs h5py and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python h5py_append.py
"""

import h5py
import numpy as np

MINUTE = 6000

rng = np.random.default_rng(2)
recording = np.round(20 * np.sin(np.arange(30 * MINUTE) / 500) + rng.normal(0, 1, 30 * MINUTE), 3)
recording[7 * MINUTE : 8 * MINUTE] = np.nan

with h5py.File("growing.h5", "w") as file:
    file.create_dataset(
        "signal",
        shape=(0,),
        maxshape=(None,),
        dtype="f8",
        chunks=(10 * MINUTE,),
        fillvalue=np.nan,
        compression=61868,
        compression_opts=(5, 2, 1, 2),  # steps of 1/10^2
    )

# HDF5 looks for a filter when a program names it or reads a chunk, not when it only writes. One
# that opens a file to append must ask for it, or its chunks are not compressed.
assert h5py.h5z.filter_avail(61868)

for minute in range(30):
    with h5py.File("growing.h5", "a") as file:
        signal = file["signal"]
        end = (minute + 1) * MINUTE
        signal.resize(end, axis=0)
        if minute != 7:  # A minute without data: it reads as NaN and costs next to nothing.
            signal[end - MINUTE :] = recording[end - MINUTE : end]

with h5py.File("growing.h5") as file:
    signal = file["signal"]
    assert np.isnan(signal[7 * MINUTE : 8 * MINUTE]).all()
    # Chunks were rewritten up to ten times, and err as if written once.
    error = np.nanmax(np.abs(signal[:] - recording))
    print(f"largest error {error:.5f}, {signal.id.get_storage_size()} of {recording.nbytes} bytes")
    assert error <= 0.005 * (1 + 1e-9)
print("PASS")
