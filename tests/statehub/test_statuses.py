"""The rank rule (design, "Statuses and ranks")."""

from __future__ import annotations

import itertools

import pytest

from statehub.statuses import (
    TASK_STATUSES,
    WORKSTREAM_STATUSES,
    is_advance,
    is_regress,
    rank,
    statuses_up_to,
)


def test_ranks_are_those_of_the_design() -> None:
    assert {status: rank(status) for status in WORKSTREAM_STATUSES} == {
        "todo": 0,
        "in_progress": 1,
        "blocked": 1,
        "done": 2,
        "cancelled": 2,
        "draft": 0,
        "active": 1,
    }
    assert TASK_STATUSES == ("todo", "in_progress", "blocked", "done", "cancelled")


def test_unknown_status_has_no_rank() -> None:
    with pytest.raises(KeyError):
        rank("finished")


@pytest.mark.parametrize(("old", "new"), list(itertools.product(WORKSTREAM_STATUSES, repeat=2)))
def test_every_pair_moves_one_way(old: str, new: str) -> None:
    assert (is_advance(old, new), is_regress(old, new)) == (rank(old) < rank(new), rank(old) > rank(new))
    assert (old in statuses_up_to(new)) == (not is_regress(old, new))
