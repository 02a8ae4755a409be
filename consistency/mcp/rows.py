"""The rows of answers, as short as they can be: empty values are left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from consistency.models import Finding
from statehub.dependencies import split_names
from statehub.models import StatusChange, Task

Row = dict[str, Any]


def task_row(task: Task) -> Row:
    """Return *task* for a list; its workstream and repo must be loaded."""
    return _without_empty(
        key=task.key,
        repo=task.workstream.repo.slug,
        workplan=task.workstream.key,
        title=task.title,
        status=task.status,
        priority=task.priority,
        owner=task.owner,
        depends=split_names(task.depends),
        taken_by=task.taken_by,
        taken_at=_moment(task.taken_at),
    )


def change_row(change: StatusChange) -> Row:
    """Return *change* without its task."""
    return _without_empty(
        at=_moment(change.at),
        old=change.old,
        new=change.new,
        who=change.who,
        source=change.source,
        host=change.host,
        commit=change.commit,
        reopen=change.reopen,
        reason=change.reason,
    )


def named_change_row(change: StatusChange) -> Row:
    """Return *change* with its task; workstream and repo must be loaded."""
    task = change.task
    return {"key": task.key, "repo": task.workstream.repo.slug, "title": task.title, **change_row(change)}


def finding_row(finding: Finding) -> Row:
    """Return *finding*; its checkout and repo must be loaded."""
    return _without_empty(
        code=finding.code,
        severity=finding.severity,
        repo=finding.checkout.repo.slug,
        host=finding.checkout.host,
        message=finding.message,
        file=finding.file,
        line=finding.line,
        workplan=finding.workplan,
        task=finding.task,
        first_seen=_moment(finding.first_seen),
        resolved_at=_moment(finding.resolved_at),
        resolution=finding.resolution,
    )


def task_page(task: Task) -> Row:
    """Return *task* with all its fields."""
    more = _without_empty(
        workplan_title=task.workstream.title,
        file=task.workstream.path,
        status_changed_at=_moment(task.status_changed_at),
    )
    return {**task_row(task), **more, "id": str(task.pk)}


def _moment(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None


def _without_empty(**values: Any) -> Row:
    return {name: value for name, value in values.items() if value}
