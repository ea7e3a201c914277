"""A progress bar on long work, where tqdm is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

Item = TypeVar("Item")

#: Seconds after which work counts as long.
_LONG = 2.0


@cache
def _tqdm() -> Any:
    """The class that draws bars, or None. To look for it takes as long as to read a little."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def shown(items: Iterable[Item], total: int, what: str, unit: str = "chunk") -> Iterator[Item]:
    """The items, with a bar on a terminal once they have taken a while."""
    tqdm = _tqdm()
    if tqdm is None:
        return iter(items)
    return iter(tqdm(items, what, total, unit=unit, delay=_LONG, disable=None, leave=False))
