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
def test_gaps_cost_next_to_nothing(tmp_path, seed, fill, params):
    array, _ = gappy(np.random.default_rng(seed), (8, 20000), "f4", fill)
    whole = streams(np.random.default_rng(seed), array.shape).astype("f4")
    sizes = []
    for name, data in [("gaps", array), ("whole", whole)]:
        with h5py.File(tmp_path / name, "w") as f:
            x = f.create_dataset("x", data=data, chunks=(8, 20000), **params.create(fillvalue=fill))
            f.flush()
            sizes.append(x.id.get_storage_size())
    # 32 runs, each with two lengths to store and two edges to predict anew.
    assert sizes[0] <= sizes[1] + 32 * 40, f"seed {seed}: {sizes[0]} with gaps, {sizes[1]} without"


@pytest.mark.parametrize("params", [*LOSSY, *DITHERED], ids=str)
@pytest.mark.parametrize("fill", [None, np.nan, -999.0, NETCDF], ids=str)
def test_padding_of_edge_chunks_costs_next_to_nothing(tmp_path, seed, fill, params):
    """A chunk with a tenth of its samples inside the dataset, against one of that size."""
    array = (1e4 + streams(np.random.default_rng(seed), (3, 2000))).astype("f4")
    sizes = []
    for name, chunks in [("padded", (10, 20000)), ("fitting", (3, 2000))]:
        with h5py.File(tmp_path / name, "w") as f:
            options = params.create(chunks=chunks, fillvalue=fill, maxshape=(None, None))
            x = f.create_dataset("x", data=array, **options)
            f.flush()
            sizes.append(x.id.get_storage_size())
        with h5py.File(tmp_path / name) as f:
            assert_within(f["x"][:], array, params, chunks, seed, fill=fill)
            f["x"].id.get_chunk_info(0)
    assert sizes[0] <= sizes[1] + 300, f"seed {seed}: {sizes[0]} padded, {sizes[1]} fitting"


@pytest.mark.parametrize("dtype, fill", [("<i4", -999999), (">i2", -32768), ("<u8", 2**64 - 1)])
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
    assert sizes[0] <= sizes[1] + 32 * 40, f"seed {seed}: {sizes[0]} with gaps, {sizes[1]} without"


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
