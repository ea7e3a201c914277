"""References of kerchunk and VirtualiZarr: Zarr reads what h5py reads, bit for bit."""

import json
import subprocess
import sys
import warnings
import zlib

import h5flac
import h5flac.virtualizarr
import h5py
import numpy as np
import pytest
import virtualizarr.parsers.hdf.hdf
import xarray
import zarr
from conftest import drifting
from h5flac import Flac
from h5flac.kerchunk import SingleHdf5ToZarr
from h5flac.numcodecs import H5Flac
from h5flac.zarr import H5FlacCodec
from kerchunk.combine import MultiZarrToZarr
from kerchunk.hdf import Hdf5FeatureNotSupported
from kerchunk.utils import refs_as_store
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import LocalStore
from virtualizarr.parsers import HDFParser, KerchunkJSONParser

TYPES = ["i1", "u1", "<i2", ">i4", "u8", "f2", "<f4", ">f4", "f8", "c8", ">c16", "?"]
FILES = ObjectStoreRegistry({"file://": LocalStore()})


def datasets(rng):
    """Names, data and properties of datasets, all of shape (7, 1000) but one."""
    for dtype in TYPES:
        data = drifting(rng, (7, 1000), "f8")
        data = (data > 0) if dtype == "?" else np.abs(data).astype(dtype)
        yield f"type {np.dtype(dtype).str[1:]} {dtype[0] == '>'}", data, Flac(quanta=0.5), {}
    data = drifting(rng, (7, 1000))
    yield "axis", data, Flac(noise=8, axis=-2), {}
    yield "checksum", data, Flac(quanta="0.01"), {"fletcher32": True}
    yield "gaps", None, Flac(quanta="0.01"), {"fillvalue": -999.0}
    yield "nan gaps", None, Flac(quanta=0.01, dither=True), {"fillvalue": np.nan}
    yield "group/inside", data, Flac(precision=2), {}


@pytest.fixture
def path(tmp_path, rng):
    """A file with all sorts of datasets, most with chunks beyond the edge."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as f:
        for name, data, filter, options in datasets(rng):
            options = {"chunks": (3, 300), "compression": filter} | options
            if data is not None:
                f.create_dataset(name, data=data, **options)
                continue
            gaps = f.create_dataset(name, (7, 1000), "f4", **options)
            gaps[4:7, 350:600] = drifting(rng, (3, 250))
        f.create_dataset("never", (7, 1000), "i2", chunks=(3, 300), fillvalue=7, **Flac())
        written = f.create_dataset(
            "direct", (7, 1000), "f4", chunks=(3, 300), fletcher32=True, **Flac()
        )
        # Chunks with and without the checksum.
        h5flac.write(written, drifting(rng, (7, 1000)), quanta=0.1)
        written[:3, :300] = 1
        f.create_dataset("gzip", data=drifting(rng, (7, 1000)), compression="gzip")
        for size, name in ((7, "row"), (1000, "time")):
            f[name] = np.arange(size)
            f[name].make_scale()
        f.visititems(attach_scales)
    return path


def attach_scales(name, item):
    if isinstance(item, h5py.Dataset) and item.ndim == 2:
        item.dims[0].attach_scale(item.file["row"])
        item.dims[1].attach_scale(item.file["time"])


def compressed(path):
    """Every dataset that h5flac compresses, by name."""
    found = {}
    with h5py.File(path) as f:

        def note(name, item):
            if isinstance(item, h5py.Dataset) and h5flac.FILTER_ID in item.filter_ids:
                found[name] = item[:]

        f.visititems(note)
    return found


def assert_equal(group, path, skip=()):
    wanted = compressed(path)
    assert len(wanted) == len(TYPES) + 7
    for name in wanted.keys() - set(skip):
        found, data = group[name], wanted[name]
        assert found.shape == data.shape
        # Types of format 3 have no byte order.
        assert found.dtype.newbyteorder("=") == data.dtype.newbyteorder("="), name
        assert found[:].astype(data.dtype).tobytes() == data.tobytes(), name
        assert np.array_equal(found[5, 290:310], data[5, 290:310], equal_nan=True), name


def kerchunk(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        references = SingleHdf5ToZarr(str(path), error="raise", **options).translate()
    # As it is when stored.
    return json.loads(json.dumps(references))


def opened(references):
    return zarr.open_group(refs_as_store(references, read_only=True), mode="r")


@pytest.mark.parametrize("inline", [0, 10_000])
def test_zarr_reads_kerchunk_references(path, inline):
    references = kerchunk(path, inline_threshold=inline)
    assert_equal(opened(references), path)
    metadata = json.loads(references["refs"]["axis/.zarray"])
    assert metadata["filters"] == [{"id": "h5flac", "axis": -2}]


def test_other_datasets_are_left_to_kerchunk(path):
    with h5py.File(path) as f:
        assert np.array_equal(opened(kerchunk(path))["gzip"][:], f["gzip"][:])


def test_files_compressed_in_different_ways_are_combined(tmp_path, rng):
    data = drifting(rng, (4, 1000))
    references = []
    for i, filter in enumerate([Flac(), Flac(level=8, quanta=0.01), Flac(noise=8)]):
        with h5py.File(tmp_path / f"{i}.h5", "w") as f:
            f.create_dataset("x", data=data + i, chunks=(4, 500), **filter)
            f["time"] = np.arange(1000) + 1000 * i
            f["time"].make_scale()
            f["row"] = np.arange(4)
            f["row"].make_scale()
            attach_scales("x", f["x"])
        references.append(kerchunk(tmp_path / f"{i}.h5"))
    whole = MultiZarrToZarr(references, concat_dims=["time"], identical_dims=["row"])
    found = opened(whole.translate())["x"][:]
    for i in range(3):
        with h5py.File(tmp_path / f"{i}.h5") as f:
            assert np.array_equal(found[:, 1000 * i : 1000 * (i + 1)], f["x"][:])


def test_a_reader_needs_no_import(path, tmp_path):
    (tmp_path / "references.json").write_text(json.dumps(kerchunk(path)))
    code = f"""
import xarray, zlib
path = {str(tmp_path / "references.json")!r}
ds = xarray.open_dataset(path, engine="kerchunk", mask_and_scale=False)
print(zlib.crc32(ds["checksum"].values.tobytes()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == zlib.crc32(compressed(path)["checksum"].tobytes())


def virtual(path):
    h5flac.virtualizarr.enable()
    return HDFParser()(f"file://{path}", FILES)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_zarr_reads_virtualizarrs_view(path):
    assert_equal(zarr.open_group(virtual(path), mode="r"), path)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_virtualizarrs_references_are_stored_for_kerchunk(path, tmp_path):
    dataset = virtual(path).to_virtual_dataset(loadable_variables=[])
    references = tmp_path / "references.json"
    dataset.vz.to_kerchunk(references, format="json")
    group = opened(json.loads(references.read_text()))
    assert_equal(group, path, skip=["group/inside"])
    with h5py.File(path) as f:
        assert np.array_equal(group["gzip"][:], f["gzip"][:])


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_virtualizarr_reads_kerchunk_references(path, tmp_path):
    (tmp_path / "references.json").write_text(json.dumps(kerchunk(path, inline_threshold=0)))
    # Its parser takes neither complex fill values nor arrays without their last chunks.
    skip = ["type c8 False", "type c16 True", "gaps", "nan gaps", "group"]
    parser = KerchunkJSONParser(skip_variables=skip)
    store = parser(f"file://{tmp_path}/references.json", FILES)
    assert_equal(zarr.open_group(store, mode="r"), path, [*skip, "group/inside"])


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_virtual_datasets_compressed_in_different_ways_are_joined(tmp_path, rng):
    data = drifting(rng, (4, 1000))
    parts = []
    for i, filter in enumerate([Flac(), Flac(level=8, quanta=0.01)]):
        with h5py.File(tmp_path / f"{i}.h5", "w") as f:
            f.create_dataset("x", data=data + i, chunks=(4, 500), **filter)
        parts.append(virtual(tmp_path / f"{i}.h5").to_virtual_dataset(loadable_variables=[]))
    whole = xarray.concat(parts, dim="phony_dim_1")
    whole.vz.to_kerchunk(tmp_path / "references.json", format="json")
    found = opened(json.loads((tmp_path / "references.json").read_text()))["x"]
    with h5py.File(tmp_path / "1.h5") as f:
        assert np.array_equal(found[:, 1000:], f["x"][:])


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_only_the_axis_is_told_to_virtualizarr(path):
    group = zarr.open_group(virtual(path), mode="r")
    assert group["checksum"].metadata.codecs == (H5FlacCodec(),)
    assert group["axis"].metadata.codecs == (H5FlacCodec(axis=-2),)


def test_enabling_again_does_no_harm(path):
    h5flac.virtualizarr.enable()
    once = virtualizarr.parsers.hdf.hdf._construct_manifest_array
    h5flac.virtualizarr.enable()
    assert virtualizarr.parsers.hdf.hdf._construct_manifest_array is once


def test_another_virtualizarr_is_refused(monkeypatch):
    monkeypatch.setattr(
        virtualizarr.parsers.hdf.hdf, "_construct_manifest_array", lambda dataset: dataset
    )
    with pytest.raises(RuntimeError, match=r"VirtualiZarr 2\.5\.1 has no .*h5flac\.kerchunk"):
        h5flac.virtualizarr.enable()


def uncompressed_chunk(f):
    x = f.create_dataset("x", (4, 1000), "f4", chunks=(4, 500), **Flac())
    x.id.write_direct_chunk((0, 500), np.zeros((4, 500), "f4").tobytes(), 1)


def other_filters(f):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 500))
    plist.set_filter(h5flac.FILTER_ID, h5py.h5z.FLAG_OPTIONAL, Flac().filter_options)
    plist.set_deflate(4)
    space, dtype = h5py.h5s.create_simple((4, 1000)), h5py.h5t.NATIVE_FLOAT
    h5py.Dataset(h5py.h5d.create(f.id, b"x", dtype, space, plist))[:] = 1


def wrong_addresses(f):
    f.create_dataset("x", data=np.ones((4, 1000)), chunks=(2, 500), maxshape=(4, None), **Flac())


REFUSED = [
    (uncompressed_chunk, {}, r"chunk at \(0, 500\) is stored uncompressed"),
    (other_filters, {}, "has other filters beside h5flac"),
    (wrong_addresses, {"libver": "latest"}, "tells the addresses of this dataset's chunks wrong"),
    (lambda f: f.create_dataset("x", data=np.ones(999), **Flac()), {"userblock_size": 512}, "user"),
]


@pytest.mark.parametrize(("make", "options", "message"), REFUSED, ids=lambda v: str(v)[:30])
def test_what_cannot_be_referred_to_is_refused(tmp_path, make, options, message):
    with h5py.File(tmp_path / "x.h5", "w", **options) as f:
        make(f)
    with pytest.raises(Hdf5FeatureNotSupported, match=message):
        kerchunk(tmp_path / "x.h5")
    with pytest.raises(ValueError, match=message):
        virtual(tmp_path / "x.h5")


def test_chunks_are_found_in_files_of_the_new_format(tmp_path, rng):
    """Whatever HDF5 keeps their addresses in, where it tells these right."""
    data = drifting(rng, (6, 1000))
    limits = {"one": (None, 1000), "two": (None, None), "none": (6, 1000)}
    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as f:
        for name, maxshape in limits.items():
            f.create_dataset(name, data=data, chunks=(2, 300), maxshape=maxshape, **Flac())
        f.create_dataset("single", data=data, chunks=(6, 1000), **Flac())
    group, view = opened(kerchunk(tmp_path / "x.h5")), virtual(tmp_path / "x.h5")
    for name in (*limits, "single"):
        assert np.array_equal(group[name][:], data)
        assert np.array_equal(zarr.open_group(view, mode="r")[name][:], data)


def test_small_datasets_that_cannot_be_referred_to_are_kept_in_the_references(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as f:
        x = f.create_dataset("x", (2, 20), "f4", chunks=(2, 10), **Flac())
        x.id.write_direct_chunk((0, 10), np.full((2, 10), 3, "f4").tobytes(), 1)
    group = opened(kerchunk(tmp_path / "x.h5"))
    assert (group["x"][:, 10:] == 3).all() and (group["x"][:, :10] == 0).all()


def test_the_codec_is_that_of_numcodecs(path):
    assert opened(kerchunk(path))["checksum"].filters == (H5Flac(),)
