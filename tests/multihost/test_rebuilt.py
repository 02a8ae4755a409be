"""A hub that was lost comes back from the files: all workstreams and tasks, with their UUIDs and statuses."""

from __future__ import annotations

import pytest

from consistency.models import Run
from statehub.models import Repo, Task, Workstream
from testing.environment import HOST
from testing.repos import Origin
from testing.samples import T01
from testing.workplans import workplan
from tests.cli.helpers import codes, run
from tests.multihost.machine import make_machines, report

pytestmark = pytest.mark.usefixtures("hub")

IDENTITY = ("pk", "key", "title", "status", "path", "owner", "repo__slug", "repo__branch", "repo__origin")


def read_rows() -> tuple[list[object], list[object]]:
    """Return all that people see of workstreams and tasks."""
    tasks = Task.objects.order_by("pk").values_list("pk", "workstream", "key", "title", "status", "priority")
    return list(Workstream.objects.order_by("pk").values_list(*IDENTITY)), list(tasks)


def test_empty_database_is_filled_again_with_the_same_identities(origin: Origin) -> None:
    a, b = make_machines(origin, "a", "b")
    a.clone.write(
        "workplans/deep/b.md", workplan("WP-2", [("T01", "done"), ("T02", "cancelled")]).replace("\n", "\r\n")
    )
    a.commit()
    a.push()
    a.fix()
    report(T01, "blocked")
    a.fix("--push")
    ended = a.manage("stamp_ids", "a", "--commit")
    assert ended.exit == 0, ended.stderr
    a.push()
    b.pull()
    assert codes(b.fix()) == []
    before = read_rows()
    assert [len(rows) for rows in before] == [2, 4]

    Repo.objects.all().delete()
    assert not Run.objects.exists()
    assert run("register_repo", b.clone.path, "--slug", "a").exit == 0
    ended = run("fix_consistency", "--all", "--format", "json")
    assert codes(ended) == [("C-07", "created"), ("C-07", "created")]
    assert read_rows() == before
    assert Run.objects.get().checkout.host == HOST
    assert b.clone.status() == []
    assert codes(run("fix_consistency", "--all", "--format", "json")) == []


def test_without_stamps_it_is_the_same_work_under_new_identities(origin: Origin) -> None:
    (a,) = make_machines(origin, "a")
    statuses = sorted(Task.objects.values_list("key", "status"))
    ids = set(Task.objects.values_list("pk", flat=True))
    Repo.objects.all().delete()
    run("register_repo", a.clone.path)
    run("fix_consistency", "--all")
    assert sorted(Task.objects.values_list("key", "status")) == statuses
    assert not ids & set(Task.objects.values_list("pk", flat=True))
