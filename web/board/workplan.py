"""A workplan's page: how far it is, who has what, what is next, and what moved lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from statehub.models import StatusChange, Task, Workstream, WorkstreamMove
from statehub.next_tasks import find_unfinished
from statehub.statuses import FINISHED, TASK_STATUSES
from statehub.text import escape_unstorable
from web.admin import formatting
from web.admin.components import Event, Facts, Section, Table, Timeline
from web.admin.formatting import Cell
from web.admin.readonly import first_rows
from web.board.cells import change_cell, holder_cell, names_cell, short_time
from web.board.filters import ActivityFilter, BoardFilter, filtered_url
from web.board.links import workplan_url

PERMISSION = "statehub.view_workstream"

TASKS_SHOWN = 200
NEXT_SHOWN = 3
CHANGES_SHOWN = 10

_OPEN = tuple(status for status in TASK_STATUSES if status not in FINISHED)
_BREAK = mark_safe("<br>")


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def workplan_view(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Show the page of the workplan *key* in the repo *slug*; one that has moved to another repo leads there."""
    names = escape_unstorable(slug), escape_unstorable(key)
    found = Workstream.objects.filter(repo__slug=names[0], key=names[1]).values_list("pk", flat=True).first()
    if found is not None:
        return admin.site.get_model_admin(Workstream).change_view(request, str(found))
    moves = WorkstreamMove.objects.filter(from_slug=names[0], workstream__key=names[1])
    moved = moves.select_related("workstream__repo").first()
    if moved is None:
        raise Http404
    return redirect(workplan_url(moved.workstream))


def make_sections(workstream: Workstream, counts: Counter[str]) -> Iterator[Section]:
    """Yield the sections about the tasks of *workstream*; *counts* are their numbers by status. At most six queries."""
    now = timezone.now()
    is_open = Task.objects.filter(workstream=workstream, status__in=_OPEN)
    open_tasks = list(is_open.order_by("position", "key")[:TASKS_SHOWN])
    slug = workstream.repo.slug
    unfinished = find_unfinished((slug, task.depends) for task in open_tasks)
    waits_for = {task.pk: names for task, names in zip(open_tasks, unfinished, strict=True) if names}
    yield Facts("Now", list(_facts(workstream, counts, open_tasks, waits_for, now)))
    yield _tasks_table(workstream, waits_for, now)
    yield from _timeline(workstream)


def _facts(
    workstream: Workstream,
    counts: Counter[str],
    open_tasks: Sequence[Task],
    waits_for: dict[UUID, list[str]],
    now: datetime,
) -> Iterator[tuple[str, Cell]]:
    yield "Finished", meter(counts)
    if workstream.owner:
        yield "Owner", formatting.text(workstream.owner)
    for name, status in (("In progress", "in_progress"), ("Blocked", "blocked")):
        if rows := [task for task in open_tasks if task.status == status]:
            yield name, _lines(format_html("{} – {}", _title_link(task), holder_cell(task, now)) for task in rows)
    ready = [task for task in open_tasks if task.status == "todo" and not task.taken_by and task.pk not in waits_for]
    ready.sort(key=lambda task: task.urgency)
    if ready:
        yield (
            "Next",
            _lines(
                format_html("{} {}", _title_link(task), formatting.priority(task.priority))
                for task in ready[:NEXT_SHOWN]
            ),
        )
    names = {"repo": workstream.repo.slug, "workplan": workstream.key}
    links = {
        "board": filtered_url("board", BoardFilter(**names)),
        "activity": filtered_url("activity", ActivityFilter(**names)),
    }
    yield "See also", formatting.join(formatting.anchor(url, name) for name, url in links.items())


def meter(counts: Counter[str]) -> SafeString:
    """Return the share of finished tasks as a bar and as numbers."""
    finished = sum(counts[status] for status in FINISHED)
    total = counts.total()
    return format_html(
        '<span class="sh-meter" aria-hidden="true"><span style="width:{}%"></span></span> {} / {}',
        round(100 * finished / total) if total else 0,
        finished,
        total,
    )


def _tasks_table(workstream: Workstream, waits_for: dict[UUID, list[str]], now: datetime) -> Table:
    url = formatting.listing("statehub_task", workstream__id__exact=workstream.pk)
    tasks, note = first_rows(workstream.tasks.order_by("position", "key"), TASKS_SHOWN, url)
    columns: dict[str, list[Cell]] = {
        "Task": [format_html("{}<br>{}", _title_link(task), formatting.mono(task.key, 40)) for task in tasks],
        "Status": [formatting.status(task.status) for task in tasks],
        "Priority": [formatting.priority(task.priority) for task in tasks],
        "Owner": [formatting.text(task.owner, 30) if task.owner else "" for task in tasks],
        "Who has it": [formatting.text(task.taken_by, 30) if task.taken_by else "" for task in tasks],
        "Waits for": [names_cell(waits_for.get(task.pk, ())) for task in tasks],
        "Status since": [short_time(task.status_changed_at, now) for task in tasks],
    }
    used = {name: cells for name, cells in columns.items() if any(cells)}
    rows = [[cell or formatting.NONE for cell in row] for row in zip(*used.values(), strict=True)]
    return Table("Tasks, in the order of the file", tuple(used), rows, note=note)


def _timeline(workstream: Workstream) -> Iterator[Timeline]:
    rows = StatusChange.objects.filter(task__workstream=workstream).select_related("task")
    changes = list(rows.order_by("-at", "-id")[: CHANGES_SHOWN + 1])
    if not changes:
        return
    url = filtered_url("activity", ActivityFilter(repo=workstream.repo.slug, workplan=workstream.key))
    note = formatting.anchor(url, "all moves") if len(changes) > CHANGES_SHOWN else ""
    yield Timeline("Moved lately (UTC)", [_event(change) for change in changes[:CHANGES_SHOWN]], note)


def _event(change: StatusChange) -> Event:
    title = format_html("{} {}", change_cell(change), _title_link(change.task))
    detail = format_html("by {}", formatting.text(change.who, 60)) if change.who else ""
    return Event(change.at, title, detail, formatting.STATUS_TONES.get(change.new, "plain"))


def _title_link(task: Task) -> SafeString:
    return formatting.link("statehub_task", task.pk, task.title or task.key, 90)


def _lines(cells: Iterable[Cell]) -> SafeString:
    return format_html_join(_BREAK, "{}", ((cell,) for cell in cells))
