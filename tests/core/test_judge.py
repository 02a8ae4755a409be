"""The no-regress table, whole (design, "Statuses and ranks")."""

from __future__ import annotations

import itertools

import pytest

from consistency.core.judge import judge

RANK = {"todo": 0, "draft": 0, "in_progress": 1, "blocked": 1, "active": 1, "done": 2, "cancelled": 2}
WORDS = tuple(RANK)


def by_the_design(file: str, hub: str, taken: str) -> str | None:
    if file == hub:
        return None
    if RANK[hub] >= RANK[file]:
        return "C-13"
    return "C-15" if taken == file else "C-11"


@pytest.mark.parametrize("taken", ["", *WORDS])
def test_judge_every_case(taken: str) -> None:
    for file, hub in itertools.product(WORDS, WORDS):
        assert judge(file, hub, taken) == by_the_design(file, hub, taken), (file, hub)


@pytest.mark.parametrize(
    ("file", "hub", "taken", "code"),
    [
        ("done", "done", "done", None),
        ("done", "todo", "", "C-11"),
        ("done", "todo", "in_progress", "C-11"),
        ("done", "todo", "done", "C-15"),
        ("todo", "done", "todo", "C-13"),
        ("in_progress", "blocked", "", "C-13"),
        ("blocked", "in_progress", "blocked", "C-13"),
        ("cancelled", "done", "", "C-13"),
        ("done", "cancelled", "done", "C-13"),
    ],
)
def test_judge_examples(file: str, hub: str, taken: str, code: str | None) -> None:
    assert judge(file, hub, taken) == code
