"""Time of one thing, and of two against each other, in a machine that has other things to do."""

import time
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


class Progress:
    """A line for each step: how many are done, time gone, and time that all may take."""

    def __init__(self, steps):
        """Steps: all (title, expected seconds) that will be taken, in their order."""
        self.steps = steps
        self.start = time.perf_counter()
        self.done = 0

    def step(self, title):
        """Says that a step begins; expected times are scaled by those of the steps done."""
        gone = time.perf_counter() - self.start
        before = sum(expected for _, expected in self.steps[: self.done])
        after = sum(expected for _, expected in self.steps[self.done :])
        # At first the expectation counts as much as a minute of experience.
        pace = (gone + 60) / (before + 60)
        self.done += 1
        print(
            f"[{self.done:3}/{len(self.steps)}  {clock(gone)} of about {clock(gone + after * pace)}]"
            f"  {title}",
            flush=True,
        )


def clock(time_in_seconds):
    minutes, rest = divmod(round(time_in_seconds), 60)
    return f"{minutes}:{rest:02}"
