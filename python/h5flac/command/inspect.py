"""`h5flac inspect`."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import h5py
import numpy as np

from .. import library
from ..chunks import Chunks, Stored
from ..filter import Flac, filters
from ..library import FILTER_ID
from ..parallel import in_order, thread_count
from ..progress import shown
from .options import add_command, add_file, add_json, add_threads, dataset_of, datasets, opened
from .table import number, size, table

_DESCRIPTION = """\
Show what is in a file, how it was compressed, and how well.

  h5flac inspect data.h5           a line for each dataset
  h5flac inspect data.h5 x         dataset x, a line for each stream
  h5flac inspect data.h5 x --all   of more than 20 streams, too

bits/sample is what a stream's samples take on disk, next to the bits of the type. quanta is the
step: errors are at most half of it; 0 is lossless. Exceptions are samples on no step (NaN,
infinities, values far outside), which are stored as they are."""

#: Streams that are shown without --all.
_STREAMS = 20


def add_parser(commands: Any) -> None:
    parser = add_command(commands, run, _DESCRIPTION)
    add_file(parser)
    parser.add_argument("--all", action="store_true", help="show every stream")
    add_threads(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    threads = thread_count(options.threads)
    with opened(options.file) as file:
        if options.dataset is None:
            found = [_summary(dataset) for dataset in datasets(file)]
            print(json.dumps(found) if options.json else _list(found))
            return 0
        dataset = dataset_of(file, options.dataset)
        found = _summary(dataset)
        if found["filter"] is not None:
            found["streams"] = _streams(Chunks(dataset), threads)
    if options.json:
        print(json.dumps(found))
    else:
        print(_show(found, options.all))
    return 0


def _summary(dataset: h5py.Dataset) -> dict[str, Any]:
    used, count = filters(dataset), int(dataset.size or 0)
    stored = dataset.id.get_storage_size()
    plain = count * dataset.dtype.itemsize
    return {
        "dataset": dataset.name,
        "dtype": str(dataset.dtype),
        "shape": list(dataset.shape or ()),
        "chunk_shape": list(dataset.chunks) if dataset.chunks else None,
        "filter": _filter(used[FILTER_ID]) if FILTER_ID in used else None,
        "other_filters": [code for code in used if code != FILTER_ID],
        "bytes": plain,
        "stored_bytes": stored,
        "ratio": plain / stored if stored else None,
        "bits_per_sample": 8 * stored / count if count else None,
    }


def _filter(words: tuple[int, ...]) -> str:
    try:
        return repr(Flac.from_filter_options(words))
    except ValueError as error:
        return f"h5flac, but {error}"


def _list(found: list[dict[str, Any]]) -> str:
    if not found:
        return "no datasets"
    header = (
        "dataset",
        "type",
        "shape",
        "chunks",
        "compressed with",
        "size",
        "ratio",
        "bits/sample",
    )
    return table(header, [_line(dataset) for dataset in found])


def _line(found: dict[str, Any]) -> list[str]:
    filter = found["filter"] or "-"
    if found["other_filters"]:
        names = ", ".join(_NAMES.get(code, f"filter {code}") for code in found["other_filters"])
        filter = names if filter == "-" else f"{filter}, {names}"
    return [
        found["dataset"],
        found["dtype"],
        _shape(found["shape"]),
        _shape(found["chunk_shape"]) if found["chunk_shape"] else "-",
        filter,
        size(found["stored_bytes"]),
        f"{found['ratio']:.2f}" if found["ratio"] else "-",
        f"{found['bits_per_sample']:.2f}" if found["bits_per_sample"] else "-",
    ]


_NAMES = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}


def _shape(shape: list[int]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _streams(chunks: Chunks, threads: int) -> list[dict[str, Any]]:
    """What the chunks say of each stream, added up over time."""
    time, leading = chunks.time, chunks.leading_shape
    count = math.prod(leading)
    total = {name: np.zeros(count) for name in ("samples", "bytes", "frames", "exceptions")}
    finest, coarsest = np.full(count, np.inf), np.zeros(count)

    def describe(task: tuple[tuple[int, ...], Stored]) -> tuple[tuple[int, ...], np.ndarray]:
        offset, chunk = task
        with chunks.errors_of(offset):
            data = chunk.whole()
            chunks.layout.check(data)
            return offset, _merged(library.streams(data))

    compressed = (task for task in chunks.stored() if task[1].compressed)
    work = in_order(describe, compressed, threads)
    for offset, found in shown(work, chunks.dataset.id.get_num_chunks(), "inspecting"):
        numbers, kept = chunks.numbers(offset)
        found = found[kept]
        end = min(offset[time] + chunks.chunk_shape[time], chunks.shape[time])
        total["samples"][numbers] += end - offset[time]
        for name in ("bytes", "frames", "exceptions"):
            total[name][numbers] += found[name]
        finest[numbers] = np.minimum(finest[numbers], found["quanta"])
        coarsest[numbers] = np.maximum(coarsest[numbers], found["quanta"])
    places = np.unravel_index(np.arange(count), leading) if leading else ()
    return [
        {
            "stream": [int(place[i]) for place in places],
            "bits_per_sample": _ratio(8 * total["bytes"][i], total["samples"][i]),
            "quanta": None if finest[i] == np.inf else [float(finest[i]), float(coarsest[i])],
            "exceptions": int(total["exceptions"][i]),
            "frames": int(total["frames"][i]),
            "bytes": int(total["bytes"][i]),
        }
        for i in range(count)
    ]


def _merged(streams: np.ndarray) -> np.ndarray:
    """Streams of complex numbers as one each: sums of both components, and the coarser step."""
    merged = streams[:, 0].copy()
    for name in ("bytes", "frames", "exceptions"):
        merged[name] = streams[name].sum(axis=1)
    merged["quanta"] = streams["quanta"].max(axis=1)
    return merged


def _ratio(above: float, below: float) -> float | None:
    return float(above / below) if below else None


def _show(found: dict[str, Any], every: bool) -> str:
    lines = [_list([found])]
    streams = found.get("streams")
    if streams is None:
        return "\n".join([*lines, "\nnot compressed with h5flac"])
    drawn = streams if every else streams[:_STREAMS]
    header = ("stream", "bits/sample", "quanta", "exceptions", "frames", "size")
    lines += ["", table(header, [_stream_line(stream) for stream in drawn])]
    if len(drawn) < len(streams):
        lines.append(f"… and {len(streams) - len(drawn)} more: --all shows them")
    bits = [s["bits_per_sample"] for s in streams if s["bits_per_sample"] is not None]
    if len(bits) > 1:
        spread = np.percentile(bits, [0, 50, 100])
        lines.append("\nbits/sample: least {:.2f}, median {:.2f}, most {:.2f}".format(*spread))
    return "\n".join(lines)


def _stream_line(stream: dict[str, Any]) -> list[str]:
    bits, quanta = stream["bits_per_sample"], stream["quanta"]
    if quanta is None:
        step = "-"
    elif quanta[0] == quanta[1]:
        step = number(quanta[0])
    else:
        step = f"{number(quanta[0])} to {number(quanta[1])}"
    return [
        ",".join(map(str, stream["stream"])) or "0",
        "-" if bits is None else f"{bits:.2f}",
        step,
        str(stream["exceptions"]),
        str(stream["frames"]),
        size(stream["bytes"]),
    ]
