"""Moves a task's status in the hub: `advance` never regresses, `reopen` does so on purpose and on record.

Both lock the workstream's row first, then update the task under a condition on its status: the same order as
a consistency run, so that no two of them wait for each other in a circle.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from statehub.errors import StateHubError
from statehub.ids import name_invisible
from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_advance, is_regress, statuses_up_to


class TransitionError(StateHubError):
    """A move that cannot be made; the text is one sentence for people."""


class TaskNotFoundError(TransitionError):
    """No task, or more than one, goes by that name."""


class StatusRegressionError(TransitionError):
    """The task's status has a higher rank; only a reopen may move it back. `current` is that status."""

    def __init__(self, task: Task, status: str) -> None:
        super().__init__(
            f"task '{task.key}' is {task.status} in the hub; {status} would move it backwards "
            f"(to do that deliberately: reopen_task {task.key} {status} --reason …)"
        )
        self.current = task.status


class ReasonMissingError(TransitionError):
    """A reopen without a reason."""

    def __init__(self) -> None:
        super().__init__("a reopen needs a reason")


class ConflictError(TransitionError):
    """Somebody else moved the task between our look and our write: the same call may work now."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moves a status, and from where: kept with the change. The last three say which statement of a file it was."""

    who: str
    source: str
    host: str = ""
    commit: str = ""
    authored: int | None = None
    digest: str = ""


def find_task(ref: str) -> Task:
    """The task that *ref* names: a UUID, a task id, or `SLUG/ID`. Raises TaskNotFoundError."""
    tasks = Task.objects.select_related("workstream__repo")
    found = list(tasks.filter(key=ref)[:20])
    if not found:
        found = _by_uuid(ref) or _by_slug(ref)
    if len(found) == 1:
        return found[0]
    if not found:
        raise TaskNotFoundError(f"no task '{ref}' in the hub{name_invisible(ref)}")
    names = ", ".join(f"{task.workstream.repo.slug}/{task.key} ({task.id})" for task in found)
    raise TaskNotFoundError(f"'{ref}' names more than one task: {names}; give SLUG/ID or the UUID")


def _by_uuid(ref: str) -> list[Task]:
    try:
        value = uuid.UUID(ref)
    except ValueError:
        return []
    return list(Task.objects.select_related("workstream__repo").filter(pk=value))


def _by_slug(ref: str) -> list[Task]:
    slug, _, key = ref.partition("/")
    repo = Repo.objects.filter(slug=slug).first() if key else None
    tasks = Task.objects.select_related("workstream__repo")
    return list(tasks.filter(workstream__repo=repo, key=key)[:20]) if repo else []


def advance(task: Task, status: str, origin: Actor, *, at: datetime | None = None) -> bool:
    """Move *task* to *status*, of higher or equal rank. False where it has that status already.

    Raises StatusRegressionError, and TransitionError for an unknown status.
    """
    _check_status(status)
    with transaction.atomic():
        current = _lock(task)
        if current.status == status:
            return False
        if is_regress(current.status, status):
            raise StatusRegressionError(current, status)
        _move(current, status, StatusChange(at=at or timezone.now(), reopen=False), origin)
    return True


def reopen(task: Task, status: str, reason: str, origin: Actor, *, at: datetime | None = None) -> bool:
    """Move *task* to *status*, also backwards. False where it has that status already.

    Raises TransitionError for an unknown status or an empty reason.
    """
    _check_status(status)
    if not reason.strip():
        raise ReasonMissingError
    with transaction.atomic():
        current = _lock(task)
        if current.status == status:
            return False
        _move(current, status, StatusChange(at=at or timezone.now(), reopen=True, reason=reason.strip()), origin)
    return True


def delete_tasks(tasks: QuerySet[Task]) -> None:
    """Delete *tasks* for good, with their history.

    Their workstreams' versions move: a block that is still in its file is then seen as new by the next run.
    """
    with transaction.atomic():
        owners = sorted(set(tasks.order_by().values_list("workstream", flat=True)))
        rows = Workstream.objects.select_for_update().filter(pk__in=owners).order_by("pk")
        list(rows.values_list("pk"))
        tasks.delete()
        Workstream.objects.filter(pk__in=owners).update(version=F("version") + 1)


def _check_status(status: str) -> None:
    if status not in TASK_STATUSES:
        raise TransitionError(f"unknown status '{status}'; it is one of {', '.join(TASK_STATUSES)}")


def _lock(task: Task) -> Task:
    """The task as it is now, with its workstream's row locked until the transaction ends."""
    Workstream.objects.select_for_update(of=("self",)).filter(tasks=task.pk).first()
    current = Task.objects.filter(pk=task.pk).first()
    if current is None:
        raise TaskNotFoundError(f"task '{task.key}' is no longer in the hub")
    return current


def _move(task: Task, status: str, change: StatusChange, origin: Actor) -> None:
    allowed = TASK_STATUSES if change.reopen else statuses_up_to(status)
    rows = Task.objects.filter(pk=task.pk, status=task.status, status__in=allowed)
    if rows.update(status=status, status_changed_at=change.at) != 1:
        raise ConflictError(f"task '{task.key}' was changed by someone else at the same time; try again")
    Workstream.objects.filter(pk=task.workstream_id).update(version=F("version") + 1)
    change.task, change.old, change.new = task, task.status, status
    change.who, change.source, change.host, change.commit = origin.who, origin.source, origin.host, origin.commit
    change.authored, change.digest = origin.authored, origin.digest
    if needs_known_heads(change):
        change.known_heads = read_known_heads([task.workstream_id])[task.workstream_id]
    change.save(force_insert=True)


def needs_known_heads(change: StatusChange) -> bool:
    """Whether *change* is a decision that older statements in files must not undo: a reopen, or a move aside."""
    return change.reopen or (change.source != Source.FILE and not is_advance(change.old, change.new))


def read_known_heads(workstreams: Collection[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """By workstream, the commits that the hub has taken from the checkouts of its repo: one query for all of them."""
    found: dict[uuid.UUID, set[str]] = {workstream: set() for workstream in workstreams}
    rows = Checkout.objects.filter(repo__workstreams__in=workstreams).order_by()
    for workstream, *heads in rows.values_list("repo__workstreams", "head", "tip"):
        found[workstream].update(filter(None, heads))
    return {workstream: sorted(heads) for workstream, heads in found.items()}
