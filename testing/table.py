"""Tables in Markdown that also line up on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Return the lines of a table; the first *left* columns are aligned left, the others (numbers) right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]
    rule = [("-" * width if column < left else "-" * (width - 1) + ":") for column, width in enumerate(widths)]
    return [_line(row, widths, left) for row in (cells[0], rule, *cells[1:])]


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    pairs = zip(cells, widths, strict=True)
    padded = (cell.ljust(width) if column < left else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
    return f"| {' | '.join(padded)} |"
