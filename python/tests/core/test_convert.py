"""Groups of flacarray become datasets, and datasets groups, with the same values."""

import subprocess
import sys

import h5flac
import h5py
import numpy as np
import pytest
from conftest import drifting
from h5flac import Flac
from h5flac.command import main
from h5flac.flacarray.convert import to_dataset, to_group
from h5flac.flacarray.hdf5 import read_array, write_array
from test_flacarray import data_of, write_v0

TYPES = ["i4", "i8", "f4", "f8"]


def same(found, wanted):
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3, 4, 1000), (40, 700), (5000,), (2, 1)])
def test_values_are_the_same_bit_for_bit_and_back(rng, file, dtype, shape):
    data = data_of(rng, dtype, shape)
    quanta = None if data.dtype.kind == "i" else 0.01
    write_array(data, file.create_group("old"), quanta=quanta)
    wanted = read_array(file["old"])
    dataset = to_dataset(file["old"], file, "new", chunks=tuple(min(n, 300) for n in shape))
    assert Flac.of(dataset) == Flac()
    same(dataset[...], wanted)
    same(h5flac.read(dataset), wanted)
    to_group(dataset, file.create_group("back"))
    same(read_array(file["back"]), wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_imported_floats_stay_as_small(rng, file, dtype):
    data = drifting(rng, (16, 20000), dtype)
    write_array(data, file.create_group("old"), quanta=0.1)
    dataset = to_dataset(file["old"], file, "new")
    same(dataset[...], read_array(file["old"]))
    assert dataset.id.get_storage_size() < 1.02 * file["old/compressed"].size
    found = h5flac.library.streams(dataset.id.read_direct_chunk((0, 0))[1])
    assert np.all(found["coding"] == h5flac.library.CODING_AFFINE)
    assert np.all(np.abs(found["quanta"] - 0.1) < 1e-6)


def test_the_plain_filter_decodes_it_in_another_process(rng, tmp_path):
    data = drifting(rng, (3, 5000))
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        write_array(data, file.create_group("old"), quanta=0.1)
        to_dataset(file["old"], file, "new")
        wanted = read_array(file["old"])
    code = (
        f"import h5py, sys; sys.stdout.buffer.write(h5py.File({str(path)!r})['new'][...].tobytes())"
    )
    environment = {"HDF5_PLUGIN_PATH": h5flac.PLUGIN_PATH}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True
    )
    assert done.stdout == wanted.tobytes()


@pytest.mark.parametrize("kind", TYPES)
def test_groups_of_version_0_are_imported(rng, file, kind):
    integers = rng.integers(-(2**31), 2**31, (2, 3, 500)).astype("i4")
    offsets = gains = None
    if kind == "i8":
        offsets = rng.integers(-(2**60), 2**60, (2, 3))
    elif kind != "i4":
        offsets = rng.normal(size=(2, 3)).astype(kind)
        gains = rng.uniform(1e3, 1e4, (2, 3)).astype(kind)
    write_v0(file.create_group("old"), integers, offsets, gains)
    wanted = read_array(file["old"])
    assert wanted.dtype == kind
    same(to_dataset(file["old"], file, "new")[...], wanted)


def test_attributes_come_along(rng, file):
    old = file.create_group("old")
    write_array(data_of(rng, "i4"), old)
    old.attrs["unit"] = "K"
    dataset = to_dataset(old, file, "new")
    assert dict(dataset.attrs) == {"unit": "K"}
    back = file.create_group("back")
    to_group(dataset, back)
    assert back.attrs["unit"] == "K"


def test_what_refers_to_other_objects_stays_behind(rng, file):
    dataset = file.create_dataset("x", data=data_of(rng, "i4"))
    file["time"] = np.arange(1000)
    file["time"].make_scale("time")
    dataset.dims[2].attach_scale(file["time"])
    dataset.attrs["where"] = file["time"].ref
    dataset.attrs["unit"] = "m"
    group = file.create_group("group")
    to_group(dataset, group)
    assert {key for key in group.attrs if not key.startswith("flac")} == {"unit"}


def test_what_is_no_array_is_refused_in_words(file):
    file["scalar"] = 3
    file["nothing"] = h5py.Empty("f4")
    for name in ("scalar", "nothing"):
        with pytest.raises(ValueError, match=f"/{name} is no array"):
            to_group(file[name], file.create_group(f"group of {name}"))


def test_streams_that_were_ruined_are_imported(rng, file):
    data = drifting(rng, (2, 1000))
    write_array(data, file.create_group("old"), quanta=0.1)
    file["old/stream_offsets"][1] = np.inf
    file["old/stream_gains"][0] = np.inf
    wanted = read_array(file["old"])
    same(to_dataset(file["old"], file, "new")[...], wanted)


@pytest.mark.parametrize("filter", [Flac(quanta=0.25), Flac(quanta="0.5", axis=-2)], ids=repr)
def test_quantized_datasets_are_exported_bit_for_bit(rng, file, filter):
    data = np.moveaxis(drifting(rng, (3, 4, 1000)), -1, filter.axis)
    dataset = file.create_dataset("x", data=data, chunks=data.shape, **filter)
    file.flush()
    dataset.id.read_direct_chunk((0, 0, 0))
    wanted = h5flac.read(dataset)
    to_group(dataset, file.create_group("group"))
    same(read_array(file["group"]), wanted)


def test_what_groups_cannot_hold_is_refused_in_words(rng, file):
    data = drifting(rng, (2, 1000))
    plain = file.create_dataset("plain", data=data)
    with pytest.raises(ValueError, match=r"stream 0 of /plain is not step .* round it with quanta"):
        to_group(plain, file.create_group("a"))
    to_group(plain, file.create_group("b"), quanta=0.1)
    assert np.all(np.abs(read_array(file["b"]).astype("f8") - data) <= 0.05)
    gaps = data.copy()
    gaps[1, 7] = np.nan
    holes = file.create_dataset("holes", data=gaps, chunks=(2, 500), **Flac(quanta=0.125))
    with pytest.raises(ValueError, match="stream 1 of /holes"):
        to_group(holes, file.create_group("c"))
    with pytest.raises(RuntimeError, match="which integers cannot hold"):
        to_group(holes, file.create_group("d"), quanta=0.1)
    for dtype in ("u8", "c8", "f2"):
        other = file.create_dataset(dtype, (2, 10), dtype)
        with pytest.raises(ValueError, match="and flacarray's groups int32, int64"):
            to_group(other, file.create_group(f"e{dtype}"))


@pytest.mark.parametrize("dtype", ["i2", "u1", "u4", "?", ">i4"])
def test_smaller_integers_are_widened(rng, file, dtype):
    data = rng.integers(0, 2, (3, 500)).astype(dtype)
    to_group(file.create_dataset("x", data=data), file.create_group("group"))
    found = read_array(file["group"])
    assert found.dtype in ("i4", "i8") and np.array_equal(found, data)


def test_the_commands_convert(rng, tmp_path, capsys):
    data = drifting(rng, (3, 4, 1000), "f8")
    old, new, back = (str(tmp_path / name) for name in ("old.h5", "new.h5", "back.h5"))
    with h5py.File(old, "w") as file:
        write_array(data, file.create_group("deep/tod"), quanta=0.01)
        wanted = read_array(file["deep/tod"])
    assert main(["import", old, "/deep/tod", "-o", new, "--chunks", "2,4,300"]) == 0
    assert "deep/tod, float64 3×4×1000" in capsys.readouterr().out
    with h5py.File(new) as file:
        same(file["deep/tod"][...], wanted)
        assert file["deep/tod"].chunks == (2, 4, 300)
    assert main(["export", new, "deep/tod", "-o", back, "--name", "again"]) == 0
    with h5py.File(back) as file:
        same(read_array(file["again"]), wanted)
    assert main(["import", old, "/deep/tod", "-o", new]) == 2
    assert "deep/tod is already in" in capsys.readouterr().err
    assert main(["import", old, "/nothing", "-o", new]) == 2
    assert "/nothing is not a group" in capsys.readouterr().err
    missing = str(tmp_path / "missing.h5")
    assert main(["import", missing, "/tod", "-o", str(tmp_path / "none.h5")]) == 2
    assert "cannot open" in capsys.readouterr().err and not (tmp_path / "none.h5").exists()
    assert main(["export", new, "deep/tod", "-o", new, "--name", "y"]) == 2
    assert "is the file that is read" in capsys.readouterr().err
    assert main(["import", old, "/deep", "-o", new, "--name", "x"]) == 2
    assert "holds no FlacArray" in capsys.readouterr().err


def test_a_refused_export_leaves_nothing_behind(rng, tmp_path, capsys):
    path, out = str(tmp_path / "data.h5"), str(tmp_path / "out.h5")
    with h5py.File(path, "w") as file:
        file["x"] = drifting(rng, (2, 1000))
    assert main(["export", path, "x", "-o", out]) == 2
    assert "round it with quanta or precision" in capsys.readouterr().err
    with h5py.File(out) as file:
        assert "x" not in file
    assert main(["export", path, "x", "-o", out, "--quanta", "0.1"]) == 0


def test_a_damaged_group_leaves_no_dataset(rng, file):
    write_array(data_of(rng, "i4", (40, 700)), file.create_group("old"))
    bytes = file["old/compressed"]
    bytes[len(bytes) - 40] ^= 0x55
    with pytest.raises(h5flac.CorruptError):
        to_dataset(file["old"], file, "new")
    assert "new" not in file
