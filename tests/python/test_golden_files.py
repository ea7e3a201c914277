"""Promise: files of earlier releases read as they did, and those of later ones say so."""

import re
import shutil
import subprocess
import zlib

import format_reader
import h5py
import numpy as np
import pytest
from data import FLOATS, INTEGERS
from golden_files import FILES, VECTORS
from params import DITHER, FILTER, QUANTA, assert_exact, components
from test_format import WRITTEN

PATHS = sorted(VECTORS.glob("*.h5"))
LATER = "install a later h5flac"


def pairs(file):
    """Each dataset with what it reads as."""
    assert file["stored"].keys() == file["expected"].keys()
    return [(x, file["expected"][name]) for name, x in file["stored"].items()]


def stored_chunks(x):
    for i in range(x.id.get_num_chunks()):
        place = x.id.get_chunk_info(i).chunk_offset
        yield format_reader.Chunk(x.id.read_direct_chunk(place)[1])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_golden_files_read_as_they_did(path):
    with h5py.File(path) as f:
        for x, expected in pairs(f):
            assert x.id.get_create_plist().get_filter(0)[0] == FILTER and x.id.get_num_chunks() > 0
            assert h5py.check_enum_dtype(x.dtype) == h5py.check_enum_dtype(expected.dtype)
            assert_exact(x[:], expected[:], x.name)


def test_golden_files_hold_every_type_mode_layout_and_kind_of_stream():
    assert {path.stem for path in PATHS} >= FILES.keys()
    types, words, seen, chunks = set(), set(), set(), set()
    fills, axes, edges = set(), set(), 0
    for path in PATHS:
        with h5py.File(path) as f:
            for x, _ in pairs(f):
                enum = h5py.check_enum_dtype(x.dtype) and "enum"
                types.add(enum or x.dtype.str)
                found = x.id.get_create_plist().get_filter(0)[2]
                words.add((found[1], found[4] >> 8))
                axes.add((x.ndim, found[4] & 255))
                fills.add(str(x.fillvalue) if found[5] >> 10 & 1 else None)
                edges += any(size % step for size, step in zip(x.shape, x.chunks, strict=True))
                for chunk in stored_chunks(x):
                    if not chunk.is_raw:
                        kinds = [(stream.rule, stream.form) for stream in chunk.streams]
                        names = [(format_reader.RULES[r], format_reader.FORMS[f]) for r, f in kinds]
                        seen.update(names)
                    chunks.add("raw" if chunk.is_raw else "coded")
    assert types >= {*INTEGERS, *FLOATS, "enum"}
    assert words >= {(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (1, 1), (3, 1), (4, 1)}
    assert axes >= {(1, 0), (3, 0), (3, 1), (3, 2), (4, 0)}
    assert fills >= {None, "nan", "-999.0", "0.0", "-0.0", "inf", "-999999"}
    assert edges > 20 and chunks == {"raw", "coded"}
    assert seen >= WRITTEN, WRITTEN - seen


def test_tools_read_golden_files(tmp_path, run):
    """h5dump, and h5repack to files without the filter."""
    for path in PATHS:
        run("h5repack", "-f", "NONE", path, tmp_path / path.name)
        with h5py.File(tmp_path / path.name) as f:
            for x, expected in pairs(f):
                assert x.id.get_create_plist().get_nfilters() == 0
                assert_exact(x[:], expected[:], x.name)
    dumped = run("h5dump", "-y", VECTORS / "types.h5")
    data = re.findall(r'DATASET "(.*?)".*?DATA \{\n(.*?)\n *\}\n', dumped, re.DOTALL)
    with h5py.File(VECTORS / "types.h5") as f:
        names = list(f["stored"])
    assert [name for name, _ in data] == names + names
    for (name, found), (_, expected) in zip(data[: len(names)], data[len(names) :], strict=True):
        assert len(found) > 100 and found == expected, name


def test_what_golden_files_hold_can_be_written_again(tmp_path):
    """It changes nothing, but for dither, which is another then."""
    for path in PATHS:
        shutil.copy(path, tmp_path)
        with h5py.File(tmp_path / path.name, "a") as f:
            for x, _ in pairs(f):
                x[...] = x[...]
        with h5py.File(tmp_path / path.name) as f:
            for x, expected in pairs(f):
                words = x.id.get_create_plist().get_filter(0)[2]
                if not words[4] & DITHER:
                    assert_exact(x[:], expected[:], x.name)
                elif words[1] == 1:
                    quanta = np.array(words[2:4], "<u4").view("f8")[0]
                    close = {"rtol": 0, "atol": quanta / 2 * 1.000001, "equal_nan": True}
                    assert np.allclose(components(x[:]), components(expected[:]), **close), x.name


def later_chunk(data, at, value):
    """A chunk with another byte, under checksums that are right."""
    data = bytearray(data)
    data[at] = value
    head = 20 + int.from_bytes(data[8:16], "little")
    data[16:20] = zlib.crc32(data[:16] + data[20:head]).to_bytes(4, "little")
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    return bytes(data)


# The byte of a chunk of one stream, and what it becomes. After the prefix come the shape, 1, 100
# and 1 again, and the first column: 0 and the kind.
CHUNKS = {
    "version": (4, 2, "format version 2, and this h5flac reads version 1"),
    "flag": (6, 8, "flags 0x8"),
    "rule": (24, 0x16, "decoding rule 6"),
    "form": (24, 0x60, "stream form 6"),
}


# What h5dump shows at the end of the datasets below.
LAST = "288, 294, 294, 295\n"


@pytest.fixture
def twins(file):
    """A file with two datasets of one stream, in the format that has no checksums."""
    with h5py.File(file, "w", libver="earliest") as f:
        array = np.cumsum(np.arange(100) % 7).astype("f4")
        for name in ("x", "y"):
            f.create_dataset(name, data=array, chunks=(100,), **QUANTA.create())
    return file


def assert_read_alone(path, told, run):
    """The dataset "x" is refused in these words, by h5py and h5dump; "y" is as good as ever."""
    with h5py.File(path) as f:
        with pytest.raises(OSError) as error:
            f["x"][:]
        assert told in str(error.value) and LATER in str(error.value)
        assert abs(f["y"][99] - 295) <= 0.005
    command = ["h5dump", "--enable-error-stack", "-d", "/x", path]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert dumped.returncode != 0 and told in dumped.stderr and LATER in dumped.stderr
    assert LAST in run("h5dump", "-d", "/y", path)


@pytest.mark.parametrize("at, value, told", CHUNKS.values(), ids=CHUNKS)
def test_chunks_of_a_later_version_ask_for_it(twins, run, at, value, told):
    with h5py.File(twins, "a") as f:
        mask, data = f["x"].id.read_direct_chunk((0,))
        assert data[20:25] == bytes([1, 100, 1, 0, 0x11])
        f["x"].id.write_direct_chunk((0,), later_chunk(data, at, value), mask)
    assert_read_alone(twins, told, run)


def change_words(path, name, change):
    """Changes the stored parameter words of a dataset, which no checksum covers."""
    with h5py.File(path) as f:
        words = list(f[name].id.get_create_plist().get_filter(0)[2])
    before = np.array(words, "<u4").tobytes()
    change(words)
    data = path.read_bytes()
    at = data.index(before)
    path.write_bytes(data[:at] + np.array(words, "<u4").tobytes() + data[at + len(before) :])


def test_words_of_a_later_layout_ask_for_it(twins, run):
    def later(words):
        words[5] += 1 << 12

    change_words(twins, "x", later)
    assert_read_alone(twins, "parameter words of layout 2, and this h5flac knows layout 1", run)


@pytest.mark.parametrize("word, value", [(0, 9), (1, 5), (4, 1 << 9)])
def test_wishes_of_a_later_version_keep_from_writing_alone(twins, run, word, value):
    """Chunks say themselves how they are read."""

    def later(words):
        words[word] = value

    change_words(twins, "x", later)
    with h5py.File(twins, "a") as f:
        assert (f["x"][:] == f["y"][:]).all()
        with pytest.raises(OSError, match=LATER) as error:
            f["x"][:] = 1
        assert f"word {word}" in str(error.value)
    with h5py.File(twins) as f:
        assert (f["x"][:] == f["y"][:]).all()
    assert LAST in run("h5dump", "-d", "/x", twins)
