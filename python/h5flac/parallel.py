"""Chunks side by side: a bounded number of them in flight, results in order."""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

#: Most threads, as in the plugin.
_MOST = 256

Task = TypeVar("Task")
Result = TypeVar("Result")


def thread_count(threads: int | None) -> int:
    """Threads to use: as given, else what H5FLAC_NUM_THREADS says, else one for each processor.

    As in the plugin, the variable is a number or "auto" (one for each processor), anything else
    means 1, and there are never more than 256.

    Raises
    ------
    ValueError
        If `threads` is not above 0.
    TypeError
        If it is not an integer.
    """
    if threads is None:
        setting = os.environ.get("H5FLAC_NUM_THREADS", "auto").strip()
        if setting != "auto":
            return min(max(1, int(setting)), _MOST) if setting.isdecimal() else 1
        return min(len(os.sched_getaffinity(0)), _MOST)
    try:
        count = operator.index(threads)
    except TypeError:
        raise TypeError(f"threads is {threads!r}; it must be an integer") from None
    if count < 1:
        raise ValueError(f"threads is {count}; it must be 1 or more")
    return min(count, _MOST)


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
