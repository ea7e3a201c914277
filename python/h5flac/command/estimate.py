"""`h5flac estimate`."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from typing import Any

from ..filter import Flac
from .options import add_command, add_file, add_filter, add_json, dataset_of, filter_of, opened
from .sample import Errors, Sample, Trial, add_sample, attempt, errors, take
from .table import number, table

_DESCRIPTION = """\
Try modes, levels and steps on a sample of a dataset, and recommend one.

  h5flac estimate data.h5 x                     lossless, and steps of parts of the noise
  h5flac estimate data.h5 x --quanta 0.01       this step, at several levels
  h5flac estimate data.h5 x --axis -2           where time is the last axis but one

The dataset may be compressed or not, by whatever filter h5py reads. Errors are those found, in the
unit of the data; "of noise" is their RMS beside the noise of each stream (as --noise has it,
median over streams). A step of the noise / n adds an independent error of 0.29/n of the noise:
n = 4 raises it by 0.3 %, n = 1 by 4 %. Speeds are of one thread, in megabytes of samples."""

_LEVELS = (0, 2, 5, 8)
_PARTS_OF_NOISE = (1.0, 2.0, 4.0, 8.0, 16.0)
#: Parts of the noise to recommend: 0.3 % more noise.
_RECOMMENDED = 4.0


def add_parser(commands: Any) -> None:
    parser = add_command(commands, run, _DESCRIPTION)
    add_file(parser, dataset=None)
    add_sample(parser)
    add_filter(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    with opened(options.file) as file:
        dataset = dataset_of(file, options.dataset)
        asked = filter_of(options, dataset)
        sample = take(dataset, asked.axis, options.sample * 1e6, options.chunks)
        shape = dataset.shape
    tried = []
    for filter in _candidates(asked, sample):
        trial = attempt(sample, filter)
        tried.append((trial, errors(sample, trial)))
    best, why = _recommend(asked, sample, tried)
    if options.json:
        rows = [_as_json(sample, *one) for one in tried]
        print(json.dumps({"tried": rows, "recommended": best.config, "because": why}))
        return 0
    share = sample.size / math.prod(shape)
    print(
        f"{options.dataset}: {sample.dtype}, shape {shape}; tried on {len(sample.blocks)} blocks, "
        f"{sample.nbytes / 1e6:.3g} MB, {share:.0%} of it\n"
    )
    header = ("", "ratio", "bits/sample", "largest error", "RMS", "of noise", "encode", "decode")
    print(table(header, [_row(sample, *one) for one in tried]))
    print(f"\nRecommended: {best!r}\n  {why}")
    print(f'  h5py: f.create_dataset("…", data=…, chunks=…, **h5flac.{best!r})')
    return 0


def _candidates(asked: Flac, sample: Sample) -> Iterator[Flac]:
    base: dict[str, Any] = {"axis": asked.axis}
    if asked.mode != "lossless":
        yield Flac(axis=asked.axis)
        for level in sorted({*_LEVELS, asked.level}):
            yield Flac(**asked.config | {"level": level})
        return
    for level in _LEVELS:
        yield Flac(level, **base)
    if sample.dtype.kind in "fc":
        for parts in reversed(_PARTS_OF_NOISE):
            yield Flac(noise=parts, **base)


def _recommend(asked: Flac, sample: Sample, tried: list[tuple[Trial, Errors]]) -> tuple[Flac, str]:
    by_filter = {trial.filter: trial for trial, _ in tried}
    exact = Flac(axis=asked.axis)
    if asked.mode != "lossless":
        chosen = Flac(**asked.config | {"level": 5})
        if by_filter[exact].nbytes <= by_filter[chosen].nbytes:
            return exact, "lossless is as small, and has no error"
    else:
        chosen = exact
        coarse = Flac(noise=_RECOMMENDED, axis=asked.axis)
        if coarse in by_filter and by_filter[coarse].nbytes < 0.9 * by_filter[chosen].nbytes:
            times = by_filter[chosen].nbytes / by_filter[coarse].nbytes
            reason = f"{times:.3g} times smaller than lossless, for 0.3 % more noise"
            return coarse, _about_levels(reason, by_filter, coarse)
    if sample.dtype.kind not in "fc":
        reason = "integers are always lossless"
    elif asked.mode == "lossless":
        reason = "steps of parts of the noise would save less than 10 %"
    else:
        reason = "level 5 suits most"
    return chosen, _about_levels(reason, by_filter, chosen)


def _about_levels(reason: str, by_filter: dict[Flac, Trial], chosen: Flac) -> str:
    high = by_filter.get(Flac(**chosen.config | {"level": 8}))
    usual = by_filter.get(chosen)
    if high is None or usual is None:
        return reason
    smaller = 1 - high.nbytes / usual.nbytes
    slower = high.encode_seconds / usual.encode_seconds
    return (
        f"{reason}; level 8 would be {smaller:.1%} smaller, and {slower:.2g} times slower to write"
    )


def _as_json(sample: Sample, trial: Trial, error: Errors) -> dict[str, Any]:
    return {
        "config": trial.filter.config,
        "ratio": sample.nbytes / trial.nbytes,
        "bits_per_sample": 8 * trial.nbytes / sample.size,
        "largest_error": error.largest,
        "rms_error": error.rms,
        "rms_error_of_noise": error.relative if math.isfinite(error.relative) else None,
        "encode_megabytes_per_second": sample.nbytes / 1e6 / trial.encode_seconds,
        "decode_megabytes_per_second": sample.nbytes / 1e6 / trial.decode_seconds,
    }


def _row(sample: Sample, trial: Trial, error: Errors) -> list[str]:
    found = _as_json(sample, trial, error)
    relative = found["rms_error_of_noise"]
    return [
        repr(trial.filter),
        f"{found['ratio']:.2f}",
        f"{found['bits_per_sample']:.2f}",
        number(error.largest),
        number(error.rms),
        "-" if relative is None else f"{relative:.2%}",
        f"{found['encode_megabytes_per_second']:.0f}",
        f"{found['decode_megabytes_per_second']:.0f}",
    ]
