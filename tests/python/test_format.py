"""A reader written from docs/format.md decodes what h5flac wrote, in this release and before."""

import zlib
from itertools import product
from pathlib import Path

import format_reader
import pytest
from format_reader import FormatError, Unsupported

ROOT = Path(__file__).parents[2]
CHUNKS = sorted((ROOT / "tests" / "vectors").glob("*.chunk"))

# What the encoder writes: affine streams are those of importers, and where all samples are equal
# the ordered rule is as good as the folded one.
WRITTEN = set(product(format_reader.RULES, format_reader.FORMS)) - {("folded", "constant")}
WRITTEN -= {("affine", form) for form in format_reader.FORMS if form != "narrow"}
WRITTEN -= {(rule, "fixed point") for rule in format_reader.RULES if rule != "ordered"}


def decoded(path):
    chunk = format_reader.Chunk(path.read_bytes())
    return chunk.decode(), chunk.seen


@pytest.mark.parametrize("path", CHUNKS, ids=lambda path: path.stem)
def test_the_document_is_enough_to_read_golden_chunks(path):
    raw, _ = decoded(path)
    assert raw == path.with_suffix(".raw").read_bytes()


def test_golden_chunks_use_all_of_the_format():
    seen = set().union(*(decoded(path)[1] for path in CHUNKS))
    expected = {f"rule {name}" for name in format_reader.RULES}
    expected |= {f"form {name}" for name in format_reader.FORMS}
    expected |= {f"several frames of form {name}" for name in format_reader.FORMS[1:]}
    expected |= {f"rule {rule} in form {form}" for rule, form in WRITTEN}
    expected |= {f"{count} terms" for count in range(3)} | {"predictors of groups of frames"}
    expected |= {f"lag of sign {sign}" for sign in (-1, 0, 1)} | {"a reference that is predicted"}
    expected |= {f"{name} subframe" for name in ("constant", "verbatim", "fixed", "linear")}
    expected |= {f"exceptions of kind {kind}" for kind in range(3)}
    expected |= {"places of floats", "floats that are multiples"}
    expected |= {f"{what} behind {n}" for what in ("zero", "a small float") for n in (0, -1)}
    expected |= {"padding", "wasted bits", "Rice method 0", "Rice method 1", "escaped partition"}
    assert expected <= seen, expected - seen


def test_every_changed_byte_is_noticed():
    data = (ROOT / "tests" / "vectors" / "annotated.chunk").read_bytes()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(FormatError):
            format_reader.Chunk(bytes(changed)).decode()
        with pytest.raises(FormatError):
            format_reader.Chunk(data[:at]).decode()


def test_later_versions_are_refused():
    data = bytearray((ROOT / "tests" / "vectors" / "annotated.chunk").read_bytes())
    data[4] = 2
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    with pytest.raises(Unsupported, match="install a later h5flac"):
        format_reader.Chunk(bytes(data))


def test_the_document_shows_the_annotated_chunk():
    document = (ROOT / "docs" / "format.md").read_text()
    shown = document.split("```annotated\n")[1].split("\n```")[0]
    data = (ROOT / "tests" / "vectors" / "annotated.chunk").read_bytes()
    assert shown == format_reader.dump(data)
