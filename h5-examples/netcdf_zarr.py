"""Writes a Zarr store through the netCDF4 package, compressed with h5flac, and reads it.

The package names the filters that it knows by words; this one is set in the library below it.
Needs netCDF4 and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python netcdf_zarr.py
"""

import ctypes
import json
from pathlib import Path

import netCDF4
import numpy as np

rng = np.random.default_rng(6)
tide = 3 + np.sin(np.arange(50_000) / 700) + rng.normal(0, 0.01, 50_000)

# An address instead of a name: a folder of Zarr files.
store = Path("tide.zarr").absolute()
address = f"file://{store}#mode=nczarr,file"

# Level 5, decimal quanta (mode 2) of 1/10^3.
words = (ctypes.c_uint * 4)(5, 2, 1, 3)

# What the package links is found through its extension module.
netcdf = ctypes.CDLL(netCDF4._netCDF4.__file__)

with netCDF4.Dataset(address, "w") as file:
    file.createDimension("time", 50_000)
    level = file.createVariable("level", "f8", ("time",), chunksizes=(20_000,))
    # Before anything is written to it.
    status = netcdf.nc_def_var_filter(
        file._grpid, level._varid, 61868, ctypes.c_size_t(len(words)), words
    )
    assert status == 0
    level[:] = tide

print((store / "level/.zarray").read_text())
assert json.loads((store / "level/.zarray").read_text())["compressor"] == {
    "id": "h5flac",
    "quanta": "0.001",
}

with netCDF4.Dataset(address) as file:
    found = file["level"][:]
assert np.abs(found - tide).max() <= 0.0005 * (1 + 1e-9)

stored = sum(path.stat().st_size for path in (store / "level").iterdir())
print(f"{tide.nbytes} bytes became {stored}")
assert stored < tide.nbytes / 5
print("PASS")
