"""Changes tasks' statuses: many at once, all or none, in a constant number of queries, each change on record.

A report never lowers the rank of a status; only a reopen does. Workstreams are locked first, then tasks are updated if
they still have the status that was read. Consistency runs lock in the same order, so that no two writers deadlock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Field, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from statehub.errors import StateHubError
from statehub.models import Checkout, Source, StatusChange, Task, Workstream
from statehub.statuses import FINISHED, TASK_STATUSES, is_advance, is_regress, statuses_up_to

statuses_changed = Signal()
"""Sent in the transaction of a change, with the ids of the *repos* whose tasks have other statuses now."""

_TASKS = (
    Task.objects.select_related("workstream__repo")
    .only(
        *(field.name for field in Task._meta.concrete_fields),
        *("workstream__key", "workstream__title", "workstream__path", "workstream__repo__slug"),
    )
    .order_by()
)
"""Tasks with what names them and their files: no other columns of their workstreams and repos are loaded."""

# Built once, as those above: a transition would take longer to build them than the database takes to answer.
LOCKED_VERSIONS = Workstream.objects.select_for_update(of=("self",)).order_by("pk").values_list("pk", "version")
"""The workstreams that a transaction locks, in the order of every writer: their ids and versions."""

_HEADS = Checkout.objects.order_by().values_list("repo", "head", "tip")
# As expressions: of an index of the status SQLite would expect a few rows, and read all that have it.
_UPDATE = (
    "UPDATE {table} SET {values}"
    " WHERE id IN ({ids}) AND COALESCE(status, '') = %s AND COALESCE(status, '') IN ({allowed})"
)
_BUMP = "UPDATE {table} SET version = version + 1 WHERE id IN ({ids})"


class TransitionError(StateHubError):
    """A transition that cannot be made."""


class TaskNotFoundError(TransitionError):
    """The name is that of no task, or of several, or the task has been deleted."""


class StatusRegressionError(TransitionError):
    """Only a reopen may move *task*, as it is now, to *status*, which has a lower rank."""

    def __init__(self, task: Task, status: str) -> None:
        super().__init__(
            f"task '{task.key}' is {task.status} in the hub; {status} would move it backwards "
            f"(to do that deliberately: reopen_task {task.key} {status} --reason …)"
        )
        self.task, self.status = task, status


class TaskChangedError(TransitionError):
    """*task*, as it is now, has none of the expected versions."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"task '{task.key}' is {task.status} now (version {task.version})")
        self.task = task


class ReasonMissingError(TransitionError):
    """A reopen without a reason."""

    def __init__(self) -> None:
        super().__init__("a reopen needs a reason")


class TaskTakenError(TransitionError):
    """Someone else has *task*, as it is now."""

    def __init__(self, task: Task) -> None:
        since = f" since {task.taken_at:%Y-%m-%d %H:%MZ}" if task.taken_at else ""
        super().__init__(f"task '{task.key}' is taken: {task.taken_by} has it{since}")
        self.task = task


class TaskFinishedError(TransitionError):
    """*task*, as it is now, is done or cancelled."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"task '{task.key}' is {task.status} already")
        self.task = task


class ConflictError(TransitionError):
    """Another process changed a task between reading and writing; the same call may work now."""


class TransitionsRefusedError(StateHubError):
    """Some of many transitions cannot be made, so none was; *errors* has why, by their index."""

    def __init__(self, errors: dict[int, TransitionError]) -> None:
        super().__init__("; ".join(map(str, errors.values())))
        self.errors = errors


class Actor(NamedTuple):
    """Who changes a status, and from where: columns of `StatusChange`. The last three identify a file's statement."""

    who: str
    source: str
    host: str = ""
    commit: str = ""
    authored: int | None = None
    digest: str = ""


class Transition(NamedTuple):
    """A change of *task*'s status that *actor* asks for, if the task has one of *versions* (None: any).

    Only a *reopen*, which needs a *reason*, may lower the rank. The reason of any other transition is a note.
    """

    task: Task
    status: str
    actor: Actor
    reopen: bool = False
    reason: str = ""
    versions: Collection[str] | None = None


class Outcome(NamedTuple):
    """The task as it is now, with its workstream and repo, and whether its status changed."""

    task: Task
    changed: bool


def advance(task: Task, status: str, actor: Actor) -> bool:
    """Move *task* to *status*, of higher or equal rank. Return False if it has that status already.

    Raises TransitionError.
    """
    return make_transition(Transition(task, status, actor)).changed


def reopen(task: Task, status: str, reason: str, actor: Actor) -> bool:
    """Move *task* to *status*, also backwards. Return False if it has that status already.

    Raises TransitionError.
    """
    return make_transition(Transition(task, status, actor, reopen=True, reason=reason)).changed


def take(task: Task, actor: Actor) -> Outcome:
    """Give *task* to *actor*: one that is todo moves to in_progress. Of several at once the first one gets it.

    Raises TaskTakenError, TaskFinishedError, TaskNotFoundError, ConflictError.
    """
    with transaction.atomic():
        found = _lock_tasks([task.pk]).get(task.pk)
        if found is None:
            raise TaskNotFoundError(f"task '{task.key}' is no longer in the hub")
        if found.taken_by and found.taken_by != actor.who:
            raise TaskTakenError(found)
        if found.status in FINISHED:
            raise TaskFinishedError(found)
        changed = found.status == "todo"
        if changed:
            _write([(found, Transition(found, "in_progress", actor))])
        elif not found.taken_by:
            found.taken_by, found.taken_at = actor.who, timezone.now()
            found.save(update_fields=["taken_by", "taken_at"])
    return Outcome(found, changed)


def make_transition(wanted: Transition) -> Outcome:
    """Make one transition. Raises TransitionError."""
    try:
        return make_transitions([wanted])[0]
    except TransitionsRefusedError as refused:
        raise refused.errors[0] from None


def make_transitions(wanted: Sequence[Transition]) -> list[Outcome]:
    """Make all of *wanted*, each of another task, or none. Return their outcomes in order.

    Raises TransitionsRefusedError, ConflictError.
    """
    with transaction.atomic():
        tasks = _lock_tasks([each.task.pk for each in wanted])
        errors = {}
        for index, each in enumerate(wanted):
            try:
                _check(each, tasks.get(each.task.pk))
            except TransitionError as error:
                errors[index] = error
        if errors:
            raise TransitionsRefusedError(errors)
        outcomes = [Outcome(tasks[each.task.pk], tasks[each.task.pk].status != each.status) for each in wanted]
        _write([(task, each) for each, (task, changed) in zip(wanted, outcomes, strict=True) if changed])
    return outcomes


def delete_tasks(tasks: QuerySet[Task]) -> None:
    """Delete *tasks* for good, with their history.

    Their workstreams' versions change: the next run sees a block that is still in its file as new.
    """
    with transaction.atomic():
        owners = set(tasks.order_by().values_list("workstream", flat=True))
        lock_workstreams(pk__in=owners)
        tasks.delete()
        bump_versions(owners)


def lock_workstreams(**which: Any) -> dict[UUID, int]:
    """Lock the workstreams that match *which* until the caller's transaction ends and return their versions by id.

    All writers lock in the order of the ids, before they write a task, so that none waits for another in a circle.
    """
    return dict(LOCKED_VERSIONS.filter(**which))


def bump_versions(workstreams: Collection[UUID] | Collection[str]) -> None:
    """Give each of *workstreams* (ids), which are locked, its next version."""
    if workstreams:
        marks, keys = _keys(Workstream, workstreams)
        table = connection.ops.quote_name(Workstream._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(_BUMP.format(table=table, ids=marks), keys)


def update_status(
    model: type[Task] | type[Workstream],
    ids: Sequence[UUID] | Sequence[str],
    old: str,
    new: str,
    at: datetime,
    who: str,
    *,
    reopen: bool = False,
) -> bool:
    """Update the rows of *model* with *ids* from *old* to *new*. Return whether all of them still had the status *old*.

    A task that *who* moves to in_progress is theirs until it is finished or reopened. The condition holds the rank rule
    even against a writer that takes no lock.
    """
    allowed = TASK_STATUSES if reopen else statuses_up_to(new)
    changed: dict[str, object] = {"status": new, "status_changed_at": at}
    if model is Task:
        changed |= _holder(new, at, who)
    fields = [(cast("Field[Any, Any]", model._meta.get_field(name)), value) for name, value in changed.items()]
    marks, keys = _keys(model, ids)
    statement = _UPDATE.format(
        table=connection.ops.quote_name(model._meta.db_table),
        values=", ".join(f"{field.column} = %s" for field, _ in fields),
        ids=marks,
        allowed=", ".join(["%s"] * len(allowed)),
    )
    values = [field.get_db_prep_save(value, connection) for field, value in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *keys, old, *allowed])
        return bool(cursor.rowcount == len(ids))


def _keys(model: type[Task] | type[Workstream], ids: Collection[UUID] | Collection[str]) -> tuple[str, list[Any]]:
    """Return the placeholders of the primary keys *ids* in a statement, and their values."""
    key = model._meta.pk
    return ", ".join(["%s"] * len(ids)), [key.get_db_prep_value(pk, connection) for pk in ids]


def _holder(status: str, at: datetime, who: str) -> dict[str, object]:
    """Return the columns of a task that say who has it, for its new *status*; none if that stays the same."""
    if status == "in_progress":
        return {"taken_by": who, "taken_at": at}
    return {} if status == "blocked" else {"taken_by": "", "taken_at": None}


def _lock_tasks(ids: Collection[UUID]) -> dict[UUID, Task]:
    """Return the tasks as they are now, by id, with their workstreams' rows locked until the transaction ends."""
    lock_workstreams(tasks__in=ids)
    return _TASKS.in_bulk(ids)


def _check(wanted: Transition, task: Task | None) -> None:
    """Raise TransitionError if *task*, as it is now, cannot make the transition."""
    if task is None:
        raise TaskNotFoundError(f"task '{wanted.task.key}' is no longer in the hub")
    if wanted.versions is not None and task.version not in wanted.versions:
        raise TaskChangedError(task)
    if wanted.status not in TASK_STATUSES:
        raise TransitionError(f"unknown status '{wanted.status}'; it is one of {', '.join(TASK_STATUSES)}")
    if wanted.reopen:
        if not wanted.reason.strip():
            raise ReasonMissingError
    elif is_regress(task.status, wanted.status):
        raise StatusRegressionError(task, wanted.status)


def _write(changes: Sequence[tuple[Task, Transition]]) -> None:
    """Update the tasks, which are locked, and record their changes. Raises ConflictError."""
    if not changes:
        return
    now = timezone.now()
    records = [
        StatusChange(
            task=task,
            old=task.status,
            new=wanted.status,
            at=now,
            reopen=wanted.reopen,
            reason=wanted.reason.strip(),
            **wanted.actor._asdict(),
        )
        for task, wanted in changes
    ]
    groups: dict[tuple[str, str, str, bool], list[Task]] = defaultdict(list)
    for record in records:
        groups[record.old, record.new, record.who, record.reopen].append(record.task)
    for (old, new, who, reopened), tasks in groups.items():
        if not update_status(Task, [task.pk for task in tasks], old, new, now, who, reopen=reopened):
            which = f"task '{tasks[0].key}'" if len(tasks) == 1 else "a task"
            raise ConflictError(f"{which} was changed by someone else at the same time; try again")
        for task in tasks:
            task.status, task.status_changed_at = new, now
            for name, value in _holder(new, now, who).items():
                setattr(task, name, value)
    bump_versions({task.workstream_id for task, _ in changes})
    _add_known_heads(records)
    StatusChange.objects.bulk_create(records)
    statuses_changed.send(sender=None, repos={task.workstream.repo_id for task, _ in changes})


def _add_known_heads(records: Iterable[StatusChange]) -> None:
    """Give decisions that older statements in files must not undo the commits that the hub has taken from checkouts."""
    decisions = [
        record
        for record in records
        if record.reopen or (record.source != Source.FILE and not is_advance(record.old, record.new))
    ]
    if not decisions:
        return
    heads = defaultdict[int, set[str]](set)
    for repo, *commits in _HEADS.filter(repo__in={record.task.workstream.repo_id for record in decisions}):
        heads[repo].update(filter(None, commits))
    for record in decisions:
        record.known_heads = sorted(heads[record.task.workstream.repo_id])
