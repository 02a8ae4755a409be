"""The dashboard of a large hub: the same numbers from fewer rows, and charts that are made once in five minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from statehub.statuses import TASK_STATUSES
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows
from web.dashboard import page, queries


@pytest.mark.parametrize("seed", range(20))
def test_tasks_that_changed_last_lead_to_the_same_workstreams(
    seed: int, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statehub.models import Task, Workstream

    rng = Random(seed)
    repo = rows.repo().workstream.repo
    homes = [
        Workstream.objects.create(repo=repo, key=f"W{number}", title="", status="active", path=f"{number}.md")
        for number in range(8)
    ]
    statuses = rng.choice((TASK_STATUSES, ("done",), ("done", "done", "done", "todo")))
    Task.objects.bulk_create(
        Task(
            workstream=rng.choice(homes), key=f"T{number}", title="", status=rng.choice(statuses),
            status_changed_at=START + timedelta(minutes=rng.randrange(12)),
        )
        for number in range(30)
    )  # fmt: skip
    known = 0
    for newest in (1, 5, 20, 30, 31, 32, 1_000):
        monkeypatch.setattr(queries, "NEWEST_TASKS", newest)
        for limit in (1, 3, 12):
            found = queries._last_changed(limit)
            assert found in (None, queries._open_first(limit))
            known += found is not None
    assert known >= 6  # all of both last sizes


@pytest.fixture
def is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(page, "LARGE_HUB", 2)
    cache.clear()
    yield
    cache.clear()


def cards(html: str) -> dict[str, str]:
    """Return the cards by their ids."""
    return {card.partition('"')[0]: card for card in re.split(r'aria-labelledby="sd-', html)[1:]}


def test_charts_of_a_large_hub_are_kept_and_say_since_when(rows: Rows, viewer: Client, is_large: None) -> None:
    from consistency.models import Run

    now = timezone.now()
    first = cards(body(viewer, "/admin/"))  # empty, and so not large
    rows.repo(), rows.repo()
    rows.finding(Run.objects.all()[0], first_seen=now)
    before = cards(body(viewer, "/admin/"))
    rows.repo()
    after = cards(body(viewer, "/admin/"))
    kept = {name for name in after if after[name] == before[name]}
    assert first == {}
    assert {"tasks", "flow"} <= kept
    assert not {"progress", "findings", "grid"} & kept
    for name in ("tasks", "flow"):
        assert re.search(r"\(UTC\)[^<]* As of \d\d:\d\d\.", after[name])
    cache.clear()
    assert cards(body(viewer, "/admin/"))["tasks"] != before["tasks"]


def test_charts_of_other_hubs_are_made_each_time(rows: Rows, viewer: Client) -> None:
    rows.repo()
    before = cards(body(viewer, "/admin/"))
    rows.repo()
    after = cards(body(viewer, "/admin/"))
    assert before["tasks"] != after["tasks"]
    assert "As of" not in after["tasks"].split("<table")[0]
