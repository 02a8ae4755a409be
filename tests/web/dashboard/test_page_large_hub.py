"""The dashboard of a large hub: the same numbers from fewer rows, and charts that are made once in five minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from statehub.models import Task
from statehub.statuses import TASK_STATUSES
from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows
from web.dashboard import page, queries
from web.dashboard.dto import DayOfFindings, DayOfTasks, OverdueCheckouts, StatusChangeCount


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


TILE = re.compile(r'<span class="sd-name">(.*?)</span>\s*<strong>(.*?)</strong>\s*<span class="sd-soft">(.*?)</span>')


def tiles(html: str) -> list[str]:
    """Return the texts of the tiles of tasks, without the time."""
    texts = [" | ".join(parts) for parts in TILE.findall(html)[:2]]
    return [re.sub(r"\b\d\d:\d\d\b", "HH:MM", text) for text in texts]


def test_tasks_of_a_large_hub_are_counted_once_in_a_while_and_say_when(
    rows: Rows, viewer: Client, is_large: None
) -> None:
    rows.repo(), rows.repo()
    before = tiles(body(viewer, "/admin/"))
    rows.repo()
    kept = tiles(body(viewer, "/admin/"))
    cache.clear()
    after = tiles(body(viewer, "/admin/"))
    assert before == [
        "Open tasks | 2 | 2 in progress, 0 blocked, as of HH:MM", "Tasks finished | 0 % | 0 of 2, as of HH:MM",
    ]  # fmt: skip
    assert kept == before
    assert after == [
        "Open tasks | 3 | 3 in progress, 0 blocked, as of HH:MM", "Tasks finished | 0 % | 0 of 3, as of HH:MM",
    ]  # fmt: skip


def test_chart_of_a_large_hub_is_made_of_tasks_of_its_own_moment(rows: Rows, viewer: Client, is_large: None) -> None:
    rows.repo(), rows.repo()
    before = cards(body(viewer, "/admin/"))["tasks"]
    rows.repo()
    cache.delete(f"DayOfTasks-{timezone.now().astimezone(UTC).date()}")
    after = cards(body(viewer, "/admin/"))["tasks"]
    last = re.compile(r"at first, (.*?) at last")
    assert last.findall(before) == ["0 done, 0 cancelled, 2 in progress, 0 blocked, 0 todo"]
    assert last.findall(after) == ["0 done, 0 cancelled, 3 in progress, 0 blocked, 0 todo"]


def test_days_that_have_ended_are_kept_and_only_new_ones_are_made(
    rows: Rows, is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consistency.models import Finding, Run
    from statehub.models import StatusChange

    made: list[date] = []
    status_changes = queries.status_changes

    def count(first: date) -> list[StatusChangeCount]:
        made.append(first)
        return status_changes(first)

    monkeypatch.setattr(queries, "status_changes", count)

    def charts(now: datetime) -> tuple[list[tuple[date, int]], list[tuple[date, int, int]]]:
        """Return the finished tasks of each day from *now*'s chart, and the findings of each day that has any."""
        shown = page.Page(
            None, now, START.date(), timedelta(), {}, now - timedelta(1), (), (), None, OverdueCheckouts(0, ())
        )
        tasks = page._chart(shown, DayOfTasks, 90, lambda after: page._task_days(shown, {}, after))[0]
        findings = page._chart(shown, DayOfFindings, 30, lambda after: page._finding_days(shown, after))[0]
        assert [len(tasks), len(findings)] == [min(90, (now.date() - START.date()).days + 1), 30]
        return [(day.day, day.counts["done"]) for day in tasks], [day for day in findings if day.opened or day.resolved]

    task, other = rows.repo(), rows.repo()

    def finish(task: Task, at: datetime) -> None:
        StatusChange.objects.create(task=task, old=task.status, new="done", at=at, source="api")
        task.status, task.status_changed_at = "done", at
        task.save()

    day = [START.date() + timedelta(days=number) for number in range(200)]
    finish(task, START + timedelta(days=1))
    before = charts(START + timedelta(days=3))
    assert before == ([(day[0], 0), (day[1], 1), (day[2], 1), (day[3], 1)], [(day[0], 2, 0)])

    # On the next day: the day that had not ended is made again, those before are as they were.
    finish(other, START + timedelta(days=3, hours=11))
    rows.finding(Run.objects.all()[0], first_seen=START + timedelta(days=3, hours=11))
    Finding.objects.filter(first_seen=START + timedelta(milliseconds=500)).delete()
    after = charts(START + timedelta(days=4))
    assert after == (
        [(day[0], 0), (day[1], 1), (day[2], 1), (day[3], 2), (day[4], 2)], [(day[0], 2, 0), (day[3], 1, 0)],
    )  # fmt: skip
    assert made == [day[0] - timedelta(days=86), day[4]]  # today's are not undone

    # A run that began before midnight may record its changes after it.
    for minute in (59, 60, 61):
        cache.clear()
        charts(datetime(2026, 3, 6, tzinfo=UTC) + timedelta(minutes=minute))
    assert made[2:] == [day[5], day[5]]  # at last all days before today are kept: nothing is undone

    # After months that no one has looked: all days are made.
    tasks, findings = charts(START + timedelta(days=150))
    assert (tasks, findings) == ([(each, 2) for each in day[61:151]], [])
    assert made[4:] == [day[61]]


def test_charts_of_other_hubs_are_made_each_time(rows: Rows, viewer: Client) -> None:
    rows.repo()
    before = cards(body(viewer, "/admin/"))
    rows.repo()
    after = cards(body(viewer, "/admin/"))
    assert before["tasks"] != after["tasks"]
    assert "As of" not in after["tasks"].split("<table")[0]
