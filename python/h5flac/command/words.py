"""`h5flac words`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..filter import Flac
from ..library import FILTER_ID, PLUGIN_PATH
from .options import add_command, add_filter, add_json, filter_of

_DESCRIPTION = """\
Print parameter words, and lines for h5repack and nccopy.

HDF5 knows a filter by a number and its parameters as unsigned integers (cd_values). This prints
those of given options, or with --from what given words mean:

  h5flac words --quanta 0.01
  h5flac words --decimal 0.001 --axis -2 --level 8
  h5flac words --from 5 2 1 3"""


def _word(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; words are like 5 2 1 3") from None


def add_parser(commands: Any) -> None:
    parser = add_command(commands, run, _DESCRIPTION)
    parser.add_argument(
        "--from",
        dest="given",
        metavar="WORD",
        type=_word,
        nargs="+",
        help="say what these words mean, as passed to HDF5 or as h5dump -pH shows them",
    )
    add_filter(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    if options.given is None:
        filter = filter_of(options)
    elif filter_of(options) != Flac():
        raise ValueError("--from says all; leave out the options that say how to compress")
    else:
        filter = Flac.from_filter_options(options.given)
    words = list(filter.filter_options)
    if options.json:
        found = {"filter_id": FILTER_ID, "cd_values": words, "config": filter.config}
        print(json.dumps(found | {"plugin_path": PLUGIN_PATH}))
        return 0
    listed = ",".join(map(str, words))
    lines = {
        "Python": f"h5flac.{filter!r}",
        "filter id": FILTER_ID,
        "cd_values": " ".join(map(str, words)),
        "h5repack": f"h5repack -f UD={FILTER_ID},1,{len(words)},{listed} old.h5 new.h5",
        "nccopy": f'nccopy -4 -F "*,{FILTER_ID},{listed}" old.nc new.nc',
        "environment": f"export HDF5_PLUGIN_PATH={PLUGIN_PATH}",
    }
    for name, value in lines.items():
        print(f"{name:<12} {value}")
    return 0
