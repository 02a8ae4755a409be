"""Tables of texts: aligned and cut to the width of a terminal, or with tabs for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from consistency.reports.segment import Line, Segment, Style, line
from statehub.text import escape_control

MIN_LAST_WIDTH = 10
"""Characters of the last column that are left on a terminal that is too narrow."""

_GAP = "  "
_CUT = "…"


def render_plain(rows: Sequence[Sequence[Segment]]) -> list[Line]:
    """Return *rows* without alignment: a tab between two cells, `-` for an empty one, nothing cut."""
    return [tuple(_join([Segment(escape_control(cell.text) or "-", cell.style) for cell in row])) for row in rows]


def render_aligned(headings: Sequence[str], rows: Sequence[Sequence[Segment]], width: int) -> list[Line]:
    """Return *rows* below their *headings*, without columns that have no heading or are empty in all rows.

    The last column is cut so that no line is longer than *width*, the terminal's number of characters.
    """
    used = [at for at in range(len(headings)) if headings[at] and any(row[at].text for row in rows)]
    cells = [
        [Segment(heading, Style.STRONG) for at, heading in enumerate(headings) if at in used],
        *([Segment(escape_control(row[at].text), row[at].style) for at in used] for row in rows),
    ]
    widths = [max(_measure(cell.text) for cell in column) for column in zip(*cells, strict=True)]
    left = max(width - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1), MIN_LAST_WIDTH)
    return [line(*_align(row, widths[:-1], left)) for row in cells]


def _join(cells: Sequence[Segment]) -> Iterator[Segment]:
    for at, cell in enumerate(cells):
        if at:
            yield Segment("\t")
        yield cell


def _align(cells: Sequence[Segment], widths: Sequence[int], left: int) -> Iterator[Segment]:
    *first, last = cells
    for cell, width in zip(first, widths, strict=True):
        yield cell
        yield Segment(" " * (width - _measure(cell.text)) + _GAP)
    yield Segment(_cut(last.text, left), last.style)


def _measure(text: str) -> int:
    """Return the number of characters that *text* takes on a terminal: two for a wide one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # Slow to import, and a pipe needs none of it.

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    if _measure(text) <= width:
        return text
    if text.isascii():
        return text[: width - 1].rstrip() + _CUT
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + _CUT
