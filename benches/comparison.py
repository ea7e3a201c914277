"""Every codec on every set: size, speed, and whether what comes back is within the bound."""

from statistics import median

import datasets
from peers import peers, set_threads
from timing import Step, seconds

COLUMNS = (
    "group", "set", "codec", "threads", "bits per sample", "encode MB/s", "decode MB/s",
    "error / quanta", "within bound",
)  # fmt: skip


def measure(group, dataset, threads, runs):
    """A row for each codec; in every run each of them encodes and decodes once, in turn."""
    set_threads(threads)
    samples = dataset.samples
    found = [p for p in peers(dataset.quanta, threads > 1) if threads == 1 or p.threads]
    codecs = [(peer.name, peer.make()) for peer in found]
    errors, times = {}, {name: ([], []) for name, _ in codecs}
    for name, codec in codecs:
        codec.prepare(samples)
        codec.encode(samples)
        errors[name] = dataset.error(codec.decode())
    for _ in range(runs):
        for name, codec in codecs:
            encoding, decoding = times[name]
            encoding.append(seconds(lambda c=codec: c.encode(samples)))
            decoding.append(seconds(codec.decode))
    set_threads(1)
    return [
        {
            "group": group,
            "set": dataset.name,
            "codec": name,
            "threads": threads,
            "bits per sample": f"{8 * codec.size / samples.size:.4f}",
            "encode MB/s": f"{samples.nbytes / median(times[name][0]) / 1e6:.0f}",
            "decode MB/s": f"{samples.nbytes / median(times[name][1]) / 1e6:.0f}",
            "error / quanta": f"{errors[name] / (dataset.quanta or 1):.7g}",
            "within bound": "yes" if errors[name] <= dataset.allowed else "NO",
        }
        for name, codec in codecs
    ]


def steps(shape, runs, cores):
    """Synthetic integers and floats, recordings and arrays, with one thread and with all."""
    sets = [("integers", datasets.integers(name, shape)) for name in datasets.SETS]
    sets += [
        ("floats", datasets.floats(name, shape, dtype))
        for dtype in ("float32", "float64")
        for name in datasets.FLOATS
    ]
    sets += [("recordings", recording) for recording in datasets.recordings()]
    sets += [("arrays", array) for array in datasets.arrays(shape[-1])]
    for threads in sorted({1, cores}):
        cost = 1.1e-7 if threads == 1 else 7e-8
        for group, dataset in sets:
            yield Step(
                f"codecs: {dataset.name}, {threads} thread{'s' * (threads > 1)}",
                cost * dataset.samples.nbytes * (runs + 1),
                lambda g=group, d=dataset, t=threads: measure(g, d, t, runs),
            )
