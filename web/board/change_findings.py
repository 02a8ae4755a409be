"""Finds for changes of statuses the findings that belong to them: what a run found, or what it then wrote back.

A change that came from a file belongs to the finding that a run resolved with it. Any other change makes the hub ahead
of the files: it belongs to the first finding that says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.utils.html import format_html

from consistency.core.codes import FIELD_DIFFERS, FILE_AHEAD, Kind, codes_of
from consistency.models import Finding
from statehub.models import Source, StatusChange
from web.admin import formatting
from web.admin.formatting import Cell
from web.board.links import commit_link

RUN_TIME = timedelta(hours=1)
"""The longest time from a change that a run takes from a file to the end of the run, when its findings are recorded."""

MAX_DISTANCE = timedelta(days=7)
"""The longest time between a change and the first sighting of its finding: what is further away is not looked for."""

_FROM_FILE = (FILE_AHEAD, FIELD_DIFFERS)
_TO_FILE = codes_of(Kind.WRITEBACK)

_TaskNames = tuple[int, str, str]
"""The id of a repo, and the ids of a workplan and of a task there."""


def find_findings(changes: Sequence[StatusChange]) -> dict[int, Cell]:
    """Return links to the findings by the ids of those *changes* that have one; one query.

    The tasks of the changes, their workstreams and repos are loaded.
    """
    if not changes:
        return {}
    by_task = _load_findings(changes)
    found: dict[int, Cell] = {}
    for change in changes:
        candidates = by_task.get(_names_of(change), [])
        matching = [row for row in candidates if _belongs(row, change)]
        if matching:
            found[change.pk] = _link(min(matching, key=_closeness), change)
    return found


def _load_findings(changes: Sequence[StatusChange]) -> dict[_TaskNames, list[Finding]]:
    names = [_names_of(change) for change in changes]
    times = [change.at for change in changes]
    rows = Finding.objects.filter(
        checkout__repo__in={repo for repo, _, _ in names},
        task__in={task for _, _, task in names},
        code__in=(*_FROM_FILE, *_TO_FILE),
        first_seen__range=(min(times) - MAX_DISTANCE, max(times) + MAX_DISTANCE),
    )
    by_task = defaultdict[_TaskNames, list[Finding]](list)
    for row in rows.select_related("checkout").order_by("first_seen", "id"):
        by_task[row.checkout.repo_id, row.workplan, row.task].append(row)
    return by_task


def _names_of(change: StatusChange) -> _TaskNames:
    workstream = change.task.workstream
    return workstream.repo_id, workstream.key, change.task.key


def _belongs(row: Finding, change: StatusChange) -> bool:
    if abs(row.first_seen - change.at) > MAX_DISTANCE:
        return False
    if change.source == Source.FILE:
        resolved = row.resolved_at is not None and timedelta(0) <= row.resolved_at - change.at <= RUN_TIME
        return row.code in _FROM_FILE and resolved and row.file_status == change.new
    is_later = row.last_seen >= change.at and (row.resolved_at is None or row.resolved_at >= change.at)
    return row.code in _TO_FILE and is_later and row.db_status == change.new


def _closeness(row: Finding) -> tuple[bool, object, int]:
    """Return the order of findings that fit: first those of a writeback, then by time."""
    return row.resolution != "written_back", row.resolved_at or row.last_seen, row.pk


def _link(row: Finding, change: StatusChange) -> Cell:
    link = formatting.link("consistency_finding", row.pk, formatting.code(row.code, row.severity))
    if row.resolution != "written_back":
        return link
    if not row.commit:
        return format_html("{} written back", link)
    return format_html("{} written back in {}", link, commit_link(change.task.workstream.repo, row.commit))
