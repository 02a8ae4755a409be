"""Days: statuses replayed backwards, findings per day, the grid."""

from __future__ import annotations

from datetime import date

from web.dashboard.dto import CheckoutStatus, DayOfFindings, DayOfTasks, Grid, GridRow, StatusChangeCount
from web.dashboard.series import beginning, flow, grid, replay

TODAY = date(2026, 3, 4)
FIRST = date(2026, 3, 1)


def test_replay_undoes_each_day() -> None:
    moves = [
        StatusChangeCount(date(2026, 3, 4), "in_progress", "done", 2),
        StatusChangeCount(date(2026, 3, 3), "todo", "in_progress", 3),
        StatusChangeCount(date(2026, 3, 2), "", "todo", 4),
    ]
    assert replay({"todo": 1, "in_progress": 1, "done": 2}, moves, TODAY, FIRST) == [
        DayOfTasks(date(2026, 3, 1), {"todo": 0, "in_progress": 0, "done": 0}),
        DayOfTasks(date(2026, 3, 2), {"todo": 4, "in_progress": 0, "done": 0}),
        DayOfTasks(date(2026, 3, 3), {"todo": 1, "in_progress": 3, "done": 0}),
        DayOfTasks(date(2026, 3, 4), {"todo": 1, "in_progress": 1, "done": 2}),
    ]


def test_replay_takes_a_move_of_tomorrow_for_one_of_today_and_never_falls_below_none() -> None:
    moves = [StatusChangeCount(date(2026, 3, 5), "todo", "done", 2)]
    assert replay({"todo": 0, "done": 1}, moves, TODAY, date(2026, 3, 3)) == [
        DayOfTasks(date(2026, 3, 3), {"todo": 2, "done": 0}),
        DayOfTasks(date(2026, 3, 4), {"todo": 0, "done": 1}),
    ]


def test_beginning_is_the_first_day_known_within_the_span() -> None:
    assert beginning([date(2026, 3, 2), TODAY], TODAY, 90) == date(2026, 3, 2)
    assert beginning([date(2020, 1, 1)], TODAY, 4) == FIRST
    assert beginning([], TODAY, 4) == beginning([date(2026, 3, 9)], TODAY, 4) == TODAY


def test_flow_has_every_day() -> None:
    assert flow({TODAY: 2, date(2026, 1, 1): 9}, {date(2026, 3, 2): 1}, TODAY, 3) == [
        DayOfFindings(date(2026, 3, 2), 0, 1),
        DayOfFindings(date(2026, 3, 3), 0, 0),
        DayOfFindings(date(2026, 3, 4), 2, 0),
    ]


def test_grid_keeps_the_hosts_seen_most_and_counts_what_is_hidden() -> None:
    one, two, three, four, five = (
        CheckoutStatus(pk, repo, slug, host, f"/{pk}")
        for pk, repo, slug, host in (
            (1, 1, "a", "y"), (2, 2, "b", "y"), (3, 2, "b", "x"), (4, 2, "b", "x"), (5, 1, "a", "w"),
        )
    )  # fmt: skip
    assert grid([(2, "b"), (1, "a")], [one, two, three, four, five], 2, 1) == Grid(
        ("x", "y"), (GridRow(2, "b", ((three,), (two,)), 1), GridRow(1, "a", ((), (one,)), 1))
    )
