"""Tests which checkout shows that a file has left its repo, and which statuses are old in the next one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consistency.core.comparison.arrivals import Seen, Sight, hint, memory_of, with_likes_named, witness
from consistency.core.comparison.drift import Drift
from consistency.core.comparison.snapshot import HubWorkstream, ParsedWorkplan
from consistency.core.finding import Finding
from consistency.core.workplan.model import Mirrored
from tests.core.values import BEFORE, WHEN, block, plan, task, uid, ws

AFTER = WHEN + timedelta(seconds=1)
LEFT = Seen("a:/a/W.md", Sight.LEFT, "c1", WHEN)


@pytest.mark.parametrize(
    ("others", "known"),
    [
        ([], True),
        ([Seen("b", Sight.GONE, "c1", AFTER)], True),
        ([Seen("b", Sight.THERE, "c0", BEFORE)], True),
        ([Seen("b", Sight.THERE, "c0", None)], True),
        ([Seen("b", Sight.THERE, "c1", BEFORE)], False),
        ([Seen("b", Sight.THERE, "", WHEN)], False),
        ([Seen("b", Sight.THERE, "c2", AFTER)], False),
        ([Seen("b", Sight.THERE, "c0", BEFORE), Seen("c", Sight.THERE, "c2", AFTER)], False),
    ],
    ids=[
        "no other checkout", "gone, not known for good", "stale clone", "clone that never ended a fix",
        "there at the same commit", "there at the same time", "there later", "a stale clone and a later one",
    ],
)  # fmt: skip
def test_clone_that_still_has_the_file_counts_if_it_is_not_stale(others: list[Seen], known: bool) -> None:
    assert witness([*others, LEFT]) == (LEFT if known else None)


def test_no_witness_without_one_who_knows() -> None:
    assert witness([]) is None
    assert witness([Seen("a", Sight.GONE, "c1", WHEN)]) is None
    assert witness([Seen("a", Sight.LEFT, "c1", None)]) is None


def test_newest_witness_speaks() -> None:
    later = Seen("b", Sight.LEFT, "c2", AFTER)
    assert witness([LEFT, later]) == later
    assert witness([LEFT, later, Seen("c", Sight.THERE, "c1", WHEN)]) == later


def test_what_any_checkout_has_told_is_no_news() -> None:
    old = plan("W", block("T1", "todo"), block("T2", "done"))
    new = plan("W", block("T1", "done"), block("T2", "todo"), block("T3", "done"), status="draft", path="new.md")
    first = ParsedWorkplan(old, {"T1": "todo", "T2": "done"}, "active", {"T1": WHEN, "T2": WHEN}, WHEN)
    stale = ParsedWorkplan(old, {"T1": "done", "T2": "in_progress"}, "draft", {"T1": BEFORE}, BEFORE)
    seen = [
        Seen("a", Sight.LEFT, "c1", WHEN, first),
        Seen("b", Sight.GONE, "c0", BEFORE, stale),
        Seen("c", Sight.GONE),
    ]
    assert memory_of(new, seen) == ParsedWorkplan(new, {"T1": "done", "T2": "done"}, "draft", {"T2": WHEN}, None)
    assert memory_of(new, [LEFT]) == ParsedWorkplan(new)


def test_hint_names_the_first_task_that_is_further_along() -> None:
    row = HubWorkstream(uid(1), "W", "W.md", 1, "active", Mirrored("Plan W"), WHEN, repo="a")
    new = plan("W", block("T1"), block("T2"))
    rows = [task(3, 1, "T2", "done"), task(2, 1, "T1", "in_progress"), task(4, 1, "T9", "done")]
    assert hint(row, rows, new) == (
        "; repo 'a' has a workplan of that id and title that is further along ('T1' is in_progress): if it has moved "
        f"here, write state_hub_workstream_id: {uid(1)} into the front matter"
    )
    assert hint(row, [task(2, 1, "T1", "todo"), task(4, 1, "T9", "done")], new) == ""
    assert hint(row, rows, plan("W", block("T1"), mirrored=Mirrored("Another"))) == ""


def test_only_a_like_workplan_is_named() -> None:
    gone, other = ws(1, "W"), HubWorkstream(uid(2), "W", "", 1, "active", Mirrored("Plan W"), WHEN, repo="b")
    drift = Drift(Finding("C-08", "it is gone", workplan="W"))
    (said,) = with_likes_named([drift], [gone], [other])
    assert said.finding.message == (
        "it is gone; repo 'b' has a workplan of that id and title: if it has moved there, write "
        f"state_hub_workstream_id: {uid(1)} into its front matter, and it takes its statuses and history along"
    )
    another = HubWorkstream(uid(2), "W", "", 1, "active", Mirrored("Another"), WHEN, repo="b")
    kept = [drift, Drift(Finding("C-10", "so is a task", workplan="W", task="T1"))]
    assert with_likes_named(kept, [gone], [another]) == tuple(kept)
    assert with_likes_named(kept[1:], [gone], [other]) == tuple(kept[1:])
