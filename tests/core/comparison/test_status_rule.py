"""The no-regress table, whole (design, "Statuses and ranks")."""

from __future__ import annotations

import itertools

import pytest

from consistency.core.comparison.status_rule import classify_difference

RANK = {"todo": 0, "draft": 0, "in_progress": 1, "blocked": 1, "active": 1, "done": 2, "cancelled": 2}
WORDS = tuple(RANK)


def by_the_design(file: str, hub: str, taken: str, moved: bool) -> str | None:
    if file == hub:
        return None
    if RANK[hub] == RANK[file] and taken == hub and not moved:
        return "C-11"
    if RANK[hub] >= RANK[file]:
        return "C-13"
    return "C-15" if taken == file else "C-11"


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("taken", ["", *WORDS])
def test_judge_every_case(taken: str, moved: bool) -> None:
    for file, hub in itertools.product(WORDS, WORDS):
        assert classify_difference(file, hub, taken, moved=moved) == by_the_design(file, hub, taken, moved), (file, hub)


@pytest.mark.parametrize(
    ("file", "hub", "taken", "moved", "code"),
    [
        ("done", "done", "done", False, None),
        ("done", "todo", "", True, "C-11"),
        ("done", "todo", "in_progress", False, "C-11"),
        ("done", "todo", "done", True, "C-15"),
        ("todo", "done", "todo", True, "C-13"),
        ("todo", "done", "done", False, "C-13"),
        # Equal rank: the file alone has moved, nothing is known of before, both have, the hub alone has.
        ("blocked", "in_progress", "in_progress", False, "C-11"),
        ("cancelled", "done", "done", False, "C-11"),
        ("in_progress", "blocked", "", True, "C-13"),
        ("in_progress", "blocked", "blocked", True, "C-13"),
        ("blocked", "in_progress", "blocked", True, "C-13"),
        ("done", "cancelled", "done", False, "C-13"),
    ],
)
def test_judge_examples(file: str, hub: str, taken: str, moved: bool, code: str | None) -> None:
    assert classify_difference(file, hub, taken, moved=moved) == code
