"""Promise: writing a chunk again, as appends do, adds no error to what it held."""

import h5py
import numpy as np
import pytest
from data import floats, streams
from params import (
    DECIMAL,
    FILTER,
    LOSSLESS,
    LOSSY,
    NOISE,
    PRECISION,
    QUANTA,
    assert_exact,
    assert_within,
)

APPENDS = 20
TYPES = ["<f4", ">f8", "<f2", "<c8"]


def assert_bounded(decoded, array, params, first, seed):
    """Within half the quanta, which modes 3 and 4 estimate from the first `first` samples."""
    if params.mode in ("precision", "noise"):
        quanta = params.quanta(array[..., :first].astype("f8"))
        worst = (np.abs(decoded.astype("f8") - array.astype("f8")).max(axis=-1) / quanta).max()
        assert worst <= 0.5 * 1.01, f"seed {seed}: {worst} quanta"
    else:
        assert_within(decoded, array, params, array.shape, seed)


@pytest.mark.parametrize("params", LOSSY, ids=str)
@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_twenty_appends_err_no_more_than_one(file, seed, dtype, params):
    array = floats(np.random.default_rng(seed), (3, 200 * APPENDS), dtype, special=False)
    with h5py.File(file, "w") as f:
        options = params.create(chunks=(3, 5000), maxshape=(3, None))
        f.create_dataset("x", data=array[:, :200], **options)
    for end in range(400, 200 * APPENDS + 1, 200):
        # Closed each time: the chunk is decoded, completed and encoded again.
        with h5py.File(file, "a") as f:
            f["x"].resize(end, axis=1)
            f["x"][:, end - 200 :] = array[:, end - 200 : end]
    with h5py.File(file) as f:
        assert_bounded(f["x"][:], array, params, 200, seed)


@pytest.mark.parametrize("params", [QUANTA, DECIMAL, LOSSLESS], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_appends_with_special_values_and_a_fill_value(file, seed, dtype, params):
    array = floats(np.random.default_rng(seed), (50 * APPENDS,), dtype)
    array[300:400] = fill = np.array(-999, dtype)
    with h5py.File(file, "w") as f:
        options = params.create(chunks=(2000,), maxshape=(None,), fillvalue=fill)
        f.create_dataset("x", shape=(0,), dtype=dtype, **options)
    for end in range(50, 50 * APPENDS + 1, 50):
        with h5py.File(file, "a") as f:
            f["x"].resize(end, axis=0)
            f["x"][end - 50 :] = array[end - 50 : end]
    with h5py.File(file) as f:
        decoded = f["x"][:]
    if params is LOSSLESS:
        assert_exact(decoded, array, seed)
    assert_within(decoded, array, params, (2000,), seed)
    assert (decoded[300:400] == -999).all()


@pytest.mark.parametrize("ask", [True, False], ids=["asked", "not asked"])
def test_a_new_process_compresses_what_it_appends_if_it_asks_for_the_filter(
    file, seed, run_python, ask
):
    """Else HDF5 does not look for it, and stores the chunk as it is."""
    array = floats(np.random.default_rng(seed), (4000,), "f8")
    np.save(file.with_suffix(".npy"), array)
    with h5py.File(file, "w") as f:
        options = DECIMAL.create(chunks=(2000,), maxshape=(None,))
        f.create_dataset("x", data=array[:2000], **options)
    code = f"""
import h5py, numpy
{f"assert h5py.h5z.filter_avail({FILTER})" if ask else ""}
with h5py.File({str(file)!r}, "a") as f:
    f["x"].resize(4000, axis=0)
    f["x"][2000:] = numpy.load({str(file.with_suffix(".npy"))!r})[2000:]
"""
    run_python(code)
    with h5py.File(file) as f:
        x = f["x"]
        skipped = [x.id.get_chunk_info(i).filter_mask for i in range(2)]
        assert skipped == ([0, 0] if ask else [0, 1])
        assert_within(x[:], array, DECIMAL, (2000,), seed)
        if not ask:
            assert_exact(x[2000:], array[2000:], seed)


@pytest.mark.parametrize("params", [PRECISION, NOISE], ids=str)
@pytest.mark.parametrize("grow", [1.0, 3.0], ids=["steady", "growing"])
def test_later_samples_do_not_change_the_grid_of_earlier_ones(file, seed, params, grow):
    """Even where the estimate would have become another."""
    rng = np.random.default_rng(seed)
    array = rng.normal(0, 1, 4000) * np.repeat(np.linspace(1, grow, APPENDS), 200)
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array[:200], chunks=(4000,), maxshape=(None,), **params.create())
        first = f["x"][:]
    for end in range(400, 4001, 200):
        with h5py.File(file, "a") as f:
            f["x"].resize(end, axis=0)
            f["x"][end - 200 :] = array[end - 200 : end]
    with h5py.File(file) as f:
        last = f["x"][:]
    quanta = float(params.quanta(array[:200]))
    assert np.abs(first - array[:200]).max() <= quanta / 2 * 1.01, f"seed {seed}"
    errors = np.abs(last[:200] - array[:200]) / quanta
    assert errors.max() <= 0.5 * 1.01, f"seed {seed}: {errors.max()} quanta"


@pytest.mark.parametrize("params", LOSSY, ids=str)
def test_writing_what_was_read_changes_nothing(file, seed, params):
    array = floats(np.random.default_rng(seed), (4, 9000), "f4")
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array, chunks=(3, 4000), **params.create())
    with h5py.File(file) as f:
        once = f["x"][:]
    for _ in range(3):
        with h5py.File(file, "a") as f:
            f["x"][:] = f["x"][:]
        with h5py.File(file) as f:
            assert_exact(f["x"][:], once, seed)


@pytest.mark.parametrize("params", LOSSY, ids=str)
def test_patches_inside_a_chunk_leave_the_rest_bounded(file, seed, params):
    rng = np.random.default_rng(seed)
    array = streams(rng, (5000,))
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array, chunks=(5000,), **params.create())
    for start in rng.integers(3000, 4900, 10):
        array[start : start + 100] = patch = streams(rng, (100,))
        with h5py.File(file, "a") as f:
            f["x"][start : start + 100] = patch
    with h5py.File(file) as f:
        decoded = f["x"][:]
    untouched = array[:3000]
    bound = float(params.quanta(array)) / 2 * (1.05 if params.mode in ("precision", "noise") else 1)
    assert np.abs(decoded[:3000] - untouched).max() <= bound * (1 + 1e-9), f"seed {seed}"
