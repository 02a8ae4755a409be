"""One task's report: forward by `advance`, back by `reopen`, each with its refusal as a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from statehub.models import Source, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.transitions import (
    MovedMeanwhileError,
    MoveError,
    Origin,
    ReasonMissingError,
    UnknownTask,
    WouldRegress,
    advance,
    find_task,
    reopen,
)
from web.api import serializers
from web.api.problems import BUSY, INVALID, MOVED_ON, UNKNOWN_TASK, WOULD_REGRESS, Fault, Problem
from web.api.request_schemas import Advance, Reopen
from web.models import ApiToken

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')


def found(ref: str) -> Task:
    """The task that *ref* names, with workstream and repo. Raises Problem."""
    if "\0" in ref:
        raise Problem(UNKNOWN_TASK, "no task's name holds a NUL")
    try:
        return find_task(ref)
    except UnknownTask as error:
        raise Problem(UNKNOWN_TASK, str(error)) from error


def reloaded(task: Task) -> Task:
    """*task* as it is now. Raises Problem where it is gone."""
    row = Task.objects.select_related("workstream__repo").filter(pk=task.pk).first()
    if row is None:
        raise Problem(UNKNOWN_TASK, f"task '{task.key}' is no longer in the hub")
    return row


def origin(token: ApiToken, move: Advance | Reopen) -> Origin:
    """Who moves: the token's name, and what the report says of where."""
    return Origin(token.name, Source.API, move.host or "", move.commit or "")


def report(ref: str, move: Advance | Reopen, token: ApiToken, if_match: str | None) -> Task:
    """Move the task that *ref* names, in the caller's transaction; returns it as it then is. Raises Problem."""
    task = found(ref)
    if if_match is not None:
        # The workstream first, as everybody does; what holds under its lock holds until the move.
        Workstream.objects.select_for_update(of=("self",)).filter(pk=task.workstream_id).first()
        task = reloaded(task)
        if not matches(if_match, serializers.version(task)):
            raise moved_on(task)
    with refusals(task, move.status):
        if isinstance(move, Reopen):
            reopen(task, move.status, move.reason, origin(token, move))
        else:
            advance(task, move.status, origin(token, move))
    return reloaded(task)


def check_preconditions(request: HttpRequest, *, if_match: bool) -> None:
    """Refuse a condition that nobody would look at: any but If-Match, and that one on a list. Raises Problem."""
    refused = {"If-None-Match": "only If-Match is supported", "If-Unmodified-Since": "only If-Match is supported"}
    if not if_match:
        refused["If-Match"] = 'in a list each item takes a "version" of its own'
    faults = [Fault("header", name, said) for name, said in refused.items() if name in request.headers]
    if faults:
        raise Problem(INVALID, f"header {faults[0].where}: {faults[0].detail}", faults=faults)


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
    except WouldRegress as error:
        raise would_regress(reloaded(task), status) from error
    except UnknownTask as error:
        raise Problem(UNKNOWN_TASK, str(error)) from error
    except ReasonMissingError as error:
        raise Problem(INVALID, str(error), faults=[Fault("body", "/reason", str(error))]) from error
    except MovedMeanwhileError as error:
        raise busy(str(error)) from error
    except MoveError as error:  # An unknown status.
        raise Problem(INVALID, str(error), faults=[Fault("body", "/status", str(error))]) from error


def busy(detail: str) -> Problem:
    """The refusal of what may work if it is tried again, and when to do that."""
    return Problem(BUSY, detail, headers={"Retry-After": "1"})


def moved_on(task: Task) -> Problem:
    """The refusal where the version that the caller knew is not the task's any more."""
    said = f"task '{task.key}' is {task.status} by now, version {serializers.version(task)}"
    return Problem(MOVED_ON, said, headers={"ETag": serializers.etag(task)}, more=current(task))


def would_regress(task: Task, status: str) -> Problem:
    """The refusal of a step back, with the state that stands against it."""
    said = regress_words(task, status)
    return Problem(
        WOULD_REGRESS, said, allowed=onward(task), headers={"ETag": serializers.etag(task)}, more=current(task)
    )


def regress_words(task: Task, status: str) -> str:
    """Why not, and what to do."""
    return (
        f"task '{task.key}' is {task.status}; {status} would be a step back"
        ' ("reopen": true with a "reason" does that on purpose)'
    )


def onward(task: Task) -> list[str]:
    """Where an advance may take the task from where it is."""
    return [status for status in TASK_STATUSES if not is_regress(task.status, status)]


def current(task: Task) -> dict[str, object]:
    """The member of a problem document that has the task as it is."""
    return {"task": serializers.task(task).model_dump(mode="json")}
