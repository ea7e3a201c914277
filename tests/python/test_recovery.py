"""Promise: what comes back through h5py is what was written, exact or within half the quanta."""

import h5py
import numpy as np
import pytest
from data import FLOATS, INTEGERS, SHAPES, floats, integers
from params import DITHERED, LOSSLESS, LOSSY, QUANTA, assert_exact, assert_within

shapes = pytest.mark.parametrize("shape, chunks", SHAPES, ids=lambda x: "x".join(map(str, x)))

# Level 8 searches: on small arrays only.
LEVELS = [(0, 1_000_000), (5, 1_000_000), (8, 20_000)]


def levels(array):
    return [level for level, most in LEVELS if array.size <= most]


def through(file, array, params, chunks, **options):
    """Writes and reads, in a file closed in between."""
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array, chunks=chunks, **params.create(**options))
    with h5py.File(file) as f:
        return f["x"][:]


@shapes
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_come_back_exactly_in_every_mode(file, seed, dtype, shape, chunks):
    array = integers(np.random.default_rng(seed), shape, dtype)
    for level in levels(array):
        for params in [LOSSLESS, QUANTA] if level == 0 else [LOSSLESS]:
            assert_exact(through(file, array, params.at(level=level), chunks), array, seed)


@shapes
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_come_back_exactly_in_lossless_mode(file, seed, dtype, shape, chunks):
    array = floats(np.random.default_rng(seed), shape, dtype)
    for level in levels(array):
        assert_exact(through(file, array, LOSSLESS.at(level=level), chunks), array, seed)


@pytest.mark.parametrize("params", LOSSY + DITHERED, ids=str)
@shapes
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_come_back_within_half_the_quanta(file, seed, dtype, shape, chunks, params):
    array = floats(np.random.default_rng(seed), shape, dtype)
    for level in levels(array):
        decoded = through(file, array, params.at(level=level), chunks)
        assert_within(decoded, array, params, chunks, seed)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("params", [LOSSLESS, *LOSSY, *DITHERED], ids=str)
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<c8", ">i2"])
def test_time_may_run_along_any_axis(file, seed, dtype, params, axis):
    rng, shape, chunks = np.random.default_rng(seed), (20, 24, 28), (16, 9, 20)
    array = (floats if dtype in FLOATS else integers)(rng, shape, dtype)
    decoded = through(file, array, params.at(axis=axis), chunks)
    if params is LOSSLESS or dtype not in FLOATS:
        assert_exact(decoded, array, seed)
    else:
        assert_within(decoded, array, params.at(axis=axis), chunks, seed)


@pytest.mark.parametrize("bits", ["i", "u"])
def test_one_byte_types_declared_big_endian_come_back(file, seed, bits):
    array = integers(np.random.default_rng(seed), (5000,), f"{bits}1")
    kind = {"i": h5py.h5t.STD_I8BE, "u": h5py.h5t.STD_U8BE}[bits]
    options = {
        "dtype": h5py.Datatype(kind.copy()),
        "chunks": (999,),
        **LOSSLESS.create(),
    }
    with h5py.File(file, "w") as f:
        f.create_dataset("x", shape=array.shape, **options)[:] = array
        assert f["x"].id.get_type().get_order() == h5py.h5t.ORDER_BE
    with h5py.File(file) as f:
        assert_exact(f["x"][:], array, seed)


def test_enums_come_back(file, seed):
    kind = h5py.enum_dtype({"off": 0, "on": 1, "broken": -7}, basetype=">i2")
    array = np.random.default_rng(seed).choice([0, 1, -7], 3000).astype(kind)
    assert_exact(through(file, array, LOSSLESS, (700,)), array, seed)


@pytest.mark.parametrize("words", [(), (5,), (0, 0), (5, 0, 0, 0)], ids=str)
def test_missing_words_mean_lossless(file, seed, words):
    array = floats(np.random.default_rng(seed), (4000,), "f8")
    with h5py.File(file, "w") as f:
        options = {"compression_opts": words} if words else {}
        f.create_dataset("x", data=array, chunks=(900,), compression=61868, **options)
    with h5py.File(file) as f:
        assert_exact(f["x"][:], array, seed)


@pytest.mark.parametrize("params", [LOSSLESS, *LOSSY], ids=str)
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i4", "<c16"])
def test_partial_writes_and_reads_touch_what_they_name(file, seed, dtype, params):
    """Parts never overlap chunks that were written before: each chunk is encoded once."""
    rng, shape, chunks = np.random.default_rng(seed), (20, 5000), (7, 1200)
    array = (floats if dtype in FLOATS else integers)(rng, shape, dtype)
    with h5py.File(file, "w") as f:
        x = f.create_dataset("x", shape, dtype, chunks=chunks, **params.create())
        for rows in (0, 7, 14):
            for start in (2400, 0, 3600, 1200, 4800):
                part = np.s_[rows : rows + 7, start : start + 1200]
                x[part] = array[part]
    with h5py.File(file) as f:
        x, whole = f["x"], f["x"][:]
        if params is LOSSLESS or dtype not in FLOATS:
            assert_exact(whole, array, seed)
        else:
            assert_within(whole, array, params, chunks, seed)
        for part in [
            np.s_[3],
            np.s_[:, 17],
            np.s_[2:19:5, 1100:1300],
            np.s_[-1, -1],
            np.s_[...],
        ]:
            assert_exact(np.asarray(x[part]), np.asarray(whole[part]), seed)
        mask = np.zeros(shape, bool)
        mask[rng.integers(0, 20, 40), rng.integers(0, 5000, 40)] = True
        assert_exact(x[mask], whole[mask], seed)


@pytest.mark.parametrize("params", [LOSSLESS, QUANTA], ids=str)
def test_a_checksum_may_follow(file, seed, params):
    array = floats(np.random.default_rng(seed), (3, 7000), "f4")
    decoded = through(file, array, params, (2, 3000), fletcher32=True)
    assert_within(decoded, array, params, (2, 3000), seed)
    with h5py.File(file) as f:
        filters = f["x"].id.get_create_plist()
        assert [filters.get_filter(i)[0] for i in range(filters.get_nfilters())] == [
            61868,
            3,
        ]


def test_constant_data_costs_next_to_nothing(file):
    for value, dtype in [
        (7.3, "f4"),
        (np.nan, "f8"),
        (np.inf, "f8"),
        (-5, "i8"),
        (1j, "c16"),
    ]:
        array = np.full((10, 100_000), value, dtype)
        for params in [LOSSLESS, *LOSSY]:
            assert_exact(through(file, array, params, (10, 100_000)), array, None)
            with h5py.File(file) as f:
                stored = f["x"].id.get_storage_size()
            assert stored < 1000, f"{value} as {dtype}, {params}: {stored} bytes"


def test_random_bytes_never_grow(file, seed):
    noise = np.random.default_rng(seed).bytes(400_000)
    for dtype in [*FLOATS, *INTEGERS]:
        if dtype == "|b1":
            continue
        array = np.frombuffer(noise, dtype)
        for params in [LOSSLESS, QUANTA, LOSSY[2]]:
            decoded = through(file, array, params, array.shape)
            if params is LOSSLESS:
                assert_exact(decoded, array, seed)
            with h5py.File(file) as f:
                stored = f["x"].id.get_storage_size()
            assert stored <= array.nbytes + 200, f"{dtype} {params}: {stored} of {array.nbytes}"
