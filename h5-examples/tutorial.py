"""A tour on real recordings: an ECG, a grasshopper's song, a noisy record player.

Needs the package h5flac, and matplotlib. Writes into the current folder; docs/tutorial.md tells
the story, with the pictures that this draws. Run: python tutorial.py [folder for pictures]
"""

import sys
from pathlib import Path

import h5flac
import h5py
import matplotlib
import numpy as np
from h5flac.command import main as h5flac_command

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DATA = Path(__file__).parent.parent / "tests" / "data"
PICTURES = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# 1. Integers are lossless: an ECG, 360 samples a second.
ecg = np.load(DATA / "ecg.npy")
with h5py.File("tour.h5", "w") as f:
    dset = f.create_dataset("ecg", data=ecg, chunks=ecg.shape, compression=h5flac.Flac())
    assert np.array_equal(dset[...], ecg)
    print(f"ecg: {ecg.nbytes / dset.id.get_storage_size():.2f} times smaller, lossless")

# 2. Floats: how fine a step? The song of a grasshopper, a float at 20 kHz.
song = np.load(DATA / "grasshopper.npy").astype("f8") / 1e7
with h5py.File("song.h5", "w") as f:
    f["song"] = song
assert h5flac_command(["estimate", "song.h5", "song"]) == 0

# 3. What a step does: the bound holds, and the error looks like faint white noise.
steps = [0.1, 0.01, 0.001]
with h5py.File("tour.h5", "a") as f:
    for step in steps:
        filter = h5flac.Flac(quanta=step)
        dset = f.create_dataset(f"song {step}", data=song, chunks=song.shape, compression=filter)
        f.flush()
        decoded = h5flac.read(dset)
        assert np.abs(decoded - song).max() <= step / 2
report = ["report", "song.h5", "song", "--quanta", "0.01", "--rate", "20000"]
assert h5flac_command([*report, "-o", str(PICTURES / "song.png")]) == 0

# 4. Size against error: eight seconds of a record that plays nothing.
hiss = (np.load(DATA / "hiss.npy") / 32768).astype("f4")
parts = np.array([0.5, 1, 2, 4, 8, 16])
bits, errors = [], []
with h5py.File("tour.h5", "a") as f:
    for n in parts:
        filter = h5flac.Flac(noise=float(n))
        dset = f.create_dataset(f"hiss {n}", data=hiss, chunks=hiss.shape, compression=filter)
        f.flush()
        bits.append(8 * dset.id.get_storage_size() / hiss.size)
        errors.append(np.sqrt(np.mean((h5flac.read(dset) - hiss) ** 2)))
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.plot(1e6 * np.array(errors), bits, "o-")
for n, x, y in zip(parts, errors, bits, strict=True):
    axes.annotate(f"noise / {n:g}", (1e6 * x, y), (-6, 8), textcoords="offset points")
axes.set(xscale="log", xlabel="RMS error, millionths of full scale", ylabel="bits per sample")
axes.set(xlim=(15, 1500), ylim=(0, 8), title="a record player's hiss: size against error")
figure.savefig(PICTURES / "hiss.png", dpi=100)
# Each halving of the step costs a bit.
assert np.allclose(np.diff(bits)[2:], 1, atol=0.1)

# 5. A step for each stream, by several threads; any program decodes them. The streams are seconds.
seconds = hiss[: 8 * 44_100].reshape(8, 44_100)
steps = np.geomspace(0.0001, 0.01, 8)
with h5py.File("tour.h5", "a") as f:
    dset = f.create_dataset("seconds", seconds.shape, "f4", chunks=(4, 44_100), **h5flac.Flac())
    h5flac.write(dset, seconds, quanta=steps)
    error = np.abs(dset[...].astype("f8") - seconds).max(axis=1)
    assert (error <= steps / 2).all()

    # 6. A millisecond of some of them, from the bytes that hold it.
    part = h5flac.read(dset, keep=[1, 6], samples=slice(22_050, 22_094))
    assert np.array_equal(part, dset[...][[1, 6], 22_050:22_094])

# 7. What is in the file, and is it sound?
assert h5flac_command(["inspect", "tour.h5"]) == 0
assert h5flac_command(["inspect", "tour.h5", "seconds"]) == 0
assert h5flac_command(["verify", "tour.h5"]) == 0
print("PASS")
