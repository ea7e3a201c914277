#!/usr/bin/env bash
# Compresses a netCDF file with nccopy, in the current folder, and shows what ncdump says of it.
# Needs netcdf-bin and HDF5_PLUGIN_PATH naming the folder of libh5flac.so.
set -euo pipefail

# 40 stations, 500 times, with gaps: missing values are netCDF's _ default fill value.
{
    echo "netcdf weather { dimensions: station = 40; time = UNLIMITED;"
    echo "variables: float temperature(time, station); int count(time); data:"
    awk 'BEGIN { srand(4); printf "temperature = "
        for (i = 0; i < 20000; i++)
            printf "%s%s", i ? "," : "", rand() < 0.01 ? "_" : sprintf("%.4f", 15 + rand())
        printf "; count = "
        for (i = 0; i < 500; i++) printf "%s%d", i ? "," : "", i * i % 17
        print "; }" }'
} >weather.cdl
ncgen -4 -o plain.nc weather.cdl

# VARIABLE,61868,level,mode,arguments…: here level 5, decimal quanta (mode 2) of 1/10^2; lossless.
# Time runs along the last axis but one: the fifth word is 1. nccopy adds filters only to variables
# that have none: for a compressed file, run nccopy -F none first.
nccopy -c time/500,station/40 -F temperature,61868,5,2,1,2,1 -F count,61868,5 plain.nc h5flac.nc
ncdump -hs h5flac.nc | tee header
grep --quiet 'temperature:_Filter = "61868,5,2,1,2,1,' header
grep --quiet 'count:_Filter = "61868,5,0,0,0,0,' header

# Undone, for someone without the plugin.
nccopy -F none h5flac.nc undone.nc
ncdump -p 9 undone.nc | sed 1d >undone.cdl
ncdump -p 9 h5flac.nc | sed 1d | cmp - undone.cdl

# Every value within 0.005, every gap a gap.
ncdump -v temperature -p 9 plain.nc | sed '1,/^data/d' | tr -d ' ;}' | tr ',' '\n' | grep . >before
ncdump -v temperature -p 9 h5flac.nc | sed '1,/^data/d' | tr -d ' ;}' | tr ',' '\n' | grep . >after
paste before after | awk '
    ($1 == "_") != ($2 == "_") { print "a gap changed"; exit 1 }
    $1 + 0 == $1 && ($1 - $2 > 0.005001 || $2 - $1 > 0.005001) { print $1, "became", $2; exit 1 }'
echo PASS
