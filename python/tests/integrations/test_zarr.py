"""The codec of Zarr's format 3: the chunks of HDF5, and just the bytes that a selection needs."""

import json
import pickle
import threading
from itertools import product
from typing import ClassVar

import h5flac.zarr
import h5py
import numpy as np
import pytest
import zarr
from conftest import drifting
from h5flac import CorruptError, Flac, library
from h5flac.zarr import H5FlacBytes, H5FlacCodec
from obstore.store import LocalStore as ObstoreLocal
from obstore.store import MemoryStore as ObstoreMemory
from zarr.storage import LocalStore, MemoryStore, ObjectStore, ZipStore

FILTERS = [
    {},
    {"level": 8, "axis": -2},
    {"quanta": 0.01},
    {"quanta": "0.025"},
    {"precision": 3},
    {"noise": 16.0, "dither": True},
]
TYPES = ["i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "?"]


def create(store, data, chunks, codec=None, **options):
    options = {"compressors": None, "serializer": codec or H5FlacCodec()} | options
    return zarr.create_array(store, data=data, chunks=chunks, **options)


class Counting(MemoryStore):
    """A store that notes what is read of its chunks."""

    # Of all stores: zarr makes copies.
    read: ClassVar = []

    async def get(self, key, prototype, byte_range=None):
        found = await super().get(key, prototype, byte_range)
        if "zarr.json" not in key and found is not None:
            self.read.append(len(found))
        return found


@pytest.mark.parametrize("fill", [0, -999, np.nan])
@pytest.mark.parametrize("arguments", FILTERS, ids=repr)
def test_chunks_are_those_of_hdf5(tmp_path, rng, arguments, fill):
    """At the edge, too, where both fill up with the fill value."""
    data = drifting(rng, (5, 1000))
    data[:, 100:200] = fill
    create(tmp_path / "x", data, (2, 300), H5FlacCodec(**arguments), fill_value=fill)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        options = {"chunks": (2, 300), **Flac(**arguments)}
        options |= {} if fill == 0 else {"fillvalue": fill}
        file.create_dataset("x", data=data, **options)
    with h5py.File(tmp_path / "x.h5") as file:
        for row, column in product(range(3), range(4)):
            _, chunk = file["x"].id.read_direct_chunk((2 * row, 300 * column))
            assert (tmp_path / f"x/c/{row}/{column}").read_bytes() == chunk
        found = zarr.open_array(tmp_path / "x", mode="r")[:]
        assert np.array_equal(found, file["x"][:], equal_nan=True)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back(rng, dtype):
    data = drifting(rng, (3, 2, 500), "f8")
    data = (data > 0) if dtype == "?" else np.abs(data).astype(dtype)
    store = MemoryStore()
    create(store, data, (2, 1, 300))
    found = zarr.open_array(store, mode="r")
    assert found.dtype == data.dtype and found[:].tobytes() == data.tobytes()
    assert np.array_equal(found[1, :, 77:99], data[1, :, 77:99])


def test_types_have_no_byte_order(rng):
    data = drifting(rng, (3, 500), ">f4")
    store = MemoryStore()
    create(store, data, (2, 300))
    assert np.array_equal(zarr.open_array(store, mode="r")[:], data)
    little = MemoryStore()
    create(little, data.astype("<f4"), (2, 300))
    chunks = [key for key in store._store_dict if key.startswith("c/")]
    assert len(chunks) == 4
    for key in chunks:
        assert store._store_dict[key].to_bytes() == little._store_dict[key].to_bytes()


# Of an array (12, 10, 700) in chunks (5, 4, 300).
SELECTIONS = [
    np.s_[:],
    np.s_[3],
    np.s_[-1, 2, 650],
    np.s_[2:11:3, 1:9:2, 5:690:31],
    np.s_[:, :, 10:20],
    np.s_[7, :, ::299],
    np.s_[5:5],
    np.s_[..., 3],
]


@pytest.mark.parametrize("axis", [-1, -2, -3])
@pytest.mark.parametrize("shards", [None, (10, 8, 600)])
@pytest.mark.parametrize("first_read", [20, 65536])
def test_selections_are_those_of_numpy(rng, monkeypatch, axis, shards, first_read):
    # Small enough for each part of a chunk to be asked for.
    monkeypatch.setattr(h5flac.zarr, "_FIRST_READ", first_read)
    monkeypatch.setattr(h5flac.zarr, "_GAP", 0 if first_read == 20 else 65536)
    data = drifting(rng, (12, 10, 700), "i4")
    store = MemoryStore()
    create(store, data, (5, 4, 300), H5FlacCodec(axis=axis), shards=shards)
    x = zarr.open_array(store, mode="r")
    for selection in SELECTIONS:
        assert np.array_equal(x[selection], data[selection]), selection
    rows, columns, times = [11, 0, 6, 6], [9, 3, 3, 0], [699, 1, 300, 5]
    assert np.array_equal(x.oindex[rows, :, 5], data[rows, :, 5])
    assert np.array_equal(x.oindex[1, columns, times], data[1][np.ix_(columns, times)])
    mask = np.arange(12) % 5 == 1
    assert np.array_equal(x.oindex[mask, 2:5, times], data[mask, 2:5][..., times])
    assert np.array_equal(x.oindex[mask], data[mask])
    assert np.array_equal(x.vindex[rows, columns, times], data[rows, columns, times])
    mask = data > np.quantile(data, 0.999)
    assert np.array_equal(x.vindex[mask], data[mask])
    if shards is None:
        assert np.array_equal(x.blocks[1, 2, 1], data[5:10, 8:, 300:600])


def test_just_the_bytes_that_are_needed_are_read(rng):
    data = rng.integers(-(2**20), 2**20, (64, 1 << 16), "i4")
    store = Counting()
    create(store, data, data.shape)
    (size,) = [len(chunk) for key, chunk in store._store_dict.items() if key.startswith("c/")]
    x = zarr.open_array(store, mode="r")

    def read(*selection):
        store.read.clear()
        assert np.array_equal(x[selection], data[selection])
        return store.read.copy()

    assert read(slice(None)) == [size]
    one = read(40)
    assert len(one) == 2 and sum(one) < 0.03 * size
    few = read(slice(20, 22), slice(9000, 9100))
    assert len(few) <= 3 and sum(few) < 0.03 * size
    every = read(slice(None), slice(9000, 9100))
    assert sum(every) < 0.5 * size


@pytest.mark.parametrize("kind", ["local", "zip", "obstore", "obstore memory"])
def test_every_store_is_read_in_part(tmp_path, rng, kind):
    """Some refuse ranges that end behind the chunk."""
    store = {
        "local": lambda: LocalStore(tmp_path / "x"),
        "zip": lambda: ZipStore(tmp_path / "x.zip", mode="w"),
        "obstore": lambda: ObjectStore(ObstoreLocal(tmp_path)),
        "obstore memory": lambda: ObjectStore(ObstoreMemory()),
    }[kind]()
    data = drifting(rng, (4, 100_000))
    x = create(store, data, (4, 50_000), name="x")
    small = create(store, data[:, :100], (4, 30), name="small")
    assert np.array_equal(x[1, 60_000:60_010], data[1, 60_000:60_010])
    assert np.array_equal(small[1, 35:37], data[1, 35:37])


class Strict(MemoryStore):
    """A store that has only ranges within what it holds."""

    async def get(self, key, prototype, byte_range=None):
        whole = await super().get(key, prototype)
        if whole is not None and byte_range is not None and byte_range.end > len(whole):
            raise LookupError("out of range")
        return await super().get(key, prototype, byte_range)


def test_a_store_may_refuse_what_lies_behind_a_chunk(rng):
    data, store = drifting(rng, (4, 1000)), Strict()
    x = create(store, data, (4, 300))
    assert np.array_equal(x[1, 350:360], data[1, 350:360])


class Failing(MemoryStore):
    """A store that is out of order."""

    async def get(self, key, prototype, byte_range=None):
        if "zarr.json" not in key:
            raise ConnectionError("no answer")
        return await super().get(key, prototype, byte_range)


def test_errors_of_the_store_are_told(rng):
    store = Failing()
    zarr.create_array(
        store, shape=(4, 1000), dtype="f4", serializer=H5FlacCodec(), compressors=None
    )
    with pytest.raises(ConnectionError, match="no answer"):
        zarr.open_array(store, mode="r")[1, :5]


def test_chunks_that_are_not_stored_are_the_fill_value(rng):
    store = MemoryStore()
    x = zarr.create_array(
        store,
        shape=(6, 1000),
        dtype="f4",
        chunks=(2, 300),
        fill_value=-5,
        serializer=H5FlacCodec(quanta=0.01, dither=True),
        compressors=None,
    )
    x[2, 310:320] = drifting(rng, (10,))
    assert sum(key.startswith("c/") for key in store._store_dict) == 1
    found = zarr.open_array(store, mode="r")
    assert (found[0, 5:9] == -5).all() and (found[2:4, 300:310] == -5).all()
    assert (found[:] != -5).sum() == 10
    x[2, 310:320] = -5
    assert not any(key.startswith("c/") for key in store._store_dict)


def test_another_compressor_may_follow(rng):
    """As zarr adds one unless told otherwise; then chunks are read whole."""
    data, store = drifting(rng, (4, 1000)), MemoryStore()
    create(store, data, (4, 300), compressors="auto")
    x = zarr.open_array(store, mode="r")
    assert len(x.compressors) == 1
    assert np.array_equal(x[2, 5:900], data[2, 5:900])


@pytest.mark.parametrize("shards", [None, (4, 600)])
def test_what_cannot_be_compressed_is_refused_before_it_is_written(shards):
    def created(dtype, codec):
        zarr.create_array(
            MemoryStore(),
            shape=(8, 1200),
            chunks=(2, 300),
            shards=shards,
            dtype=dtype,
            serializer=codec,
            compressors=None,
        )

    with pytest.raises(ValueError, match="cannot compress <U3; integers, floats"):
        created("U3", H5FlacCodec())
    with pytest.raises(ValueError, match="cannot compress datetime64"):
        created("M8[s]", H5FlacCodec())
    with pytest.raises(ValueError, match=r"cannot compress \[\('a', '<i4'\)"):
        created([("a", "i4"), ("b", "f4")], H5FlacCodec())
    with pytest.raises(ValueError, match="stream axis -3, but the array has 2 dimensions"):
        created("f4", H5FlacCodec(axis=-3))


def test_scalars_are_refused():
    with pytest.raises(ValueError, match="a scalar has no streams"):
        zarr.create_array(
            MemoryStore(), shape=(), dtype="f4", serializer=H5FlacCodec(), compressors=None
        )


@pytest.mark.parametrize("arguments", FILTERS, ids=repr)
def test_the_metadata_are_the_arguments(tmp_path, arguments):
    codec = H5FlacCodec(**arguments)
    zarr.create_array(
        tmp_path / "x", shape=(8, 100), dtype="f4", serializer=codec, compressors=None
    )
    (stored,) = json.loads((tmp_path / "x/zarr.json").read_text())["codecs"]
    assert stored == {"name": "h5flac", "configuration": Flac(**arguments).config}
    assert zarr.open_array(tmp_path / "x").serializer == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert hash(pickle.loads(pickle.dumps(codec))) == hash(codec)
    assert eval(repr(codec)) == codec
    assert codec != H5FlacCodec(level=1) and codec != H5FlacBytes(**arguments)
    by_name = zarr.create_array(
        MemoryStore(), shape=(8, 100), dtype="f4", serializer=stored, compressors=None
    )
    assert by_name.serializer == codec


def test_metadata_that_are_not_understood_are_refused(tmp_path):
    def opened(codec):
        zarr.create_array(
            MemoryStore(), shape=(8, 100), dtype="f4", serializer=codec, compressors=None
        )

    with pytest.raises(ValueError, match="unknown key 'speed'; known are level, quanta"):
        opened({"name": "h5flac", "configuration": {"speed": 3}})
    with pytest.raises(ValueError, match="level is 9; use 0 to 8"):
        opened({"name": "h5flac", "configuration": {"level": 9}})
    opened({"name": "h5flac"})


@pytest.mark.parametrize("selection", [np.s_[:], np.s_[3, 310:320]], ids=["whole", "part"])
def test_damage_is_told_with_its_place(tmp_path, rng, selection):
    x = create(tmp_path / "x", drifting(rng, (4, 1000)), (4, 300))
    path = tmp_path / "x/c/0/1"
    good = path.read_bytes()
    for bad in (good[:15], good[:-40], bytes(len(good)), good[:9] + b"damage" + good[15:]):
        path.write_bytes(bad)
        with pytest.raises(CorruptError, match="x/c/0/1: "):
            x[selection]
    path.write_bytes(good)
    assert x[selection].size


def test_a_chunk_of_another_array_is_told(tmp_path, rng):
    x = create(tmp_path / "x", drifting(rng, (4, 1000)), (4, 300))
    for other, chunks in (("f8", (4, 300)), ("i4", (4, 300)), ("f4", (4, 200))):
        create(tmp_path / "y", drifting(rng, (4, 1000), other), chunks, overwrite=True)
        (tmp_path / "x/c/0/1").write_bytes((tmp_path / "y/c/0/1").read_bytes())
        for selection in (np.s_[:], np.s_[1, 310:320]):
            with pytest.raises(CorruptError, match="but the array has chunks of float32"):
                x[selection]


def test_the_event_loop_is_not_held_up(rng, monkeypatch):
    data, store, threads = drifting(rng, (4, 100_000)), MemoryStore(), set()

    def noting(function):
        def call(*arguments, **options):
            threads.add(threading.current_thread().name)
            return function(*arguments, **options)

        return call

    for name in ("compress", "decompress", "byte_ranges", "decompress_ranges"):
        monkeypatch.setattr(library, name, noting(getattr(library, name)))
    x = create(store, data, (4, 50_000))
    assert np.array_equal(x[:], data) and np.array_equal(x[1, 7:9], data[1, 7:9])
    assert threads and zarr.core.sync.iothread[0].name not in threads


def test_the_codec_of_bytes_only_reads(rng):
    with pytest.raises(NotImplementedError, match=r"serializer=h5flac\.zarr\.H5FlacCodec"):
        x = zarr.create_array(
            MemoryStore(), shape=(8, 100), dtype="f4", compressors=[H5FlacBytes()]
        )
        x[:] = 1
    assert H5FlacBytes(noise=4).codec_config == {"id": "h5flac", "noise": 4.0}
    assert pickle.loads(pickle.dumps(H5FlacBytes(noise=4))) == H5FlacBytes(noise=4)
