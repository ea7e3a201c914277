"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their headers; those of numbers aligned right."""
    columns = list(zip(header, *rows, strict=True))
    aligned = []
    for head, *cells in columns:
        width = max(map(len, (head, *cells)))
        numeric = cells and all(cell[:1].isdigit() or cell[:1] in "-." for cell in cells)
        aligned.append(
            [cell.rjust(width) if numeric else cell.ljust(width) for cell in (head, *cells)]
        )
    lines = ["  ".join(line).rstrip() for line in zip(*aligned, strict=True)]
    rule = "  ".join("─" * len(column[0]) for column in aligned)
    return "\n".join([lines[0], rule, *lines[1:]])


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"
