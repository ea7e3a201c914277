"""Promise: every libhdf5 creates and reads, alone or beside others in one process."""

from itertools import permutations

import h5py
import hosts
import numpy as np
import pytest
from params import LOSSLESS, LOSSY, assert_within

WHEELS = ["h5py", "netCDF4", "tables"]
ORDERS = [order for count in (2, 3) for order in permutations(WHEELS, count)]
ORDERS += [
    ("debian", "h5py"),
    ("tables", "debian"),
    ("netCDF4", "debian", "h5py", "tables"),
    ("openmpi", "h5py"),
    ("netCDF4", "openmpi"),
]


def test_the_four_libraries_are_what_they_are_taken_for(run_python, run):
    code = "import hosts; print(hosts.Library(hosts.bundled({!r}, 'libhdf5')).version())"
    found = {name: run_python(code.format(name)).strip() for name in WHEELS}
    found["debian"] = run_python("import hosts; print(hosts.Debian().version())").strip()
    assert found["h5py"].startswith("2.0") and found["netCDF4"].startswith("2.2")
    assert found["tables"].startswith("1.14") and found["debian"].startswith("1.1")
    assert len(set(found.values())) == 4, found


def test_each_reads_what_the_others_wrote(tmp_path, run_python):
    for _ in ("write, and read what is there", "read what all wrote"):
        for name in hosts.HOSTS:
            assert "PASS" in run_python("hosts.py", tmp_path, name)
    assert len(list(tmp_path.glob("*.h5"))) == len(hosts.HOSTS)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_hosts_share_a_process_in_any_order(tmp_path, run_python, order):
    assert "PASS" in run_python("hosts.py", tmp_path, *order)


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[-1]], ids="-".join)
def test_the_unwinder_tells_hosts_apart(tmp_path, run_python, order):
    assert "PASS" in run_python("hosts.py", tmp_path, *order, H5FLAC_HOST="unwind")


def test_all_store_the_same_words_and_bytes(tmp_path, run_python):
    """Whatever the environment: the ranks of a parallel program must agree."""
    environments = [{}, {"H5FLAC_NUM_THREADS": "3"}, {"H5FLAC_KERNELS": "scalar"}]
    environments += [{"H5FLAC_HOST": "unwind"}, {"H5FLAC_NUM_THREADS": "auto", "LANG": "de_DE"}]
    stored = {}
    for name, environment in zip(hosts.HOSTS, environments, strict=True):
        run_python("hosts.py", tmp_path, name, **environment)
        with h5py.File(tmp_path / f"{name}.h5") as f:
            for dataset, _, _ in hosts.DATASETS:
                x = f[dataset]
                chunks = [x.id.read_direct_chunk((i, j)) for i in (0, 5) for j in (0, 700)]
                found = x.id.get_create_plist().get_filter(0)[2], chunks
                assert stored.setdefault(dataset, found) == found, f"{dataset} of {name}"


@pytest.mark.parametrize("name", hosts.HOSTS)
def test_h5dump_prints_what_each_wrote(tmp_path, run_python, run, name):
    run_python("hosts.py", tmp_path, name)
    for dataset, data, params in hosts.DATASETS:
        raw = tmp_path / f"{dataset}.bin"
        order = "BE" if data.dtype.byteorder == ">" else "LE"
        run(
            "h5dump",
            "-d",
            f"/{dataset}",
            "-b",
            order,
            "-o",
            raw,
            tmp_path / f"{name}.h5",
        )
        back = np.fromfile(raw, data.dtype).reshape(data.shape)
        assert_within(back, data, params, hosts.CHUNKS, None)


def test_the_file_says_what_to_install(file, run):
    with h5py.File(file, "w") as f:
        f.create_dataset("x", data=np.arange(1000), **LOSSLESS.create())
        (name,) = [f["x"].id.get_create_plist().get_filter(0)[3].decode()]
    assert "install h5flac" in name
    shown = run("h5dump", "-pH", file)
    assert "FILTER_ID 61868" in shown and "install h5flac" in shown


@pytest.mark.parametrize("params", [LOSSLESS, *LOSSY], ids=str)
def test_every_stored_word_is_shown_by_every_tool(file, run, params):
    with h5py.File(file, "w") as f:
        data = np.linspace(0, 1, 7000).reshape(7, 1000)
        options = params.at(axis=1).create(fillvalue=-999.0)
        x = f.create_dataset("x", data=data, chunks=(5, 300), **options)
        words = x.id.get_create_plist().get_filter(0)[2]
    assert words[:5] == params.at(axis=1).words()
    # Local block: little-endian double with fill value; outer, length, inner as pairs; fill.
    shape = (1, 0, 5, 0, 300, 0)
    fill = (*np.array(-999.0).view("2u4").tolist(), 0, 0)
    assert words[5:] == (0xF1AC1482, *shape, *fill)
    # h5dump shows words as signed numbers.
    signed = " ".join(str(word - (word >> 31 << 32)) for word in words)
    assert f"PARAMS {{ {signed} }}" in " ".join(run("h5dump", "-pH", file).split())
