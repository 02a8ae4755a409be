"""`changes`: who moved which task, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone
from testing.samples import T01, T02
from tests.cli.helpers import cannot_run, mirrored, run
from tests.cli.test_tasks import make

pytestmark = pytest.mark.usefixtures("hub")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def several() -> None:
    for key, slug, who, age in (("A", "net", "ada", 30), ("B", "other", "bob", 5), ("C", "net", "bob", 0)):
        task = make(key, "done", slug=slug)
        at = timezone.now() - timedelta(days=age)
        StatusChange.objects.create(task=task, old="todo", new="done", who=who, source="api", at=at)


@pytest.mark.parametrize(
    ("args", "tasks"),
    [
        ("", "CBA"),
        ("--since 7d", "CB"),
        ("--since 12h", "C"),
        ("--since 2000-01-01", "CBA"),
        ("--since 2999-01-01T00:00:00Z", ""),
        ("--by bob", "CB"),
        ("--by ada --by bob --repo net", "CA"),
        ("--repo other", "B"),
        ("--by none", ""),
    ],
)
def test_newest_first_and_filtered(several: None, args: str, tasks: str) -> None:
    ended = run("changes", "--format", "json", *args.split())
    assert (ended.exit, ended.stderr) == (0, "")
    assert "".join(row["task"] for row in json.loads(ended.stdout)) == tasks


def test_pipe_gets_one_change_a_line() -> None:
    task = make("T1", "done")
    StatusChange.objects.create(task=task, old="todo", new="done", who="ada", source="file", at=NOON)
    assert run("changes") == Ended(0, "2026-11-22 12:00:00\tT1\ttodo\tdone\tada\tfile\tnet\tWP\tTitle of T1\n", "")


def test_real_moves(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    assert hub.manage("set_task_status", T02, "done", env={"STATEHUB_USER": "ada"}).exit == 0
    assert hub.manage("set_task_status", T01, "done", env={"STATEHUB_USER": "bob"}).exit == 0
    ended = hub.manage("changes", "--since", "1h", "--by", "ada", "--format", "json")
    assert ended.exit == 0
    change, task = StatusChange.objects.get(who="ada"), Task.objects.get(key=T02)
    assert json.loads(ended.stdout) == [
        {
            "at": change.at.isoformat().replace("+00:00", "Z"), "old": "in_progress", "new": "done", "who": "ada",
            "source": "command", "host": "test-host", "commit": None, "reopen": False, "reason": None,
            "id": change.pk, "repo": "clone", "workstream": "WP-1", "task": T02, "task_id": str(task.pk),
            "title": task.title,
        }
    ]  # fmt: skip


def test_nothing_and_more_than_the_limit(several: None) -> None:
    assert run("changes", "--by", "none") == Ended(0, "", "no change matches\n")
    assert run("changes", "--limit", "2").stderr == "there are more changes than these 2: --limit N lists more\n"


def test_wrong_values_are_errors(several: None) -> None:
    assert run("changes", "--repo", "nte") == cannot_run("no repo 'nte' in the hub (known: net, other)")
    assert run("changes", "--since", "7w") == cannot_run(
        "changes: argument --since: '7w' is not a time with its zone (2026-11-01T12:00:00Z), a date (2026-11-01, "
        "midnight UTC) or an age (7d, 12h) (--help shows how)"
    )
