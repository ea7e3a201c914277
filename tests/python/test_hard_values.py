"""Promise: no value is destroyed in silence, and no odd sample spoils the rest of its stream."""

import h5py
import numpy as np
import pytest
from data import streams
from params import (
    DECIMAL,
    DITHERED,
    LOSSLESS,
    LOSSY,
    NOISE,
    PRECISION,
    QUANTA,
    assert_within,
    bits,
)

LENGTH = 50_000


def through(file, array, params, **options):
    """What comes back of an array in one chunk, and its stored bytes."""
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=array, chunks=array.shape, **params.create(**options))
    with h5py.File(file) as f:
        return f["x"][:], f["x"].id.get_storage_size()


def white(seed, dtype="f8"):
    return np.random.default_rng(seed).normal(0, 1, LENGTH).astype(dtype)


@pytest.mark.parametrize("params", LOSSY, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_values_beyond_every_grid_come_back(file, seed, dtype, params):
    array, info = white(seed, dtype), np.finfo(dtype)
    odd = [
        info.max,
        -info.max,
        info.tiny,
        info.smallest_subnormal,
        np.inf,
        -np.inf,
        np.nan,
        -0.0,
    ]
    array[100 : 100 + len(odd)] = odd
    decoded, _ = through(file, array, params)
    assert_within(decoded, array, params, array.shape, seed)


@pytest.mark.parametrize("value", [0.0, -0.0, 7.3, 1e300, 5e-324, np.nan, np.inf])
@pytest.mark.parametrize("params", [LOSSLESS, PRECISION, NOISE], ids=str)
def test_constants_come_back_exact_where_a_statistic_is_0(file, value, params):
    array = np.full(LENGTH, value)
    decoded, stored = through(file, array, params)
    assert (bits(decoded) == bits(array)).all()
    assert stored < 200


@pytest.mark.parametrize("offset", [0, 100, 12345, 1e6])
def test_the_bound_on_float32_is_strict(file, seed, offset):
    """Near 1e6 half of 0.01 is less than float32 resolves: then the sample is kept as it is."""
    array = (white(seed) + offset).astype("f4")
    for params in (QUANTA, DECIMAL.at(value=(1, 2))):
        decoded, _ = through(file, array, params)
        assert_within(decoded, array, params, array.shape, seed)


@pytest.mark.parametrize("quanta", [1e-300, 2.3e-308, 1e-17, 1e17, 1e300, 1.7e308])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_absurd_quanta_keep_their_promise(file, seed, dtype, quanta):
    array, params = white(seed, dtype), QUANTA.at(value=quanta)
    decoded, _ = through(file, array, params)
    assert_within(decoded, array, params, array.shape, seed)


def largest_error(file, array, params, where=slice(None)):
    decoded, _ = through(file, array, params)
    return np.abs(decoded[where] - array[where]).max()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_noise_mode_is_blind_to_glitches_and_drifts(file, seed, dtype):
    """The step is the largest error, doubled: it stays where the noise puts it, to 2 %."""
    array = white(seed)
    expected = 1 / NOISE.value
    ramp, wave = np.linspace(0, 1000, LENGTH), 50 * np.sin(np.arange(LENGTH) / 2000)
    glitch = np.zeros(LENGTH)
    glitch[::5000] = 1e6
    plain = np.ones(LENGTH, bool)
    plain[::5000] = False
    for added in (0, ramp, wave, glitch, ramp + wave + glitch):
        disturbed = (array + added).astype(dtype)
        step = 2 * largest_error(file, disturbed, NOISE, plain)
        assert step == pytest.approx(expected, rel=0.02), f"seed {seed}"


def test_noise_mode_pays_little_for_glitches(file, seed):
    array = white(seed, "f4")
    _, clean = through(file, array, NOISE)
    array[::5000] = 1e6
    _, glitched = through(file, array, NOISE)
    assert glitched < clean + 10 * 200, f"seed {seed}: {glitched} with glitches, {clean} without"


def test_precision_keeps_its_meaning(file, seed):
    """Decimal digits of the standard deviation, drifts and glitches included."""
    array = white(seed)
    for disturbed in (array, array + np.linspace(0, 1000, LENGTH)):
        for digits in (1, 2, 4):
            step = 2 * largest_error(file, disturbed, PRECISION.at(value=digits))
            assert step == pytest.approx(np.std(disturbed) / 10**digits, rel=1e-3), f"seed {seed}"


def test_a_common_factor_costs_nothing(file, seed):
    counts = np.round(100 * white(seed)).astype("i4")
    _, plain = through(file, counts, LOSSLESS)
    for scaled in (counts * 100, counts * 7 - 3, counts.astype("i8") * 10**12):
        _, stored = through(file, scaled, LOSSLESS)
        assert stored < plain * 1.01, f"seed {seed}: {stored} scaled, {plain} plain"


def test_wide_types_cost_no_more_than_narrow_ones(file, seed):
    counts = np.round(100 * white(seed))
    sizes = {t: through(file, counts.astype(t), LOSSLESS)[1] for t in ("i2", "i4", "i8")}
    assert max(sizes.values()) < min(sizes.values()) * 1.01, f"seed {seed}: {sizes}"
    lossy = {t: through(file, white(seed, t), QUANTA)[1] for t in ("f4", "f8")}
    assert lossy["f8"] < lossy["f4"] * 1.01, f"seed {seed}: {lossy}"


@pytest.mark.parametrize("step", [0.01, 1 / 1024, 0.3051757], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lossless_mode_finds_the_grid_that_floats_lie_on(file, seed, dtype, step):
    counts = np.round(100 * white(seed))
    _, whole = through(file, counts.astype("i4"), LOSSLESS)
    array = (counts * step).astype(dtype)
    decoded, stored = through(file, array, LOSSLESS)
    assert (bits(decoded) == bits(array)).all()
    assert stored < whole * 1.02, f"seed {seed}: {stored} bytes, {whole} as integers"


def test_streams_keep_their_own_quanta(file, seed):
    """A loud stream beside a quiet one, in one chunk."""
    rng = np.random.default_rng(seed)
    array = streams(rng, (4, LENGTH)) * np.array([[1e-6], [1], [1e6], [1e12]])
    for params in (PRECISION, NOISE):
        decoded, _ = through(file, array, params)
        assert_within(decoded, array, params, array.shape, seed)
        errors = np.abs(decoded - array).max(axis=1)
        assert (np.abs(np.diff(np.log10(errors)) - 6) < 0.3).all(), f"seed {seed}: {errors}"


@pytest.mark.parametrize("params", [*LOSSY, *DITHERED], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lossy_modes_use_the_room_that_they_are_given(file, seed, dtype, params):
    """Errors up to the bound, evenly spread: their deviation is that of a uniform one."""
    array = white(seed, dtype)
    decoded, stored = through(file, array, params)
    quanta = params.quanta(array.astype("f8"))
    errors = (decoded.astype("f8") - array.astype("f8")) / quanta
    assert 0.499 < np.abs(errors).max() < 0.5001, f"seed {seed}"
    assert errors.std() == pytest.approx(12**-0.5, rel=0.01), f"seed {seed}"
    # A Gaussian's entropy at this step, and what Rice coding adds.
    bits_each = np.log2(1 / quanta) + 2.047 + 0.25
    assert stored * 8 / LENGTH < bits_each, f"seed {seed}: {stored * 8 / LENGTH} bits"


@pytest.mark.parametrize("dither", [False, True])
def test_dither_keeps_means_that_are_finer_than_the_step(file, seed, dither):
    params = QUANTA.at(value=10.0, dither=dither)
    decoded, _ = through(file, 3 + 0.1 * white(seed), params)
    error = abs(decoded.mean() - 3)
    assert error < 0.05 if dither else error == 3, f"seed {seed}: {error}"
