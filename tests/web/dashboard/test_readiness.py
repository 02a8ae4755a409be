"""In one word: would a fix write from there?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from web.dashboard.dto import CheckoutStatus, LastRun
from web.dashboard.readiness import ago, verdict, what_it_did

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUN = LastRun(UUID(int=1), "fix", "ok", "fresh", 0, 0, False, NOW - timedelta(hours=1))
PLACE = CheckoutStatus(1, 1, "repo", "host", "/srv", RUN)


@pytest.mark.parametrize(
    ("changes", "obstacles", "word"),
    [
        ({}, 0, "yes"),
        ({"freshness": "no_upstream"}, 0, "yes"),
        ({"freshness": "unknown"}, 0, "likely"),
        ({}, 1, "partly"),
        ({"freshness": "no_upstream", "detached": True}, 0, "partly"),
        ({"freshness": "behind", "outcome": "skipped"}, 0, "held"),
        ({"freshness": "diverged", "finished": NOW - timedelta(days=9)}, 0, "held"),
        ({"outcome": "error"}, 0, "no"),
        ({"finished": NOW - timedelta(days=2)}, 0, "unknown"),
        ({"freshness": ""}, 0, "unknown"),
        ({"outcome": "skipped"}, 0, "held"),
    ],
)
def test_verdict(changes: dict[str, Any], obstacles: int, word: str) -> None:
    place = replace(PLACE, run=replace(RUN, **changes), obstacles=obstacles)
    assert verdict(place, NOW, timedelta(days=1)).word == word


def test_verdict_of_a_checkout_on_another_branch_that_was_only_checked() -> None:
    assert verdict(replace(PLACE, gates=1), NOW, timedelta(days=1)).word == "held"


def test_verdict_without_a_run_is_unknown() -> None:
    assert verdict(replace(PLACE, run=None), NOW, timedelta(days=1)).word == "unknown"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"), (59, "just now"), (60, "1 minute ago"), (300, "5 minutes ago"), (7199, "1 hour ago"),
        (86_400, "1 day ago"), (900_000, "10 days ago"),
    ],
)  # fmt: skip
def test_ago(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "fixed"), ({"mode": "check"}, "checked"), ({"dry_run": True}, "dry run"),
        ({"outcome": "skipped"}, "fix held back"), ({"mode": "check", "outcome": "error"}, "check failed"),
        ({"dry_run": True, "outcome": "error"}, "dry run failed"),
    ],
)  # fmt: skip
def test_what_a_run_did(changes: dict[str, Any], words: str) -> None:
    assert what_it_did(replace(RUN, **changes)) == words
