"""Promise: a compressed dataset behaves like an array, whatever index and filling HDF5 uses."""

import ctypes
from itertools import product

import h5py
import hosts
import numpy as np
import pytest
from data import streams
from h5py import h5d, h5s
from lowlevel import MANDATORY, OPTIONAL, create, properties
from params import LOSSLESS, QUANTA, assert_exact

SHAPE, CHUNKS = (12, 600), (5, 128)
UNLIMITED = (None, None)

# Library versions that bound the format, largest shape, chunk shape.
OLD, NEW, NEWEST = ("earliest", "latest"), ("v110", "latest"), ("latest", "latest")
INDEXES = {
    "v1 B-tree": (OLD, UNLIMITED, CHUNKS),
    "Single Chunk": (NEW, SHAPE, SHAPE),
    "Fixed Array": (NEW, (20, 900), CHUNKS),
    "Extensible Array": (NEW, (None, 900), CHUNKS),
    "v2 B-tree": (NEW, UNLIMITED, CHUNKS),
}
OF_HDF5_2 = {
    f"{name} of HDF5 2": (NEWEST, most, chunks)
    for name, (libver, most, chunks) in INDEXES.items()
    if libver is NEW
}

FILLINGS = list(
    product(
        [h5d.ALLOC_TIME_EARLY, h5d.ALLOC_TIME_LATE, h5d.ALLOC_TIME_INCR],
        [h5d.FILL_TIME_ALLOC, h5d.FILL_TIME_NEVER, h5d.FILL_TIME_IFSET],
        [None, -7, np.nan],
    )
)

KINDS = [h5py.h5t.IEEE_F32LE, h5py.h5t.IEEE_F64BE, h5py.h5t.IEEE_F64LE]

# H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS, which h5py does not know.
DONT_FILTER_PARTIAL_CHUNKS = 2


def leave_partial_chunks(made):
    library = hosts.Library(hosts.bundled("h5py", "libhdf5"))
    library.check("H5Pset_chunk_opts", ctypes.c_int64(made.id), DONT_FILTER_PARTIAL_CHUNKS)


class Model:
    """What a dataset must hold, and which of it is known: not what was never written or filled."""

    def __init__(self, dataset, fill, params):
        self.fill = 0 if fill is None else fill
        self.filled = dataset.id.get_create_plist().get_fill_time() != h5d.FILL_TIME_NEVER
        self.array = np.full(dataset.shape, self.fill, dataset.dtype)
        self.known = np.full(dataset.shape, self.filled)
        self.bound = (params.value or 0) / 2

    def write(self, dataset, part, rng):
        values = streams(rng, self.array[part].shape) if self.array[part].size else 0
        values = np.where(rng.random(self.array[part].shape) < 0.02, self.fill, values)
        dataset[part] = self.array[part] = values.astype(self.array.dtype)
        self.known[part] = True

    def resize(self, dataset, shape):
        dataset.resize(shape)
        kept = tuple(slice(min(sizes)) for sizes in zip(self.array.shape, shape, strict=True))
        array, known = np.full(shape, self.fill, self.array.dtype), np.full(shape, self.filled)
        array[kept], known[kept] = self.array[kept], self.known[kept]
        self.array, self.known = array, known

    def check(self, dataset, part, told):
        known = self.known[part]
        found, expected = dataset[part][known], self.array[part][known]
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        error = np.abs(found.astype("f8") - expected.astype("f8"))
        assert (same | (error <= self.bound)).all(), told


def box(rng, shape):
    corners = [np.sort(rng.integers(0, size + 1, 2)) for size in shape]
    return tuple(slice(int(low), int(high), int(rng.integers(1, 3))) for low, high in corners)


def exercise(path, rng, libver, most, model, whole, told):
    """Random writes, reads and changes of shape, in a file just opened, some without a cache."""
    for _ in range(3):
        with h5py.File(path, "a", libver=libver, rdcc_nbytes=int(rng.choice([0, 1 << 20]))) as f:
            x = f["x"]
            for _ in range(3):
                if most != SHAPE and rng.random() < 0.5:
                    if whole:
                        model.write(x, ..., rng)
                    sizes = [size or 3 * chunk for size, chunk in zip(most, CHUNKS, strict=True)]
                    shape = tuple(int(rng.integers(whole, size + 1)) for size in sizes)
                    model.resize(x, shape)
                model.write(x, box(rng, x.shape), rng)
                model.check(x, box(rng, x.shape), told)
            model.check(x, ..., told)


@pytest.mark.parametrize("partial", ["filtered", "as they are"])
@pytest.mark.parametrize("checksum", ["plain", "fletcher32"])
@pytest.mark.parametrize("index", INDEXES | OF_HDF5_2)
def test_random_writes_reads_and_changes_of_shape_are_those_of_an_array(
    file, seed, index, checksum, partial
):
    libver, most, chunks = (INDEXES | OF_HDF5_2)[index]
    for i in range(seed % 3, len(FILLINGS), 3):
        allocation, fill_time, fill = FILLINGS[i]
        params = [LOSSLESS, QUANTA][i // 3 % 2]
        made = properties(params, chunks)
        made.set_alloc_time(allocation)
        made.set_fill_time(fill_time)
        if fill is not None:
            made.set_fill_value(np.array(fill))
        if checksum == "fletcher32":
            made.set_fletcher32()
        # HDF5 2.0 cannot change a shape, then, while a chunk at the edge is not there.
        whole = partial == "as they are"
        if whole:
            leave_partial_chunks(made)
        with h5py.File(file, "w", libver=libver) as f:
            model = Model(create(f, KINDS[i % 3], SHAPE, made, most), fill, params)
        told = f"seed {seed}, filling {FILLINGS[i]}"
        exercise(file, np.random.default_rng([seed, i]), libver, most, model, whole, told)


@pytest.mark.parametrize("early", [False, True], ids=["as needed", "early"])
@pytest.mark.parametrize("index", INDEXES)
def test_each_index_is_the_one_that_is_named(file, run, index, early):
    """Early allocation of a fixed shape would need none: not for chunks of various sizes."""
    libver, most, chunks = INDEXES[index]
    made = properties(LOSSLESS, chunks)
    if early:
        made.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    with h5py.File(file, "w", libver=libver) as f:
        x = create(f, KINDS[0], SHAPE, made, most)
        x[...] = 1
        address = h5py.h5o.get_info(x.id).addr
    shown = run("h5debug", file, address)
    (found,) = [line.split(":")[1].strip() for line in shown.splitlines() if "Index Type" in line]
    assert found == index


def chunks_of(x):
    """Offset, filter mask and stored bytes of every chunk."""
    infos = [x.id.get_chunk_info(i) for i in range(x.id.get_num_chunks())]
    return {info.chunk_offset: (info.filter_mask, info.size) for info in infos}


def test_early_allocation_stores_compressed_fill_values(file):
    made = properties(LOSSLESS, CHUNKS)
    made.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    made.set_fill_value(np.array(-7.5))
    with h5py.File(file, "w") as f:
        create(f, KINDS[1], SHAPE, made, UNLIMITED)
    with h5py.File(file) as f:
        stored = chunks_of(f["x"])
        assert len(stored) == 15
        assert all(mask == 0 and size < 200 for mask, size in stored.values()), stored
        assert (f["x"][...] == -7.5).all()


def test_partial_chunks_stay_as_they_are_where_that_is_asked_for(file, seed, run):
    array = streams(np.random.default_rng(seed), SHAPE).round(1).astype("f4")
    made = properties(LOSSLESS, CHUNKS)
    leave_partial_chunks(made)
    with h5py.File(file, "w", libver=NEW) as f:
        create(f, KINDS[0], SHAPE, made, UNLIMITED)[...] = array
    with h5py.File(file) as f:
        raw = 4 * CHUNKS[0] * CHUNKS[1]
        for (row, column), (_, size) in chunks_of(f["x"]).items():
            partial = row + CHUNKS[0] > SHAPE[0] or column + CHUNKS[1] > SHAPE[1]
            assert (size == raw) == partial, (row, column, size)
        assert_exact(f["x"][...], array, seed)
    run("h5dump", "-d", "/x", "-b", "LE", "-o", file.with_suffix(".bin"), file)
    assert file.with_suffix(".bin").read_bytes() == array.tobytes()


def test_datasets_without_samples_are_created_read_and_grown(file, seed):
    shapes = [(0,), (0, 5), (3, 0), (0, 0, 0)]
    with h5py.File(file, "w") as f:
        for i, shape in enumerate(shapes):
            options = QUANTA.create(chunks=(4,) * len(shape), maxshape=(None,) * len(shape))
            x = f.create_dataset(f"grown{i}", shape, "f4", **options)
            x[...] = np.zeros(shape)
            f.create_dataset(f"empty{i}", shape, "f4", **options)
    array = streams(np.random.default_rng(seed), (9, 9, 9)).astype("f4")
    with h5py.File(file, "a") as f:
        for i, shape in enumerate(shapes):
            assert f[f"empty{i}"][...].shape == shape and chunks_of(f[f"empty{i}"]) == {}
            x = f[f"grown{i}"]
            for size in (9, 0, 9):
                x.resize((size,) * len(shape))
                assert not x[...].any()
            x[...] = array[(0,) * (3 - len(shape))]
    with h5py.File(file) as f:
        for i, shape in enumerate(shapes):
            found = f[f"grown{i}"][...]
            assert np.abs(found - array[(0,) * (3 - len(shape))]).max() <= QUANTA.value / 2


@pytest.mark.parametrize("space", [h5s.SCALAR, h5s.NULL], ids=["scalar", "null"])
def test_without_dimensions_there_are_no_chunks_and_hdf5_says_so(file, space):
    array = np.arange(1000.0)
    with h5py.File(file, "w") as f:
        f.create_dataset("good", data=array, **LOSSLESS.create())
        for flags in (OPTIONAL, MANDATORY):
            made = properties(LOSSLESS, (1,), flags)
            with pytest.raises(ValueError):
                h5d.create(f.id, b"bad", KINDS[0], h5s.create(space), made)
            made.set_layout(h5d.CONTIGUOUS)
            with pytest.raises(ValueError):
                h5d.create(f.id, b"bad", KINDS[0], h5s.create_simple((5,)), made)
    with h5py.File(file) as f:
        assert list(f) == ["good"]
        assert_exact(f["good"][...], array, None)
