"""Runs the micro-benchmarks of benches/kernels.rs, and reads what divan prints."""

import re
import subprocess

from record import ROOT
from timing import Step

COLUMNS = ("kernel", "table", "million samples/s")
UNITS = {"": 1e-6, "K": 1e-3, "M": 1, "G": 1e3, "T": 1e6}


def rows(quick):
    """The median speed of each kernel in each table; cargo builds the benchmark first."""
    command = ["cargo", "bench", "--locked", "--package", "h5flac", "--bench", "kernels"]
    if quick:
        command += ["--", "--sample-count", "10"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return list(parse(done.stdout))


def parse(text):
    """A kernel stands in a line without times, its tables below with two lines of columns."""
    kernel = table = None
    for line in filter(None, text.splitlines()):
        first, *cells = (cell.strip() for cell in line.split("│") if cell.strip())
        if found := re.match(r"[├╰]─ (\w+)", line):
            kernel = found[1]
        elif found := re.match(r"[├╰]─ (\w+)", first):
            table = found[1]
        elif "item/s" in first:
            # Fastest, slowest, median.
            speed, unit = re.fullmatch(r"([\d.]+) ([KMGT]?)item/s", cells[1]).groups()
            yield dict(
                zip(COLUMNS, (kernel, table, f"{float(speed) * UNITS[unit]:.4g}"), strict=True)
            )


def steps(quick):
    yield Step("kernels: cargo bench", 150, lambda: rows(quick))
