"""The activity: who moved which task, from where, by day, with the commit and the finding that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from statehub.models import StatusChange
from statehub.numbers import NotANumberError, parse_whole_number
from statehub.task_filters import FEED_ORDER
from web.admin import formatting
from web.admin.formatting import Cell
from web.board.cells import change_cell, day_name
from web.board.change_findings import find_findings
from web.board.filters import ActivityFilter, activity_fields, filtered_url, read_activity_filter
from web.board.links import commit_link, workplan_link

PERMISSIONS = ("statehub.view_task", "statehub.view_statuschange")

PAGE_SIZE = 100

TITLE_LENGTH = 140

MAX_ID = 2**63 - 1


class Move(NamedTuple):
    """A change of a task's status; its texts are safe to show."""

    at: datetime
    tone: str
    change: SafeString
    task: SafeString
    workplan: SafeString
    repo: SafeString
    who: Cell
    source: str
    host: Cell
    commit: Cell
    reason: Cell
    finding: Cell


class Day(NamedTuple):
    """The moves of one day, the newest first."""

    name: str
    moves: Sequence[Move]


@require_safe
@permission_required(PERMISSIONS, raise_exception=True)
def activity_view(request: HttpRequest) -> HttpResponse:
    """Show one page of the activity."""
    filters = read_activity_filter(request.GET)
    before = request.GET.get("before", "")
    changes = load_changes(filters, before)
    shown = changes[:PAGE_SIZE]
    people = sorted({change.who for change in shown if change.who})
    is_older = bool(before)
    context = {
        **admin.site.each_context(request),
        "title": "Activity",
        "fields": list(activity_fields(filters, people)),
        "days": list(make_days(shown, with_findings=request.user.has_perm("consistency.view_finding"))),
        "is_filtered": any(filters),
        "whole_url": filtered_url("activity", ActivityFilter()),
        "newest_url": filtered_url("activity", filters) if is_older else "",
        "older_url": filtered_url("activity", filters, before=shown[-1].pk) if len(changes) > PAGE_SIZE else "",
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "board/activity.html", context)


def load_changes(filters: ActivityFilter, before: str = "") -> list[StatusChange]:
    """Return the newest changes, one more than a page has if there are more.

    *before* is the id of the change that comes right before them; an unknown one counts as none.
    """
    rows = StatusChange.objects.filter(filters.condition())
    try:
        last = StatusChange.objects.filter(pk=parse_whole_number(before, 1, MAX_ID)).first() if before else None
    except NotANumberError:
        last = None
    if last is not None:
        rows = rows.filter(TupleLessThan(Tuple(*FEED_ORDER), (last.at, last.pk)))
    order = [f"-{name}" for name in FEED_ORDER]
    return list(rows.select_related("task__workstream__repo").order_by(*order)[: PAGE_SIZE + 1])


def make_days(changes: Sequence[StatusChange], *, with_findings: bool) -> Iterator[Day]:
    """Yield the days of *changes*, which are in order; at most one query."""
    findings = find_findings(changes) if with_findings else {}
    moves = [make_move(change, findings.get(change.pk)) for change in changes]
    for _, group in groupby(moves, key=lambda move: move.at.date()):
        rows = list(group)
        yield Day(day_name(rows[0].at), rows)


def make_move(change: StatusChange, finding: Cell | None) -> Move:
    """Return the move that *change* records; its task, workstream and repo are loaded."""
    task = change.task
    workstream = task.workstream
    return Move(
        at=change.at.astimezone(UTC),
        tone=formatting.STATUS_TONES.get(change.new, "plain"),
        change=change_cell(change),
        task=formatting.link("statehub_task", task.pk, task.title or task.key, TITLE_LENGTH),
        workplan=workplan_link(workstream),
        repo=formatting.text(workstream.repo.slug, 40),
        who=formatting.text(change.who, 60) if change.who else "unknown",
        source=change.source,
        host=formatting.text(change.host, 60) if change.host else "",
        commit=commit_link(workstream.repo, change.commit) if change.commit else "",
        reason=formatting.text(change.reason) if change.reason else "",
        finding=finding or "",
    )
