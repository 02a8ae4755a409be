"""Positions in the charts."""

from __future__ import annotations

import pytest

from web.dashboard.geometry import Tick, ceiling, heat, layers, levels, mirrored, shares, slots, spaced


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (144, 200), (200_000, 200_000), (200_001, 400_000)]
)
def test_ceiling_has_even_steps(most: int, top: int) -> None:
    assert ceiling(most) == top


def test_levels_go_from_zero_to_the_top() -> None:
    assert levels(2000, 2) == [Tick("0", 100), Tick("1,000", 50), Tick("2,000", 0)]


def test_layers_stand_on_each_other() -> None:
    assert layers([[1, 1], [2, 0]], 4) == [
        "M0,75 L100,50 L100,100 L0,100 Z",
        "M0,50 L100,50 L100,50 L0,75 Z",
    ]


def test_layers_of_one_day_fill_the_width() -> None:
    assert layers([[4]], 4) == ["M0,0 L100,0 L100,100 L0,100 Z"]


def test_slots_fill_the_width() -> None:
    assert slots(2) == (["0", "50"], "50")
    assert slots(3) == (["0", "33.33", "66.67"], "33.33")


def test_mirrored_bars_rise_and_hang() -> None:
    assert mirrored([4, 0], [2, 1], 4) == (
        "M5,50 v-50 h40 V50 Z",
        "M5,50 v25 h40 V50 Z M55,50 v12.5 h40 V50 Z",
    )
    assert mirrored([0], [0], 4) == ("", "")


def test_spaced_labels_end_with_the_newest() -> None:
    assert spaced(list("abcde"), 3) == [Tick("a", 0), Tick("c", 50), Tick("e", 100)]
    assert spaced(list("abcd"), 2, middle=True) == [Tick("b", 37.5), Tick("d", 87.5)]
    assert spaced(["a"], 6) == [Tick("a", 0)]


def test_shares_are_of_the_whole() -> None:
    assert shares([1, 3, 0]) == [25, 75, 0]
    assert shares([0, 0]) == [0, 0]


def test_heat_has_six_shades() -> None:
    assert [heat(value, 8) for value in (0, 1, 2, 4, 6, 8)] == [0, 1, 2, 3, 4, 5]
    assert heat(0, 0) == 0
