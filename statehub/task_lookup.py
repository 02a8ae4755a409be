"""Finds tasks by their names, any number of them in at most two queries, and two more if a name is that of several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet, prefetch_related_objects

from statehub.ids import name_invisible, normalize_id
from statehub.models import Task
from statehub.text import name_some
from statehub.transitions import TaskNotFoundError

MAX_CANDIDATES = 20_000
"""Tasks that the names of one call may stand for."""

# Without the default order, which the database and Django would take longer for than for the search.
_TASKS = Task.objects.select_related("workstream__repo").order_by()
_KEYS = Task.objects.only("key", "workstream").order_by()
"""The same without the other columns: Django takes longer for these than the database for the search."""


class TooManyTasksError(TaskNotFoundError):
    """The names match more tasks than one call may load."""


def find_task(ref: str, *, key_only: bool = False) -> Task:
    """Return the task that *ref* names, with its workstream and repo: a task id, `SLUG/ID` or a UUID.

    With *key_only* it is loaded without them and its other columns, for a transition, which loads the task again when
    it has the lock. Raises TaskNotFoundError.
    """
    found = find_tasks([ref], key_only=key_only)[ref]
    if isinstance(found, TaskNotFoundError):
        raise found
    return found


def find_tasks(refs: Iterable[str], *, key_only: bool = False) -> dict[str, Task | TaskNotFoundError]:
    """Return for each name its task, as `find_task` does, or why there is not one. Raises TooManyTasksError."""
    rows = _KEYS if key_only else _TASKS
    names = {ref: normalize_id(ref) for ref in refs}
    candidates: dict[str, list[Task]] = {}
    for find in (_by_key_or_uuid, _by_slug):
        if left := set(names.values()) - candidates.keys():
            candidates |= find(rows, left)
    prefetch_related_objects(
        [task for tasks in candidates.values() if len(tasks) > 1 for task in tasks], "workstream__repo"
    )
    return {ref: _only(ref, candidates.get(name, [])) for ref, name in names.items()}


def _only(ref: str, tasks: list[Task]) -> Task | TaskNotFoundError:
    if len(tasks) == 1:
        return tasks[0]
    if not tasks:
        return TaskNotFoundError(f"no task '{ref}' in the hub{name_invisible(ref)}")
    ordered = sorted(tasks, key=lambda task: (task.workstream.repo.slug, task.workstream.key, task.key))
    listed = name_some(f"{task.workstream.repo.slug}/{task.key} ({task.pk})" for task in ordered)
    return TaskNotFoundError(f"'{ref}' names more than one task: {listed}; give SLUG/ID or the UUID")


def _by_key_or_uuid(rows: QuerySet[Task], refs: set[str]) -> dict[str, list[Task]]:
    """Find those of *rows* that have *refs* as their ids, and for others those that have them as UUIDs."""
    uuids = {ref: pk for ref in refs if (pk := _parse_uuid(ref)) is not None}
    wanted = Q(key__in=refs)
    if uuids:
        wanted |= Q(pk__in=set(uuids.values()))
    by_key, by_uuid = defaultdict[str, list[Task]](list), {}
    for task in _load(rows.filter(wanted)):
        by_uuid[task.pk] = task
        if task.key in refs:
            by_key[task.key].append(task)
    return {ref: [by_uuid[pk]] for ref, pk in uuids.items() if pk in by_uuid} | by_key


def _by_slug(rows: QuerySet[Task], refs: set[str]) -> dict[str, list[Task]]:
    pairs = {(slug, key): ref for ref in refs for slug, _, key in [ref.partition("/")] if key}
    if not pairs:
        return {}
    slugs, keys = zip(*pairs, strict=True)
    found = defaultdict[str, list[Task]](list)
    rows = rows.select_related("workstream__repo")
    for task in _load(rows.filter(workstream__repo__slug__in=set(slugs), key__in=set(keys))):
        if ref := pairs.get((task.workstream.repo.slug, task.key)):
            found[ref].append(task)
    return found


def _load(rows: QuerySet[Task]) -> list[Task]:
    tasks = list(rows[: MAX_CANDIDATES + 1])
    if len(tasks) > MAX_CANDIDATES:
        raise TooManyTasksError(f"the names stand for more than {MAX_CANDIDATES} tasks; give UUIDs")
    return tasks


def _parse_uuid(ref: str) -> UUID | None:
    try:
        return UUID(ref)
    except ValueError:
        return None
