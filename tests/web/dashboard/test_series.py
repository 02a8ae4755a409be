"""Statuses and findings by day, and the grid of checkouts."""

from __future__ import annotations

from datetime import date

from web.dashboard.dto import DayOfFindings, DayOfTasks, GridCheckout, GridRow, StatusChangeCount
from web.dashboard.series import findings_by_day, first_drawn_day, grid, reconstruct

TODAY = date(2026, 3, 4)
FIRST = date(2026, 3, 1)


def test_reconstruct_undoes_each_day() -> None:
    changes = [
        StatusChangeCount(date(2026, 3, 4), "in_progress", "done", 2),
        StatusChangeCount(date(2026, 3, 3), "todo", "in_progress", 3),
        StatusChangeCount(date(2026, 3, 2), "", "todo", 4),
    ]
    assert reconstruct({"todo": 1, "in_progress": 1, "done": 2}, changes, TODAY, FIRST) == [
        DayOfTasks(date(2026, 3, 1), {"todo": 0, "in_progress": 0, "done": 0}),
        DayOfTasks(date(2026, 3, 2), {"todo": 4, "in_progress": 0, "done": 0}),
        DayOfTasks(date(2026, 3, 3), {"todo": 1, "in_progress": 3, "done": 0}),
        DayOfTasks(date(2026, 3, 4), {"todo": 1, "in_progress": 1, "done": 2}),
    ]


def test_reconstruct_counts_tomorrow_as_today() -> None:
    changes = [StatusChangeCount(date(2026, 3, 5), "todo", "done", 2)]
    assert reconstruct({"todo": 0, "done": 1}, changes, TODAY, date(2026, 3, 3)) == [
        DayOfTasks(date(2026, 3, 3), {"todo": 2, "done": 0}),
        DayOfTasks(date(2026, 3, 4), {"todo": 0, "done": 1}),
    ]


def test_first_drawn_day_is_the_first_known_within_the_span() -> None:
    assert first_drawn_day([date(2026, 3, 2), TODAY], TODAY, 90) == date(2026, 3, 2)
    assert first_drawn_day([date(2020, 1, 1)], TODAY, 4) == FIRST
    assert first_drawn_day([], TODAY, 4) == first_drawn_day([date(2026, 3, 9)], TODAY, 4) == TODAY


def test_findings_by_day_has_every_day() -> None:
    assert findings_by_day({TODAY: 2, date(2026, 1, 1): 9}, {date(2026, 3, 2): 1}, TODAY, 3) == [
        DayOfFindings(date(2026, 3, 2), 0, 1),
        DayOfFindings(date(2026, 3, 3), 0, 0),
        DayOfFindings(date(2026, 3, 4), 2, 0),
    ]


def test_grid_keeps_the_most_frequent_hosts_and_counts_the_rest() -> None:
    one, two, three, four, five = (
        GridCheckout(pk, repo, slug, host, f"/{pk}")
        for pk, repo, slug, host in (
            (1, 1, "a", "y"), (2, 2, "b", "y"), (3, 2, "b", "x"), (4, 2, "b", "x"), (5, 1, "a", "w"),
        )
    )  # fmt: skip
    assert grid([(2, "b"), (1, "a")], [one, two, three, four, five], 2, 1) == (
        ["x", "y"],
        [GridRow(2, "b", [[three], [two]], 1), GridRow(1, "a", [[], [one]], 1)],
    )
