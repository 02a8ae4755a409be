"""One task's report: forward by `advance`, back by `reopen`, each with its refusal as a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from statehub.models import Source, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.transitions import (
    Actor,
    ConflictError,
    ReasonMissingError,
    StatusRegressionError,
    TaskNotFoundError,
    TransitionError,
    advance,
    find_task,
    reopen,
)
from web.api import serializers
from web.api.problems import (
    CONFLICT,
    PRECONDITION_FAILED,
    UNKNOWN_TASK,
    VALIDATION_ERROR,
    WOULD_REGRESS,
    FieldError,
    ProblemError,
)
from web.api.request_schemas import Advance, Reopen
from web.models import ApiToken

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')


def get_task(ref: str) -> Task:
    """The task that *ref* names, with workstream and repo. Raises Problem."""
    if "\0" in ref:
        raise ProblemError(UNKNOWN_TASK, "a task's name cannot contain NUL")
    try:
        return find_task(ref)
    except TaskNotFoundError as error:
        raise ProblemError(UNKNOWN_TASK, str(error)) from error


def refresh(task: Task) -> Task:
    """*task* as it is now. Raises Problem where it is gone."""
    row = Task.objects.select_related("workstream__repo").filter(pk=task.pk).first()
    if row is None:
        raise ProblemError(UNKNOWN_TASK, f"task '{task.key}' is no longer in the hub")
    return row


def origin(token: ApiToken, move: Advance | Reopen) -> Actor:
    """Who moves: the token's name, and what the report says of where."""
    return Actor(token.name, Source.API, move.host or "", move.commit or "")


def report(ref: str, move: Advance | Reopen, token: ApiToken, if_match: str | None) -> Task:
    """Move the task that *ref* names, in the caller's transaction; returns it as it then is. Raises Problem."""
    task = get_task(ref)
    if if_match is not None:
        # The workstream first, as everybody does; what holds under its lock holds until the move.
        Workstream.objects.select_for_update(of=("self",)).filter(pk=task.workstream_id).first()
        task = refresh(task)
        if not matches(if_match, serializers.version(task)):
            raise precondition_failed(task)
    with refusals(task, move.status):
        if isinstance(move, Reopen):
            reopen(task, move.status, move.reason, origin(token, move))
        else:
            advance(task, move.status, origin(token, move))
    return refresh(task)


def check_preconditions(request: HttpRequest, *, if_match: bool) -> None:
    """Refuse a condition that nobody would look at: any but If-Match, and that one on a list. Raises Problem."""
    refused = {"If-None-Match": "only If-Match is supported", "If-Unmodified-Since": "only If-Match is supported"}
    if not if_match:
        refused["If-Match"] = 'in a list each item takes a "version" of its own'
    faults = [FieldError("header", name, said) for name, said in refused.items() if name in request.headers]
    if faults:
        raise ProblemError(VALIDATION_ERROR, f"header {faults[0].where}: {faults[0].detail}", faults=faults)


def matches(if_match: str, version: str) -> bool:
    """Whether an If-Match header names *version*: quoted, bare, in a list, or `*`.

    A weak tag counts, too: a proxy that compresses makes ours weak, and the version tells of states, not of bytes.
    """
    return if_match.strip() == "*" or version in {quoted or bare for quoted, bare in _TAG.findall(if_match)}


@contextmanager
def refusals(task: Task, status: str) -> Iterator[None]:
    """Turns what `statehub.transitions` raises into problems."""
    try:
        yield
    except StatusRegressionError as error:
        raise would_regress(refresh(task), status) from error
    except TaskNotFoundError as error:
        raise ProblemError(UNKNOWN_TASK, str(error)) from error
    except ReasonMissingError as error:
        raise ProblemError(VALIDATION_ERROR, str(error), faults=[FieldError("body", "/reason", str(error))]) from error
    except ConflictError as error:
        raise busy(str(error)) from error
    except TransitionError as error:  # An unknown status.
        raise ProblemError(VALIDATION_ERROR, str(error), faults=[FieldError("body", "/status", str(error))]) from error


def busy(detail: str) -> ProblemError:
    """The refusal of what may work if it is tried again, and when to do that."""
    return ProblemError(CONFLICT, detail, headers={"Retry-After": "1"})


def precondition_failed(task: Task) -> ProblemError:
    """The refusal if the version that the caller knew is no longer the task's."""
    said = f"task '{task.key}' is {task.status} now (version {serializers.version(task)})"
    return ProblemError(PRECONDITION_FAILED, said, headers={"ETag": serializers.etag(task)}, more=task_member(task))


def would_regress(task: Task, status: str) -> ProblemError:
    """The refusal of a step back, with the state that stands against it."""
    said = regress_message(task, status)
    return ProblemError(
        WOULD_REGRESS,
        said,
        allowed=allowed_statuses(task),
        headers={"ETag": serializers.etag(task)},
        more=task_member(task),
    )


def regress_message(task: Task, status: str) -> str:
    """Why not, and what to do."""
    return (
        f"task '{task.key}' is {task.status}; {status} would move it backwards"
        '; to do that deliberately send "reopen": true and a "reason"'
    )


def allowed_statuses(task: Task) -> list[str]:
    """Where an advance may take the task from where it is."""
    return [status for status in TASK_STATUSES if not is_regress(task.status, status)]


def task_member(task: Task) -> dict[str, object]:
    """The member of a problem document that has the task as it is."""
    return {"task": serializers.task(task).model_dump(mode="json")}
