"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from ..filter import Flac, filters
from ..library import FILTER_ID


def add_command(
    commands: Any, run: Any, description: str, name: str | None = None
) -> argparse.ArgumentParser:
    """A command, by default named after its module; the first line says what it does."""
    name = name or run.__module__.rpartition(".")[2]
    parser = commands.add_parser(
        name,
        help=description.partition("\n")[0].rstrip("."),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_file(parser: argparse.ArgumentParser, dataset: str | None = "?") -> None:
    """The arguments FILE and DATASET."""
    parser.add_argument("file", metavar="FILE", help="an HDF5 file (netCDF-4 files are)")
    text = "path of a dataset in the file" + (", all of them if left out" if dataset else "")
    parser.add_argument("dataset", metavar="DATASET", nargs=dataset, help=text)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_threads(parser: argparse.ArgumentParser) -> None:
    text = "threads to use; default: H5FLAC_NUM_THREADS, else one for each processor"
    parser.add_argument("--threads", type=int, metavar="N", help=text)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """How to compress, as `Flac` takes it."""
    group = parser.add_argument_group("how to compress (without a mode: lossless)")
    add = group.add_argument
    add("--level", type=int, default=5, metavar="N", help="effort, 0 to 8; default 5")
    add("--quanta", type=float, metavar="Q", help="step: no sample errs by more than Q/2")
    add("--decimal", metavar="Q", help="the same for decimals such as 0.001, which come back exact")
    add("--absolute", type=float, metavar="E", help="largest error: the same as --quanta 2E")
    add("--precision", type=int, metavar="P", help="step: each stream's standard deviation / 10^P")
    add("--noise", type=float, metavar="N", help="step: each stream's noise / N")
    add("--axis", type=int, metavar="A", help="axis of time: -1 is the last (default)")
    add("--dither", action="store_true", help="errors independent of the signal, in the same bound")


def filter_of(options: argparse.Namespace, dataset: h5py.Dataset | None = None) -> Flac:
    """The filter that `add_filter`'s arguments mean; the axis, if not given, is the dataset's."""
    if options.decimal is not None and options.quanta is not None:
        raise ValueError("both --quanta and --decimal are given; one of them sets the step")
    quanta = options.quanta if options.decimal is None else options.decimal
    axis = options.axis
    if axis is None:
        known = dataset is not None and FILTER_ID in filters(dataset)
        axis = Flac.of(dataset).axis if known else -1
    return Flac(
        options.level,
        quanta,
        options.precision,
        options.noise,
        axis,
        options.dither,
        absolute=options.absolute,
    )


def shape_of(text: str) -> tuple[int, ...]:
    """A shape, such as 16,65536 or 16x65536."""
    try:
        shape = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; write it as 16,65536")
    return shape


@contextmanager
def opened(path: str) -> Iterator[h5py.File]:
    """A file to read, or an error that names it."""
    try:
        file = h5py.File(path)
    except OSError as error:
        raise OSError(f"cannot open {path}: {error}") from None
    with file:
        yield file


def dataset_of(file: h5py.File, name: str) -> h5py.Dataset:
    """The dataset of a name.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        kind = "a group" if found is not None else "not there"
        known = ", ".join(d.name for d in datasets(file)) or "none"
        raise ValueError(f"{name} is {kind} in {file.filename}; its datasets are: {known}")
    return found


def datasets(file: h5py.File) -> list[h5py.Dataset]:
    """All datasets of a file, sorted by name."""
    found: list[h5py.Dataset] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(item)

    file.visititems(visit)
    return sorted(found, key=lambda dataset: dataset.name)
