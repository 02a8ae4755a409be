"""In one word: would a fix write from there?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from web.dashboard.values import LastRun, Place
from web.dashboard.verdict import ago, verdict

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUN = LastRun(UUID(int=1), "fix", "ok", "fresh", 0, 0, False, NOW - timedelta(hours=1))
PLACE = Place(1, 1, "repo", "host", "/srv", RUN)


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
    ("seconds", "words"), [(-5, "now"), (59, "now"), (60, "1 min"), (7199, "1 h"), (86_400, "1 d"), (900_000, "10 d")]
)
def test_ago(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words
