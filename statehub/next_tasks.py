"""Finds the tasks that are next: todo, free, and with all dependencies finished (design, "Workplan format")."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from django.db.models import Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from statehub.dependencies import Node, find_node, possible_nodes, split_names
from statehub.models import Task
from statehub.statuses import FINISHED

ORDER = ("urgency", "position", "id")
"""By priority, the highest first, then by place in the workplan; of equals, the older one."""

CANDIDATES = Q(status="todo", taken_by="")
"""The tasks that are next if all that they depend on is finished."""

_BATCH_SIZE = 200


def read_statuses(nodes: Collection[Node]) -> dict[Node, str]:
    """Return the statuses of those of *nodes* that exist."""
    wanted, keys, slugs = set(nodes), {key for _, key in nodes}, {slug for slug, _ in nodes}
    rows = Task.objects.filter(key__in=keys, workstream__repo__slug__in=slugs).order_by()
    found = rows.values_list("workstream__repo__slug", "key", "status")
    return {(slug, key): status for slug, key, status in found if (slug, key) in wanted}


def iterate_next(rows: QuerySet[Task]) -> Iterator[Task]:
    """Yield those of *rows* that are next, in their order, with workstream and repo.

    Two queries for every 200 candidates. An iterator of the database would load all of them: it has no cursor.
    """
    candidates = rows.filter(CANDIDATES).select_related("workstream__repo").order_by(*ORDER)
    batch = list(candidates[:_BATCH_SIZE])
    while batch:
        yield from _ready(batch)
        last = tuple(getattr(batch[-1], name) for name in ORDER)
        is_last = len(batch) < _BATCH_SIZE
        batch = [] if is_last else list(candidates.filter(TupleGreaterThan(Tuple(*ORDER), last))[:_BATCH_SIZE])


def find_next(rows: QuerySet[Task], limit: int) -> list[Task]:
    """Return the first *limit* of *rows* that are next."""
    return list(islice(iterate_next(rows), limit))


def unfinished_dependencies(task: Task) -> list[str]:
    """Return the names in the `depends` of *task* that are not finished, or that no task has."""
    return find_unfinished([_dependencies(task)])[0]


def _ready(tasks: list[Task]) -> list[Task]:
    return [task for task, left in zip(tasks, find_unfinished(map(_dependencies, tasks)), strict=True) if not left]


def _dependencies(task: Task) -> tuple[str, str]:
    return task.workstream.repo.slug, task.depends


def find_unfinished(dependencies: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return for each slug of a repo and `depends` of a task there the names that are not finished, or unknown.

    At most one query.
    """
    named = [(slug, split_names(depends)) for slug, depends in dependencies]
    nodes = {node for slug, names in named for name in names for node in possible_nodes(name, slug)}
    statuses = read_statuses(nodes) if nodes else {}
    return [
        [name for name in names if (node := find_node(name, slug, statuses)) is None or statuses[node] not in FINISHED]
        for slug, names in named
    ]
