"""Many reports at once: all or nothing, in one transaction, with a constant number of queries.

Locks as everybody does: workstreams first, in the order of their keys, then tasks under a condition on their status.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from statehub.models import StatusChange, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress, statuses_up_to
from statehub.task_lookup import AmbiguousTaskError, find_tasks
from statehub.transitions import needs_known_heads, read_known_heads
from web.api import serializers, task_reports
from web.api.problems import (
    PRECONDITION_FAILED,
    UNKNOWN_TASK,
    VALIDATION_ERROR,
    WOULD_REGRESS,
    FieldError,
    ProblemError,
    ProblemType,
)
from web.api.request_schemas import AdvanceItem, ReopenItem
from web.models import ApiToken

Move = AdvanceItem | ReopenItem

_KINDS = (UNKNOWN_TASK, VALIDATION_ERROR, PRECONDITION_FAILED, WOULD_REGRESS)


def report_all(moves: Sequence[Move], token: ApiToken) -> list[Task]:
    """Make all *moves*, in the caller's transaction; returns the tasks as they then are, in order. Raises Problem."""
    wanted = _tasks(moves)
    tasks = _locked(wanted)
    _check(moves, [tasks.get(task) for task in wanted])
    pairs = [(tasks[task], move) for task, move in zip(wanted, moves, strict=True) if tasks[task].status != move.status]
    if pairs:
        _apply(pairs, token, timezone.now())
    rows = _loaded(wanted)
    return [rows[task] for task in wanted]


def _tasks(moves: Sequence[Move]) -> list[UUID]:
    """The task of each move. Raises Problem for names that are none, and for a task that is given twice."""
    try:
        found = find_tasks(move.task for move in moves)
    except AmbiguousTaskError as error:
        raise ProblemError(VALIDATION_ERROR, str(error)) from error
    faults, seen, wanted = [], dict[UUID, int](), list[UUID]()
    for index, move in enumerate(moves):
        task = found[move.task]
        if isinstance(task, str):
            faults.append(_fault(index, "task", task, UNKNOWN_TASK))
        elif task in seen:
            faults.append(_fault(index, "task", f"the same task as in /{seen[task]}", VALIDATION_ERROR))
        else:
            seen[task] = index
            wanted.append(task)
    _refuse(faults)
    return wanted


def _locked(wanted: Sequence[UUID]) -> dict[UUID, Task]:
    """The tasks as they are now, with their workstreams' rows locked until the transaction ends."""
    homes = set(Task.objects.filter(pk__in=wanted).values_list("workstream", flat=True))
    list(Workstream.objects.select_for_update(of=("self",)).filter(pk__in=homes).order_by("pk").values_list("pk"))
    return _loaded(wanted)


def _loaded(wanted: Sequence[UUID]) -> dict[UUID, Task]:
    return Task.objects.select_related("workstream__repo").in_bulk(list(wanted))


def _check(moves: Sequence[Move], tasks: Sequence[Task | None]) -> None:
    """Raises Problem where a single one of the moves cannot be made; it tells of each that cannot."""
    faults = []
    for index, (move, task) in enumerate(zip(moves, tasks, strict=True)):
        if task is None:
            faults.append(_fault(index, "task", f"task '{move.task}' is no longer in the hub", UNKNOWN_TASK))
        elif move.version is not None and not task_reports.matches(move.version, serializers.version(task)):
            faults.append(_fault(index, "version", task_reports.precondition_failed(task).detail, PRECONDITION_FAILED))
        elif isinstance(move, AdvanceItem) and is_regress(task.status, move.status):
            words = task_reports.regress_message(task, move.status)
            faults.append(_fault(index, "status", words, WOULD_REGRESS, task_reports.allowed_statuses(task)))
    _refuse(faults)


def _fault(index: int, field: str, detail: str, kind: ProblemType, allowed: Sequence[str] = ()) -> FieldError:
    return FieldError("body", f"/{index}/{field}", detail, allowed, kind.status)


def _refuse(faults: Sequence[FieldError]) -> None:
    """The problem is of the first fault's kind; each fault says its own status."""
    if faults:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        kind = next(kind for kind in _KINDS if kind.status == first.status)
        raise ProblemError(kind, f"{first.where}: {first.detail}{more}; nothing was changed", faults=faults)


def _apply(pairs: Sequence[tuple[Task, Move]], token: ApiToken, now: datetime) -> None:
    groups: dict[tuple[str, bool], list[Task]] = defaultdict(list)
    for task, move in pairs:
        groups[move.status, move.reopen].append(task)
    for (status, reopened), tasks in groups.items():
        # The condition holds the rank rule even against a writer that takes no lock.
        allowed = TASK_STATUSES if reopened else statuses_up_to(status)
        rows = Task.objects.filter(pk__in=[task.pk for task in tasks], status__in=allowed)
        if rows.update(status=status, status_changed_at=now) != len(tasks):
            raise task_reports.busy("a task was changed by someone else at the same time; try again")
    Workstream.objects.filter(pk__in={task.workstream_id for task, _ in pairs}).update(version=F("version") + 1)
    changes = [_change(task, move, token, now) for task, move in pairs]
    deciding = [change for change in changes if needs_known_heads(change)]
    if deciding:
        heads = read_known_heads({change.task.workstream_id for change in deciding})
        for change in deciding:
            change.known_heads = heads[change.task.workstream_id]
    StatusChange.objects.bulk_create(changes)


def _change(task: Task, move: Move, token: ApiToken, now: datetime) -> StatusChange:
    origin = task_reports.origin(token, move)
    return StatusChange(
        task=task,
        old=task.status,
        new=move.status,
        at=now,
        who=origin.who,
        source=origin.source,
        host=origin.host,
        commit=origin.commit,
        reopen=move.reopen,
        reason=move.reason.strip() if isinstance(move, ReopenItem) else "",
    )
