"""What keeps a fix from writing anything to a checkout."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consistency.core.codes import Severity
from consistency.core.finding import Finding
from consistency.core.gate import (
    Freshness,
    Sighting,
    behind,
    for_a_check,
    freshness,
    is_gate,
    off_branch,
    suddenly_empty,
)

SEEN = Sighting("c0ffee" * 7, "forge", datetime(2026, 3, 4, 5, 6, 7, 800, UTC))
BEHIND = "Repo 'net' is behind remote — pull before fixing to avoid clobbering remote progress"


@pytest.mark.parametrize(
    ("fetch", "upstream", "compared", "ahead", "distance", "expected"),
    [
        ("ok", True, True, 0, 0, "fresh"),
        ("ok", True, True, 2, 0, "fresh"),
        ("ok", True, True, 0, 1, "behind"),
        ("ok", True, True, 2, 1, "diverged"),
        ("not asked", True, True, 0, 1, "behind"),
        ("no route", True, True, 3, 1, "diverged"),
        ("no route", True, True, 0, 0, "unknown"),
        ("not asked", True, True, 1, 0, "unknown"),
        ("not asked", True, False, 0, 0, "unknown"),
        ("ok", True, False, 0, 0, "no_upstream"),
        ("no upstream", True, True, 0, 0, "no_upstream"),
        ("ok", False, False, 0, 0, "no_upstream"),
        ("no route", False, False, 0, 0, "no_upstream"),
    ],
)
def test_freshness(fetch: str, upstream: bool, compared: bool, ahead: int, distance: int, expected: str) -> None:
    assert freshness(fetch, upstream, compared, ahead, distance) is Freshness(expected)


@pytest.mark.parametrize("state", [Freshness.BEHIND, Freshness.DIVERGED])
def test_behind(state: Freshness) -> None:
    assert behind("net", state, None) == [Finding.of("C-14", BEHIND)]
    told = f"{BEHIND} (it lacks c0ffeec, as seen by forge at 2026-03-04 05:06:07Z)"
    assert behind("net", state, SEEN) == [Finding.of("C-14", told)]


@pytest.mark.parametrize("state", [Freshness.FRESH, Freshness.UNKNOWN, Freshness.NO_UPSTREAM])
def test_not_behind(state: Freshness) -> None:
    assert behind("net", state, SEEN) == []


@pytest.mark.parametrize(("branch", "wanted"), [("main", "main"), ("topic", ""), (None, "main"), (None, "")])
def test_branch_that_may_be_written_from(branch: str | None, wanted: str) -> None:
    assert off_branch("net", branch, wanted) == []


def test_another_branch() -> None:
    words = "Repo 'net' is on branch 'topic', not on 'main' — nothing is written (--any-branch lifts this)"
    assert off_branch("net", "topic", "main") == [Finding.of("C-18", words)]


@pytest.mark.parametrize(("remembered", "there"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 500)])
def test_enough_workplans(remembered: int, there: int) -> None:
    assert suddenly_empty("net", remembered, there) == []


@pytest.mark.parametrize(
    ("remembered", "there", "words"),
    [
        (1, 0, "no more the one workplan"),
        (2, 0, "none of the 2 workplans"),
        (3, 1, "only 1 of the 3 workplans"),
        (1000, 499, "only 499 of the 1000 workplans"),
    ],
)
def test_suddenly_empty(remembered: int, there: int, words: str) -> None:
    message = (
        f"Repo 'net' shows {words} of its last fix — nothing is written "
        "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)"
    )
    assert suddenly_empty("net", remembered, there) == [Finding.of("C-19", message)]


def test_check_only_informs() -> None:
    (found,) = for_a_check(off_branch("net", "topic", "main"))
    assert (found.code, found.severity) == ("C-18", Severity.INFO)


def test_gates_are_no_drift() -> None:
    assert all(is_gate(Finding.of(code, "")) for code in ("C-14", "C-18", "C-19"))
    assert not is_gate(Finding.of("C-14", "", file="workplans/a.md"))
    assert not is_gate(Finding.of("C-16", ""))
