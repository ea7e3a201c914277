"""Chunks side by side: a bounded number of them in flight, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def thread_count(threads: int | None) -> int:
    """Threads to use: as given, else what H5FLAC_NUM_THREADS says, else one for each processor.

    Raises
    ------
    ValueError
        If `threads` is not above 0.
    """
    if threads is None:
        setting = os.environ.get("H5FLAC_NUM_THREADS", "")
        if setting.isdecimal() and int(setting) > 0:
            return int(setting)
        return len(os.sched_getaffinity(0))
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be 1 or more")
    return int(threads)


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Results of `work` on each task, in the tasks' order.

    Tasks are taken from their iterator by the calling thread, which alone may use HDF5, and no
    more than two for each thread ahead of the results.
    """
    if threads == 1:
        yield from map(work, tasks)
        return
    with ThreadPoolExecutor(threads) as pool:
        running = deque()
        try:
            for task in tasks:
                running.append(pool.submit(work, task))
                if len(running) >= 2 * threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
