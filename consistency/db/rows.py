"""The hub side of a run: reads rows into plain values, and applies a plan's hub actions in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from consistency.core.actions import (
    AdvanceTask,
    AdvanceWorkstream,
    CreateTask,
    CreateWorkstream,
    HubAction,
    UpdateTask,
    UpdateWorkstream,
)
from consistency.core.codes import UNREAD_BLOCK
from consistency.core.comparison.snapshot import AgreedRows, HubTask, HubWorkstream, ParsedWorkplan, agreed_rows
from consistency.core.workplan.model import Mirrored
from consistency.db.bulk import (
    FEW_ROWS,
    MAX_ROWS,
    bulk_update,
    bulk_upsert,
    keys_of,
    rows_text,
    values_of,
    values_text,
)
from consistency.db.ledger import batches
from consistency.db.uuids import uuid_text, with_dashes
from statehub.compiled import CompiledQuery
from statehub.database_errors import is_overtaken, is_taken
from statehub.dependencies import join_names, split_names
from statehub.errors import StateHubError
from statehub.models import Repo, StatusChange, Task, Workstream, WorkstreamMove
from statehub.statuses import FINISHED
from statehub.transitions import LOCKED_VERSIONS, Actor, bump_versions, lock_workstreams, update_status

_MIRRORED = ("title", "owner", "domain", "repo_name", "topic_slug", "created", "updated")
"""The columns for `workplan.model.Mirrored`, in its order."""

_WORKSTREAM = (
    "id", "repo", "status", "version", "status_changed_at", "committed", "may_be_missing", "key", "path", *_MIRRORED,
)  # fmt: skip

_CHANGE = ("task", "old", "new", "at", *Actor._fields, "known_heads", "reopen", "reason")

_TASK = ("id", "workstream", "key", "title", "status", "priority", "owner", "depends")
_NOT_TAKEN = {"taken_by": "", "taken_at": None}

_CHANGED_AT = Cast("status_changed_at", TextField())
"""The time as text for `_moment`: many rows share one, which Django would convert row by row."""

_TASK_TEXTS = (uuid_text("id"), uuid_text("workstream"), *_TASK[2:6], _CHANGED_AT, *_TASK[6:])
"""The columns of _TASK as `_hub_task` wants them."""

_NO_ROWS: AgreedRows = {}

_KEYED = (Workstream._meta.db_table, Task._meta.db_table)
"""The tables in which two hosts may create the same row."""

FEW_WORKSTREAMS = 50
"""Workstreams whose tasks are read at once; those of more are read piece by piece."""

_A = TypeVar("_A", bound=HubAction)


class VersionConflictError(StateHubError):
    """A row changed between this run's read and its write; nothing was written."""


_WORKSTREAMS: CompiledQuery[Any] = CompiledQuery(
    lambda repo: (
        Workstream.objects.filter(repo=repo)
        .order_by()
        .values_list(
            uuid_text("pk"), "key", "path", "version", "status", _CHANGED_AT, "committed", "may_be_missing", *_MIRRORED
        )
    ),
    int,
)


def read_workstreams(repo: int) -> dict[str, HubWorkstream]:
    """Read all workstreams of the repo, by id."""
    found: dict[str, HubWorkstream] = {}
    for uuid, key, path, version, status, at, committed, may_be_missing, *mirrored in _WORKSTREAMS(repo):
        pk, texts = with_dashes(uuid), Mirrored(*mirrored)
        found[pk] = HubWorkstream(pk, key, path, version, status, texts, read_moment(at), committed, may_be_missing)
    return found


def read_finished(workstreams: Collection[HubWorkstream]) -> frozenset[str]:
    """Return those of *workstreams* that are finished: by their tasks, or by their own status if they have none."""
    open_tasks, with_tasks = set[str](), set[str]()
    for batch in batches(row.id for row in workstreams):
        rows = Task.objects.filter(workstream__in=map(UUID, batch)).order_by()
        for workstream, status in rows.values_list("workstream", "status").distinct():
            with_tasks.add(str(workstream))
            if status not in FINISHED:
                open_tasks.add(str(workstream))
    return frozenset(
        row.id for row in workstreams if row.id not in open_tasks and (row.id in with_tasks or row.status in FINISHED)
    )


def mark_workstreams(ids: Collection[str], **fields: bool) -> None:
    """Give the rows of *ids* the *fields*, which no file has: no version moves.

    Call it outside of other transactions: rows are locked in the order that every writer uses.
    """
    for batch in batches(sorted(ids)):
        with transaction.atomic():
            lock_workstreams(pk__in=batch)
            Workstream.objects.filter(pk__in=batch).update(**fields)


def read_tasks_of(workstreams: Collection[str]) -> tuple[HubTask, ...]:
    """Read all tasks of *workstreams*, in any repo."""
    rows = (Task.objects.filter(workstream__in=batch).order_by() for batch in batches(map(UUID, workstreams)))
    return tuple(_hub_task(row) for batch in rows for row in batch.values_list(*_TASK_TEXTS))


def read_workstreams_with_history(workstreams: Collection[str]) -> set[str]:
    """Return those of *workstreams* that have a task whose status ever changed."""
    found = set[str]()
    for batch in batches(map(UUID, workstreams)):
        changes = StatusChange.objects.filter(task__workstream__in=batch).order_by()
        found.update(map(str, changes.values_list("task__workstream", flat=True).distinct()))
    return found


def read_strangers(repo: int, uuids: Collection[str], keys: Collection[str]) -> list[HubWorkstream]:
    """Read the workstreams of other repos that have one of *uuids* or *keys*: new workplans here may be theirs."""
    found: dict[str, HubWorkstream] = {}
    rows = Workstream.objects.exclude(repo=repo).order_by()
    names = [Q(pk__in=batch) for batch in batches(uuids)] + [Q(key__in=batch) for batch in batches(keys)]
    # Both in one query, as long as there are not very many of them.
    for wanted in [names[0] | names[1]] if uuids and keys and len(names) == 2 else names:
        for pk, key, path, version, status, changed_at, slug, *mirrored in rows.filter(wanted).values_list(
            "pk", "key", "path", "version", "status", "status_changed_at", "repo__slug", *_MIRRORED
        ):
            fields = Mirrored(*mirrored)
            found[str(pk)] = HubWorkstream(str(pk), key, path, version, status, fields, changed_at, repo=slug)
    return list(found.values())


_TASKS_OF: CompiledQuery[Any] = CompiledQuery(
    lambda workstreams: (
        Task.objects.filter(workstream__in=values_of(Task, "workstream", workstreams))
        .order_by()
        .values_list(*_TASK_TEXTS)
    ),
    str,
)
_TASKS_AT: CompiledQuery[Any] = CompiledQuery(
    lambda places: (
        Task.objects.filter(pk__in=keys_of(Task, ("workstream", "key"), places)).order_by().values_list(*_TASK_TEXTS)
    ),
    str,
)


def read_tasks(
    repo: int,
    workstreams: Collection[str],
    known: Collection[ParsedWorkplan],
    open_tasks: Sequence[tuple[str, str]] = (),
    agreed: Mapping[str, str] = MappingProxyType({}),
    *,
    empty: bool,
) -> tuple[tuple[HubTask, ...], dict[str, str], tuple[ParsedWorkplan, ...]]:
    """Read the tasks that a comparison of *known* needs, and the workstreams of other repos (id → 'slug/key').

    These are all tasks of *workstreams*, the *open_tasks* (workstream, task id) of others, and whatever shares an id in
    the repo, or a UUID anywhere, with an unsettled block. *empty* says that the repo has no workstreams yet.
    *agreed* are those of *workstreams* that have unchanged files, path → id: their tasks with an unchanged row are left
    out. Returns *known*, too, with these settled.
    """
    then = {agreed[item.workplan.path]: agreed_rows(item) for item in known if item.workplan.path in agreed}
    settled = defaultdict[str, set[str]](set)
    wanted = [(_TASKS_OF, values_text(ids)) for ids in batches(workstreams, MAX_ROWS)]
    wanted += [(_TASKS_AT, rows_text(places)) for places in batches(open_tasks, MAX_ROWS)]
    found: dict[str, HubTask] = {}
    for query, text in wanted:
        # A cursor of the server costs four statements more, and keeps many rows out of memory.
        read = query.build(text).iterator(5_000) if len(workstreams) > FEW_WORKSTREAMS else query(text)
        found.update((task.id, task) for task in _unsettled(read, then, settled))
    known = tuple(
        item._replace(settled=frozenset(settled[agreed[item.workplan.path]])) if item.workplan.path in agreed else item
        for item in known
    )
    keys, uuids = set[str](), set[str]()
    here = {(task.workstream, task.key) for task in found.values()}
    taken_keys = {key for _, key in here}
    for item in known:
        keys |= item.open_tasks - taken_keys
        for block in item.workplan.blocks:
            if block.uuid and block.uuid not in found and block.key not in item.settled:
                uuids.add(block.uuid)
        unread = {problem.task for problem in item.workplan.problems if problem.code == UNREAD_BLOCK and problem.task}
        keys |= unread - taken_keys
    if not empty:
        for batch in batches(keys):
            rows = Task.objects.filter(workstream__repo=repo, key__in=batch).order_by()
            found.update((task.id, task) for task in map(_hub_task, rows.values_list(*_TASK_TEXTS)))
    foreign: dict[str, str] = {}
    for batch in batches(uuids - found.keys()):
        rows = Task.objects.filter(pk__in=batch).order_by()
        for *task, owner, slug, key in rows.values_list(
            *_TASK_TEXTS, "workstream__repo", "workstream__repo__slug", "workstream__key"
        ):
            row = _hub_task(task)
            found[row.id] = row
            if owner != repo:
                foreign[row.workstream] = f"{slug}/{key}"
    return tuple(found.values()), foreign, known


def _unsettled(
    rows: Iterable[Sequence[Any]], then: Mapping[str, AgreedRows], settled: Mapping[str, set[str]]
) -> Iterator[HubTask]:
    """Yield the tasks of *rows*, except those that are as they were *then*, by workstream: they go to *settled*."""
    for row in rows:
        pk, home, key, title, status, priority, at, owner, depends = row
        workstream = _home(home)
        now = (title, status, priority, read_moment(at), owner, tuple(split_names(depends)))
        values, uuid = then.get(workstream, _NO_ROWS).get(key, (None, None))
        if values == now and (uuid is None or uuid == with_dashes(pk)):
            settled[workstream].add(key)
        else:
            yield HubTask(with_dashes(pk), workstream, key, *now)


def _hub_task(row: Sequence[Any]) -> HubTask:
    return next(_unsettled([row], {}, {}))


_home = lru_cache(maxsize=1_000)(with_dashes)


@lru_cache(maxsize=1_000)
def read_moment(text: str) -> datetime:
    """Return the time that the database wrote as *text*: SQLite has all times in UTC, and does not say so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def apply(
    actions: Collection[HubAction],
    repo: int,
    versions: Mapping[str, int],
    origin: Actor,
    now: datetime,
    origins: Mapping[str, Actor] | None = None,
) -> dict[str, int]:
    """Carry out *actions* and return the new version of every workstream they touched.

    *origins* (by the tasks' ids) say who brought a task's status, *origin* who did all else. *versions* are those at
    which the plan was made. Call it in a transaction. Raises VersionConflictError if a row has
    changed since; the transaction must then be rolled back.
    """
    try:
        created, updated = _of(CreateWorkstream, actions), _of(UpdateWorkstream, actions)
        new_versions = _lock(set().union(*map(_touched, actions)) - {action.id for action in created}, versions)
        for batch in batches({action.replaces for action in updated} - {""}):
            Workstream.objects.filter(pk__in=batch).delete()
        _create_workstreams(created, repo, now)
        _update_workstreams(updated, repo, now)
        _record_moves([action.before for action in updated if action.before.repo], repo, origin, now)
        _advance(Workstream, _of(AdvanceWorkstream, actions), now)
        _update_tasks(_of(UpdateTask, actions))
        _create_tasks([task for action in created for task in action.tasks] + _of(CreateTask, actions), now)
        advanced = _of(AdvanceTask, actions)
        _advance(Task, advanced, now, {pk: actor.who for pk, actor in (origins or {}).items()}, origin.who)
        changes: list[tuple[object, ...]] = [
            (each.id, each.expected, each.wanted, now, *(origins or {}).get(each.id, origin), [], False, "")
            for each in advanced
        ]
        bulk_upsert(StatusChange, _CHANGE, changes)
        for batch in batches(new_versions):
            bump_versions(batch)
    except DatabaseError as error:
        # Another host created the same row at this moment, or waited for what we hold while we waited for it.
        if is_taken(error, _KEYED) or is_overtaken(error):
            raise VersionConflictError from error
        raise
    return {**new_versions, **{action.id: 1 for action in created}}


def _of(kind: type[_A], actions: Iterable[HubAction]) -> list[_A]:
    return [action for action in actions if isinstance(action, kind)]


def _touched(action: HubAction) -> set[str]:
    """Return the ids of the workstreams whose rows *action* changes."""
    match action:
        case UpdateWorkstream():
            return {action.before.id, action.replaces} - {""}
        case UpdateTask():
            return {action.workstream, action.before.workstream}
        case CreateTask() | AdvanceTask():
            return {action.workstream}
        case _:
            return {action.id}


_LOCKED: CompiledQuery[tuple[UUID, int]] = CompiledQuery(
    lambda ids: LOCKED_VERSIONS.filter(pk__in=values_of(Workstream, "id", ids)), str
)


def _lock(touched: set[str], versions: Mapping[str, int]) -> dict[str, int]:
    """Lock the rows, in one order for every writer; every move of a task moves its workstream's version."""
    locked: dict[str, int] = {}
    for batch in batches(sorted(touched)):
        locked.update((str(pk), version) for pk, version in _LOCKED(values_text(batch)))
    if any(locked.get(pk) != versions[pk] for pk in touched):
        raise VersionConflictError
    return {pk: version + 1 for pk, version in locked.items()}


def _create_workstreams(actions: Iterable[CreateWorkstream], repo: int, now: datetime) -> None:
    # In the order of keys: two hosts that create the same workstreams at once never wait in a circle.
    rows = [
        (new.id, repo, plan.status, 1, now, new.committed, False, plan.key, plan.path, *plan.mirrored)
        for new in sorted(actions, key=lambda action: action.workplan.key)
        for plan in [new.workplan]
    ]
    bulk_upsert(Workstream, _WORKSTREAM, rows, most=FEW_ROWS)


def _update_workstreams(actions: Iterable[UpdateWorkstream], repo: int, now: datetime) -> None:
    rows = [
        (
            (old := action.before).id, repo, old.status, old.version, now, old.committed, old.may_be_missing,
            (plan := action.workplan).key, plan.path, *plan.mirrored,
        )
        for action in actions
    ]  # fmt: skip
    bulk_upsert(Workstream, _WORKSTREAM, rows, conflict=("id",), update=("repo", "key", "path", *_MIRRORED))


def _record_moves(moved: Sequence[HubWorkstream], repo: int, origin: Actor, now: datetime) -> None:
    """Record from which repos workstreams came, and what this one's HEAD was then."""
    if not moved:
        return
    repos = dict(Repo.objects.filter(slug__in={row.repo for row in moved}).values_list("slug", "pk"))
    WorkstreamMove.objects.bulk_create(
        WorkstreamMove(
            workstream_id=UUID(row.id), from_repo_id=repos.get(row.repo), from_slug=row.repo, to_repo_id=repo,
            at=now, who=origin.who, host=origin.host, commit=origin.commit,
        )
        for row in moved
    )  # fmt: skip


def _create_tasks(actions: Iterable[CreateTask], now: datetime) -> None:
    rows = (
        (
            new.id, new.workstream, (block := new.block).key, block.title, block.status, block.priority,
            block.owner, join_names(block.depends), new.position,
        )
        for new in actions
    )  # fmt: skip
    same = {"status_changed_at": now, **_NOT_TAKEN}
    bulk_upsert(Task, (*_TASK, "position"), rows, same=same, most=FEW_ROWS)


def _update_tasks(actions: Iterable[UpdateTask]) -> None:
    rows = [
        (
            (old := action.before).id, action.workstream, (block := action.block).key, block.title, old.status,
            block.priority, block.owner, join_names(block.depends), old.changed_at,
        )
        for action in actions
    ]  # fmt: skip
    columns, same = (*_TASK, "status_changed_at"), {"position": 0, **_NOT_TAKEN}
    changed = ("workstream", "key", "title", "priority", "owner", "depends")
    bulk_upsert(Task, columns, rows, same=same, conflict=("id",), update=changed)


def _advance(
    model: type[Task] | type[Workstream],
    actions: Iterable[AdvanceTask | AdvanceWorkstream],
    now: datetime,
    authors: Mapping[str, str] | None = None,
    who: str = "",
) -> None:
    """Move rows of *model*, each from the very status that was compared, and none to a lower rank.

    *authors* (by the rows' ids), or else *who*, have moved them.
    """
    moves: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for action in actions:
        by = (authors or {}).get(action.id, who)
        moves[action.expected, action.wanted, by].append(action.id)
    for (expected, wanted, by), ids in moves.items():
        for batch in batches(ids):
            if not update_status(model, batch, expected, wanted, now, by):
                raise VersionConflictError


def update_positions(workplans: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Give the tasks of *workplans* (a workstream's id, and the ids of its tasks in order) their positions."""
    rows = [(pk, key, position) for pk, keys in workplans for position, key in enumerate(keys)]
    bulk_update(Task, ("workstream", "key"), "position", rows)
