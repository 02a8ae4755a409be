"""Records of older versions are evidence too: the migration takes them over, and gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from testing.migrations import latest, migrate

BEFORE = [("consistency", "0003_several_machines"), ("statehub", "0004_repo_branch")]
APPS = [app for app, _ in BEFORE]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def old() -> Iterator[Any]:
    """Yield the models of the version before, in an empty hub of that version."""
    yield migrate(BEFORE)
    migrate(latest(APPS))


def minutes(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def filled(old: Any) -> None:
    """Create a repo with two checkouts: runs of all kinds, a task that was written back and reopened."""
    Repo, Checkout, Workstream, Task, StatusChange = (
        old.get_model("statehub", name) for name in ("Repo", "Checkout", "Workstream", "Task", "StatusChange")
    )
    Run, Finding = (old.get_model("consistency", name) for name in ("Run", "Finding"))
    repo = Repo.objects.create(slug="a")
    one, two, never = (Checkout.objects.create(repo=repo, host=host, path="/a") for host in ("one", "two", "never"))
    workstream = Workstream.objects.create(repo=repo, key="WP-1", title="Plan", status="active", path="a.md")
    task = Task.objects.create(workstream=workstream, key="WP-1-T01", title="First", status="todo")

    def run(checkout: Any, minute: int, **fields: Any) -> Any:
        kind = {"mode": "fix", "outcome": "ok", "started_at": minutes(minute), **fields}
        return Run.objects.create(checkout=checkout, **kind)

    wrote = run(one, 1, head="h1", tip="t1", writeback_commit="own1")
    run(one, 2, head="h2", tip="t2", mode="check")
    run(one, 3, head="h3", dry_run=True)
    run(one, 4, head="h4", outcome="error")
    run(two, 5, head="h5")
    reopen = {"old": "done", "new": "todo", "reopen": True, "reason": "no", "source": "admin", "at": minutes(10)}
    StatusChange.objects.create(task=task, old="todo", new="done", source="file", commit="h1", at=minutes(1))
    StatusChange.objects.create(task=task, **reopen)
    run(one, 11, head="h11", tip="t11")
    finding = {"checkout": one, "severity": "WARN", "code": "C-13", "first_seen": NOON, "last_seen": NOON}
    change = {"file": "a.md", "workplan": "WP-1", "task": "WP-1-T01", "file_status": "todo", "db_status": "done"}
    closed = {"resolution": "written_back", "resolved_by": wrote, "resolved_at": minutes(1)}
    Finding.objects.create(**finding, **change, **closed, fingerprint="1", commit="own1")
    Finding.objects.create(**finding, **change, **closed, fingerprint="2", commit="own2")
    Finding.objects.create(**finding, fingerprint="3")
    assert never.pk


def kept(apps: Any) -> dict[str, list[Any]]:
    """Return all rows that the older version knows, in its columns."""
    names = {
        "statehub": ("Repo", "Checkout", "Workstream", "Task", "StatusChange"),
        "consistency": ("Run", "Finding"),
    }
    return {
        name: list(apps.get_model(app, name).objects.order_by("pk").values())
        for app, models in names.items()
        for name in models
    }


CHANGE = ["a.md", "WP-1", "WP-1-T01", "todo", "done"]


def test_evidence_of_an_old_hub_is_taken_over(old: Any) -> None:
    filled(old)
    new = migrate(latest(APPS))
    own = new.get_model("consistency", "OwnCommit").objects.order_by("commit")
    assert list(own.values_list("repo__slug", "commit", "authored", "changes", "recorded_at")) == [
        ("a", "own1", None, [CHANGE], minutes(1)),
        ("a", "own2", None, [CHANGE], minutes(1)),
    ]
    checkouts = new.get_model("statehub", "Checkout").objects.order_by("pk")
    assert list(checkouts.values_list("head", "tip")) == [("h11", "t11"), ("h5", ""), ("", "")]
    changes = new.get_model("statehub", "StatusChange").objects.order_by("pk")
    assert list(changes.values_list("known_heads", "authored", "digest")) == [
        ([], None, ""), (["h1", "h5", "t1"], None, ""),
    ]  # fmt: skip


@pytest.mark.proof
def test_there_and_back_keeps_all(old: Any) -> None:
    filled(old)
    before = kept(old)
    new = migrate(latest(APPS))
    run, checkout = new.get_model("consistency", "Run"), new.get_model("statehub", "Checkout").objects.first()
    unknown = run.objects.create(checkout=checkout, mode="check", ahead=None, behind=None, started_at=NOON)
    finding = new.get_model("consistency", "Finding").objects
    for code in ("C-21", "C-22", "C-26"):
        finding.create(checkout=checkout, code=code, severity="WARN", fingerprint=code, first_seen=NOON, last_seen=NOON)
    back = migrate(BEFORE)
    run = back.get_model("consistency", "Run").objects.get(pk=unknown.pk)
    assert (run.ahead, run.behind) == (0, 0)
    run.delete()
    assert kept(back) == before


@pytest.mark.proof
def test_empty_hub(old: Any) -> None:
    new = migrate(latest(APPS))
    assert kept(new) == {name: [] for name in kept(old)}
