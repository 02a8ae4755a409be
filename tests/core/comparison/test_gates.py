"""Tests of the gates, which keep a fix from writing anything to a checkout."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consistency.core.codes import Severity
from consistency.core.comparison.gates import (
    Freshness,
    Sighting,
    as_info,
    check_behind,
    check_branch,
    check_branch_exists,
    check_clone,
    check_in_progress,
    check_missing_workplans,
    check_repository,
    freshness,
    is_gate,
)
from consistency.core.finding import Finding

SEEN = Sighting("c0ffee" * 7, "forge", datetime(2026, 3, 4, 5, 6, 7, 800, UTC))
BEHIND = "Repo 'net' is behind remote — pull before fixing to avoid clobbering remote progress"


@pytest.mark.parametrize(
    ("fetched", "lacks", "ahead", "expected"),
    [
        (True, False, False, "fresh"),
        (True, False, True, "fresh"),
        (True, True, False, "behind"),
        (True, True, True, "diverged"),
        (False, True, False, "behind"),
        (False, True, True, "diverged"),
        (False, False, False, "unknown"),
        (False, False, True, "unknown"),
    ],
)
def test_freshness(fetched: bool, lacks: bool, ahead: bool, expected: str) -> None:
    assert freshness(fetched, lacks=lacks, ahead=ahead) is Freshness(expected)


@pytest.mark.parametrize("state", [Freshness.BEHIND, Freshness.DIVERGED])
def test_behind(state: Freshness) -> None:
    assert check_behind("net", state, None) == [Finding("C-14", BEHIND)]
    told = f"{BEHIND} (it lacks c0ffeec, as seen by forge at 2026-03-04 05:06:07Z)"
    assert check_behind("net", state, SEEN) == [Finding("C-14", told)]


@pytest.mark.parametrize("state", [Freshness.FRESH, Freshness.UNKNOWN, Freshness.NO_UPSTREAM])
def test_not_behind(state: Freshness) -> None:
    assert check_behind("net", state, SEEN) == []


@pytest.mark.parametrize("branch", ["main", "topic", None])
def test_on_the_branch(branch: str | None) -> None:
    assert check_branch("net", branch, "main", True) == []


@pytest.mark.parametrize(
    ("branch", "on_branch", "where"),
    [
        ("topic", False, "is on branch 'topic', not on 'main'"),
        (None, False, "has a detached HEAD that is not the tip of 'main'"),
        (None, None, "has a detached HEAD, and it is not known whether that is the tip of 'main'"),
    ],
)
def test_off_the_branch(branch: str | None, on_branch: bool | None, where: str) -> None:
    words = f"Repo 'net' {where} — nothing is written (--any-branch lifts this)"
    assert check_branch("net", branch, "main", on_branch) == [Finding("C-18", words)]


def test_in_progress() -> None:
    assert check_in_progress("net", "") == []
    words = "Repo 'net': a rebase is in progress — nothing is written; finish or abort it"
    assert check_in_progress("net", "a rebase") == [Finding("C-21", words)]


def test_branch_gone() -> None:
    words = "Repo 'net': branch 'main' is gone from origin — nothing is written"
    assert check_branch_exists("net", "main", "origin", "") == [Finding("C-22", words)]
    renamed = f"{words}; its default branch is 'trunk': git switch trunk, then register_repo PATH follows it"
    assert check_branch_exists("net", "main", "origin", "trunk") == [Finding("C-22", renamed)]


def test_foreign_clone() -> None:
    words = (
        "Repo 'net': this clone does not come from the repo's origin: it has none — nothing is written "
        "(if the repository has moved: git remote set-url, then register_repo PATH)"
    )
    assert check_clone("net", "it has none") == [Finding("C-22", words)]


def test_other_repository() -> None:
    words = (
        "Repo 'net': another repository is here now, the histories have nothing in common — nothing is written "
        "(retire_checkout PATH, then register_repo PATH registers the other one)"
    )
    assert check_repository("net") == [Finding("C-22", words)]


@pytest.mark.parametrize(("remembered", "there"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 500)])
def test_enough_workplans(remembered: int, there: int) -> None:
    assert check_missing_workplans("net", remembered, there) == []


@pytest.mark.parametrize(
    ("remembered", "there", "words"),
    [
        (1, 0, "no longer has the one workplan that the last fix saw"),
        (2, 0, "shows none of the 2 workplans of its last fix"),
        (3, 1, "shows only 1 of the 3 workplans of its last fix"),
        (1000, 499, "shows only 499 of the 1000 workplans of its last fix"),
    ],
)
def test_suddenly_empty(remembered: int, there: int, words: str) -> None:
    message = (
        f"Repo 'net' {words} — nothing is written "
        "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)"
    )
    assert check_missing_workplans("net", remembered, there) == [Finding("C-19", message)]


def test_check_only_informs() -> None:
    (found,) = as_info(check_branch("net", "topic", "main", False))
    assert (found.code, found.severity) == ("C-18", Severity.INFO)


def test_gates_are_no_drift() -> None:
    assert all(is_gate(Finding(code, "")) for code in ("C-14", "C-18", "C-19", "C-21", "C-22"))
    assert not is_gate(Finding("C-14", "", file="workplans/a.md"))
    assert not is_gate(Finding("C-16", ""))
