"""Where things are drawn: everything in percent of the picture's width and height, y from the top. Pure."""

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
    """A value of an axis and where it stands."""

    label: str
    at: float


def ceiling(maximum: int, parts: int = 4) -> int:
    """The end of an axis for values up to *maximum*: *parts* equal steps of 1, 2, 2.5 or 5 times a power of ten."""
    step, power = 0, 1
    while True:
        for tenths in (10, 20, 25, 50):
            if tenths * power % 10 == 0:
                step = tenths * power // 10
                if step * parts >= maximum:
                    return step * parts
        power *= 10


def levels(top: int, parts: int = 4) -> list[Tick]:
    """The values along the upright axis, from 0 to *top*."""
    return [Tick(f"{top * part // parts:,}", 100 - 100 * part / parts) for part in range(parts + 1)]


def layers(columns: Sequence[Sequence[int]], top: int) -> list[str]:
    """The SVG path of each layer of a stacked area; *columns* has, for each x, the layers' values from the ground up.

    A single column is drawn as wide as the picture.
    """
    if len(columns) == 1:
        columns = [columns[0], columns[0]]
    step = 100 / (len(columns) - 1)
    ground = [0] * len(columns)
    paths = []
    for layer in range(len(columns[0])):
        roof = [below + column[layer] for below, column in zip(ground, columns, strict=True)]
        there = [_point(x * step, value, top) for x, value in enumerate(roof)]
        back = [_point(x * step, value, top) for x, value in enumerate(ground)]
        paths.append(f"M{' L'.join(there)} L{' L'.join(reversed(back))} Z")
        ground = roof
    return paths


def _point(x: float, value: int, top: int) -> str:
    return f"{_short(x)},{_short(100 - 100 * value / top)}"


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def slots(number: int) -> list[Box]:
    """*number* columns of equal width over the whole height, without gaps."""
    width = 100 / number
    return [Box(round(index * width, 3), 0, round(width, 3), 100) for index in range(number)]


def mirrored(up: Sequence[int], down: Sequence[int], top: int) -> tuple[list[Box], list[Box]]:
    """Bars that rise from the middle by *up*, and hang from it by *down*; *top* reaches the edge."""
    places = slots(len(up))
    return (
        [_bar(place, 50 - 50 * value / top, 50 * value / top) for place, value in zip(places, up, strict=True)],
        [_bar(place, 50, 50 * value / top) for place, value in zip(places, down, strict=True)],
    )


def _bar(place: Box, y: float, height: float) -> Box:
    gap = place.width * 0.2
    return Box(round(place.x + gap / 2, 3), round(y, 3), round(place.width - gap, 3), round(height, 3))


def spaced(labels: Sequence[str], wanted: int, *, middle: bool = False) -> list[Tick]:
    """About *wanted* of *labels*, evenly, with the newest; in the *middle* of their slots, or on points."""
    number = len(labels)
    step = max(1, -(-number // wanted))
    chosen = range(number - 1, -1, -step)
    whole = number if middle else max(1, number - 1)
    shift = 0.5 if middle else 0
    return [Tick(labels[index], round(100 * (index + shift) / whole, 3)) for index in reversed(chosen)]


def shares(values: Sequence[int]) -> list[float]:
    """Each of *values* in percent of their sum; all 0 where that is none."""
    whole = sum(values)
    return [100 * value / whole if whole else 0.0 for value in values]


def heat(value: int, most: int) -> int:
    """A shade from 0 (none) to 5 (as much as *most*)."""
    return 0 if value <= 0 else min(5, 1 + 4 * value // max(most, 1))
