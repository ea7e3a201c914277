"""`h5flac verify`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py

from ..chunks import FLETCHER32, Chunks, Stored
from ..filter import filters, stored_words
from ..library import FILTER_ID, CorruptError
from ..parallel import in_order, thread_count
from ..progress import shown
from ..reading import decode_chunk
from .options import add_command, add_file, add_json, add_threads, dataset_of, datasets, opened
from .table import size

_DESCRIPTION = """\
Decode every chunk and check its checksums.

  h5flac verify data.h5        every dataset that h5flac compressed
  h5flac verify data.h5 x      one

Each chunk that is damaged is named. The exit code is 0 if all are sound, 1 if any is damaged, 2 if
the file cannot be read at all."""


@dataclass
class Found:
    """What is known of a dataset."""

    dataset: str
    chunks: int = 0
    stored_bytes: int = 0
    uncompressed_chunks: int = 0
    """Chunks that HDF5 stored without the filter: they have no checksum."""
    errors: list[str] = field(default_factory=list)


def add_parser(commands: Any) -> None:
    parser = add_command(commands, run, _DESCRIPTION)
    add_file(parser)
    add_threads(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    threads = thread_count(options.threads)
    with opened(options.file) as file:
        if options.dataset is None:
            chosen = [dataset for dataset in datasets(file) if FILTER_ID in filters(dataset)]
        else:
            chosen = [dataset_of(file, options.dataset)]
            stored_words(chosen[0])
        found = [_verify(dataset, threads) for dataset in chosen]
    damaged = any(dataset.errors for dataset in found)
    if options.json:
        print(json.dumps([vars(dataset) for dataset in found]))
        return int(damaged)
    if not found:
        print(f"{options.file}: no dataset is compressed with h5flac")
    for dataset in found:
        for error in dataset.errors:
            print(f"h5flac: {error}", file=sys.stderr)
        state = f"{len(dataset.errors)} damaged" if dataset.errors else "sound"
        print(f"{dataset.dataset}: {dataset.chunks} chunks, {size(dataset.stored_bytes)}: {state}")
        if dataset.uncompressed_chunks:
            print(f"  {dataset.uncompressed_chunks} of them are not compressed: no checksum")
    return int(damaged)


def _verify(dataset: h5py.Dataset, threads: int) -> Found:
    try:
        return _verify_chunks(dataset, threads)
    except ValueError as error:
        # Words that no h5flac wrote: the other datasets may be sound.
        return Found(dataset.name, errors=[f"{dataset.name}: {error}"])


def _verify_chunks(dataset: h5py.Dataset, threads: int) -> Found:
    if set(filters(dataset)) - {FILTER_ID, FLETCHER32}:
        return _verify_by_hdf5(dataset)
    chunks = Chunks(dataset)
    found = Found(dataset.name)

    def stored() -> Iterator[tuple[tuple[int, ...], Stored]]:
        for offset, chunk in chunks.stored():
            found.chunks += 1
            found.stored_bytes += chunk.size
            found.uncompressed_chunks += not chunk.compressed
            yield offset, chunk

    def decode(task: tuple[tuple[int, ...], Stored]) -> str | None:
        offset, chunk = task
        try:
            with chunks.errors_of(offset):
                decode_chunk(chunks, chunk)
        except (CorruptError, NotImplementedError) as error:
            return str(error)
        return None

    total = dataset.id.get_num_chunks()
    for error in shown(in_order(decode, stored(), threads), total, f"verifying {dataset.name}"):
        if error is not None:
            found.errors.append(error)
    return found


def _verify_by_hdf5(dataset: h5py.Dataset) -> Found:
    """Reads a dataset that has other filters, too, chunk by chunk."""
    found = Found(dataset.name, stored_bytes=dataset.id.get_storage_size())
    regions = list(dataset.iter_chunks())
    for region in shown(regions, len(regions), f"verifying {dataset.name}"):
        found.chunks += 1
        try:
            dataset[region]
        except OSError as error:
            where = ", ".join(str(part.start) for part in region)
            found.errors.append(f"{dataset.name}: chunk at ({where}): {error}")
    return found
