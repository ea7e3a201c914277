#!/usr/bin/env bash
# Converts a gzip-compressed HDF5 file to h5flac and back with h5repack, in the current folder.
# Needs hdf5-tools, h5py (to make the file), and HDF5_PLUGIN_PATH naming the folder of libh5flac.so.
set -euo pipefail

python3 - <<'MAKE'
import h5py, numpy as np
rng = np.random.default_rng(3)
with h5py.File("gzip.h5", "w") as file:
    gzip = dict(chunks=(1, 20_000), compression="gzip", shuffle=True)
    counts = np.cumsum(rng.integers(-9, 10, (8, 20_000)), axis=1)
    file.create_dataset("counts", data=counts.astype("i4"), **gzip)
    volts = np.round(rng.normal(0, 1000, (8, 20_000))) * 0.00030517578  # counts, calibrated
    file.create_dataset("volts", data=volts, **gzip)
MAKE

# UD=filter id,flag,number of words,words. Flag 0: do not store chunks without the filter.
# One word: the level. Everything is lossless.
h5repack -f UD=61868,0,1,5 gzip.h5 lossless.h5
h5diff gzip.h5 lossless.h5

# Four words: level 5, decimal quanta (mode 2) of 1/10^3 for one dataset; the other stays gzip.
h5repack -f volts:UD=61868,0,4,5,2,1,3 gzip.h5 rounded.h5
h5diff --delta=0.0005 gzip.h5 rounded.h5

# And back to gzip, for someone without the plugin.
h5repack -f SHUF -f GZIP=6 lossless.h5 back.h5
env -u HDF5_PLUGIN_PATH h5diff gzip.h5 back.h5

stat --format='%8s bytes %n' gzip.h5 lossless.h5 rounded.h5 back.h5
h5dump -pH rounded.h5 | grep -A 4 USER_DEFINED
size() { stat --format=%s "$1"; }
[[ $(size lossless.h5) -lt $(size gzip.h5) && $(size rounded.h5) -lt $(size gzip.h5) ]]
echo PASS
