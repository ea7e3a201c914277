"""Promise: fill values and padding come back exact and cost nothing in any statistic."""

import h5py
import netCDF4
import numpy as np
import pytest
from data import streams
from params import DITHERED, LOSSLESS, LOSSY, assert_exact, assert_within, bits

NETCDF = netCDF4.default_fillvals["f4"]
FILLS = [np.nan, -999.0, NETCDF, np.inf, 0.0, -0.0]
ALL = [LOSSLESS, *LOSSY, *DITHERED]


def gappy(rng, shape, dtype, fill):
    """Streams with gaps: single samples and long runs."""
    array = streams(rng, shape).astype(dtype)
    gaps = np.zeros(shape, bool)
    for row in range(shape[0]):
        for start in rng.integers(0, shape[1], 4):
            gaps[row, start : start + rng.integers(1, 500)] = True
    array[gaps] = fill
    return array, gaps


@pytest.mark.parametrize("params", ALL, ids=str)
@pytest.mark.parametrize("fill", FILLS, ids=str)
@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_gaps_come_back_exact_and_outside_the_statistics(file, seed, dtype, fill, params):
    fill = np.array(fill, dtype)
    array, gaps = gappy(np.random.default_rng(seed), (5, 7000), dtype, fill)
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array, chunks=(2, 3000), **params.create(fillvalue=fill))
    with h5py.File(file) as f:
        decoded = f["x"][:]
    assert (bits(decoded)[gaps] == bits(array)[gaps]).all(), f"seed {seed}"
    assert_within(decoded, array, params, (2, 3000), seed, fill=fill)
    if params is LOSSLESS:
        assert_exact(decoded, array, seed)


@pytest.mark.parametrize("params", LOSSY, ids=str)
@pytest.mark.parametrize("fill", [np.nan, -999.0, NETCDF], ids=str)
def test_gaps_cost_little(tmp_path, seed, fill, params):
    array, _ = gappy(np.random.default_rng(seed), (8, 20000), "f4", fill)
    whole = streams(np.random.default_rng(seed), array.shape).astype("f4")
    sizes = []
    for name, data in [("gaps", array), ("whole", whole)]:
        with h5py.File(tmp_path / name, "w") as f:
            x = f.create_dataset("x", data=data, chunks=(8, 20000), **params.create(fillvalue=fill))
            f.flush()
            sizes.append(x.id.get_storage_size())
    assert sizes[0] <= sizes[1] * 1.03, f"seed {seed}: {sizes[0]} with gaps, {sizes[1]} without"


@pytest.mark.parametrize("params", LOSSY, ids=str)
@pytest.mark.parametrize("fill", [None, np.nan, -999.0, NETCDF], ids=str)
def test_padding_of_edge_chunks_changes_no_sample(tmp_path, seed, fill, params):
    """A chunk with a tenth of its samples inside the dataset, against one of that size."""
    array = (1e4 + streams(np.random.default_rng(seed), (3, 2000))).astype("f4")
    found = []
    for name, chunks in [("padded", (10, 20000)), ("fitting", (3, 2000))]:
        with h5py.File(tmp_path / name, "w") as f:
            options = params.create(chunks=chunks, fillvalue=fill, maxshape=(None, None))
            f.create_dataset("x", data=array, **options)
        with h5py.File(tmp_path / name) as f:
            found.append((f["x"][:], f["x"].id.get_storage_size()))
    (padded, padded_size), (fitting, fitting_size) = found
    assert_exact(padded, fitting, seed)
    # FLAC spends up to a bit on a sample that it predicts perfectly.
    assert padded_size <= fitting_size + 3 * 18000 / 8, f"seed {seed}: {padded_size} bytes"


@pytest.mark.parametrize(
    "dtype, fill",
    [
        ("<i4", -999999),
        ("<i4", -(2**31)),
        (">i2", -32768),
        ("<i8", -999999),
        (">i8", -(2**63)),
        ("<u8", 2**64 - 1),
    ],
)
def test_integer_gaps_do_not_widen_the_rest(tmp_path, seed, dtype, fill):
    array, gaps = gappy(np.random.default_rng(seed), (8, 20000), "f8", 0)
    array = (1000 + 20 * array).astype(dtype)
    sizes = []
    for name in ("gaps", "whole"):
        data = array.copy()
        if name == "gaps":
            data[gaps] = fill
        with h5py.File(tmp_path / name, "w") as f:
            options = LOSSLESS.create(chunks=(8, 20000), fillvalue=fill)
            x = f.create_dataset("x", data=data, **options)
            f.flush()
            sizes.append(x.id.get_storage_size())
        with h5py.File(tmp_path / name) as f:
            assert_exact(f["x"][:], data, seed)
    assert sizes[0] <= sizes[1] * 1.03, f"seed {seed}: {sizes[0]} with gaps, {sizes[1]} without"


@pytest.mark.parametrize("params", [LOSSLESS, *LOSSY], ids=str)
@pytest.mark.parametrize("fill", [None, np.nan, -999.0], ids=str)
def test_samples_never_written_read_as_fill(file, seed, fill, params):
    array = streams(np.random.default_rng(seed), (1500,))
    with h5py.File(file, "w") as f:
        x = f.create_dataset("x", (10000,), "f8", chunks=(4000,), **params.create(fillvalue=fill))
        x[500:2000] = array
    with h5py.File(file) as f:
        decoded = f["x"][:]
    expected = np.full(10000, 0.0 if fill is None else fill)
    written = np.zeros(10000, bool)
    written[500:2000] = True
    assert (bits(decoded)[~written] == bits(expected)[~written]).all(), f"seed {seed}"
    expected[written] = array
    assert_within(decoded, expected, params, (4000,), seed, fill=fill)


def test_complex_fill_values_come_back(file, seed):
    fill = complex(np.nan, -999)
    array = np.full(3000, fill, "c16")
    rng = np.random.default_rng(seed)
    array[:2000] = streams(rng, (2000,)) + 1j * streams(rng, (2000,))
    for params in [LOSSLESS, *LOSSY]:
        with h5py.File(file, "w") as f:
            f.create_dataset("x", data=array, chunks=(3000,), **params.create(fillvalue=fill))
        with h5py.File(file) as f:
            decoded = f["x"][:]
        assert_exact(decoded[2000:], array[2000:], seed)
