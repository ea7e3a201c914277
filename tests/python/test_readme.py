"""Promise: what the README and docs/arrays.md show works as shown."""

import importlib
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LANGUAGES = ("python", "text")
RANDOM = np.random.default_rng(7).normal(size=(4, 100_000))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def section(title):
    """Text below a heading, up to the next one."""
    return re.search(rf"^#+ {title}\n(.*?)(?=^#+ )", README, re.MULTILINE | re.DOTALL)[1]


def fenced(title, language):
    return re.search(rf"```{language}\n(.*?)```", section(title), re.DOTALL)[1]


def commands(title):
    return [line.strip() for line in section(title).splitlines() if line.startswith("    ")]


def old_file(name="old.h5"):
    """A file as other programs leave it: shuffled and gzipped."""
    with h5py.File(name, "w") as file:
        file.create_dataset("x", data=RANDOM, chunks=(1, 5000), shuffle=True, compression="gzip")


def stored(name):
    with h5py.File(name) as file:
        x = file["x"]
        ids = [x.id.get_create_plist().get_filter(i)[0] for i in range(len(x._filters))]
        return x[:], ids, x.chunks


def test_the_python_program_runs_and_keeps_its_bounds(run_python):
    run_python(fenced("h5py without the package", "python"))
    data = np.random.default_rng(1).normal(size=(16, 100_000))
    with h5py.File("streams.h5") as file:
        assert np.array_equal(file["exact"][:], data)
        milli = np.abs(file["milli"][:] - data).max()
        assert 0.00049 < milli <= 0.0005
        noise = np.abs(file["noise"][:] - data).max()
        assert 0.95 / 32 < noise < 1.05 / 32


def test_the_example_of_arrays_prints_what_stands_below_it(capsys):
    page = (ROOT / "docs" / "arrays.md").read_text()
    code, shown = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in LANGUAGES)
    exec(code, {})
    for line, wanted in zip(capsys.readouterr().out.splitlines(), shown.splitlines(), strict=True):
        (text, bits, error), (wanted_text, wanted_bits, wanted_error) = parts(line), parts(wanted)
        assert (text, error) == (wanted_text, wanted_error)
        assert bits == pytest.approx(wanted_bits, rel=0.02)


def parts(line):
    """A line's text up to its bits, these, and the error behind them."""
    text, bits, error = re.fullmatch(r"(.*\)) +(\S+) bits a sample, error (\S+)", line).groups()
    return text, float(bits), error


def test_h5repack_commands_do_what_is_written_beside_them(run):
    lossless, steps, one, back = commands("h5repack")
    old_file()
    run("bash", "-c", lossless)
    values, ids, chunks = stored("new.h5")
    assert np.array_equal(values, RANDOM)
    assert (ids, chunks) == ([61868], (1, 5000))
    run("bash", "-c", steps)
    values, ids, _ = stored("new.h5")
    assert 0.00049 < np.abs(values - RANDOM).max() <= 0.0005 and ids == [61868]
    run("bash", "-c", one)
    values, ids, chunks = stored("new.h5")
    assert 0.00049 < np.abs(values - RANDOM).max() <= 0.0005
    assert (ids, chunks) == ([61868], (4, 100_000))
    run("bash", "-c", back)
    again, ids, _ = stored("old.h5")
    assert np.array_equal(again, values) and ids == [1]


def test_the_c_lines_compile_and_find_the_plugin(run):
    lines = fenced("C", "c").splitlines()
    includes = [line for line in lines if line.startswith("#")]
    body = [line for line in lines if not line.startswith("#")]
    program = [
        *includes,
        "#include <stdio.h>",
        "int main(void) {",
        *body,
        'hid_t file = H5Fcreate("c.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);',
        "hid_t space = H5Screate_simple(2, chunk, NULL);",
        'hid_t set = H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);',
        "return set < 0 || H5Dclose(set) < 0 || H5Fclose(file) < 0;",
        "}",
    ]
    Path("readme.c").write_text("\n".join(program))
    flags = run("pkg-config", "--cflags", "--libs", "hdf5-serial").split()
    run("cc", "-Wall", "-Werror", f"-I{ROOT}/plugin/include", "readme.c", "-o", "readme", *flags)
    run("./readme")
    with h5py.File("c.h5") as file:
        assert file["x"].id.get_create_plist().get_filter(0)[2][:5] == (5, 2, 1, 3, 0)


def test_the_program_of_the_page_for_c_runs(run):
    page = (ROOT / "docs" / "c.md").read_text()
    program = re.findall(r"```c\n(.*?)```", page, re.DOTALL)[1]
    Path("example.c").write_text(program)
    (line,) = [line.strip() for line in page.splitlines() if line.startswith("    cc ")]
    line = line.replace("plugin/include", f"{ROOT}/plugin/include")
    line = line.replace("-Ltarget", f"-L{ROOT}/target").replace("$PWD/target", f"{ROOT}/target")
    assert "sample 50000 of stream 2 is" in run("bash", "-c", line)


def test_netcdf_commands_do_what_is_written_beside_them(run):
    import netCDF4

    with netCDF4.Dataset("old.nc", "w") as file:
        file.createDimension("channel", 4)
        file.createDimension("time", 100_000)
        x = file.createVariable("x", "f8", ("channel", "time"), compression="zlib")
        x[:] = RANDOM
    bare, compress, show = commands("netCDF")
    run("bash", "-c", bare)
    run("bash", "-c", compress)
    assert '_Filter = "61868,5,2,1,3,' in run("bash", "-c", show)
    with netCDF4.Dataset("new.nc") as file:
        values = file["x"][:]
    assert 0.00049 < np.abs(values - RANDOM).max() <= 0.0005
    values, ids, chunks = stored("new.nc")
    assert (ids, chunks) == ([61868], (4, 100_000))


def test_the_sizes_are_those_that_the_demo_measures(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "h5-examples")
    demo = importlib.import_module("demo")
    rows = [line.strip("| ").split(" | ") for line in section("Sizes").splitlines()]
    written = {tuple(row[:3]): row[3:] for row in rows if len(row) == 6 and row[0] != "recording"}
    measured = {
        (row.name, row.original.dtype.name, row.mode.label): (
            row.original.nbytes,
            row.gzip,
            row.stored,
        )
        for row in demo.read("demo.h5", demo.write("demo.h5"))
    }
    assert written.keys() == measured.keys()
    for row, sizes in written.items():
        sizes = [int(size.replace(",", "")) for size in sizes]
        assert sizes == pytest.approx(measured[row], rel=0.02), row
