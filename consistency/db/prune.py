"""Deletes what lies long in the past: resolved findings, and runs.

In batches, each a transaction of its own: runs on other machines never wait long. What they may be writing at the same
moment is never touched: open findings, and the newest run of a checkout, as which every run at work counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery

from consistency.models import Finding, Run, RunState
from statehub.models import Checkout

BATCH = 1_000
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went."""

    findings: int
    runs: int


def prune(before: datetime, *, dry_run: bool = False, batch: int = BATCH) -> Pruned:
    """Delete findings resolved and runs started earlier than *before*, *batch* rows at a time; or only count them.

    Open findings stay, each with the run that opened it; so does what says how each checkout stands (`kept_runs`).
    """
    kept = kept_runs()
    findings = _delete(Finding.objects.filter(resolved_at__lt=before), frozenset(), dry_run, batch)
    still_open = Finding.objects.filter(opened_by=OuterRef("pk"), resolved_at=None)
    runs = _delete(Run.objects.filter(~Exists(still_open), started_at__lt=before), kept, dry_run, batch)
    return Pruned(findings, runs)


def kept_runs() -> frozenset[Any]:
    """The runs that stay however old they are: of each checkout the newest, and the newest of some kinds."""
    return frozenset(
        [
            *_newest(Q(), "-started_at"),
            *_newest(Q(finished_at__isnull=False), "-started_at"),
            *_newest(Q(outcome=RunState.OK), "-started_at"),
            *_newest(Q(fetched_at__isnull=False) & ~Q(tip=""), "-fetched_at"),
        ]
    )


def _newest(kind: Q, order: str) -> Iterator[Any]:
    """Each checkout's first run of *kind* by *order*."""
    runs = Run.objects.filter(kind, checkout=OuterRef("pk")).order_by(order)
    first = Checkout.objects.order_by().annotate(first=Subquery(runs.values("pk")[:1]))
    return first.exclude(first=None).values_list("first", flat=True).iterator()


def _delete(rows: QuerySet[Any], kept: frozenset[Any], dry_run: bool, batch: int) -> int:
    """Delete *rows* other than those with the keys *kept*; how many that were. They must not become more meanwhile."""
    number = 0
    for ids in _batches(rows, batch):
        going = [pk for pk in ids if pk not in kept]
        number += len(going) if dry_run else _gone(rows.model, going)
    return number


def _gone(model: type[Model], ids: list[Any]) -> int:
    """Delete rows in one transaction, what refers to them is made to refer to nothing; how many were still there."""
    return model._default_manager.filter(pk__in=ids).delete()[1].get(model._meta.label, 0)


def _batches(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """The keys of *rows*, in their order: each batch goes on behind the one before, so that all of it is read once."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    ids = list(keys[:size])
    while ids:
        yield ids
        ids = list(keys.filter(pk__gt=ids[-1])[:size]) if len(ids) == size else []
