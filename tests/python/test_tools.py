"""Promise: HDF5's and netCDF's command line tools convert files to h5flac and back."""

import h5py
import netCDF4
import numpy as np
import pytest
from data import FLOATS, INTEGERS, floats, integers
from params import DECIMAL, LOSSLESS, QUANTA, assert_exact, assert_within, bits

H5FLAC = "61868,0,5"


def mixed(path, seed, **options):
    """A file with datasets of every type, and others that h5flac does not take."""
    rng = np.random.default_rng(seed)
    arrays = {d: integers(rng, (40, 300), d) for d in INTEGERS}
    arrays |= {d: floats(rng, (40, 300), d) for d in FLOATS}
    with h5py.File(path, "w") as f:
        for name, array in arrays.items():
            f.create_dataset(name.strip("|"), data=array, chunks=(16, 128), **options)
        f["strings"] = np.array([b"a", b"bc"] * 50)
        f["texts"] = ["one", "three"]
        f["records"] = np.zeros(100, [("a", "f4"), ("b", "i8")])
        f["scalar"] = 3.5
    return arrays


def filters(path):
    """Filters of every dataset, by number."""
    found = {}
    with h5py.File(path) as f:
        for name, x in f.items():
            made = x.id.get_create_plist()
            found[name] = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
    return found


def test_h5repack_goes_from_gzip_to_h5flac_and_back(tmp_path, seed, run):
    gzip, ours, back = (tmp_path / name for name in ("gzip.h5", "ours.h5", "back.h5"))
    arrays = mixed(gzip, seed, compression="gzip")
    run("h5repack", "-f", f"UD={H5FLAC},5,0,0,0,0", gzip, ours)
    for name, used in filters(ours).items():
        taken = name not in ("strings", "texts", "records", "scalar")
        assert (61868 in used) == taken, name
    run("h5repack", "-f", "GZIP=4", ours, back)
    assert not any(61868 in used for used in filters(back).values())
    for path in (ours, back):
        run("h5diff", gzip, path)
        with h5py.File(path) as f:
            for name, array in arrays.items():
                assert_exact(f[name.strip("|")][:], array, seed)


def test_h5repack_changes_chunks_and_words_of_a_compressed_file(tmp_path, seed, run):
    """set_local then meets words that it completed for other chunks."""
    array = floats(np.random.default_rng(seed), (40, 300), "f8")
    with h5py.File(tmp_path / "x.h5", "w") as f:
        f.create_dataset("x", data=array, chunks=(16, 128), fillvalue=-999.0, **LOSSLESS.create())
    run("h5repack", "-l", "x:CHUNK=7x90", tmp_path / "x.h5", tmp_path / "y.h5")
    run(
        "h5repack",
        "-f",
        f"x:UD={H5FLAC},8,2,25,3,1",
        tmp_path / "y.h5",
        tmp_path / "z.h5",
    )
    expected = [("x", (16, 128), LOSSLESS), ("y", (7, 90), LOSSLESS)]
    expected += [("z", (7, 90), DECIMAL.at(level=8, axis=1))]
    for name, chunks, params in expected:
        with h5py.File(tmp_path / f"{name}.h5") as f:
            x = f["x"]
            assert x.chunks == chunks and x.fillvalue == -999
            words = x.id.get_create_plist().get_filter(0)[2]
            assert words[:5] == params.words() and len(words) == 16
            assert_within(x[:], array, params, chunks, seed)


def asked(params):
    """As h5repack wants it."""
    return f"UD=61868,0,5,{','.join(map(str, params.words()))}"


@pytest.mark.parametrize("params", [LOSSLESS, QUANTA, DECIMAL], ids=str)
def test_chains_of_h5repack_end_with_what_was_first_decoded(tmp_path, seed, run, params):
    """gzip, h5flac, other chunks, time along another axis, and gzip again."""
    gzip, ours, chunks, axis, back = (tmp_path / f"{i}.h5" for i in range(5))
    arrays = mixed(gzip, seed, compression="gzip", shuffle=True, fletcher32=True)
    run("h5repack", "-f", asked(params), gzip, ours)
    run("h5repack", "-l", "CHUNK=7x300", ours, chunks)
    run("h5repack", "-l", "CHUNK=40x9", "-f", asked(params.at(level=8, axis=1)), chunks, axis)
    run("h5repack", "-f", "SHUF", "-f", "GZIP=4", axis, back)
    run("h5diff", ours, back)
    for path in (ours, chunks, axis):
        assert all(filters(path)[name.strip("|")] == [61868] for name in arrays)
    with h5py.File(ours) as f, h5py.File(back) as g:
        for name, array in arrays.items():
            decoded = f[name.strip("|")][:]
            changed = (bits(decoded) != bits(array)).any()
            assert changed == (params is not LOSSLESS and name in FLOATS), f"seed {seed}, {name}"
            assert_exact(g[name.strip("|")][:], decoded, seed)
            assert g[name.strip("|")].compression == "gzip"


def test_copied_properties_and_objects_keep_working(tmp_path, seed):
    array = floats(np.random.default_rng(seed), (40, 300), "f4", special=False)
    with h5py.File(tmp_path / "x.h5", "w") as f:
        f.create_dataset("x", data=array, chunks=(16, 128), **LOSSLESS.create())
        f.copy("x", "copy")
        made = f["x"].id.get_create_plist()
        made.set_chunk((5, 33))
        kind, space = h5py.h5t.IEEE_F64BE, h5py.h5s.create_simple(array.shape)
        again = h5py.Dataset(h5py.h5d.create(f.id, b"again", kind, space, made))
        again[:] = array
    with h5py.File(tmp_path / "x.h5") as f:
        assert_exact(f["copy"][:], array, seed)
        assert_exact(f["again"][:], array.astype(">f8"), seed)


@pytest.fixture
def netcdf(tmp_path, seed, run):
    """A netCDF file with missing values and an unlimited dimension, and its temperatures."""
    rng = np.random.default_rng(seed)
    array = np.ma.masked_array(floats(rng, (50, 400), "f4", special=False))
    array[rng.random(array.shape) < 0.02] = np.ma.masked
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as f:
        f.createDimension("station", 50)
        f.createDimension("time", None)
        axes, options = ("station", "time"), {"zlib": True, "chunksizes": (20, 300)}
        f.createVariable("t", "f4", axes, **options)[:, :400] = array
        f.createVariable("n", "i4", axes, **options)[:, :400] = np.arange(20000).reshape(50, 400)
    # nccopy adds filters to what has none: shuffle and gzip come off first.
    run("nccopy", "-F", "none", tmp_path / "x.nc", tmp_path / "plain.nc")
    return tmp_path / "plain.nc", array


def test_chains_of_nccopy_end_with_what_was_first_decoded(tmp_path, seed, run, netcdf):
    path, array = netcdf
    ours, back = tmp_path / "ours.nc", tmp_path / "back.nc"
    run("nccopy", "-F", "t,61868,5,2,1,2", "-F", "n,61868,5", path, ours)
    shown = run("ncdump", "-hs", ours)
    assert 't:_Filter = "61868,5,2,1,2,0,' in shown and 'n:_Filter = "61868,5,0,0,0,0,' in shown
    with netCDF4.Dataset(ours) as f:
        t = f["t"][:]
        assert (t.mask == array.mask).all(), f"seed {seed}"
        assert np.abs(t.astype("f8") - array.astype("f8")).max() <= 0.005, f"seed {seed}"
        assert (f["n"][:].ravel() == np.arange(20000)).all()
    # On to other chunks, and back to gzip.
    again = ["-F", "t,61868,8,2,1,2,1", "-F", "n,61868,0", "-c", "t:7,200", "-c", "n:50,30"]
    run("nccopy", "-F", "none", ours, tmp_path / "none.nc")
    run("nccopy", *again, tmp_path / "none.nc", tmp_path / "chunks.nc")
    shown = run("ncdump", "-hs", tmp_path / "chunks.nc")
    assert "t:_ChunkSizes = 7, 200" in shown and 't:_Filter = "61868,8,2,1,2,1,' in shown
    run("nccopy", "-F", "none", tmp_path / "chunks.nc", tmp_path / "bare.nc")
    run("nccopy", "-d", "1", tmp_path / "bare.nc", back)
    assert "61868" not in run("ncdump", "-hs", back)
    for path in (tmp_path / "chunks.nc", back):
        with netCDF4.Dataset(ours) as f, netCDF4.Dataset(path) as g:
            for name in ("t", "n"):
                assert (bits(f[name][:].data) == bits(g[name][:].data)).all()


def test_the_wheel_appends_records_to_what_nccopy_made(tmp_path, run, netcdf):
    path, array = netcdf
    run("nccopy", "-F", "t,61868,5,2,1,2", "-F", "n,61868,5", path, tmp_path / "ours.nc")
    for start in range(400, 800, 40):
        with netCDF4.Dataset(tmp_path / "ours.nc", "a") as f:
            f["t"][:, start : start + 40] = array[:, start - 400 : start - 360]
    with netCDF4.Dataset(tmp_path / "ours.nc") as f:
        for half in (slice(0, 400), slice(400, 800)):
            t = f["t"][:, half]
            assert (t.mask == array.mask).all()
            assert np.abs(t.astype("f8") - array.astype("f8")).max() <= 0.005


def test_nccopy_takes_a_quanta_by_its_bits(tmp_path, run, netcdf):
    path, array = netcdf
    words = ",".join(map(str, QUANTA.words()))
    run("nccopy", "-F", f"t,61868,{words}", path, tmp_path / "ours.nc")
    assert f'"61868,{words}' in run("ncdump", "-hs", tmp_path / "ours.nc")
    with netCDF4.Dataset(tmp_path / "ours.nc") as f:
        assert np.abs(f["t"][:].astype("f8") - array.astype("f8")).max() <= 0.005
