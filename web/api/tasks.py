"""Tasks: the list, one task, its history, the changes of all tasks, and reports of statuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body, Header, Path, Query, Router
from pydantic import Field, StringConstraints

from consistency.db.fileless import find_tasks_without_file
from statehub.models import StatusChange, Task, make_task_version
from statehub.next_tasks import CANDIDATES, ORDER, find_unfinished
from statehub.task_filters import FEED_ORDER, match_changes, match_tasks
from web.api import schemas
from web.api.authentication import ReportTokenAuth, token_of
from web.api.idempotency import StoredResponse, run_idempotent
from web.api.pagination import (
    CursorPagination,
    ListQuery,
    Row,
    check_parameters,
    paginated_response,
)
from web.api.schemas import Flag, Items, Moment, Move, Priority, TaskStatus, Text
from web.api.task_reports import check_preconditions, etag, get_task, report, report_all

router = Router()

VERSIONED = ("id", "key", "title", "status", "priority", "owner", "depends", "status_changed_at")
"""The values of a task that its version is made of."""

FILTERS = {"repo", "workstream", "key", "status", "priority", "owner", "taken_by", "changed_since"}
"""The parameters that `match_tasks` takes."""

BY_WORKPLAN = CursorPagination({"workstream_id": UUID, "key": str})
BY_PRIORITY = CursorPagination(dict(zip(ORDER, (int, int, UUID), strict=True)))
FEED = CursorPagination(dict(zip(FEED_ORDER, (datetime, int), strict=True)), descending=True)

Ref = Annotated[str, Path(..., description="A task id, SLUG/ID, or UUID.", example="CUST-WP-0026-T01")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
IdempotencyKey = Annotated[
    Key | None,
    Header(None, alias="Idempotency-Key", description="A repeated call gets the first call's response."),
]
IfMatch = Annotated[
    str | None, Header(None, alias="If-Match", description="The task's version: refuse if the task has changed since.")
]


class TaskFilter(ListQuery):
    """Filters of tasks."""

    repo: list[Text] = Field(default=[], description="The repo's slug; may be given several times, as all lists may.")
    workstream: list[Text] = Field(default=[], description="The workplan's id.")
    key: list[Text] = Field(default=[], description="The task's id.")
    status: list[TaskStatus] = Field(default=[])
    priority: list[Priority] = Field(default=[])
    owner: list[Text] = Field(default=[], description="The owner that its task block names.")
    taken_by: list[Text] = Field(default=[], description="Who has it.")
    changed_since: Moment | None = Field(default=None, description="Whose status changed at that time or later.")
    next: Flag = Field(
        default=False,
        description="`true`: only those that are todo, that no one has, and whose `depends` are finished; by priority.",
    )
    order: Literal["priority"] | None = Field(
        default=None, description="By priority, the highest first, then by place in the workplan. Default: by workplan."
    )


@router.get("/tasks/", response=list[schemas.Task], summary="Tasks, by workstream")
def tasks(request: HttpRequest, wanted: Query[TaskFilter]) -> HttpResponse:
    """Tasks as the hub has them; those of one workstream follow each other in the order of their ids.

    With `next` a page may have fewer rows than `limit`, and still a next page.
    """
    chosen = match_tasks(**wanted.model_dump(include=FILTERS))
    select = None
    if wanted.next:
        chosen, select = chosen & CANDIDATES, _select_next
    order = BY_PRIORITY if wanted.next or wanted.order else BY_WORKPLAN
    rows = Task.objects.filter(chosen)
    return paginated_response(request, order, rows, wanted, schemas.Task, _add_versions, select)


def _select_next(rows: Sequence[Row]) -> list[Row]:
    """Return those of *rows* that depend on nothing unfinished."""
    unfinished = find_unfinished((row["workstream__repo__slug"], row["depends"]) for row in rows)
    return [row for row, left in zip(rows, unfinished, strict=True) if not left]


def _add_versions(page: Sequence[Row]) -> None:
    for row in page:
        row["version"] = make_task_version(**{name: row[name] for name in VERSIONED})


@router.patch(
    "/tasks/", response=list[schemas.ReportedTask], auth=ReportTokenAuth(), summary="Report up to 500 statuses at once"
)
def patch_tasks(
    request: HttpRequest, moves: Annotated[Items, Body(...)], idempotency_key: IdempotencyKey = None
) -> HttpResponse:
    """All or nothing: if one report is refused, none is made. Answers with the tasks in the order of the list."""
    check_parameters(request)
    check_preconditions(request, if_match=False)
    token = token_of(request)

    def handle() -> StoredResponse:
        return StoredResponse(f"[{','.join(map(_as_json, _reported(report_all(moves, token))))}]")

    return run_idempotent(request, token, idempotency_key, handle)


@router.get("/tasks/{path:ref}/history/", response=list[schemas.Change], summary="A task's moves, the newest first")
def history(request: HttpRequest, ref: Ref, wanted: Query[ListQuery]) -> HttpResponse:
    """Every change of the task's status: from what to what, when, by whom, from where."""
    rows = StatusChange.objects.filter(task=get_task(ref))
    order = CursorPagination({"id": int}, descending=True)
    return paginated_response(request, order, rows, wanted, schemas.Change)


class ChangeFilter(ListQuery):
    """Filters of changes."""

    repo: list[Text] = Field(default=[], description="The repo's slug; may be given several times, as all lists may.")
    who: list[Text] = Field(default=[], description="Who made the change.")
    since: Moment | None = Field(default=None, description="Made at that time or later.")


@router.get("/changes/", response=list[schemas.TaskChange], summary="Moves of all tasks, the newest first")
def changes(request: HttpRequest, wanted: Query[ChangeFilter]) -> HttpResponse:
    """Every change of any task's status: which task, from what to what, when, by whom, from where."""
    rows = StatusChange.objects.filter(match_changes(**wanted.model_dump(include={"repo", "who", "since"})))
    return paginated_response(request, FEED, rows, wanted, schemas.TaskChange)


@router.get("/tasks/{path:ref}/", response=schemas.Task, summary="One task")
def task(request: HttpRequest, ref: Ref) -> HttpResponse:
    """The task, with its version as ETag."""
    check_parameters(request)
    row = get_task(ref)
    return StoredResponse(schemas.Task.model_validate(row).model_dump_json(), headers={"ETag": etag(row)}).response()


@router.patch(
    "/tasks/{path:ref}/", response=schemas.ReportedTask, auth=ReportTokenAuth(), summary="Report a task's status"
)
def patch_task(
    request: HttpRequest,
    ref: Ref,
    move: Annotated[Move, Body(...)],
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> HttpResponse:
    """Advances the task, or moves it at equal rank; a step back needs `reopen` and a `reason`."""
    check_parameters(request)
    check_preconditions(request, if_match=True)
    token = token_of(request)

    def handle() -> StoredResponse:
        row = report(ref, move, token, if_match)
        return StoredResponse(_as_json(_reported([row])[0]), headers={"ETag": etag(row)})

    return run_idempotent(request, token, idempotency_key, handle)


def _reported(rows: Sequence[Task]) -> list[schemas.ReportedTask]:
    """Return the tasks after their reports, with a warning if no file will show the status."""
    warnings = find_tasks_without_file(rows)
    reported = [schemas.ReportedTask.model_validate(row) for row in rows]
    for task in reported:
        task.warning = warnings.get(task.id)
    return reported


def _as_json(task: schemas.ReportedTask) -> str:
    return task.model_dump_json(exclude=None if task.warning else {"warning"})
