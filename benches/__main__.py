"""Measures h5flac beside what else its users could take. See docs/benchmarks.md.

Usage: python benches [--quick] [--folder FOLDER] [--docs] [PART...]
"""

import argparse
import os
import sys
import time
from pathlib import Path

import arrays
import comparison
import kernels
import lossless
import reading
import record
import report
import sweeps
import targets
from timing import clock, take

PARTS = {
    "targets": targets.COLUMNS,
    "codecs": comparison.COLUMNS,
    "lossless": lossless.COLUMNS,
    "arrays": arrays.COLUMNS,
    "shapes": arrays.SHAPE_COLUMNS,
    "stretch": arrays.STRETCH_COLUMNS,
    "entropy": sweeps.ENTROPY_COLUMNS,
    "threads": sweeps.THREAD_COLUMNS,
    "chunks": sweeps.CHUNK_COLUMNS,
    "lengths": sweeps.LENGTH_COLUMNS,
    "kernels": kernels.COLUMNS,
    "reading": reading.COLUMNS,
}


def steps(part, quick):
    """The steps of a part; a quick run takes little data and shows that everything works."""
    cores = os.cpu_count() or 1
    shape, runs = ((2, 20_000), 2) if quick else ((10, 200_000), 5)
    match part:
        case "targets":
            return targets.steps(targets.Scale(shape, 2) if quick else targets.Scale())
        case "codecs":
            return comparison.steps(shape, runs, cores)
        case "lossless":
            return lossless.steps(20_000 if quick else 200_000)
        case "arrays":
            return arrays.steps(shape[-1])
        case "shapes":
            return arrays.shape_steps(1 << 16 if quick else 1 << 20)
        case "stretch":
            return arrays.stretch_steps(shape[-1])
        case "entropy":
            return sweeps.entropy_steps(20_000 if quick else 250_000)
        case "threads":
            return sweeps.thread_steps(64_000 if quick else 4_096_000, cores, runs)
        case "chunks":
            return sweeps.chunk_steps(1 << 16 if quick else 1 << 22, cores, runs)
        case "lengths":
            return sweeps.length_steps(60_000 if quick else 3_000_000, runs)
        case "kernels":
            return kernels.steps(quick)
        case "reading":
            return reading.steps(quick)


def arguments():
    parser = argparse.ArgumentParser(prog="python benches", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="little data: shows that it works")
    parser.add_argument("--folder", type=Path, help="where to write; default: benches/record/…")
    parser.add_argument("--docs", action="store_true", help="also rewrite the tables of docs")
    parser.add_argument("--report", action="store_true", help="measure nothing; report the folder")
    found = parser.parse_args()
    if unknown := set(found.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
    partial = found.parts and set(found.parts) != set(PARTS)
    ending = "-quick" if found.quick else "-partial" if partial else ""
    found.folder = record.folder(found.folder, ending)
    if found.docs and (lack := record.lack(found.folder)):
        parser.error(f"--docs wants a full record, not {found.folder.name}. {lack}")
    return found


def measure(folder, parts, quick):
    """Takes all steps; the table of a part is written as soon as it is complete."""
    machine = [{"what": what, "this machine": text} for what, text in record.machine()]
    record.write(folder / "machine.csv", ("what", "this machine"), machine)
    planned = [(part, step) for part in parts for step in steps(part, quick)]
    tables = {part: [] for part in parts}
    left = {part: sum(p == part for p, _ in planned) for part in parts}
    taken = take([step for _, step in planned])
    for (part, _), (_, rows) in zip(planned, taken, strict=True):
        tables[part] += rows
        left[part] -= 1
        if left[part] == 0:
            record.write(folder / f"{part}.csv", PARTS[part], tables[part])


def main():
    found = arguments()
    folder = found.folder
    start = time.perf_counter()
    if not found.report:
        measure(folder, found.parts or list(PARTS), found.quick)
    report.draw(folder)
    report.write_page(folder)
    if found.docs:
        report.update_docs(folder)
    if rows := record.read(folder / "targets.csv"):
        print(report.targets(rows))
        if lack := record.lack(folder):
            print(lack)
    print(f"wrote {folder} in {clock(time.perf_counter() - start)}", file=sys.stderr)


if __name__ == "__main__":
    main()
