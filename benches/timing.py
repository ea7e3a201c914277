"""Time of one thing, and of two against each other, in a machine that has other things to do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

# A run is repeated until it takes this long, in seconds: clocks and interrupts cost microseconds.
SHORTEST = 0.02


def seconds(work):
    """Time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def repeated(work, count):
    """Mean time of so many calls in a row."""

    def all_of_them():
        for _ in range(count):
            work()

    return seconds(all_of_them) / count


@dataclass(frozen=True)
class Pair:
    """Median times of two things in alternating runs, and the median of the runs' ratios."""

    first: float
    second: float
    ratio: float


def compare(first, second, runs):
    """How many times as fast the first is as the second. Runs: A B, B A, A B, …"""
    counts = [max(1, round(SHORTEST / max(seconds(work), 1e-9))) for work in (first, second)]
    works = [(0, first), (1, second)]
    times = []
    for run in range(runs):
        taken = [0.0, 0.0]
        for which, work in works if run % 2 == 0 else reversed(works):
            taken[which] = repeated(work, counts[which])
        times.append(taken)
    return Pair(
        median(a for a, _ in times),
        median(b for _, b in times),
        median(b / a for a, b in times),
    )


@dataclass(frozen=True)
class Step:
    """A part of a run that gives rows of a table, and the seconds that it may take."""

    title: str
    expected: float
    rows: Callable


def take(steps):
    """Takes the steps in their order, with a line for each: time gone, and that of the whole."""
    start = time.perf_counter()
    for number, step in enumerate(steps):
        gone = time.perf_counter() - start
        before = sum(s.expected for s in steps[:number])
        after = sum(s.expected for s in steps[number:])
        # At first the expectation counts as much as a minute of experience.
        whole = gone + after * (gone + 60) / (before + 60)
        print(
            f"[{number + 1:3}/{len(steps)}  {clock(gone)} of about {clock(whole)}]  {step.title}",
            flush=True,
        )
        yield step, step.rows()


def clock(time_in_seconds):
    minutes, rest = divmod(round(time_in_seconds), 60)
    return f"{minutes}:{rest:02}"
