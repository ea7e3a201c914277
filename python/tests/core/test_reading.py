"""`h5flac.read` gives what NumPy's indexing of the whole dataset gives."""

import ctypes
import io
import itertools
import math
import os
import subprocess
import sys
import threading

import h5flac
import h5py
import numpy as np
import pytest
from conftest import drifting
from h5flac import Flac, libhdf5, library
from h5flac.parallel import thread_count

SAMPLES = [
    slice(None),
    slice(100, 250),
    slice(None, -300),
    slice(-50, None),
    slice(-50, 10**9),
    slice(250, 100),
    slice(0, 0),
    slice(None, None, 7),
    slice(900, 100, -3),
    slice(None, None, -1),
    slice(400, 401),
    0,
    -1,
    399,
    np.int64(500),
]

KEEP = [
    None,
    ...,
    0,
    -1,
    (1, 2),
    (-1, slice(None)),
    slice(1, None),
    slice(None, None, -2),
    [2, 0],
    [1, 1, -1],
    np.array([True, False, True]),
    (slice(None), [4, 1]),
    (..., 3),
    (slice(None), None, slice(1, 3)),
    np.arange(15).reshape(3, 5) % 4 == 1,
    np.zeros((3, 5), bool),
    (np.array([0, 2]), np.array([1, 4])),
    slice(3, 3),
]


def expected(dset, keep, samples, axis=-1):
    whole = np.moveaxis(dset[...], axis, -1)
    numbers = np.arange(math.prod(whole.shape[:-1])).reshape(whole.shape[:-1])
    chosen = numbers if keep is None else numbers[keep]
    return whole.reshape(numbers.size, whole.shape[-1])[chosen][..., samples]


def check(dset, keep, samples, axis=-1, **arguments):
    found = h5flac.read(dset, keep, samples, **arguments)
    wanted = expected(dset, keep, samples, axis)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert np.array_equal(found, wanted, equal_nan=found.dtype.kind in "fc")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("reading") / "data.h5"
    rng = np.random.default_rng(7)
    data = drifting(rng, (3, 5, 1000))
    with h5py.File(path, "w") as f:
        f.create_dataset("last", data=data, chunks=(2, 2, 400), **Flac(quanta=0.01))
        f.create_dataset(
            "first", data=np.moveaxis(data, -1, 0), chunks=(300, 2, 3), **Flac(axis=-3)
        )
        f.create_dataset(
            "middle", data=np.moveaxis(data, -1, 1), chunks=(2, 256, 5), **Flac(axis=-2)
        )
    return path


@pytest.mark.parametrize("samples", SAMPLES, ids=str)
@pytest.mark.parametrize("name, axis", [("last", -1), ("first", 0), ("middle", 1)])
def test_any_selection_is_numpys(stored, name, axis, samples):
    with h5py.File(stored) as f:
        for keep in KEEP:
            check(f[name], keep, samples, axis, threads=2)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_the_number_of_threads_changes_nothing(stored, threads):
    with h5py.File(stored) as f:
        check(f["last"], [0, 2], slice(350, 810), threads=threads)


@pytest.mark.parametrize(
    "keep, samples",
    [(3, slice(None)), ((0, 5), 0), ([0, 7], 0), ((0, 0, 0), 0), (None, 1000), (None, -1001)],
)
def test_what_does_not_fit_is_an_index_error(stored, keep, samples):
    with h5py.File(stored) as f, pytest.raises(IndexError):
        h5flac.read(f["last"], keep, samples)


@pytest.mark.parametrize("samples", [[1, 2], 0.5, "x"])
def test_samples_of_another_kind_are_refused_in_words(stored, samples):
    with h5py.File(stored) as f, pytest.raises(TypeError, match="samples"):
        h5flac.read(f["last"], None, samples)


def test_threads_must_make_sense(stored):
    with h5py.File(stored) as f:
        with pytest.raises(ValueError, match="threads is 0"):
            h5flac.read(f["last"], threads=0)
        for threads in ("2", 1.5):
            with pytest.raises(TypeError, match=r"threads is .*; it must be an integer"):
                h5flac.read(f["last"], threads=threads)
        check(f["last"], None, slice(None), threads=2**40)


@pytest.mark.parametrize("setting", ["3", "auto", "0", "many", "1000"])
def test_the_environment_says_how_many_threads(stored, monkeypatch, setting):
    monkeypatch.setenv("H5FLAC_NUM_THREADS", setting)
    wanted = {"3": 3, "auto": len(os.sched_getaffinity(0)), "1000": 256}
    assert thread_count(None) == wanted.get(setting, 1)
    with h5py.File(stored) as f:
        check(f["last"], None, slice(None))


def test_what_is_no_dataset_is_refused_in_words(file):
    for wrong in (file, file.create_group("g"), np.zeros(3), None):
        with pytest.raises(TypeError, match=r"is not an h5py\.Dataset"):
            h5flac.read(wrong)


def test_many_chunks_are_found(file, rng):
    data = drifting(rng, (6, 4000))
    dset = file.create_dataset("x", data=data, chunks=(2, 40), **Flac())
    check(dset, None, slice(None))
    check(dset, [5, 0], slice(17, 3990))


DTYPES = [
    f"{order}{kind}"
    for order, kind in itertools.product("<>", ["i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16"])
] + ["i1", "u1", "?"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_comes_back(file, rng, dtype):
    data = (drifting(rng, (4, 900), "f8") + 30).astype(dtype)
    dset = file.create_dataset("x", data=data, chunks=(3, 200), **Flac())
    check(dset, None, slice(None))
    check(dset, [3, 0], slice(150, 610))


def test_enums_come_back(file):
    dtype = h5py.enum_dtype({"OFF": 0, "ON": 1}, basetype="i2")
    dset = file.create_dataset("x", (2, 500), dtype, chunks=(1, 100), **Flac())
    dset[...] = np.arange(1000).reshape(2, 500) % 2
    found = h5flac.read(dset, 1, slice(5, 300))
    assert np.array_equal(found, dset[1, 5:300])


@pytest.mark.parametrize("driver", ["core", "stdio", "sec2", "user block"])
def test_any_driver_serves(tmp_path, rng, driver):
    data = drifting(rng, (4, 900))
    arguments = {"userblock_size": 1024} if driver == "user block" else {}
    with h5py.File(tmp_path / "data.h5", "w", **arguments) as f:
        f.create_dataset("x", data=data, chunks=(3, 200), **Flac())
    chosen = {} if driver == "user block" else {"driver": driver}
    with h5py.File(tmp_path / "data.h5", **chosen) as f:
        check(f["x"], [3, 0], slice(150, 610))
        check(f["x"], None, slice(None))


def test_an_open_file_of_python_serves(rng):
    data = drifting(rng, (4, 900))
    with h5py.File(io.BytesIO(), "w") as f:
        dset = f.create_dataset("x", data=data, chunks=(3, 200), **Flac())
        check(dset, [3, 0], slice(150, 610))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("maxshape", [None, (4, None), (None, None)])
def test_any_index_of_chunks_serves(tmp_path, rng, libver, maxshape):
    data = drifting(rng, (4, 900))
    with h5py.File(tmp_path / "data.h5", "w", libver=libver) as f:
        f.create_dataset("one", data=data, chunks=(4, 900), maxshape=maxshape, **Flac())
        dset = f.create_dataset("x", data=data, chunks=(3, 200), maxshape=maxshape, **Flac())
        check(dset, [3, 0], slice(150, 610))
        check(f["one"], [3, 0], slice(150, 610))


def test_chunks_that_are_not_stored_hold_the_fill_value(file, rng):
    dset = file.create_dataset("x", (4, 900), "f4", chunks=(2, 200), fillvalue=-3.5, **Flac())
    check(dset, None, slice(None))
    dset[1:3, 300:500] = drifting(rng, (2, 200))
    check(dset, None, slice(None))
    check(dset, [2, 1], slice(250, 650))


def test_chunks_that_the_filter_skipped_come_back(file, rng):
    dset = file.create_dataset("x", (4, 400), "f4", chunks=(2, 200), **Flac(axis=-1))
    data = drifting(rng, (4, 400))
    dset[...] = data
    dset.id.write_direct_chunk((2, 200), data[2:, 200:].tobytes(), 1)
    check(dset, None, slice(None))
    check(dset, [3], slice(150, 310))


@pytest.mark.parametrize("samples_of_a_call", [1, 20_000, 1 << 23])
def test_the_number_of_calls_changes_nothing(file, rng, monkeypatch, samples_of_a_call):
    # Of eight chunks the third is not stored, and the sixth not compressed.
    monkeypatch.setattr(h5flac.reading, "_CALL", samples_of_a_call)
    dset = file.create_dataset("x", (4, 800), "f4", chunks=(2, 200), fillvalue=2.5, **Flac())
    data = drifting(rng, (4, 800))
    dset[:, :400], dset[:, 600:], dset[2:] = data[:, :400], data[:, 600:], data[2:]
    dset.id.write_direct_chunk((2, 200), data[2:, 200:400].tobytes(), 1)
    assert dset.id.get_num_chunks() == 7
    for threads in (1, 3):
        for samples in (slice(None), slice(150, 650), 399):
            wanted = dset[...][..., samples]
            assert np.array_equal(h5flac.read(dset, samples=samples, threads=threads), wanted)


@pytest.mark.parametrize("driver", ["sec2", "core"])
@pytest.mark.parametrize("fletcher32", [False, True])
def test_partial_chunks_that_hdf5_leaves_alone_are_read_and_written(
    tmp_path, rng, driver, fletcher32
):
    data = drifting(rng, (5, 930))
    with h5py.File(tmp_path / "partial.h5", "w", driver=driver) as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2, 200))
        plist.set_filter(h5flac.FILTER_ID, h5py.h5z.FLAG_MANDATORY)
        if fletcher32:
            plist.set_fletcher32()
        hdf5 = libhdf5.of_package("h5py")
        assert hdf5.H5Pset_chunk_opts(ctypes.c_int64(plist.id), 2) == 0
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(f.id, b"x", h5py.h5t.IEEE_F32LE, space, plist)
        dset = f["x"]
        dset[...] = data
        check(dset, None, slice(None))
        check(dset, [4, 1], slice(790, 910))
        h5flac.write(dset, 2 * data)
        f.flush()
    with h5py.File(tmp_path / "partial.h5", driver=driver) as f:
        assert np.array_equal(f["x"][...], 2 * data)
        check(f["x"], None, slice(None))
        sizes = {f["x"].id.get_chunk_info(i).size for i in range(f["x"].id.get_num_chunks())}
        assert 2 * 200 * 4 in sizes and min(sizes) < 2 * 200 * 4


def test_fletcher32_behind_the_filter_comes_back(file, rng):
    data = drifting(rng, (4, 900))
    dset = file.create_dataset("x", data=data, chunks=(2, 200), fletcher32=True, **Flac())
    check(dset, None, slice(None))
    check(dset, [3, 0], slice(150, 610))


def test_other_filters_are_refused_in_words(file, rng):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 200))
    plist.set_filter(h5flac.FILTER_ID, 0, Flac().filter_options)
    plist.set_deflate(1)
    space = h5py.h5s.create_simple((4, 900))
    h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, plist)
    dset = file["x"]
    with pytest.raises(ValueError, match=r"other filters beside h5flac .* use h5py's own"):
        h5flac.read(dset)
    plain = file.create_dataset("y", (4, 900), "f4")
    with pytest.raises(ValueError, match="dataset /y is not compressed with h5flac"):
        h5flac.read(plain)


def test_what_was_just_written_is_read(file, rng):
    dset = file.create_dataset("x", (4, 900), "f4", chunks=(2, 200), **Flac())
    for _ in range(3):
        dset[...] = drifting(rng, (4, 900))
        check(dset, 2, slice(150, 610))


@pytest.mark.parametrize("shape, chunks", [((0,), (5,)), ((3, 0), (2, 5)), ((0, 9), (2, 5))])
def test_nothing_is_read_from_nothing(file, shape, chunks):
    maxshape = (None,) * len(shape)
    dset = file.create_dataset("x", shape, "f4", chunks=chunks, maxshape=maxshape, **Flac())
    check(dset, None, slice(None))


def test_one_stream_has_no_leading_axes(file, rng):
    data = drifting(rng, (900,))
    dset = file.create_dataset("x", data=data, chunks=(200,), **Flac())
    for samples in SAMPLES:
        if not isinstance(samples, int | np.integer):
            check(dset, None, samples)
    assert h5flac.read(dset, samples=5) == data[5]
    check(dset, ..., slice(100, 300))


@pytest.mark.parametrize("seed", range(40))
def test_random_selections_are_numpys(file, seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, (6, 7, 700)))
    chunks = tuple(int(rng.integers(1, n + 1)) for n in shape)
    axis = int(rng.integers(-3, 0))
    data = drifting(rng, shape, rng.choice(["f4", "f8"]))
    dset = file.create_dataset(
        "x", data=data, chunks=chunks, **Flac(int(rng.integers(9)), axis=axis)
    )
    leading = np.moveaxis(data, axis, -1).shape[:-1]
    length = shape[axis]
    for _ in range(5):
        keep = rng.random(leading) < 0.4
        ends = rng.integers(-length - 3, length + 4, 2)
        step = int(rng.choice([1, 1, 1, 2, -1, -5]))
        check(dset, keep, slice(int(ends[0]), int(ends[1]), step), axis, threads=2)


def damage(dset, offset, place):
    """Flips a bit of a stored chunk."""
    mask, data = dset.id.read_direct_chunk(offset)
    data = bytearray(data)
    data[place] ^= 4
    dset.id.write_direct_chunk(offset, bytes(data), mask)


@pytest.mark.parametrize("samples", [slice(None), slice(20, 30)])
def test_a_flipped_bit_is_an_error_or_not_needed(file, rng, samples):
    data = drifting(rng, (2, 400))
    dset = file.create_dataset("x", data=data, chunks=(2, 200), **Flac())
    size = dset.id.get_chunk_info_by_coord((0, 200)).size
    errors = 0
    for place in range(0, size, 5):
        damage(dset, (0, 0), place % dset.id.get_chunk_info_by_coord((0, 0)).size)
        try:
            found = h5flac.read(dset, samples=samples)
        except h5flac.CorruptError as error:
            errors += 1
            assert str(error).startswith("/x: chunk at (0, 0): ")
        else:
            assert np.array_equal(found, data[:, samples])
        dset[...] = data
    assert errors > 0


def test_a_chunk_of_another_shape_or_type_is_an_error(file, rng):
    data = drifting(rng, (2, 400))
    dset = file.create_dataset("x", data=data, chunks=(2, 200), **Flac())
    other = file.create_dataset("y", data=data, chunks=(2, 100), **Flac())
    dset.id.write_direct_chunk((0, 0), other.id.read_direct_chunk((0, 0))[1])
    for samples in (slice(None), slice(3, 5)):
        with pytest.raises(
            h5flac.CorruptError, match=r"/x: chunk at \(0, 0\): holds float32 of shape"
        ):
            h5flac.read(dset, samples=samples)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_of_damaged_chunks_is_named(file, rng, monkeypatch, threads):
    data = drifting(rng, (6, 800))
    dset = file.create_dataset("x", data=data, chunks=(2, 200), **Flac())
    for place in ((2, 600), (4, 0)):
        damage(dset, place, 70)
    for samples_of_a_call in (1, 1 << 23):
        monkeypatch.setattr(h5flac.reading, "_CALL", samples_of_a_call)
        with pytest.raises(h5flac.CorruptError, match=r"/x: chunk at \(2, 600\): "):
            h5flac.read(dset, threads=threads)


@pytest.mark.parametrize("driver", ["sec2", "core"])
def test_bytes_are_read_as_the_datasets_whatever_their_sign(tmp_path, driver):
    with h5py.File(tmp_path / "bytes.h5", "w", driver=driver) as f:
        dset = f.create_dataset("x", (2, 300), "i1", chunks=(2, 300), **Flac())
        data = np.full((2, 300), 200, "u1")
        data[1, 7] = 3
        chunk = library.compress(data, library.Layout.of(data.dtype, data.shape))
        dset.id.write_direct_chunk((0, 0), chunk)
        assert np.array_equal(dset[...], data.view("i1"))
        check(dset, None, slice(None))
        check(dset, 1, slice(5, 9))


def test_what_the_system_cannot_read_is_an_error_that_names_the_chunk(file, rng, tmp_path):
    dset = file.create_dataset("x", data=drifting(rng, (2, 400)), chunks=(2, 200), **Flac())
    file.flush()
    descriptor = file.id.get_vfd_handle()
    kept, folder = os.dup(descriptor), os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, descriptor)
    try:
        with pytest.raises(OSError, match=r"/x: chunk at \(0, 0\): reading .* Is a directory"):
            h5flac.read(dset)
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(folder)
    check(dset, None, slice(None))


def test_a_chunk_cut_short_is_an_error(file, rng):
    data = drifting(rng, (2, 400))
    dset = file.create_dataset("x", data=data, chunks=(2, 400), **Flac())
    chunk = dset.id.read_direct_chunk((0, 0))[1]
    for length in (1, 15, 40, 100, len(chunk) // 2):
        dset.id.write_direct_chunk((0, 0), chunk[:length])
        for samples in (slice(None), slice(390, 400)):
            with pytest.raises(h5flac.CorruptError):
                h5flac.read(dset, samples=samples)


def test_threads_read_side_by_side(stored):
    with h5py.File(stored) as f:
        wanted, failures = f["last"][...], []

        def work():
            for _ in range(20):
                if not np.array_equal(h5flac.read(f["last"], threads=2), wanted):
                    failures.append("differs")

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failures


def test_it_reads_within_a_visit_of_h5py(tmp_path):
    # h5py holds its lock meanwhile, so that no other thread may use HDF5. A process, to be ended.
    path = tmp_path / "sparse.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("x", (16, 200_000), "f4", chunks=(8, 10_000), fillvalue=7, **Flac())
    code = """if True:
        import h5flac, h5py, sys
        with h5py.File(sys.argv[1]) as f:
            f.visititems(lambda name, dset: print((h5flac.read(dset, threads=2) == 7).all()))
    """
    command = [sys.executable, "-c", code, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "True\n"


@pytest.mark.parametrize("chunk", [b"a", b"abcd", b"abcde"])
@pytest.mark.parametrize("keep", [None, 0])
def test_a_chunk_shorter_than_its_checksum_is_damaged(file, chunk, keep):
    dset = file.create_dataset("x", (2, 900), "f4", chunks=(2, 900), fletcher32=True, **Flac())
    dset.id.write_direct_chunk((0, 0), chunk)
    with pytest.raises(h5flac.CorruptError, match=r"chunk at \(0, 0\)"):
        h5flac.read(dset, keep)
