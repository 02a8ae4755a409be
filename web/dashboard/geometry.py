"""Positions in the charts, in percent of their width and height, with y from the top. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


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


def slots(number: int) -> list[Box]:
    """Return *number* columns of equal width and full height, without gaps."""
    width = 100 / number
    return [Box(round(index * width, 3), 0, round(width, 3), 100) for index in range(number)]


def mirrored(up: Sequence[int], down: Sequence[int], top: int) -> tuple[list[Box], list[Box]]:
    """Return bars that rise from the middle by *up*, and bars that hang from it by *down*; *top* reaches the edge."""
    columns = slots(len(up))
    return (
        [_bar(slot, 50 - 50 * value / top, 50 * value / top) for slot, value in zip(columns, up, strict=True)],
        [_bar(slot, 50, 50 * value / top) for slot, value in zip(columns, down, strict=True)],
    )


def _bar(slot: Box, y: float, height: float) -> Box:
    gap = slot.width * 0.2
    return Box(round(slot.x + gap / 2, 3), round(y, 3), round(slot.width - gap, 3), round(height, 3))


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
