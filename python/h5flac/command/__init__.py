"""The command `h5flac`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import library
from . import estimate, flacarray, inspect, report, verify, words

_DESCRIPTION = """\
Compression of time streams in HDF5 files, within an error that you choose.

  h5flac estimate data.h5 x          how small would it be, and with which error?
  h5flac words --quanta 0.01         what do h5repack, nccopy, MATLAB and C need?
  h5flac inspect data.h5             what is in this file, and how was it compressed?
  h5flac verify data.h5              is every stored byte what was written?
  h5flac report data.h5 x --noise 4  a picture: original against decoded, errors, spectra
  h5flac import old.h5 tod -o new.h5 a group of the package flacarray as a dataset; export: back

h5flac COMMAND --help tells more of each."""


def parser() -> argparse.ArgumentParser:
    """What the command line may be."""
    parser = argparse.ArgumentParser(
        "h5flac", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"h5flac {library.version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (inspect, estimate, words, report, verify, flacarray):
        module.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns
    -------
    int
        0, or 1 where a file is damaged, or 2 where something is wrong with what was asked.
    """
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:
        # The reader of a pipe, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except library.CorruptError as error:
        print(f"h5flac: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"h5flac: not enough memory: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"h5flac: {message}", file=sys.stderr)
        return 2
