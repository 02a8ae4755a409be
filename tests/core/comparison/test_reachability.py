"""For how long a remote has not answered, and how much time a fetch gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consistency.core.comparison.reachability import (
    MAX_DOUBLINGS,
    MAX_FETCH_SECONDS,
    Reachability,
    fetch_limit,
    unreachable,
)
from consistency.core.finding import Finding

NOW = datetime(2026, 11, 21, 10, 0, 59, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=24)


@pytest.mark.parametrize(
    ("before", "failed", "received", "after"),
    [
        (Reachability(), False, 0, Reachability()),
        (Reachability(BEFORE, 3), False, 0, Reachability()),
        (Reachability(), True, 0, Reachability(NOW, 0)),
        (Reachability(BEFORE, 2), True, 0, Reachability(BEFORE, 2)),
        (Reachability(BEFORE, 2), True, 1, Reachability(BEFORE, 3)),
        (Reachability(BEFORE, MAX_DOUBLINGS), True, 1, Reachability(BEFORE, MAX_DOUBLINGS)),
    ],
)
def test_fetch_after_fetch(before: Reachability, failed: bool, received: int, after: Reachability) -> None:
    assert before.after(failed, received, NOW) == after


@pytest.mark.parametrize(
    ("timeout", "timeouts", "limit"),
    [
        (20, 0, 20), (20, 1, 40), (0.5, 2, 2), (20, 7, 2560), (20, 8, MAX_FETCH_SECONDS),
        (20, 32767, MAX_FETCH_SECONDS),
        (7200, 0, 7200), (7200, 3, 7200),
    ],
)  # fmt: skip
def test_limit_doubles_up_to_a_cap(timeout: float, timeouts: int, limit: float) -> None:
    assert fetch_limit(timeout, timeouts) == limit


def test_finding_has_gits_words_and_the_time() -> None:
    message = "remote has not answered since 2026-11-20 10:00Z (git: no route)"
    assert unreachable("no route", BEFORE, NOW, 24) == [Finding("C-26", message)]


@pytest.mark.parametrize("since", [None, NOW, BEFORE + timedelta(seconds=1)])
def test_no_finding_before_its_time(since: datetime | None) -> None:
    assert unreachable("no route", since, NOW, 24) == []
