"""The weekly digest, by repo and by owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consistency.db.digest import Group, read_week
from consistency.models import Finding
from consistency.notify.digest import WEEK, last_week, make_digest
from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (MONDAY, MONDAY - WEEK),
        (MONDAY - timedelta(seconds=1), MONDAY - 2 * WEEK),
        (MONDAY + timedelta(days=6, hours=23), MONDAY - WEEK),
    ],
)
def test_last_week(now: datetime, start: datetime) -> None:
    assert last_week(now) == start


def moved(task: Task, old: str, new: str, at: datetime, *, reopen: bool = False) -> None:
    reason = "again" if reopen else ""
    StatusChange.objects.create(task=task, old=old, new=new, at=at, source=Source.API, reopen=reopen, reason=reason)


@pytest.fixture
def week(db: None) -> None:
    """Three repos: the tasks of `net` have owners, `web` only an owner of its workplan, `idle` has an open finding."""
    made = {}
    for slug, owner in (("net", ""), ("web", "grace"), ("idle", "")):
        repo = Repo.objects.create(slug=slug)
        workstream = Workstream.objects.create(repo=repo, key="WP", title="", status="active", path="a.md", owner=owner)
        for number, (status, person) in enumerate((("done", "ada"), ("todo", ""), ("in_progress", "ada"))):
            key = f"{slug}-{number}"
            made[key] = Task.objects.create(
                workstream=workstream, key=key, title=f"Task {number}", status=status,
                owner=person if slug == "net" else "",
            )  # fmt: skip
    checkout = Checkout.objects.create(repo=Repo.objects.get(slug="idle"), host="h", path="/idle")
    for code, severity in (("C-05", "FAIL"), ("C-27", "INFO")):
        Finding.objects.create(
            checkout=checkout, fingerprint=code, code=code, severity=severity, message="", first_seen=MONDAY,
            last_seen=MONDAY,
        )  # fmt: skip
    moved(made["net-0"], "todo", "in_progress", MONDAY)
    moved(made["net-0"], "in_progress", "done", MONDAY + timedelta(days=1))
    moved(made["net-1"], "done", "todo", MONDAY + timedelta(days=2), reopen=True)
    moved(made["net-2"], "todo", "in_progress", MONDAY - timedelta(seconds=1))
    moved(made["web-0"], "todo", "done", MONDAY + timedelta(days=6, hours=23))
    moved(made["web-2"], "todo", "in_progress", MONDAY + WEEK)


@pytest.mark.usefixtures("week")
def test_by_repo() -> None:
    assert read_week(MONDAY, MONDAY + WEEK, "repo") == {
        "idle": Group(unfinished=2, findings=1),
        "net": Group({"in_progress": 1, "done": 1}, 1, 2, 0, ["net-0 Task 0"]),
        "web": Group({"done": 1}, 0, 2, 0, ["web-0 Task 0"]),
    }


@pytest.mark.usefixtures("week")
def test_by_owner() -> None:
    assert read_week(MONDAY, MONDAY + WEEK, "owner") == {
        "": Group({}, 1, 3, 0, []),
        "ada": Group({"in_progress": 1, "done": 1}, 0, 1, 0, ["net-0 Task 0"]),
        "grace": Group({"done": 1}, 0, 2, 0, ["web-0 Task 0"]),
    }


@pytest.mark.usefixtures("week")
def test_text() -> None:
    message = make_digest("hash", MONDAY, "owner")
    assert message.subject == "State Hub: week 2, 2030-01-07 to 2030-01-13, by owner"
    assert message.text == (
        "no owner: 1 reopened; 3 tasks left\n\n"
        "ada: 1 moved to done, 1 moved to in_progress; 1 task left\n  net-0 Task 0\n\n"
        "grace: 1 moved to done; 2 tasks left\n  web-0 Task 0\n"
    )
    assert make_digest("hash", MONDAY, "repo").text.startswith("idle: no change; 2 tasks left, 1 finding open\n\n")
