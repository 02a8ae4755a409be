"""When a task goes back and forth, and what is then left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consistency.core.actions import AdvanceTask, WriteBack
from consistency.core.comparison.drift import Comparison, Drift
from consistency.core.comparison.flapping import Move, count_rounds, suppress_flapping
from consistency.core.finding import Finding

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def forward(old: str = "todo", new: str = "done") -> Move:
    return Move(NOON, old, new, "cron (file, a)", forward=True)


def back(old: str = "done", new: str = "todo") -> Move:
    return Move(NOON, old, new, "anna (admin)", back=True)


def reported(old: str, new: str) -> Move:
    return Move(NOON, old, new, "remote (api)")


def written(old: str, new: str) -> Move:
    return Move(NOON, old, new, "a fix on a", written=True)


@pytest.mark.parametrize(
    ("moves", "number"),
    [
        ([], 0),
        ([forward()], 0),
        ([back()], 0),
        ([back(), forward()], 0),
        ([forward(), back()], 1),
        ([forward(), back(), back()], 1),
        ([forward(), forward(), back()], 1),
        ([forward("todo", "in_progress"), reported("in_progress", "done"), back()], 1),
        ([forward(), back()] * 3, 3),
        ([reported("todo", "done"), back()] * 3, 0),
        ([forward(), back(), reported("todo", "done"), back(), forward(), back()], 2),
        ([written("todo", "done")], 1),
        ([written("todo", "in_progress"), written("in_progress", "done")], 1),
        ([written("blocked", "in_progress")] * 3, 3),
        ([written("blocked", "done"), written("todo", "done"), written("blocked", "done")], 3),
        ([forward(), back(), written("done", "todo")] * 3, 3),
        ([written("done", "todo"), forward(), back()] * 2, 2),
    ],
)
def test_rounds(moves: list[Move], number: int) -> None:
    assert count_rounds(moves) == number


def drift(code: str, task: str | None, action: object) -> Drift:
    finding = Finding(
        code, "words", file="a.md", line=3, workplan="WP", task=task, db_status="todo", file_status="done"
    )
    return Drift(finding, action)  # type: ignore[arg-type]


ADVANCE = AdvanceTask("id", "ws", "todo", "done")
WRITE = WriteBack("a.md", "WP", "T1", "done", "todo", NOON)


def test_only_statuses_of_the_tasks_are_held() -> None:
    drifts = (
        drift("C-11", "T1", ADVANCE),
        drift("C-12", "T1", "update"),
        drift("C-11", None, "workstream"),
        drift("C-13", "T2", WRITE),
    )
    comparison = Comparison(drifts, (), {"a.md": "ws"})
    held = suppress_flapping(comparison, {"T1": [forward(), back()]})
    message = (
        "task 'T1' keeps changing back and forth; it is not touched until someone decides: "
        "2026-03-04 12:00Z cron (file, a) moved todo → done; 2026-03-04 12:00Z anna (admin) reopened done → todo"
    )
    seesaw = Finding(
        "C-20", message, file="a.md", line=3, workplan="WP", task="T1", db_status="todo", file_status="done"
    )
    assert held == Comparison(
        (Drift(drifts[0].finding), Drift(seesaw), *drifts[1:]), (), {"a.md": "ws"}, frozenset({("WP", "T1")})
    )


@pytest.mark.parametrize("code", ["C-11", "C-13", "C-15"])
def test_every_kind_of_mending_a_status_is_held(code: str) -> None:
    held = suppress_flapping(Comparison((drift(code, "T1", WRITE),), (), {}), {"T1": []})
    assert [(each.finding.code, each.action) for each in held.drifts] == [(code, None), ("C-20", None)]
    assert (
        held.drifts[1].finding.message
        == "task 'T1' keeps changing back and forth; it is not touched until someone decides"
    )


def test_message_tells_the_last_six_steps() -> None:
    moves = [Move(NOON + timedelta(minutes=number), "todo", "done", f"w{number}", written=True) for number in range(9)]
    (_, seesaw) = suppress_flapping(Comparison((drift("C-13", "T1", WRITE),), (), {}), {"T1": moves}).drifts
    told = seesaw.finding.message.partition("decides: ")[2].split("; ")
    assert told == [f"2026-03-04 12:0{n}Z w{n} wrote done over todo in the file" for n in range(3, 9)]


def test_nothing_is_held_where_nothing_goes_back_and_forth() -> None:
    comparison = Comparison((drift("C-11", "T1", ADVANCE),), (), {})
    assert suppress_flapping(comparison, {}) == comparison
