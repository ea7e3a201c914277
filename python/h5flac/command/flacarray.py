"""`h5flac import` and `h5flac export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import h5py

from .options import add_command, add_threads, dataset_of, opened, shape_of
from .table import size

_IMPORT = """\
Turn a group of the package flacarray into a plain dataset.

  h5flac import detectors.h5 /tod -o tod.h5             the group /tod
  h5flac import detectors.zarr /tod -o tod.h5           from a Zarr store (needs the package zarr)

Every value comes back bit for bit, and any program that finds the filter reads them. The new
dataset has the group's name, or --name; attributes that are not flacarray's come along."""

_EXPORT = """\
Turn a dataset into a group of the package flacarray.

  h5flac export tod.h5 tod -o detectors.h5                every value, or an error that says why not
  h5flac export raw.h5 x -o detectors.h5 --quanta 0.01    rounded to steps

flacarray holds int32, int64, float32 and float64, floats as step · integer + offset. What was
imported can be exported again; so can floats that were compressed in steps of a power of two."""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, _import, _IMPORT, "import")
    parser.add_argument("file", metavar="FILE", help="an HDF5 file, or the folder of a Zarr store")
    parser.add_argument("group", metavar="GROUP", nargs="?", default="/", help="default: /")
    _add_output(parser, "the HDF5 file to add the dataset to")
    parser.add_argument("--name", help="name of the dataset; default: the group's, or data")
    text = "chunk shape, such as 16,65536; default: up to 16 streams and 65536 samples"
    parser.add_argument("--chunks", type=shape_of, metavar="SHAPE", help=text)
    _add_level(parser)
    add_threads(parser)

    parser = add_command(commands, _export, _EXPORT, "export")
    parser.add_argument("file", metavar="FILE", help="an HDF5 file")
    parser.add_argument("dataset", metavar="DATASET", help="compressed with h5flac or not")
    _add_output(parser, "the HDF5 file to add the group to")
    parser.add_argument("--name", help="name of the group; default: the dataset's")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--quanta", type=float, metavar="Q", help="round floats: none errs by more than Q/2")
    add("--precision", type=int, metavar="P", help="round to a step of deviation / 10^P")
    _add_level(parser)
    add_threads(parser)


def _add_output(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help=text)


def _add_level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--level", type=int, default=5, metavar="N", help="effort, 0 to 8")


def _import(options: argparse.Namespace) -> int:
    from ..flacarray.convert import to_dataset
    from ..flacarray.group import Header
    from ..flacarray.hdf5 import HDF5
    from ..flacarray.zarr import ZARR, ZarrGroup

    name = options.name or options.group.strip("/") or "data"
    settings = {"chunks": options.chunks, "level": options.level, "threads": options.threads}
    _refuse_same(options)
    is_zarr = Path(options.file).is_dir()
    with ZarrGroup(options.file, "r") if is_zarr else opened(options.file) as root:
        path = options.group.strip("/")
        group = root if path == "" else root.get(path)
        if not hasattr(group, "create_group"):
            raise ValueError(f"{options.group} is not a group in {options.file}")
        Header.read(group)
        with h5py.File(options.output, "a") as output:
            _refuse_existing(output, name)
            storage = ZARR if is_zarr else HDF5
            dataset = to_dataset(group, output, name, storage=storage, **settings)
            _tell(options.output, name, dataset, dataset.id.get_storage_size())
    return 0


def _export(options: argparse.Namespace) -> int:
    from ..flacarray.convert import to_group

    name = options.name or options.dataset.strip("/")
    _refuse_same(options)
    with opened(options.file) as file, h5py.File(options.output, "a") as output:
        dataset = dataset_of(file, options.dataset)
        _refuse_existing(output, name)
        group = output.create_group(name)
        try:
            to_group(
                dataset, group, options.quanta, options.precision, options.level, options.threads
            )
        except Exception:
            del output[name]
            raise
        _tell(options.output, name, dataset, group["compressed"].size)
    return 0


def _refuse_same(options: argparse.Namespace) -> None:
    output = Path(options.output)
    if output.exists() and output.samefile(options.file):
        raise ValueError(f"{options.output} is the file that is read; choose another --output")


def _refuse_existing(output: h5py.File, name: str) -> None:
    if name in output:
        raise ValueError(f"{name} is already in {output.filename}; choose another --name")


def _tell(path: str, name: str, dataset: h5py.Dataset, stored: int) -> None:
    shape = "×".join(map(str, dataset.shape))
    print(f"{path}: {name}, {dataset.dtype} {shape}, {size(stored)}")
