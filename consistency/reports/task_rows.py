"""Tasks and changes of tasks as rows: for JSON with the fields of the API, and as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from consistency.reports.segment import Segment, Style
from statehub.dependencies import split_names
from statehub.models import StatusChange, Task

TASK_HEADINGS = ("TASK", "STATUS", "PRIORITY", "REPO", "", "OWNER", "TAKEN BY", "TITLE")
CHANGE_HEADINGS = ("TIME (UTC)", "TASK", "OLD", "NEW", "WHO", "FROM", "REPO", "", "TITLE")
"""Of the columns on a terminal: the one without a heading, the workplan, is only for pipes."""

_STATUS_STYLES = {
    "in_progress": Style.INFO,
    "blocked": Style.WARN,
    "done": Style.GOOD,
    "cancelled": Style.FAINT,
}
_PRIORITY_STYLES = {"critical": Style.FAIL, "high": Style.WARN, "low": Style.FAINT}


def task_row(task: Task) -> dict[str, Any]:
    """Return *task*, read with workstream and repo, with the fields and values that the API gives it."""
    return {
        "id": str(task.pk),
        "repo": task.workstream.repo.slug,
        "workstream": task.workstream.key,
        "workstream_id": str(task.workstream_id),
        "key": task.key,
        "title": task.title,
        "status": task.status,
        "status_changed_at": _timestamp(task.status_changed_at),
        "priority": task.priority,
        "owner": task.owner or None,
        "depends": split_names(task.depends),
        "taken_by": task.taken_by or None,
        "taken_at": None if task.taken_at is None else _timestamp(task.taken_at),
        "version": task.version,
    }


def change_row(change: StatusChange) -> dict[str, Any]:
    """Return *change*, read with task, workstream and repo, with the fields and values of the API's feed."""
    task = change.task
    return {
        "at": _timestamp(change.at),
        "old": change.old,
        "new": change.new,
        "who": change.who or None,
        "source": change.source,
        "host": change.host or None,
        "commit": change.commit or None,
        "reopen": change.reopen,
        "reason": change.reason or None,
        "id": change.pk,
        "repo": task.workstream.repo.slug,
        "workstream": task.workstream.key,
        "task": task.key,
        "task_id": str(task.pk),
        "title": task.title,
    }


def task_cells(task: Task) -> Sequence[Segment]:
    """Return the cells of *task* below TASK_HEADINGS."""
    return (
        Segment(task.key, Style.STRONG),
        _status(task.status),
        Segment(task.priority, _PRIORITY_STYLES.get(task.priority, Style.PLAIN)),
        Segment(task.workstream.repo.slug),
        Segment(task.workstream.key),
        Segment(task.owner),
        Segment(task.taken_by),
        Segment(task.title),
    )


def change_cells(change: StatusChange) -> Sequence[Segment]:
    """Return the cells of *change* below CHANGE_HEADINGS."""
    task = change.task
    return (
        Segment(change.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"), Style.FAINT),
        Segment(task.key, Style.STRONG),
        _status(change.old),
        _status(change.new),
        Segment(change.who),
        Segment(change.source),
        Segment(task.workstream.repo.slug),
        Segment(task.workstream.key),
        Segment(task.title),
    )


def _status(status: str) -> Segment:
    return Segment(status, _STATUS_STYLES.get(status, Style.PLAIN))


def _timestamp(moment: datetime) -> str:
    """Return *moment* as the API does: in UTC, with microseconds unless they are 0."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
