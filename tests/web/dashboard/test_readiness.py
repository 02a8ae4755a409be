"""Would a fix write from a checkout?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consistency.models import Run
from web.dashboard.dto import GridCheckout
from web.dashboard.readiness import assess, describe_run, format_age

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def make_run(**changes: Any) -> Run:
    """Return a fix of an hour ago that ended well in a fresh checkout, with *changes*; it is not saved."""
    values = {"mode": "fix", "outcome": "ok", "freshness": "fresh", "head": "a" * 40, "branch": "main"}
    return Run(**{**values, "finished_at": NOW - timedelta(hours=1), **changes})


CHECKOUT = GridCheckout(1, 1, "repo", "host", "/srv", make_run())


@pytest.mark.parametrize(
    ("changes", "obstacles", "label"),
    [
        ({}, 0, "yes"),
        ({"freshness": "no_upstream"}, 0, "yes"),
        ({"freshness": "unknown"}, 0, "likely"),
        ({}, 1, "partly"),
        ({"freshness": "no_upstream", "branch": ""}, 0, "partly"),
        ({"freshness": "behind", "outcome": "skipped"}, 0, "held"),
        ({"freshness": "diverged", "finished_at": NOW - timedelta(days=9)}, 0, "held"),
        ({"outcome": "error"}, 0, "no"),
        ({"finished_at": NOW - timedelta(days=2)}, 0, "unknown"),
        ({"freshness": ""}, 0, "unknown"),
        ({"outcome": "skipped"}, 0, "held"),
    ],
)
def test_assess(changes: dict[str, Any], obstacles: int, label: str) -> None:
    checkout = replace(CHECKOUT, run=make_run(**changes), obstacles=obstacles)
    assert assess(checkout, NOW, timedelta(days=1)).label == label


def test_checkout_that_was_checked_on_another_branch_is_held() -> None:
    assert assess(replace(CHECKOUT, gates=1), NOW, timedelta(days=1)).label == "held"


def test_checkout_without_a_finished_run_is_unknown() -> None:
    assert assess(replace(CHECKOUT, run=None), NOW, timedelta(days=1)).label == "unknown"
    assert assess(replace(CHECKOUT, run=make_run(finished_at=None)), NOW, timedelta(days=1)).label == "unknown"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"), (59, "just now"), (60, "1 minute ago"), (300, "5 minutes ago"), (7199, "1 hour ago"),
        (86_400, "1 day ago"), (900_000, "10 days ago"),
    ],
)  # fmt: skip
def test_format_age(seconds: int, words: str) -> None:
    assert format_age(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "fixed"), ({"mode": "check"}, "checked"), ({"dry_run": True}, "dry run"),
        ({"outcome": "skipped"}, "fix held back"), ({"mode": "check", "outcome": "error"}, "check failed"),
        ({"dry_run": True, "outcome": "error"}, "dry run failed"),
    ],
)  # fmt: skip
def test_describe_run(changes: dict[str, Any], words: str) -> None:
    assert describe_run(make_run(**changes)) == words
