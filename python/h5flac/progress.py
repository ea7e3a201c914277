"""A progress bar on long work, where tqdm is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

#: Seconds after which work counts as long.
_LONG = 2.0


def shown(items: Iterable[Item], total: int, what: str, unit: str = "chunk") -> Iterator[Item]:
    """The items, with a bar on a terminal once they have taken a while."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(items)
    return iter(tqdm(items, what, total, unit=unit, delay=_LONG, disable=None, leave=False))
