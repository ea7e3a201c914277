"""A folder with what one run measured: a CSV for each part, and the machine it ran on."""

import csv
import os
import platform
import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path

import hdf5plugin

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "benches" / "record"
# What a record lacks, by the end of its folder's name.
LACKS = {
    "-quick": "A quick run: too little data for its speeds to mean anything.",
    "-partial": "A partial run: some parts only.",
}
PACKAGES = ("flacarray", "hdf5plugin", "h5py", "pcodec", "numcodecs", "numpy")


def output_of(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def folder(given, ending):
    """The folder given, or one named by today and the commit that is checked out; with ending."""
    if given is None:
        commit = output_of("git", "describe", "--always", "--abbrev=7", "--dirty", "--exclude=*")
        given = RECORDS / f"{date.today():%Y-%m-%d}-{commit}"
    given = given.resolve()
    return given if given.name.endswith(ending) else given.with_name(given.name + ending)


def lack(folder):
    """Why a record is none to rely on; nothing if it is a full one."""
    return next((text for end, text in LACKS.items() if folder.name.endswith(end)), None)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def instructions():
    wanted = ("avx2", "avx512f")
    flags = Path("/proc/cpuinfo").read_text().split()
    return [name for name in wanted if name in flags]


def machine():
    """(what, description) of everything that speeds depend on."""
    build = hdf5plugin.get_config().build_config
    return [
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("instructions", ", ".join(instructions()) or platform.machine()),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("compiler", output_of("rustc", "--version")),
        ("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
        ("hdf5plugin's build", ", ".join(
            f"{name} {'yes' if getattr(build, name) else 'no'}" for name in ("openmp", "avx2")
        )),
        ("load when it began", f"{os.getloadavg()[0]:.1f}"),
    ]  # fmt: skip


def write(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(path):
    """Rows of a CSV, none if that part was never run."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
