"""Reads a netCDF file compressed with h5flac through the netCDF4 package, and appends to it.

The package writes filters that it knows by name; nccopy adds others to a file. Needs netCDF4,
netcdf-bin and HDF5_PLUGIN_PATH naming the folder of libh5flac.so; run: python netcdf_read.py
"""

import subprocess

import netCDF4
import numpy as np

rng = np.random.default_rng(5)
pressure = np.ma.masked_greater(1000 + np.cumsum(rng.normal(0, 0.1, 30_000)), 1010)

with netCDF4.Dataset("made.nc", "w") as file:
    file.createDimension("time", None)
    file.createVariable("pressure", "f8", ("time",), chunksizes=(20_000,))[:] = pressure[:20_000]

# Level 5, decimal quanta (mode 2) of 1/10^3.
subprocess.run(["nccopy", "-F", "pressure,61868,5,2,1,3", "made.nc", "packed.nc"], check=True)

with netCDF4.Dataset("packed.nc", "a") as file:
    file["pressure"][20_000:] = pressure[20_000:]

with netCDF4.Dataset("packed.nc") as file:
    print(file["pressure"].filters())
    found = file["pressure"][:]
    assert (found.mask == pressure.mask).all()
    assert np.ma.abs(found - pressure).max() <= 0.0005 * (1 + 1e-9)
print("PASS")
