"""The board: the tasks in columns by status, with who has them, and the forms that move them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from statehub.models import Task
from statehub.next_tasks import ORDER, find_unfinished
from statehub.statuses import FINISHED, TASK_STATUSES
from web.admin import formatting
from web.admin.formatting import Cell
from web.board.cells import holder_cell, names_cell, status_name
from web.board.filters import BoardFilter, board_fields, filtered_url, read_board_filter
from web.board.links import workplan_link
from web.board.moves import Moves, find_moves

PERMISSION = "statehub.view_task"

OPEN_LIMIT, FINISHED_LIMIT = 20, 10
"""Cards of a column of open tasks, and of one of finished tasks."""

COUNT_LIMIT = 1_000
"""Tasks of one column that are counted: to count a million takes longer than to show the page."""

CARD_LIMITS = {status: FINISHED_LIMIT if status in FINISHED else OPEN_LIMIT for status in TASK_STATUSES}

TITLE_LENGTH = 140

NEWEST_FIRST = ("-status_changed_at", "-id")


class Card(NamedTuple):
    """A task on the board; its texts are safe to show."""

    id: str
    url: str
    title: SafeString
    key: SafeString
    name: str
    """The task's id, as text for the names of buttons."""
    priority: SafeString
    workplan: SafeString
    repo: SafeString
    holder: Cell
    owner: Cell
    waits_for: Cell
    moves: Moves


class Column(NamedTuple):
    """The tasks of one status: the first cards, how many there are, and the URL of all of them, '' without one."""

    status: str
    name: str
    tone: str
    cards: Sequence[Card]
    number: str
    rest: str
    url: str


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def board_view(request: HttpRequest) -> HttpResponse:
    """Show the board."""
    filters = read_board_filter(request.GET)
    user = request.user
    condition = filters.condition()
    tasks = {status: _load_tasks(condition, status) for status in TASK_STATUSES}
    people = sorted({name for rows in tasks.values() for task in rows for name in (task.owner, task.taken_by) if name})
    columns = list(_columns(filters, condition, tasks, user, timezone.now()))
    mine = BoardFilter(taken_by=user.get_username())
    context = {
        **admin.site.each_context(request),
        "title": "Board",
        "is_fullwidth": "1",
        "fields": list(board_fields(filters, people)),
        "columns": columns,
        "is_filtered": any(filters),
        "is_empty": not any(column.cards for column in columns),
        "whole_url": filtered_url("board", BoardFilter()),
        "mine_url": filtered_url("board", mine) if filters != mine else "",
        "back": filtered_url("board", filters),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "board/board.html", context)


def _load_tasks(condition: Q, status: str) -> list[Task]:
    """Return the first tasks of a column, one more than its cards if there are more.

    What is to do is in the order of what is next; in all other columns the last moved come first.
    """
    rows = Task.objects.filter(condition, status=status)
    if status == "todo":
        rows = rows.filter(taken_by="")  # As all of them are: so that the index of the tasks that are next is used.
    order = ORDER if status == "todo" else NEWEST_FIRST
    return list(rows.select_related("workstream__repo").order_by(*order)[: CARD_LIMITS[status] + 1])


def _columns(
    filters: BoardFilter, condition: Q, tasks: dict[str, list[Task]], user: User | AnonymousUser, now: datetime
) -> Iterator[Column]:
    todo = tasks["todo"][:OPEN_LIMIT]
    unfinished = find_unfinished((task.workstream.repo.slug, task.depends) for task in todo)
    waits_for = {task.pk: names for task, names in zip(todo, unfinished, strict=True)}
    has_more = any(len(rows) > CARD_LIMITS[status] for status, rows in tasks.items())
    list_filters = filters.list_filters() if has_more else None
    for status, rows in tasks.items():
        cards = [make_card(task, waits_for.get(task.pk, ()), user, now) for task in rows[: CARD_LIMITS[status]]]
        number, rest, url = str(len(cards)), "", ""
        if len(rows) > len(cards):
            number, rest = _count(condition, status)
            url = "" if list_filters is None else formatting.listing("statehub_task", **list_filters, status=status)
        yield Column(status, status_name(status), formatting.STATUS_TONES[status], cards, number, rest, url)


def _count(condition: Q, status: str) -> tuple[str, str]:
    """Return the number of tasks of a column, and of those that have no card."""
    found = Task.objects.filter(condition, status=status).order_by()[: COUNT_LIMIT + 1].count()
    prefix, found = ("more than ", COUNT_LIMIT) if found > COUNT_LIMIT else ("", found)
    return f"{prefix}{found:,}", f"{prefix}{found - CARD_LIMITS[status]:,}"


def make_card(task: Task, waits_for: Sequence[str], user: User | AnonymousUser, now: datetime) -> Card:
    """Return the card of *task*, whose workstream and repo are loaded, with the moves that *user* may make."""
    workstream = task.workstream
    return Card(
        id=f"task-{task.pk}",
        url=formatting.url("statehub_task", task.pk),
        title=formatting.text(task.title or task.key, TITLE_LENGTH),
        key=formatting.mono(task.key, 40),
        name=formatting.line(task.key, 200),
        priority=formatting.priority(task.priority),
        workplan=workplan_link(workstream, 30),
        repo=formatting.text(workstream.repo.slug, 30),
        holder=holder_cell(task, now),
        owner=formatting.text(task.owner, 40) if task.owner and task.owner != task.taken_by else "",
        waits_for=names_cell(waits_for),
        moves=find_moves(task, user),
    )
