"""The filter object: its words, its errors, and how h5py takes it."""

import math
import pickle
from decimal import Decimal

import h5flac
import h5py
import numpy as np
import pytest
from h5flac import Flac

ALL = [
    Flac(),
    Flac(0),
    Flac(level=8, axis=-3),
    Flac(quanta=0.01),
    Flac(quanta=1e-300, dither=True),
    Flac(quanta=Decimal("0.001")),
    Flac(quanta="0.25", axis=-2),
    Flac(quanta="1e3"),
    Flac(precision=3),
    Flac(noise=8.5, level=2, axis=-256, dither=True),
]


def test_the_words_are_those_of_the_contract():
    assert Flac().filter_options == (5, 0, 0, 0, 0)
    assert Flac(quanta=0.01).filter_options == (5, 1, 0x47AE147B, 0x3F847AE1, 0)
    assert Flac(quanta=Decimal("0.010")).filter_options == (5, 2, 1, 2, 0)
    assert Flac(quanta="1200").filter_options == (5, 2, 1200, 0, 0)
    assert Flac(level=8, precision=4, axis=-2).filter_options == (8, 3, 4, 0, 1)
    assert Flac(noise=16, dither=True).filter_options == (5, 4, 0, 0x40300000, 0x100)


def test_it_is_a_filter_of_h5py():
    filter = Flac(quanta=0.5)
    assert isinstance(filter, h5py.filters.FilterRefBase)
    assert dict(**filter) == {
        "compression": h5flac.FILTER_ID,
        "compression_opts": filter.filter_options,
    }
    assert filter.filter_id == h5flac.FILTER_ID == 61868


def test_absolute_is_half_of_quanta():
    assert Flac(absolute=0.5) == Flac(quanta=1.0)
    assert Flac(absolute="0.005") == Flac(quanta="0.01")
    assert Flac(absolute=Decimal("0.25")) == Flac(quanta="0.5")


@pytest.mark.parametrize("filter", ALL, ids=repr)
def test_words_repr_config_and_pickle_give_the_filter_back(filter):
    assert Flac.from_filter_options(filter.filter_options) == filter
    assert h5flac.from_filter_options(h5flac.FILTER_ID, filter.filter_options) == filter
    assert eval(repr(filter)) == filter
    assert Flac(**filter.config) == filter
    again = pickle.loads(pickle.dumps(filter))
    assert again == filter and hash(again) == hash(filter) and repr(again) == repr(filter)


@pytest.mark.parametrize("filter", [f for f in ALL if f.axis >= -3], ids=repr)
def test_what_a_dataset_was_compressed_with_is_read_from_its_words(file, filter):
    shape = (2,) * (-filter.axis - 1)
    dset = file.create_dataset("x", (2, 64, *shape), "f8", chunks=True, compression=filter)
    assert Flac.of(dset) == filter
    spread = file.create_dataset("y", (2, 64, *shape), "f8", chunks=True, **filter)
    assert repr(Flac.of(spread)) == repr(filter)


def test_fewer_words_mean_the_defaults():
    assert Flac.from_filter_options(()) == Flac()
    assert Flac.from_filter_options((8,)) == Flac(8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": 9}, "level is 9; use 0 to 8"),
        ({"level": -1}, "level is -1"),
        ({"level": 5.5}, "level is 5.5; it must be an integer"),
        ({"level": True}, "level is True"),
        ({"quanta": 0}, "quanta is 0.0; it must be finite and above 0"),
        ({"quanta": -1}, "above 0"),
        ({"quanta": math.nan}, "finite"),
        ({"quanta": math.inf}, "finite"),
        ({"quanta": "one"}, 'as a string it is a decimal, "0.001"'),
        ({"quanta": Decimal("NaN")}, "finite"),
        ({"quanta": "0.1234567890123"}, "pass it as a float"),
        ({"quanta": "1e-23"}, "pass it as a float"),
        ({"quanta": [0.1, 0.2]}, "see h5flac.write"),
        ({"precision": 0}, "1 to 17"),
        ({"precision": 18}, "1 to 17"),
        ({"precision": 2.5}, "precision is 2.5; it must be an integer"),
        ({"noise": 0}, "noise"),
        ({"noise": math.inf}, "noise"),
        ({"noise": "8"}, "noise is '8'; it must be one number"),
        ({"axis": 0}, "count from the last, -1"),
        ({"axis": 1}, "count from the last, -1"),
        ({"axis": -257}, "axis is -257"),
        ({"dither": 1}, "use True or False"),
        ({"dither": True}, "dither"),
        ({"dither": True, "quanta": "0.1"}, "dither"),
        ({"quanta": 0.1, "precision": 3}, "both quanta and precision are given"),
        ({"quanta": 0.1, "absolute": 3}, "both quanta and absolute are given"),
        ({"absolute": 0}, "absolute is 0.0"),
        ({"absolute": "9e999999"}, "too large"),
    ],
    ids=str,
)
def test_wrong_arguments_raise_in_words(arguments, words):
    with pytest.raises(ValueError, match=r"[a-z]") as error:
        Flac(**arguments)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((5, 9), "unknown mode 9"),
        ((5, 0, 0, 0, 0x200), "options 0x200"),
        ((99,), "level is 99; use 0 to 8"),
        ((5, 1, 0, 0, 0), "above 0"),
        ((5, 2, 1, 2**32 - 1), "power 4294967295"),
        ((5, 2, 1, 2**32), "4294967296 is no parameter word"),
        ((5, -1), "-1 is no parameter word"),
    ],
)
def test_foreign_words_raise(words, message):
    with pytest.raises(ValueError) as error:
        Flac.from_filter_options(words)
    assert message in str(error.value)


def test_another_filter_raises(file):
    dset = file.create_dataset("x", (8,), "f4", chunks=(8,), compression="gzip")
    with pytest.raises(ValueError, match="dataset /x is not compressed with h5flac"):
        Flac.of(dset)
    with pytest.raises(ValueError, match="filter 1; h5flac has 61868"):
        h5flac.from_filter_options(1, ())


def test_h5py_writes_and_reads_with_it(file, rng):
    data = rng.normal(size=(4, 3000)).astype(np.float32)
    exact = file.create_dataset("exact", data=data, chunks=(2, 1000), compression=Flac())
    rounded = file.create_dataset("q", data=data, chunks=(2, 1000), **Flac(quanta=0.01))
    assert np.array_equal(exact[...], data)
    assert np.all(np.abs(rounded[...].astype("f8") - data.astype("f8")) <= 0.005)
    assert rounded.id.get_storage_size() < exact.id.get_storage_size() / 2


def test_a_refusal_of_the_filter_reaches_the_user(file):
    with pytest.raises(ValueError, match="stream axis 1 from the last, but the chunk has 1 dim"):
        file.create_dataset("x", (8,), "f4", chunks=(8,), compression=Flac(axis=-2))
    assert "stream axis 1 from the last" in h5flac.last_error()
