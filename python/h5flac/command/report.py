"""`h5flac report`."""

from __future__ import annotations

import argparse
import base64
import html
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..chunks import Chunks
from .options import add_command, add_file, add_filter, dataset_of, filter_of, opened
from .sample import Sample, Trial, add_sample, attempt, errors, take
from .table import number, size

_DESCRIPTION = """\
Draw original against decoded: a stream, the errors, spectra, bits of each stream.

  h5flac report data.h5 x --noise 4 -o report.html      what these options would do to x
  h5flac report data.h5 x --decoded small.h5            x beside what small.h5 holds of it

The output is one file: a PNG, or an HTML page with the picture and numbers. Needs matplotlib."""

#: Samples of a segment whose spectrum is taken.
_SEGMENT = 4096
#: Samples of a stream that are drawn.
_DRAWN = 500


def add_parser(commands: Any) -> None:
    parser = add_command(commands, run, _DESCRIPTION)
    add_file(parser, dataset=None)
    parser.add_argument(
        "-o", "--output", default="report.html", metavar="OUT", help="report.html, or a .png"
    )
    text = "compare with a dataset of the same name in this file, or with FILE:DATASET"
    parser.add_argument("--decoded", metavar="FILE", help=text)
    text = (
        "samples in a second (or other unit of time); default: spectra are over cycles per sample"
    )
    parser.add_argument("--rate", type=float, metavar="HZ", help=text)
    add_sample(parser)
    add_filter(parser)


def run(options: argparse.Namespace) -> int:
    output = Path(options.output)
    if output.suffix not in (".html", ".png"):
        raise ValueError(f"{output} is neither .html nor .png")
    if options.decoded is None:
        with opened(options.file) as file:
            dataset = dataset_of(file, options.dataset)
            filter = filter_of(options, dataset)
            sample = take(dataset, filter.axis, options.sample * 1e6, options.chunks)
        trial = attempt(sample, filter)
    else:
        sample, trial = _stored(options)
    picture = _draw(sample, trial, f"{options.dataset}: {trial.filter!r}", options.rate)
    if output.suffix == ".png":
        output.write_bytes(picture)
    else:
        output.write_text(_page(options.dataset, sample, trial, picture), encoding="utf-8")
    print(output)
    return 0


def _stored(options: argparse.Namespace) -> tuple[Sample, Trial]:
    """Blocks of the dataset, and what another file holds of them."""
    path, _, name = options.decoded.partition(":")
    with opened(path) as file:
        dataset = dataset_of(file, name or options.dataset)
        chunks = Chunks(dataset)
        decoded = take(dataset, chunks.axis, options.sample * 1e6, dataset.chunks)
        found = list(map(chunks.open(len(decoded.offsets)), decoded.offsets))
        if not all(chunk and chunk.compressed for chunk in found):
            raise ValueError(f"{dataset.name} of {path} has chunks that are not compressed")
        stored = [bytes(chunk.whole()) for chunk in found]
        shape = dataset.shape
    with opened(options.file) as file:
        original = dataset_of(file, options.dataset)
        if original.shape != shape:
            raise ValueError(
                f"{original.name} has the shape {original.shape}, in {path} it has {shape}"
            )
        sample = take(original, chunks.axis, options.sample * 1e6, chunks.chunk_shape)
    return sample, Trial(chunks.filter, stored, decoded.blocks, math.nan, math.nan)


def spectrum(streams: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean power spectral density of (streams, samples), by Welch's method.

    Returns
    -------
    frequencies, density
        In `rate`'s unit, and in the unit of the data squared for each of them.
    """
    length = min(_SEGMENT, streams.shape[-1])
    window = np.hanning(length + 1)[:-1]
    starts = range(0, streams.shape[-1] - length + 1, max(1, length // 2))
    total = np.zeros(length // 2 + 1)
    for start in starts:
        segment = streams[:, start : start + length].astype(np.float64)
        segment = segment - segment.mean(axis=-1, keepdims=True)
        total += np.mean(np.abs(np.fft.rfft(segment * window)) ** 2, axis=0)
    density = 2 * total / (len(starts) * rate * np.sum(window**2))
    return np.fft.rfftfreq(length, 1 / rate), density


def _draw(sample: Sample, trial: Trial, title: str, rate: float | None) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("report needs matplotlib: pip install matplotlib") from None
    original = _real(sample.streams()[len(sample.blocks) // 2])
    decoded = _real(replace(sample, blocks=trial.decoded).streams()[len(sample.blocks) // 2])
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(2, 2)
    _draw_stream(axes[0, 0], original[0], decoded[0])
    _draw_errors(axes[0, 1], _differences(original, decoded))
    _draw_spectra(axes[1, 0], original, decoded, rate)
    _draw_bits(axes[1, 1], trial.bits()[len(sample.blocks) // 2])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _real(streams: np.ndarray) -> np.ndarray:
    """Streams as doubles; of complex numbers the real part."""
    return streams.real.astype(np.float64)


def _differences(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Errors with their sign, those that are finite."""
    with np.errstate(invalid="ignore"):
        difference = (decoded - original).reshape(-1)
    return difference[np.isfinite(difference)]


def _draw_stream(axes: Any, original: np.ndarray, decoded: np.ndarray) -> None:
    start = max(0, (original.size - _DRAWN) // 2)
    drawn = slice(start, start + _DRAWN)
    place = np.arange(original.size)[drawn]
    axes.plot(place, original[drawn], color="0.6", linewidth=3, label="original")
    axes.plot(place, decoded[drawn], color="C0", linewidth=1, label="decoded")
    axes.set(title="one stream", xlabel="sample")
    axes.legend(loc="upper right")


def _draw_errors(axes: Any, difference: np.ndarray) -> None:
    axes.set(title="errors", xlabel="decoded - original", ylabel="samples")
    if not difference.any():
        axes.text(0.5, 0.5, "no error: lossless", ha="center", transform=axes.transAxes)
        return
    axes.hist(difference, bins=101, color="C1")
    bound = np.abs(difference).max()
    for edge in (-bound, bound):
        axes.axvline(edge, color="0.3", linestyle="--", linewidth=1)
    axes.annotate(
        f"largest {number(bound)}", (bound, 0), (-4, 8), textcoords="offset points", ha="right"
    )


def _draw_spectra(axes: Any, original: np.ndarray, decoded: np.ndarray, rate: float | None) -> None:
    whole = np.isfinite(original).all(axis=-1) & np.isfinite(decoded).all(axis=-1)
    unit = "cycles per sample" if rate is None else "frequency"
    axes.set(title="power spectra", xlabel=unit, ylabel="power density")
    if not whole.any() or original.shape[-1] < 8:
        axes.text(0.5, 0.5, "no stream without gaps", ha="center", transform=axes.transAxes)
        return
    lines = {
        "original": (original, {"color": "0.6", "linewidth": 3}),
        "decoded": (decoded, {"color": "C0", "linewidth": 1}),
        "error": (decoded - original, {"color": "C1", "linewidth": 1}),
    }
    for name, (streams, style) in lines.items():
        frequency, density = spectrum(streams[whole], rate or 1.0)
        if np.any(density[1:] > 0):
            axes.loglog(frequency[1:], density[1:], label=name, **style)
    axes.legend()


def _draw_bits(axes: Any, bits: np.ndarray) -> None:
    axes.bar(np.arange(bits.size), bits, width=0.9, color="C2")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.axhline(bits.mean(), color="0.3", linestyle="--", linewidth=1)
    axes.set(title=f"bits per sample: {bits.mean():.2f} on average", xlabel="stream", ylabel="bits")


def _page(name: str, sample: Sample, trial: Trial, picture: bytes) -> str:
    found = errors(sample, trial)
    rows = {
        "compressed with": repr(trial.filter),
        "sample": f"{size(sample.nbytes)} of {sample.dtype}",
        "ratio": f"{sample.nbytes / trial.nbytes:.3f}",
        "bits per sample": f"{8 * trial.nbytes / sample.size:.3f}",
        "largest error": number(found.largest),
        "RMS error": number(found.rms),
        "RMS error of the noise": f"{found.relative:.2%}" if math.isfinite(found.relative) else "-",
    }
    lines = "\n".join(
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
        for key, value in rows.items()
    )
    image = base64.b64encode(picture).decode()
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(name)}: h5flac report</title>
<style>body{{font-family:sans-serif;max-width:75em;margin:2em auto}}th{{text-align:left;
padding-right:2em;font-weight:normal}}img{{max-width:100%}}</style>
<h1>{html.escape(name)}</h1>
<table>
{lines}
</table>
<p><img alt="A stream, the errors, spectra and bits of each stream"
src="data:image/png;base64,{image}"></p>
</html>
"""
