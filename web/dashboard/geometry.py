"""Positions in the charts, in percent of their width and height, with y from the top. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of an axis and its position."""

    label: str
    at: float


def ceiling(maximum: int, parts: int = 4) -> int:
    """Return the end of an axis up to *maximum*: *parts* equal steps of 1, 2, 2.5 or 5 times a power of ten."""
    step, power = 0, 1
    while True:
        for tenths in (10, 20, 25, 50):
            if tenths * power % 10 == 0:
                step = tenths * power // 10
                if step * parts >= maximum:
                    return step * parts
        power *= 10


def levels(top: int, parts: int = 4) -> list[Tick]:
    """Return the values along the vertical axis, from 0 to *top*."""
    return [Tick(f"{top * part // parts:,}", 100 - 100 * part / parts) for part in range(parts + 1)]


def layers(columns: Sequence[Sequence[int]], top: int) -> list[str]:
    """Return the SVG path of each layer of a stacked area; *columns* has the values, bottom up, for each x.

    A single column fills the width.
    """
    if len(columns) == 1:
        columns = [columns[0], columns[0]]
    step = 100 / (len(columns) - 1)
    bottom = [0] * len(columns)
    paths = []
    for layer in range(len(columns[0])):
        upper = [below + column[layer] for below, column in zip(bottom, columns, strict=True)]
        forth = [_point(x * step, value, top) for x, value in enumerate(upper)]
        back = [_point(x * step, value, top) for x, value in enumerate(bottom)]
        paths.append(f"M{' L'.join(forth)} L{' L'.join(reversed(back))} Z")
        bottom = upper
    return paths


def _point(x: float, value: int, top: int) -> str:
    return f"{_short(x)},{_short(100 - 100 * value / top)}"


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def slots(number: int) -> tuple[list[str], str]:
    """Return where *number* columns of equal width begin, without gaps, and their width."""
    width = 100 / number
    return [_short(index * width) for index in range(number)], _short(width)


def mirrored(up: Sequence[int], down: Sequence[int], top: int) -> tuple[str, str]:
    """Return the SVG paths of bars that rise from the middle by *up*, and of bars that hang from it by *down*.

    *top* reaches the edge.
    """
    return _bars(up, -50 / top), _bars(down, 50 / top)


def _bars(values: Sequence[int], scale: float) -> str:
    width = 100 / len(values)
    return " ".join(
        f"M{_short((index + 0.1) * width)},50 v{_short(value * scale)} h{_short(0.8 * width)} V50 Z"
        for index, value in enumerate(values)
        if value
    )


def spaced(labels: Sequence[str], wanted: int, *, middle: bool = False) -> list[Tick]:
    """Return about *wanted* of *labels*, evenly spaced, with the last; in the *middle* of their slots, or on points."""
    number = len(labels)
    step = max(1, -(-number // wanted))
    chosen = range(number - 1, -1, -step)
    whole = number if middle else max(1, number - 1)
    shift = 0.5 if middle else 0
    return [Tick(labels[index], round(100 * (index + shift) / whole, 3)) for index in reversed(chosen)]


def shares(values: Sequence[int]) -> list[float]:
    """Return each of *values* in percent of their sum; all 0 if that is 0."""
    whole = sum(values)
    return [100 * value / whole if whole else 0.0 for value in values]


def heat(value: int, most: int) -> int:
    """Return a shade from 0 (none) to 5 (as much as *most*)."""
    return 0 if value <= 0 else min(5, 1 + 4 * value // max(most, 1))
