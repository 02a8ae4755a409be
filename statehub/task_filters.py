"""The filters of tasks and of their changes, which the API and the commands share.

A filter with several values matches any of them; an empty one matches all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Q
from django.db.models.functions import Left
from django.db.models.lookups import In

from statehub.models import INDEXED_LENGTH, URGENCIES, Task, is_indexed

MAX_FEW = 500
"""Tasks of a person that a list looks up first."""

FEED_ORDER = ("at", "id")
"""Of changes, descending: the newest first; of two at the same time, the one that was recorded last."""


def match_any(**wanted: Sequence[object]) -> Q:
    """Match rows whose fields each have one of the values wanted; an empty list matches all."""
    return Q(**{f"{name}__in": values for name, values in wanted.items() if values})


def match_tasks(
    *,
    repo: Sequence[str] = (),
    workstream: Sequence[str] = (),
    key: Sequence[str] = (),
    status: Sequence[str] = (),
    priority: Sequence[str] = (),
    owner: Sequence[str] = (),
    taken_by: Sequence[str] = (),
    changed_since: datetime | None = None,
) -> Q:
    """Match tasks by the slugs of their repos, the ids of their workplans, their own ids and their other fields."""
    chosen = match_any(
        workstream__repo__slug=repo,
        workstream__key=workstream,
        key=key,
        status=status,
        priority=priority,
    )
    if priority:  # so that lists by priority begin there
        urgencies = [URGENCIES[each] for each in priority]
        chosen &= Q(urgency__range=(min(urgencies), max(urgencies)))
    chosen &= _match_name("owner", owner) & _match_name("taken_by", taken_by)
    return chosen if changed_since is None else chosen & Q(status_changed_at__gte=changed_since)


def match_changes(*, repo: Sequence[str] = (), who: Sequence[str] = (), since: datetime | None = None) -> Q:
    """Match changes of tasks by the slugs of the repos, who made them, and the time from which on they were made."""
    chosen = match_any(task__workstream__repo__slug=repo) & _match_who(who)
    return chosen if since is None else chosen & Q(at__gte=since)


def _match_name(name: str, values: Sequence[str]) -> Q:
    """Match tasks whose field *name* has one of *values*, by its index, which has no very long texts.

    A few tasks are looked up at once: else PostgreSQL may look for them along the order of a list, through all tasks.
    """
    chosen = match_any(**{name: values})
    if not values or any(len(value) > INDEXED_LENGTH for value in values):
        return chosen
    chosen &= is_indexed(name)
    few = list(Task.objects.filter(chosen).order_by().values_list("pk", flat=True)[: MAX_FEW + 1])
    return chosen if len(few) > MAX_FEW else Q(pk__in=few)


def _match_who(values: Sequence[str]) -> Q:
    """Match changes that were made by one of *values*, by an index of the first characters.

    The whole text is compared only if it can differ: the planner takes conditions for independent, and would expect
    far too few rows.
    """
    if not values:
        return Q()
    beginnings = sorted({value[:INDEXED_LENGTH] for value in values})
    chosen = Q(In(Left(F("who"), INDEXED_LENGTH), beginnings))
    return chosen & Q(who__in=values) if any(len(value) >= INDEXED_LENGTH for value in values) else chosen
