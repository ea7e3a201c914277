"""xarray saves with the filter, and saves again what it loaded, without losing more."""

import h5flac
import h5py
import numpy as np
import pytest
import xarray
from conftest import drifting
from h5flac import Flac
from h5flac.numcodecs import H5Flac
from h5flac.xarray import repair_encoding
from h5flac.zarr import H5FlacCodec

# How a dataset is compressed, and how when it is saved again.
AGAIN = [
    (Flac(), Flac()),
    (Flac(quanta=0.01), Flac(quanta=0.01)),
    (Flac(level=7, quanta="0.01"), Flac(level=7, quanta="0.01")),
    (Flac(noise=8, level=2), Flac(level=2)),
    (Flac(precision=2), Flac()),
    (Flac(quanta=0.01, dither=True), Flac()),
]


@pytest.fixture
def dataset(rng):
    data = drifting(rng, (6, 10_000))
    data[:, 300:320] = np.nan
    counts = rng.integers(-99, 99, 10_000, "i2")
    return xarray.Dataset(
        {"x": (("channel", "time"), data), "counts": ("time", counts)},
        coords={"time": np.arange(10_000) / 100},
    )


def save(dataset, path, filter, group=None, **options):
    encoding = {"x": {**filter, "chunksizes": (2, 2500)} | options, "counts": {**filter}}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=encoding, group=group, mode="a")
    return path


def stored(path, name="x"):
    with h5py.File(path) as f:
        x = f[name]
        return x[:], Flac.of(x), x.chunks, x.id.get_storage_size()


@pytest.mark.parametrize("filter", [filter for filter, _ in AGAIN], ids=repr)
def test_the_filter_is_an_encoding(tmp_path, dataset, filter):
    save(dataset, tmp_path / "a.nc", filter)
    found, used, chunks, size = stored(tmp_path / "a.nc")
    assert used == filter and chunks == (2, 2500) and size < dataset["x"].nbytes
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as loaded:
        assert np.array_equal(loaded["x"], found, equal_nan=True)
        assert np.array_equal(np.isnan(found), np.isnan(dataset["x"]))
        assert np.array_equal(loaded["counts"], dataset["counts"])
    other = {"x": {"compression": filter, "chunksizes": (2, 2500)}}
    dataset.to_netcdf(tmp_path / "b.nc", engine="h5netcdf", encoding=other)
    assert stored(tmp_path / "b.nc")[1] == filter


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
@pytest.mark.parametrize(("filter", "again"), AGAIN, ids=repr)
def test_what_was_loaded_is_saved_again_without_loss(tmp_path, dataset, filter, again, engine):
    h5flac.enable("netCDF4")
    save(dataset, tmp_path / "a.nc", filter)
    wanted, _, _, size = stored(tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc", engine=engine) as loaded:
        repair_encoding(loaded).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
        # The dataset itself is as it was.
        assert loaded["x"].encoding.get("compression") in (None, "unknown")
    found, used, chunks, new_size = stored(tmp_path / "b.nc")
    assert used == again and chunks == (2, 2500)
    assert np.array_equal(found, wanted, equal_nan=True)
    assert new_size < 1.01 * size or filter.dither
    assert stored(tmp_path / "b.nc", "counts")[1] == again


def test_without_repair_it_is_not_saved(tmp_path, dataset):
    """Should this fail, the helper may have become needless."""
    save(dataset, tmp_path / "a.nc", Flac())
    with (
        xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as loaded,
        pytest.raises(ValueError, match="unknown"),
    ):
        loaded.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")


@pytest.mark.parametrize(("filter", "again"), AGAIN, ids=repr)
def test_a_part_in_another_order_is_saved_in_fitting_chunks(tmp_path, dataset, filter, again):
    save(dataset, tmp_path / "a.nc", filter)
    wanted = stored(tmp_path / "a.nc")[0][1:4, 100:9000:2].T
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as loaded:
        part = loaded.isel(channel=slice(1, 4), time=slice(100, 9000, 2))
        part = part.transpose("time", "channel")
        once = repair_encoding(part)
        for saved in (once, repair_encoding(once)):
            saved.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
            found, used, chunks, _ = stored(tmp_path / "b.nc")
            assert used == Flac(**again.config | {"axis": -2}) and chunks == (2500, 2)
            assert np.array_equal(found, wanted, equal_nan=True)
        line = repair_encoding(loaded.isel(channel=3, time=slice(99)))
        line.to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
        assert stored(tmp_path / "c.nc")[1:3] == (again, (99,))
        across = repair_encoding(loaded.isel(time=300))
        across.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
        assert stored(tmp_path / "d.nc")[1:3] == (again, (2,))
        point = repair_encoding(loaded.isel(time=300, channel=2))
        point.to_netcdf(tmp_path / "e.nc", engine="h5netcdf")


def test_values_packed_by_a_factor_stay(tmp_path, dataset):
    """Floats are unpacked and packed on the way."""
    save(dataset, tmp_path / "a.nc", Flac(quanta=0.01), scale_factor=0.3, add_offset=7.0)
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as loaded:
        repair_encoding(loaded).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    found, used, _, _ = stored(tmp_path / "b.nc")
    assert used == Flac(quanta=0.01)
    assert np.array_equal(found, stored(tmp_path / "a.nc")[0], equal_nan=True)


def test_groups_and_trees(tmp_path, dataset):
    path = save(dataset, tmp_path / "a.nc", Flac(quanta=0.01))
    save(dataset, path, Flac(quanta=0.5), group="deep/er")
    with xarray.open_dataset(path, engine="h5netcdf", group="deep/er") as loaded:
        saved = repair_encoding(loaded, group="deep/er")
        saved.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert stored(tmp_path / "b.nc")[1] == Flac(quanta=0.5)
    with xarray.open_datatree(path, engine="h5netcdf") as loaded:
        repair_encoding(loaded).to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    for name, filter in (("x", Flac(quanta=0.01)), ("deep/er/x", Flac(quanta=0.5))):
        found, used, _, _ = stored(tmp_path / "c.nc", name)
        assert used == filter
        assert np.array_equal(found, stored(path, name)[0], equal_nan=True)


@pytest.mark.parametrize("dim", ["time", "file"])
def test_what_several_files_gave_becomes_lossless(tmp_path, dataset, dim):
    """Files after the first may have been compressed without loss."""
    paths = [tmp_path / "0.nc", tmp_path / "1.nc"]
    for path, filter in zip(paths, [Flac(quanta=0.5), Flac()], strict=True):
        save(dataset, path, filter)
    options = {"engine": "h5netcdf", "combine": "nested", "concat_dim": dim, "parallel": False}
    with xarray.open_mfdataset(paths, **options) as loaded:
        repair_encoding(loaded).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
        found, used, _, _ = stored(tmp_path / "b.nc")
        assert used == Flac()
        assert np.array_equal(found, loaded["x"], equal_nan=True)


def test_names_are_looked_up(tmp_path, dataset):
    path = save(dataset, tmp_path / "a.nc", Flac(quanta=0.01))
    with xarray.open_dataset(path, engine="h5netcdf") as loaded:
        renamed = loaded.rename(x="y")
        with pytest.raises(ValueError, match=r"variable 'y': .* has no /y; name it in `names`"):
            repair_encoding(renamed)
        saved = repair_encoding(renamed, names={"y": "x"})
        saved.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
        assert stored(tmp_path / "b.nc", "y")[1] == Flac(quanta=0.01)
        path.unlink()
        with pytest.raises(ValueError, match="compression cannot be looked up"):
            repair_encoding(loaded)


def test_other_variables_stay_as_they_are(tmp_path, dataset):
    encoding = {"x": {"compression": "gzip", "compression_opts": 3, "chunksizes": (3, 400)}}
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding=encoding)
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as loaded:
        repaired = repair_encoding(loaded)
        for name in dataset.variables:
            assert repaired[name].encoding == loaded[name].encoding
    assert repair_encoding(dataset).identical(dataset)


@pytest.mark.parametrize(("filter", "again"), AGAIN, ids=repr)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_stores_are_saved_again_without_loss(tmp_path, dataset, filter, again, zarr_format):
    dataset = dataset[["x"]]
    encoding = {"chunks": (2, 2500)}
    if zarr_format == 2:
        encoding |= {"compressors": H5Flac(**filter.config)}
    else:
        encoding |= {"serializer": H5FlacCodec(**filter.config), "compressors": None}
    dataset.to_zarr(tmp_path / "a.zarr", encoding={"x": encoding}, zarr_format=zarr_format)
    with xarray.open_zarr(tmp_path / "a.zarr", chunks=None) as loaded:
        part = repair_encoding(loaded).isel(time=slice(700, None))
        part.to_zarr(tmp_path / "b.zarr", zarr_format=zarr_format)
        with xarray.open_zarr(tmp_path / "b.zarr", chunks=None) as found:
            assert np.array_equal(found["x"], loaded["x"][:, 700:], equal_nan=True)
            used = found["x"].encoding["serializer" if zarr_format == 3 else "compressors"]
            assert (used if zarr_format == 3 else used[0]).filter == again
