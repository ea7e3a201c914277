"""The command `h5flac`: what it prints, and its exit codes."""

import json
import os
import subprocess
import sys

import h5flac
import h5py
import numpy as np
import pytest
from conftest import drifting
from h5flac import Flac
from h5flac.command import main


@pytest.fixture
def path(tmp_path, rng):
    path = tmp_path / "data.h5"
    data = drifting(rng, (3, 5, 2000))
    with h5py.File(path, "w") as f:
        f.create_dataset("raw", data=data)
        f.create_dataset("group/fine", data=data, chunks=(2, 2, 900), **Flac(quanta=0.01))
        f.create_dataset("counts", data=(data * 100).astype("i4"), chunks=(3, 5, 2000), **Flac(2))
        f.create_dataset("gzip", data=data, compression="gzip", shuffle=True)
        f.create_dataset("text", data="nothing to compress")
    return path


@pytest.fixture
def run(capsys):
    """Runs the command: its exit code, standard output and standard error."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


COMMANDS = ("inspect", "estimate", "words", "report", "verify")


def test_it_is_installed():
    script = os.path.join(os.path.dirname(sys.executable), "h5flac")
    told = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"h5flac {h5flac.__version__}\n"
    module = [sys.executable, "-m", "h5flac", "--version"]
    assert subprocess.run(module, capture_output=True, text=True, check=True).stdout == told.stdout


def test_help_teaches(run):
    code, out, _ = run("--help")
    assert code == 0 and all(f"h5flac {command}" in out for command in COMMANDS)
    for command in COMMANDS:
        code, out, _ = run(command, "--help")
        assert code == 0 and f"\n  h5flac {command} " in out


def test_words_are_those_of_the_filter(run):
    code, out, _ = run("words", "--quanta", 0.01, "--level", 7)
    assert code == 0
    assert "cd_values    7 1 1202590843 1065646817 0\n" in out
    assert "UD=61868,1,5,7,1,1202590843,1065646817,0 " in out
    assert '"*,61868,7,1,1202590843,1065646817,0"' in out
    assert h5flac.PLUGIN_PATH in out
    _, out, _ = run("words", "--decimal", "0.001", "--axis", -2, "--json")
    found = json.loads(out)
    assert found["cd_values"] == [5, 2, 1, 3, 1]
    assert Flac(**found["config"]) == Flac(quanta="0.001", axis=-2)
    _, out, _ = run("words", "--from", *found["cd_values"])
    assert "h5flac.Flac(quanta='0.001', axis=-2)" in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--quanta", 0.1, "--noise", 3], "both quanta and noise are given"),
        (["--quanta", 0.1, "--decimal", 0.1], "both --quanta and --decimal are given"),
        (["--quanta", -1], "quanta is -1.0; it must be finite and above 0"),
        (["--level", 12], "level is 12; use 0 to 8"),
        (["--from", 5, 9], "unknown mode 9"),
        (["--from", 5, "--quanta", 1], "leave out the options that say how to compress"),
        (["--from", "abc"], "'abc' is no number; words are like 5 2 1 3"),
    ],
)
def test_wrong_options_are_told_in_words(run, arguments, message):
    code, out, err = run("words", *arguments)
    assert code == 2 and out == "" and message in err and "Traceback" not in err


def test_inspect_lists_datasets(run, path):
    code, out, _ = run("inspect", path)
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "Flac(quanta=0.01)" in lines["/group/fine"] and "2×2×900" in lines["/group/fine"]
    assert "Flac(level=2)" in lines["/counts"] and "int32" in lines["/counts"]
    assert "shuffle, deflate" in lines["/gzip"]
    _, out, _ = run("inspect", path, "--json")
    found = {dataset["dataset"]: dataset for dataset in json.loads(out)}
    assert found["/raw"]["ratio"] == 1 and found["/raw"]["filter"] is None
    with h5py.File(path) as f:
        stored = f["group/fine"].id.get_storage_size()
    assert found["/group/fine"]["stored_bytes"] == stored
    assert found["/group/fine"]["bits_per_sample"] == 8 * stored / 30000


def test_inspect_tells_of_each_stream(run, path):
    code, out, _ = run("inspect", path, "group/fine")
    assert code == 0 and "0.01" in out and "2,4" in out
    _, out, _ = run("inspect", path, "group/fine", "--json")
    streams = json.loads(out)["streams"]
    assert [s["stream"] for s in streams] == [[i, j] for i in range(3) for j in range(5)]
    assert all(s["quanta"] == [0.01, 0.01] and s["frames"] >= 3 for s in streams)
    assert all(8 < s["bits_per_sample"] < 16 for s in streams)


def test_inspect_tells_of_exceptions_and_steps_of_their_own(run, path):
    data = drifting(np.random.default_rng(3), (2, 500))
    data[1, 100:103] = np.nan
    with h5py.File(path, "a") as f:
        dset = f.create_dataset("steps", (2, 500), "f4", chunks=(2, 200), **Flac())
        h5flac.write(dset, data, quanta=[0.5, 0.25])
        pairs = f.create_dataset("complex", (1, 500), "c8", chunks=(1, 500), **Flac(quanta=0.5))
        pairs[0] = data.T.copy().view("c8")[:, 0]
    _, out, _ = run("inspect", path, "steps", "--json")
    streams = json.loads(out)["streams"]
    assert [s["quanta"] for s in streams] == [[0.5, 0.5], [0.25, 0.25]]
    assert [s["exceptions"] for s in streams] == [0, 3]
    _, out, _ = run("inspect", path, "complex", "--json")
    (stream,) = json.loads(out)["streams"]
    assert stream["exceptions"] == 3 and stream["quanta"] == [0.5, 0.5]


def test_inspect_cuts_long_lists(run, path):
    with h5py.File(path, "a") as f:
        f.create_dataset("many", data=np.zeros((50, 9)), chunks=(25, 9), **Flac())
    _, out, _ = run("inspect", path, "many")
    assert "… and 30 more: --all shows them" in out
    _, out, _ = run("inspect", path, "many", "--all")
    assert "more:" not in out and len(out.splitlines()) > 50


def test_verify_passes_what_is_sound(run, path):
    code, out, err = run("verify", path)
    assert (code, err) == (0, "")
    assert out == "/counts: 1 chunks, " + out.split(", ", 1)[1]
    assert "/group/fine: 18 chunks" in out and out.count("sound") == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_verify_names_each_damaged_chunk(run, path, threads):
    with h5py.File(path, "a") as f:
        dset = f["group/fine"]
        for offset in [(0, 0, 0), (2, 4, 1800)]:
            _, data = dset.id.read_direct_chunk(offset)
            place = len(data) // 2
            data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            dset.id.write_direct_chunk(offset, data)
    code, out, err = run("verify", path, "--threads", threads)
    assert code == 1 and "/group/fine: 18 chunks" in out and "2 damaged" in out
    assert "/group/fine: chunk at (0, 0, 0): " in err
    assert "/group/fine: chunk at (2, 4, 1800): " in err
    code, out, _ = run("verify", path, "--json")
    found = {dataset["dataset"]: dataset for dataset in json.loads(out)}
    assert code == 1 and len(found["/group/fine"]["errors"]) == 2 and not found["/counts"]["errors"]
    assert run("verify", path, "counts")[0] == 0


def deflated(path, name, data):
    """A dataset that deflate compresses once more."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1, 500))
    plist.set_filter(h5flac.FILTER_ID, 0, Flac().filter_options)
    plist.set_deflate(1)
    with h5py.File(path, "a") as f:
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(f.id, name.encode(), h5py.h5t.IEEE_F32LE, space, plist)
        f[name][...] = data


def test_verify_reads_what_has_other_filters_too(run, path):
    deflated(path, "deflated", drifting(np.random.default_rng(3), (2, 1000)))
    code, out, _ = run("verify", path)
    assert code == 0 and "/deflated: 4 chunks" in out and out.count("sound") == 3
    with h5py.File(path, "a") as f:
        mask, data = f["deflated"].id.read_direct_chunk((1, 500))
        data = data[:100] + bytes([data[100] ^ 8]) + data[101:]
        f["deflated"].id.write_direct_chunk((1, 500), data, mask)
    code, out, err = run("verify", path)
    assert code == 1 and "/deflated: chunk at (1, 500): " in err and out.count("sound") == 2


def test_what_cannot_be_read_is_told_in_words(run, path, tmp_path):
    code, _, err = run("verify", tmp_path / "none.h5")
    assert code == 2 and "cannot open" in err and "none.h5" in err
    code, _, err = run("verify", path, "nothing")
    assert code == 2 and "nothing is not there" in err and "/group/fine" in err
    code, _, err = run("inspect", path, "group")
    assert code == 2 and "group is a group" in err
    code, _, err = run("verify", path, "raw")
    assert code == 2 and "dataset /raw is not compressed with h5flac" in err
    (tmp_path / "text.h5").write_text("not HDF5")
    code, _, err = run("inspect", tmp_path / "text.h5")
    assert code == 2 and "cannot open" in err
    code, _, err = run("estimate", path, "text")
    assert code == 2 and "/text is not an array of numbers" in err


def test_estimate_measures_and_recommends(run, path):
    code, out, _ = run("estimate", path, "raw", "--json")
    assert code == 0
    found = json.loads(out)
    rows = {json.dumps(row["config"]): row for row in found["tried"]}
    assert rows["{}"]["largest_error"] == 0
    coarse = rows['{"noise": 1.0}']
    assert coarse["ratio"] > rows["{}"]["ratio"] and 0.4 < coarse["largest_error"] < 0.6
    assert coarse["rms_error_of_noise"] == pytest.approx(1 / np.sqrt(12), rel=0.05)
    assert found["recommended"] == {"noise": 4.0}
    code, out, _ = run("estimate", path, "raw")
    assert code == 0 and "Recommended: Flac(noise=4.0)" in out


def test_estimate_keeps_to_what_is_asked(run, path):
    _, out, _ = run("estimate", path, "raw", "--quanta", 0.5, "--chunks", "1,5,500", "--json")
    found = json.loads(out)
    assert found["recommended"] == {"quanta": 0.5}
    assert all(row["largest_error"] <= 0.25 for row in found["tried"])
    assert {row["config"].get("level", 5) for row in found["tried"]} == {0, 2, 5, 8}
    _, out, _ = run("estimate", path, "counts")
    assert "integers are always lossless" in out and "Recommended: Flac()" in out
    _, out, _ = run("estimate", path, "raw", "--axis", -3, "--json")
    assert json.loads(out)["recommended"]["axis"] == -3


def test_the_axis_of_a_compressed_dataset_is_known(run, path):
    data = np.moveaxis(drifting(np.random.default_rng(3), (3, 2000)), 1, 0)
    with h5py.File(path, "a") as f:
        f.create_dataset("turned", data=data, chunks=(2000, 3), **Flac(axis=-2))
    _, out, _ = run("estimate", path, "turned", "--json")
    assert json.loads(out)["recommended"] == {"noise": 4.0, "axis": -2}


def test_words_that_no_h5flac_wrote_do_not_hide_the_rest(run, path, monkeypatch):
    from h5flac.command import inspect, verify

    real = Flac.from_filter_options

    def refuse(words):
        if words[0] == 2:
            raise ValueError("unknown mode 9 in word 1")
        return real(words)

    monkeypatch.setattr(Flac, "from_filter_options", refuse)
    assert inspect.Flac is verify.Chunks.__init__.__globals__["Flac"]
    code, out, err = run("verify", path)
    assert code == 1 and "/counts: unknown mode 9" in err and "/group/fine: 18 chunks" in out
    code, out, _ = run("inspect", path)
    assert code == 0 and "h5flac, but unknown mode 9" in out


@pytest.mark.parametrize("option", [("--chunks", "a"), ("--sample", "-3"), ("--sample", "nan")])
def test_options_of_no_sense_are_told_in_words(run, path, option):
    code, _, err = run("estimate", path, "raw", *option)
    assert code == 2 and ("is no shape; write it as" in err or "use a number above 0" in err)


def test_estimate_prefers_lossless_where_it_is_as_small(run, path):
    with h5py.File(path, "a") as f:
        data = np.repeat(np.arange(40.0), 100).reshape(2, 2000)
        f.create_dataset("steps", data=data)
    _, out, _ = run("estimate", path, "steps", "--json")
    assert json.loads(out)["recommended"] == {}


def test_a_pipe_that_closes_is_no_error(path):
    with subprocess.Popen(
        [sys.executable, "-m", "h5flac", "inspect", str(path), "group/fine"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_huge_shape_with_few_chunks_takes_no_time(run, tmp_path):
    path = tmp_path / "sparse.h5"
    with h5py.File(path, "w") as f:
        x = f.create_dataset("x", (2**50,), "i4", chunks=(1024,), **Flac())
        x[2**49 : 2**49 + 5000] = 3
    code, out, _ = run("verify", path)
    assert code == 0 and "/x: 5 chunks" in out
    code, out, _ = run("inspect", path, "x", "--json")
    assert code == 0 and json.loads(out)["streams"][0]["quanta"] == [0, 0]


def test_verify_goes_on_behind_a_chunk_of_another_version(run, path):
    with h5py.File(path, "r+") as f:
        for name in ("group/fine", "counts"):
            offset = (0, 0, 0)
            _, chunk = f[name].id.read_direct_chunk(offset)
            f[name].id.write_direct_chunk(offset, chunk[:4] + b"\xfe" + chunk[5:])
    code, out, err = run("verify", path)
    assert code == 1 and out.count("1 damaged") == 2
    assert err.count("chunk at (0, 0, 0): format version 254") == 2
