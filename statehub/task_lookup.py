"""Finds many tasks by their names in a constant number of queries, by the rules of `statehub.transitions.find_task`."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from statehub.errors import StateHubError
from statehub.ids import name_invisible, normalize_id
from statehub.models import Task

Row = TypeVar("Row")

MAX_CANDIDATES = 20_000
"""Rows that the names of one call may stand for."""


class AmbiguousTaskError(StateHubError):
    """The names stand for more tasks than are worth telling apart."""


def find_tasks(refs: Iterable[str]) -> dict[str, UUID | str]:
    """For each name its task's UUID, or in words why there is no one task. Raises AmbiguousTaskError."""
    asked = {ref: normalize_id(ref) for ref in refs}
    wanted = list(dict.fromkeys(asked.values()))
    by_key = _by_key(wanted)
    left = [ref for ref in wanted if ref not in by_key]
    by_uuid = _by_uuid(left)
    left = [ref for ref in left if ref not in by_uuid]
    candidates = {**by_key, **by_uuid, **_by_slug(left)}
    return {ref: _one(ref, candidates.get(name, ())) for ref, name in asked.items()}


def _one(ref: str, tasks: Sequence[UUID]) -> UUID | str:
    if len(tasks) == 1:
        return tasks[0]
    if not tasks:
        return f"no task '{ref}' in the hub{name_invisible(ref)}"
    return f"'{ref}' names {len(tasks)} tasks; give SLUG/ID or the UUID"


def _by_key(refs: Sequence[str]) -> Mapping[str, list[UUID]]:
    found: dict[str, list[UUID]] = defaultdict(list)
    for key, task in _capped(Task.objects.filter(key__in=refs).values_list("key", "pk")[: MAX_CANDIDATES + 1]):
        found[key].append(task)
    return found


def _by_uuid(refs: Sequence[str]) -> Mapping[str, list[UUID]]:
    values = {ref: value for ref in refs if (value := _uuid(ref)) is not None}
    there = set(Task.objects.filter(pk__in=set(values.values())).values_list("pk", flat=True)) if values else set()
    return {ref: [value] for ref, value in values.items() if value in there}


def _by_slug(refs: Sequence[str]) -> Mapping[str, list[UUID]]:
    pairs = {ref: (slug, key) for ref in refs for slug, slash, key in [ref.partition("/")] if slash and key}
    if not pairs:
        return {}
    rows = Task.objects.filter(
        workstream__repo__slug__in={slug for slug, _ in pairs.values()}, key__in={key for _, key in pairs.values()}
    )
    found: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for slug, key, task in _capped(rows.values_list("workstream__repo__slug", "key", "pk")[: MAX_CANDIDATES + 1]):
        found[slug, key].append(task)
    return {ref: found[pair] for ref, pair in pairs.items() if pair in found}


def _capped(rows: Iterable[Row]) -> list[Row]:
    listed = list(rows)
    if len(listed) > MAX_CANDIDATES:
        raise AmbiguousTaskError(f"the names stand for more than {MAX_CANDIDATES} tasks; give UUIDs")
    return listed


def _uuid(ref: str) -> UUID | None:
    try:
        return uuid.UUID(ref)
    except ValueError:
        return None
