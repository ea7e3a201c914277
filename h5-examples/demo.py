"""Compresses real recordings in several modes, checks what comes back, and draws it.

Usage: demo.py [output folder], with HDF5_PLUGIN_PATH naming the folder of libh5flac.so.
Writes demo.h5 and demo.png. Ends with PASS, or with an error and a status that says so.
"""

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

H5FLAC = 61868
LEVEL = 5
DITHER = 0x100
HERE = Path(__file__).parent
DATA = HERE.parent / "tests" / "data"


@dataclass
class Mode:
    """Parameter words, and the step that they ask for given the samples."""

    label: str
    words: tuple
    quanta: Callable | None = None
    estimated: bool = False


def double_words(value):
    return struct.unpack("<2I", struct.pack("<d", value))


def lossless():
    return Mode("lossless", (LEVEL, 0))


def quanta(step, dither=False):
    label = f"quanta {step:g}" + (", dither" if dither else "")
    words = (LEVEL, 1, *double_words(step), DITHER if dither else 0)
    return Mode(label, words, lambda _: step)


def decimal(numerator, power):
    step = numerator / 10**power
    return Mode(f"decimal {step:g}", (LEVEL, 2, numerator, power), lambda _: step)


def precision(digits):
    return Mode(
        f"precision {digits} digits",
        (LEVEL, 3, digits),
        lambda x: np.std(x.astype(float)) / 10**digits,
        estimated=True,
    )


def noise(q):
    return Mode(f"noise / {q:g}", (LEVEL, 4, *double_words(q)), lambda x: sigma(x) / q, True)


def sigma(x):
    """Noise by third-order differences, blind to drifts and glitches (Pence et al. 2009)."""
    x = x.astype(float)
    return 0.6052697 * np.median(np.abs(2 * x[2:-2] - x[:-4] - x[4:]))


def recordings():
    """(name, unit, samples per second, samples, mode) of each row of the table."""
    ecg = np.load(DATA / "ecg.npy")
    millivolt = (ecg - 1024.0) / 200
    sound = np.load(DATA / "grasshopper.npy") / 1e7
    hiss = np.load(DATA / "hiss.npy")
    full_scale = (hiss / 32768).astype("f4")
    return [
        ("ecg", "counts", 360, ecg, lossless()),
        ("ecg", "mV", 360, millivolt, lossless()),
        ("ecg", "mV", 360, millivolt.astype("f4"), quanta(0.05)),
        ("grasshopper", "amplitude", 20_000, sound, lossless()),
        ("grasshopper", "amplitude", 20_000, sound, decimal(1, 2)),
        ("grasshopper", "amplitude", 20_000, sound.astype("f4"), precision(3)),
        ("hiss", "counts", 44_100, hiss, lossless()),
        ("hiss", "full scale", 44_100, full_scale, lossless()),
        ("hiss", "full scale", 44_100, full_scale, noise(2)),
        ("hiss", "full scale", 44_100, full_scale, quanta(0.001, dither=True)),
    ]


@dataclass
class Row:
    """One dataset: what went in, what came back, what it took."""

    name: str
    path: str
    unit: str
    rate: int
    mode: Mode
    original: np.ndarray
    decoded: np.ndarray
    stored: int
    gzip: int

    @property
    def quanta(self):
        return self.mode.quanta(self.original) if self.mode.quanta else None

    @property
    def error(self):
        """Error of each sample over quanta."""
        return (self.decoded.astype(float) - self.original.astype(float)) / self.quanta


def check(condition, what):
    if not condition:
        sys.exit(f"FAIL: {what}")


def gzip_size(values):
    """Bytes of the values through HDF5's own shuffle and gzip."""
    with h5py.File("gzip", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset(
            "x", data=values, chunks=values.shape, compression="gzip", shuffle=True
        )
        file.flush()
        return dataset.id.get_storage_size()


def write(path):
    """Writes every recording and mode as a dataset of one chunk; paths and samples of each."""
    written = []
    with h5py.File(path, "w") as file:
        for name, unit, rate, samples, mode in recordings():
            label = mode.label.replace(" / ", " ").replace(", ", " ").replace(" ", "-")
            dataset = file.create_dataset(
                f"{name}/{samples.dtype.name}-{label}",
                data=samples,
                chunks=samples.shape,
                compression=H5FLAC,
                compression_opts=mode.words,
            )
            dataset.attrs["samples_per_second"] = rate
            written.append((name, dataset.name, unit, rate, mode, samples))
    return written


def read(path, written):
    with h5py.File(path) as file:
        for *about, samples in written:
            dataset = file[about[1]]
            decoded = dataset[:]
            stored = dataset.id.get_storage_size()
            gzip = min(gzip_size(samples), gzip_size(decoded))
            yield Row(*about, samples, decoded, stored, gzip)


def check_row(row):
    """The promise of the row's mode, on every sample."""
    title = row.path
    check(row.decoded.dtype == row.original.dtype, f"{title}: type {row.decoded.dtype}")
    check(row.stored < row.gzip, f"{title}: {row.stored} bytes, gzip+shuffle takes {row.gzip}")
    if row.quanta is None:
        check(row.decoded.tobytes() == row.original.tobytes(), f"{title}: not bit for bit")
        return
    largest = np.abs(row.error).max()
    # Estimated steps are computed here in another order of additions than in the filter.
    allowed = 0.5 * 1.001 if row.mode.estimated else 0.5
    check(largest <= allowed, f"{title}: error of {largest} quanta")
    check(largest > 0.45, f"{title}: largest error {largest} quanta, not quantized as asked")


def print_table(rows):
    print(
        f"{'recording':12}{'type':9}{'mode':22}{'bytes in':>10}{'bytes out':>11}{'ratio':>8}"
        f"{'gzip+shuffle':>14}{'against gzip':>14}{'error/quanta':>14}"
    )
    for row in rows:
        size = row.original.nbytes
        error = "exact" if row.quanta is None else f"{np.abs(row.error).max():.4f}"
        print(
            f"{row.name:12}{row.original.dtype.name:9}{row.mode.label:22}{size:10,}"
            f"{row.stored:11,}{size / row.stored:8.2f}{row.gzip:14,}"
            f"{row.gzip / row.stored:13.2f}x{error:>14}"
        )
    print(
        "\ngzip+shuffle: the smaller of the original and of the values that h5flac gives back.\n"
        "error/quanta is the largest of any sample; the promise is 0.5."
    )


def show_header(path, row):
    command = ["h5dump", "-p", "-H", "-d", row.path, path.name]
    print(f"\n$ {' '.join(command)}", flush=True)
    subprocess.run(command, cwd=path.parent, check=True)


def check_other_reader(path, row):
    """Another libhdf5, that of the system's h5dump, must read the very same values."""
    raw = path.with_suffix(".raw")
    command = ["h5dump", "-d", row.path, "-b", "LE", "-o", raw.name, path.name]
    subprocess.run(command, cwd=path.parent, check=True, stdout=subprocess.DEVNULL)
    values = np.fromfile(raw, row.decoded.dtype)
    raw.unlink()
    check(np.array_equal(values, row.decoded), f"{row.path}: h5dump reads other values")
    print(f"\nh5dump and h5py read the same {values.size:,} values of {row.path}")


def show_slice(path, row):
    part = slice(100_000, 100_005)
    with h5py.File(path) as file:
        values = file[row.path][part]
    print(f"\n>>> h5py.File('{path.name}')['{row.path}'][{part.start}:{part.stop}]")
    print(f"read     {values}\noriginal {row.original[part]}")
    check(np.array_equal(values, row.decoded[part]), "a slice differs from the whole")


def draw(rows, windows, path):
    """Original and decoded on top, the error in quanta below; windows in seconds."""
    figure, axes = plt.subplots(
        2, len(rows), figsize=(15, 7), sharex="col", height_ratios=(3, 2), layout="constrained"
    )
    for (signal, error), row, (start, stop, scale, unit) in zip(axes.T, rows, windows, strict=True):
        part = slice(round(start * row.rate), round(stop * row.rate))
        time = (np.arange(part.start, part.stop) / row.rate - start) * scale
        signal.plot(time, row.original[part], color="0.55", lw=2.5, label="original")
        signal.plot(
            time, row.decoded[part], color="C3", lw=0.9, drawstyle="steps-mid", label="decoded"
        )
        signal.set_title(
            f"{row.name}, {row.original.dtype.name}, {row.mode.label}\n"
            f"{row.original.nbytes:,} → {row.stored:,} bytes (gzip+shuffle {row.gzip:,})",
            fontsize=11,
        )
        signal.set_ylabel(row.unit)
        signal.margins(y=0.12)
        signal.legend(loc="upper right", framealpha=1)
        error.axhspan(-0.5, 0.5, color="C2", alpha=0.15)
        for bound in (-0.5, 0.5):
            error.axhline(bound, color="C2", lw=1)
        error.plot(time, row.error[part], ".", ms=3, color="C3")
        error.set_ylim(-0.7, 0.7)
        error.set_ylabel("error / quanta")
        error.set_xlabel(f"time ({unit})")
        error.set_xlim(time[0], time[-1])
        error.text(
            0.01, 0.03, f"largest of {row.error.size:,}: {np.abs(row.error).max():.4f}",
            transform=error.transAxes, fontsize=9,
        )  # fmt: skip
    figure.savefig(path, dpi=110)


def main(folder):
    check(
        h5py.h5z.filter_avail(H5FLAC),
        "h5py finds no h5flac; run `make demo`, or set HDF5_PLUGIN_PATH to target/plugin",
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "demo.h5"
    rows = list(read(path, write(path)))
    for row in rows:
        check_row(row)
    by_mode = {(row.name, row.mode.label): row for row in rows}
    in_quanta = by_mode["ecg", "quanta 0.05"]
    in_decimals = by_mode["grasshopper", "decimal 0.01"]
    in_noise = by_mode["hiss", "noise / 2"]
    print_table(rows)
    show_header(path, in_decimals)
    check_other_reader(path, in_noise)
    show_slice(path, in_decimals)
    picture = folder / "demo.png"
    windows = [(8.6, 9.7, 1, "s"), (2, 2.01, 1e3, "ms"), (3, 3.0025, 1e3, "ms")]
    draw([in_quanta, in_decimals, in_noise], windows, picture)
    check(picture.stat().st_size > 10_000, f"{picture} is no picture")
    print(f"\nwrote {path} and {picture}\nPASS")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo-output")
