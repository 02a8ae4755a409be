"""Creates realistic rows of a hub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream

HOSTILE = "<script>alert(1)</script> \u202eevil\u2066 \x1b[31m"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Rows:
    """Creates repos, each with a checkout, a workstream, a task, a run and a finding."""

    def __init__(self) -> None:
        self.number = 0

    def repo(self, *, host: str = "", title: str = "A task", path: str = "") -> Task:
        """Create a repo with all its rows; return its task."""
        self.number += 1
        number = self.number
        repo = Repo.objects.create(slug=f"repo-{number:03}", origin=f"git.example.org/repo-{number}")
        checkout = Checkout.objects.create(
            repo=repo, host=host or settings.STATEHUB_HOST, path=path or f"/srv/{number}"
        )
        workstream = Workstream.objects.create(
            repo=repo, key=f"WP-{number}", title=f"Plan: {title}", status="active", path="workplans/a.md", owner=title
        )
        task = Task.objects.create(
            workstream=workstream, key=f"WP-{number}-T01", title=title, status="in_progress", status_changed_at=START
        )
        StatusChange.objects.create(
            task=task, old="todo", new="in_progress", at=START, who=title, source=Source.FILE, host="elsewhere",
            commit="c" * 40,
        )  # fmt: skip
        run = self.run(checkout)
        self.finding(run, code="C-13", workplan=workstream.key, task=task.key, message=f"DB task '{title}' is ahead")
        return task

    def run(self, checkout: Checkout, *, at: datetime = START, **fields: object) -> Run:
        """Create a run of *checkout* that succeeded after a second."""
        values = {
            "mode": "fix", "outcome": "ok", "freshness": "fresh", "fetch": "ok", "user": "somebody", "version": "1.0",
            "head": "a" * 40, "branch": "main", "upstream": "origin/main", "counts": {"C-13": 1},
            "seconds": {"look": 0.2, "compare": 0.5, "writeback": 0.01}, "finished_at": at + timedelta(seconds=1),
        }  # fmt: skip
        return Run.objects.create(checkout=checkout, started_at=at, **{**values, **fields})

    def finding(self, run: Run, *, code: str = "C-13", **fields: object) -> Finding:
        """Create a finding that *run* opened."""
        self.number += 1
        at = run.started_at + timedelta(milliseconds=500)
        values = {
            "severity": "WARN", "message": "a message", "file": "workplans/a.md", "line": 12, "db_status": "done",
            "file_status": "todo", "first_seen": at, "last_seen": at, "fingerprint": f"{self.number:064}",
        }  # fmt: skip
        return Finding.objects.create(checkout=run.checkout, opened_by=run, code=code, **{**values, **fields})
