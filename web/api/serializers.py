"""Rows as the API answers with them, and a task's version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.http import HttpResponse
from pydantic import TypeAdapter

from consistency import models as consistency
from consistency.db.fileless import find_tasks_without_file
from statehub import models as hub
from web.api import schemas


def version(task: hub.Task) -> str:
    """What tells two states of *task* apart: 16 hexadecimal digits of a digest of all that can change in it.

    A status that went there and back has another time, so that it counts as moved on.
    """
    state = (str(task.pk), task.key, task.title, task.status, task.priority, task.status_changed_at.isoformat())
    return hashlib.sha256("\0".join(state).encode()).hexdigest()[:16]


def etag(task: hub.Task) -> str:
    """The version as a header has it (RFC 9110, section 8.8.3)."""
    return f'"{version(task)}"'


def task(row: hub.Task) -> schemas.Task:
    """A task, whose workstream and repo are loaded with it."""
    return schemas.Task(
        id=row.pk,
        repo=row.workstream.repo.slug,
        workstream=row.workstream.key,
        workstream_id=row.workstream_id,
        key=row.key,
        title=row.title,
        status=cast("Any", row.status),
        status_changed_at=row.status_changed_at,
        priority=cast("Any", row.priority),
        version=version(row),
    )


def repo(row: hub.Repo, host: str, paths: Sequence[str]) -> schemas.Repo:
    """A repo with its checkouts' *paths* on *host*."""
    return schemas.Repo(
        slug=row.slug,
        host=host,
        local_path=paths[0] if paths else None,
        local_paths=list(paths),
        workplans=row.workplans,
    )


def workstream(row: hub.Workstream, tasks: Mapping[str, int]) -> schemas.Workstream:
    """A workstream, whose repo is loaded with it, and how many tasks it has in each status."""
    return schemas.Workstream(
        id=row.pk,
        repo=row.repo.slug,
        key=row.key,
        title=row.title,
        status=cast("Any", row.status),
        status_changed_at=row.status_changed_at,
        path=row.path,
        version=row.version,
        domain=row.domain or None,
        owner=row.owner or None,
        topic_slug=row.topic_slug or None,
        created=row.created or None,
        updated=row.updated or None,
        tasks=cast("Any", dict(tasks)),
    )


def change(row: hub.StatusChange) -> schemas.Change:
    """One move."""
    return schemas.Change(
        at=row.at,
        old=cast("Any", row.old),
        new=cast("Any", row.new),
        who=row.who or None,
        source=cast("Any", row.source),
        host=row.host or None,
        commit=row.commit or None,
        reopen=row.reopen,
        reason=row.reason or None,
    )


def finding(row: consistency.Finding) -> schemas.Finding:
    """A finding, whose checkout and repo are loaded with it."""
    return schemas.Finding(
        id=row.pk,
        repo=row.checkout.repo.slug,
        host=row.checkout.host,
        path=row.checkout.path,
        code=row.code,
        severity=cast("Any", row.severity),
        message=row.message,
        file=row.file or None,
        line=row.line,
        workplan=row.workplan or None,
        task=row.task or None,
        db_status=row.db_status or None,
        file_status=row.file_status or None,
        action=row.action,
        state="open" if row.resolved_at is None else "resolved",
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        times_seen=row.times_seen,
        opened_by=row.opened_by_id,
        resolved_by=row.resolved_by_id,
        resolved_at=row.resolved_at,
        resolution=row.resolution or None,
        commit=row.commit or None,
    )


def run(row: consistency.Run) -> schemas.Run:
    """A run, whose checkout and repo are loaded with it."""
    return schemas.Run(
        id=row.pk,
        repo=row.checkout.repo.slug,
        host=row.checkout.host,
        path=row.checkout.path,
        mode=cast("Any", row.mode),
        dry_run=row.dry_run,
        trigger=row.trigger,
        user=row.user or None,
        version=row.version or None,
        outcome=cast("Any", row.outcome),
        converged=row.converged,
        error=row.error or None,
        freshness=row.freshness or None,
        fetch=row.fetch or None,
        head=row.head or None,
        branch=row.branch or None,
        upstream=row.upstream or None,
        ahead=row.ahead,
        behind=row.behind,
        writeback_commit=row.writeback_commit or None,
        tip=row.tip or None,
        push=row.push or None,
        counts=row.counts,
        seconds=row.seconds,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


_REPORTED = TypeAdapter(list[schemas.ReportedTask])


def reported_task_text(row: hub.Task) -> str:
    """A task as JSON after a report."""
    return _reported([row])[0].model_dump_json(exclude_none=True)


def reported_tasks_text(rows: Sequence[hub.Task]) -> str:
    """A list of tasks as JSON after their reports."""
    return _REPORTED.dump_json(_reported(rows), exclude_none=True).decode()


def _reported(rows: Sequence[hub.Task]) -> list[schemas.ReportedTask]:
    warnings = find_tasks_without_file(rows)
    return [schemas.ReportedTask(**dict(task(row)), warning=warnings.get(row.pk)) for row in rows]


def task_response(row: hub.Task) -> HttpResponse:
    """A task as an answer."""
    return HttpResponse(task(row).model_dump_json(), content_type="application/json", headers={"ETag": etag(row)})
