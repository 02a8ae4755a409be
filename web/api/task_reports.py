"""Reports of statuses as transitions: one, or many at once, and each refusal as a problem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from django.http import HttpRequest

from statehub.models import Source, Task
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.task_lookup import TooManyTasksError, find_task, find_tasks
from statehub.transitions import (
    Actor,
    ConflictError,
    ReasonMissingError,
    StatusRegressionError,
    TaskChangedError,
    TaskNotFoundError,
    Transition,
    TransitionError,
    TransitionsRefusedError,
    make_transition,
    make_transitions,
)
from web.api.problems import (
    CONFLICT,
    PRECONDITION_FAILED,
    UNKNOWN_TASK,
    VALIDATION_ERROR,
    WOULD_REGRESS,
    FieldError,
    ProblemError,
    ProblemType,
)
from web.api.schemas import Advance, AdvanceItem, Reopen, ReopenItem
from web.api.schemas import Task as TaskSchema
from web.models import ApiToken

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')

_PROBLEMS: tuple[tuple[type[TransitionError], ProblemType, str], ...] = (
    (TaskNotFoundError, UNKNOWN_TASK, "task"),
    (TaskChangedError, PRECONDITION_FAILED, "version"),
    (StatusRegressionError, WOULD_REGRESS, "status"),
    (ReasonMissingError, VALIDATION_ERROR, "reason"),
    (TransitionError, VALIDATION_ERROR, "status"),
)
"""The problem type of each refused transition and the field that is wrong; the first class that fits counts."""


def etag(task: Task) -> str:
    """Return the task's version as a header has it (RFC 9110, section 8.8.3)."""
    return f'"{task.version}"'


def get_task(ref: str, *, key_only: bool = False) -> Task:
    """Return the task that *ref* names, with workstream and repo, as `find_task` does. Raises ProblemError."""
    if "\0" in ref:
        raise ProblemError(UNKNOWN_TASK, "a task's name cannot contain NUL")
    try:
        return find_task(ref, key_only=key_only)
    except TaskNotFoundError as error:
        raise ProblemError(UNKNOWN_TASK, str(error)) from error


def report(ref: str, move: Advance | Reopen, token: ApiToken, if_match: str | None) -> Task:
    """Make one transition, in the caller's transaction, and return the task as it then is. Raises ProblemError."""
    try:
        return make_transition(_transition(get_task(ref, key_only=True), move, token, if_match)).task
    except TransitionError as error:
        raise _problem(error) from error


def report_all(moves: Sequence[AdvanceItem | ReopenItem], token: ApiToken) -> list[Task]:
    """Make all transitions or none, in the caller's transaction, and return the tasks in order. Raises ProblemError."""
    tasks = _find_all([move.task for move in moves])
    wanted = [_transition(task, move, token, move.version) for task, move in zip(tasks, moves, strict=True)]
    try:
        return [outcome.task for outcome in make_transitions(wanted)]
    except ConflictError as error:
        raise _problem(error) from error
    except TransitionsRefusedError as refused:
        raise _refusal([(index, *_explain(error)) for index, error in refused.errors.items()]) from refused


def check_preconditions(request: HttpRequest, *, if_match: bool) -> None:
    """Refuse a condition that would not be checked: any but If-Match, and that one on a list. Raises ProblemError."""
    refused = {"If-None-Match": "only If-Match is supported", "If-Unmodified-Since": "only If-Match is supported"}
    if not if_match:
        refused["If-Match"] = 'in a list each item takes a "version" of its own'
    errors = [FieldError("header", name, detail) for name, detail in refused.items() if name in request.headers]
    if errors:
        raise ProblemError(VALIDATION_ERROR, f"header {errors[0].where}: {errors[0].detail}", errors=errors)


def _transition(task: Task, move: Advance | Reopen, token: ApiToken, if_match: str | None) -> Transition:
    return Transition(
        task,
        move.status,
        Actor(token.name, Source.API, move.host or "", move.commit or ""),
        reopen=move.reopen,
        reason=move.reason if isinstance(move, Reopen) else "",
        versions=_versions(if_match),
    )


def _versions(if_match: str | None) -> set[str] | None:
    """Return the versions that an If-Match header names, quoted, bare or in a list; None if any will do.

    A weak tag counts as well: a proxy that compresses makes ours weak, and a version is that of a state, not of bytes.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    return {quoted or bare for quoted, bare in _TAG.findall(if_match)}


def _find_all(refs: Sequence[str]) -> list[Task]:
    """Return the task of each name. Raises ProblemError, also for a task that is given twice."""
    try:
        found = find_tasks(refs, key_only=True)
    except TooManyTasksError as error:
        raise ProblemError(VALIDATION_ERROR, str(error)) from error
    tasks: list[Task] = []
    refused: list[tuple[int, ProblemType, FieldError]] = []
    first: dict[Task, int] = {}
    for index, ref in enumerate(refs):
        task = found[ref]
        if isinstance(task, TaskNotFoundError):
            refused.append((index, *_explain(task)))
        elif first.setdefault(task, index) != index:
            detail = f"the same task as in /{first[task]}"
            refused.append((index, VALIDATION_ERROR, FieldError("body", "/task", detail)))
        else:
            tasks.append(task)
    if refused:
        raise _refusal(refused)
    return tasks


def _explain(error: TransitionError) -> tuple[ProblemType, FieldError]:
    """Return the kind of problem that *error* is to a caller, and the field of the report that is wrong."""
    kind, field = next((kind, field) for error_class, kind, field in _PROBLEMS if isinstance(error, error_class))
    if not isinstance(error, StatusRegressionError):
        return kind, FieldError("body", f"/{field}", str(error))
    old = error.task.status
    detail = (
        f"task '{error.task.key}' is {old}; {error.status} would move it backwards"
        '; to do that deliberately send "reopen": true and a "reason"'
    )
    allowed = [status for status in TASK_STATUSES if not is_regress(old, status)]
    return kind, FieldError("body", f"/{field}", detail, allowed)


def _problem(error: TransitionError) -> ProblemError:
    """Return the refusal of one report; with the task as it is now if its state is the reason."""
    if isinstance(error, ConflictError):
        return ProblemError(CONFLICT, str(error), headers={"Retry-After": "1"})
    kind, wrong = _explain(error)
    if isinstance(error, TaskChangedError | StatusRegressionError):
        current = TaskSchema.model_validate(error.task).model_dump(mode="json")
        headers = {"ETag": etag(error.task)}
        return ProblemError(kind, wrong.detail, allowed=wrong.allowed, headers=headers, more={"task": current})
    return ProblemError(kind, wrong.detail, errors=[wrong] if kind is VALIDATION_ERROR else [])


def _refusal(refused: Sequence[tuple[int, ProblemType, FieldError]]) -> ProblemError:
    """Return the refusal of a list of reports, of the first one's kind; each error says its own status."""
    errors = [replace(error, where=f"/{index}{error.where}", status=kind.status) for index, kind, error in refused]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{errors[0].where}: {errors[0].detail}{more}; nothing was changed"
    return ProblemError(refused[0][1], detail, errors=errors)
