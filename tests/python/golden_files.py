"""What the golden files of tests/vectors hold, and how they were written.

As a script it writes those that are not there, with the plugin of this build. A file has the group
`stored`, datasets compressed by h5flac, and the group `expected`, of the same names, what they read
as: as it is where that is small, else with gzip.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
from conftest import PLUGIN
from data import FLOATS, INTEGERS, floats, integers, streams
from format_reader import Chunk
from params import (
    DECIMAL,
    DITHERED,
    LOSSLESS,
    LOSSY,
    NOISE,
    PRECISION,
    QUANTA,
    assert_exact,
    assert_within,
)

VECTORS = Path(__file__).parents[1] / "vectors"
SEED = 1
# Bytes that gzip is worth an index of chunks, and that a golden chunk may have to be copied.
LARGE = 4000
LARGEST = 20_000


class File:
    """A golden file in the making."""

    def __init__(self, path, version):
        self.path, self.version = path, version
        self.rng = np.random.default_rng(SEED)
        # Of each dataset, what checks it.
        self.checks = {}

    def create(self, fill):
        with h5py.File(self.path, "w", libver=(self.version, "v110")) as f:
            self.stored = f.create_group("stored")
            fill(self)
        # Closed and opened, so that samples are read which were encoded.
        with h5py.File(self.path, "a", libver=(self.version, "v110")) as f:
            expected = f.create_group("expected")
            for name, check in self.checks.items():
                x = f["stored"][name]
                decoded = x[:]
                check(decoded)
                large = {"chunks": x.shape, "compression": 9} if decoded.nbytes > LARGE else {}
                expected.create_dataset(name, data=decoded, dtype=x.dtype, **large)

    def add(self, name, array, params, chunks, **options):
        """Stores an array, which must come back as promised."""
        x = self.stored.create_dataset(name, data=array, **params.create(chunks=chunks, **options))
        self.check(name, array.copy(), params, chunks, options.get("fillvalue"))
        return x

    def check(self, name, array, params, chunks, fill):
        """Expects a dataset to be this array, as promised."""

        def check(decoded):
            if params.mode == "lossless" or array.dtype.kind not in "fc":
                assert_exact(decoded, array, SEED)
            else:
                assert_within(decoded, array, params, chunks, SEED, fill=fill)

        self.checks[name] = check

    def add_chunk(self, name, chunk, raw):
        """Stores a chunk as it is."""
        kind = {"i": "i", "u": "u", "f": "fc"[chunk.parts - 1]}[chunk.kind]
        dtype = np.dtype(f"{'<>'[chunk.is_big]}{kind}{chunk.size * chunk.parts}")
        options = LOSSLESS.at(axis=1).create(chunks=tuple(chunk.shape))
        x = self.stored.create_dataset(name, chunk.shape, dtype, **options)
        x.id.write_direct_chunk((0, 0, 0), chunk.data)
        array = np.frombuffer(raw, dtype).reshape(chunk.shape)
        self.checks[name] = lambda decoded: assert_exact(decoded, array, SEED)


def types(file):
    """Every type in both byte orders, lossless; floats with quanta too."""
    for dtype in INTEGERS:
        array = integers(file.rng, (3, 100), dtype)
        file.add(dtype.strip("|"), array, LOSSLESS, (2, 70))
    for dtype in FLOATS:
        array = floats(file.rng, (3, 100), dtype)
        file.add(dtype, array, LOSSLESS, (2, 70))
        file.add(f"{dtype} quanta", array, QUANTA, (2, 70))
    colours = h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 300}, basetype="<i2")
    array = file.rng.choice(np.array([0, 1, 300], "<i2"), (3, 100))
    file.add("enum", array, LOSSLESS, (2, 70), dtype=colours)


def modes(file):
    """Every mode and level."""
    for dtype in ("<f4", "<f8", "<f2", "<c8"):
        array = floats(file.rng, (2, 120), dtype)
        for params in [LOSSLESS, *LOSSY, *DITHERED]:
            file.add(f"{dtype} {params}", array, params, (2, 90))
    array = streams(file.rng, (2, 120)).astype("f4")
    for level in range(9):
        file.add(f"level {level}", array, QUANTA.at(level=level), (2, 120))
    for quanta in (1e-300, 1e-9, 1e9, 1e300):
        file.add(f"quanta {quanta}", array, QUANTA.at(value=quanta), (2, 120))
    for decimal in ((1, 0), (1, 22), (4_294_967_295, 10)):
        file.add(f"decimal {decimal}", array, DECIMAL.at(value=decimal), (2, 120))
    for digits in (1, 17):
        file.add(f"precision {digits}", array, PRECISION.at(value=digits), (2, 120))
    for divisor in (0.01, 1e6):
        file.add(f"noise {divisor}", array, NOISE.at(value=divisor), (2, 120))
    for params in (QUANTA, DECIMAL, NOISE):
        counts = integers(file.rng, (2, 120), "<i4")
        file.add(f"integers {params}", counts, params, (2, 120))


def layouts(file):
    """Stream axes, chunks that reach over the edge, gaps, and samples that were never written."""
    for axis in range(3):
        array = streams(file.rng, (5, 7, 40)).astype("f4")
        along = np.moveaxis(streams(file.rng, (5, 7, 40)).astype("f4"), -1, 2 - axis)
        chunks = tuple(size // 2 + 1 for size in along.shape)
        file.add(f"axis {axis}", along, QUANTA.at(axis=axis), chunks)
        file.add(f"axis {axis} of short streams", array, LOSSLESS.at(axis=axis), (2, 3, 16))
    file.add("one dimension", streams(file.rng, (700,)), DECIMAL, (300,))
    file.add("four dimensions", streams(file.rng, (2, 3, 4, 25)), QUANTA, (1, 2, 3, 16))
    file.add("one sample", np.array([2.5]), QUANTA, (1,))
    for fill in (None, np.nan, -999.0, 0.0, -0.0, np.inf):
        array = streams(file.rng, (2, 120)).astype("f4")
        array[:, 30:50] = np.nan if fill is None else fill
        for params in (LOSSLESS, QUANTA, NOISE):
            file.add(f"fill {fill} {params}", array, params, (2, 80), fillvalue=fill)
    array = integers(file.rng, (2, 350), "<i4")
    array[:, 50:90] = -999_999
    file.add("fill of integers", array, LOSSLESS, (2, 120), fillvalue=-999_999)
    array = streams(file.rng, (310,))
    for params in (LOSSLESS, QUANTA):
        name, options = f"appended {params}", {"maxshape": (None,), "fillvalue": np.nan}
        x = file.add(name, array[:30], params, (200,), **options)
        for end in (150, 260, 310):
            # Flushed each time: what was written is decoded and encoded again.
            x.id.refresh()
            start = x.shape[0]
            x.resize(end, axis=0)
            x[start:] = array[start:end]
        x.resize(900, axis=0)
        missing = np.full(590, np.nan)
        file.check(name, np.concatenate([array, missing]), params, (200,), np.nan)
    file.add("checksum behind", streams(file.rng, (500,)), QUANTA, (200,), fletcher32=True)


def kinds(file):
    """The golden chunks as datasets of one chunk: every decoding rule and form."""
    for path in sorted(VECTORS.glob("*.chunk")):
        chunk = Chunk(path.read_bytes())
        if len(chunk.data) > LARGEST:
            continue
        file.add_chunk(path.stem, chunk, path.with_suffix(".raw").read_bytes())


def fixed_point(file):
    """Lossless floats that cross zero, zeros, gaps and glitches among them."""
    for dtype in FLOATS:
        array = (np.sin(np.arange(400) / 9) + streams(file.rng, (2, 400)) / 4096).astype(dtype)
        array[0, 40:60] = [0, -0.0] * 10
        array[1, 100:110], array[1, 200] = np.nan, np.inf
        array[1, ::150] *= 1000
        file.add(dtype, array, LOSSLESS, (2, 300))
    for path in sorted(VECTORS.glob("fixed_*.chunk")):
        chunk = Chunk(path.read_bytes())
        file.add_chunk(path.stem, chunk, path.with_suffix(".raw").read_bytes())


# Format of the HDF5 file: that of the newest versions has small indices.
FILES = {
    "types": (types, "v110"),
    "modes": (modes, "v110"),
    "layouts": (layouts, "v110"),
    "kinds": (kinds, "v110"),
    "fixed_point": (fixed_point, "v110"),
}


def main():
    if not PLUGIN.exists():
        sys.exit(f"{PLUGIN} is missing: build it with 'make plugin'")
    for name, (fill, version) in FILES.items():
        path = VECTORS / f"{name}.h5"
        if path.exists():
            print(f"{path.name} stays")
            continue
        File(path, version).create(fill)
        print(f"{path.name} has {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
