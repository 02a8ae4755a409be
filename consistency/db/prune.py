"""Deletes old resolved findings and old runs.

In batches, each in its own transaction: runs on other machines never wait long. Rows that they may be writing at the
same moment are never deleted: open findings, and the newest run of a checkout.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from consistency.models import Finding, Run, RunState
from statehub.models import Checkout

BATCH = 1_000
"""Rows of one transaction."""


class Pruned(NamedTuple):
    """The numbers of deleted rows."""

    findings: int
    runs: int


def prune(before: datetime, *, dry_run: bool = False, batch: int = BATCH) -> Pruned:
    """Delete findings resolved and runs started earlier than *before*, *batch* rows at a time; or only count them.

    Open findings stay, each with the run that opened it; so do the runs that show each checkout's state (`kept_runs`).
    """
    kept = kept_runs()
    findings = _delete(Finding.objects.filter(resolved_at__lt=before), frozenset(), dry_run, batch)
    still_open = Finding.objects.open().filter(opened_by=OuterRef("pk"))
    runs = _delete(Run.objects.filter(~Exists(still_open), started_at__lt=before), kept, dry_run, batch)
    return Pruned(findings, runs)


def kept_runs() -> frozenset[Any]:
    """Return the runs that stay at any age: of each checkout the newest, and the newest of some kinds."""
    runs = Run.objects.all()
    fetched = runs.filter(fetched_at__isnull=False).exclude(tip="")
    queries = (
        runs.newest_per_checkout("pk"),
        runs.finished().newest_per_checkout("pk"),
        runs.filter(outcome=RunState.OK).newest_per_checkout("pk"),
        fetched.newest_per_checkout("pk", order="-fetched_at"),
    )
    checkouts = Checkout.objects.order_by()
    return frozenset(pk for query in queries for pk in checkouts.values_list(query, flat=True).iterator() if pk)


def _delete(rows: QuerySet[Any], kept: frozenset[Any], dry_run: bool, batch: int) -> int:
    """Delete *rows* except those with the keys *kept*; return how many. No new rows may be added during that."""
    number = 0
    for ids in _batches(rows, batch):
        doomed = [pk for pk in ids if pk not in kept]
        if dry_run:
            number += len(doomed)
        else:  # In one transaction, with references to these rows set to null; some may be gone already.
            _, deleted = rows.model._default_manager.filter(pk__in=doomed).delete()
            number += deleted.get(rows.model._meta.label, 0)
    return number


def _batches(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """Yield the keys of *rows*, in order: each batch starts behind the one before, so that each row is read once."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    ids = list(keys[:size])
    while ids:
        yield ids
        ids = list(keys.filter(pk__gt=ids[-1])[:size]) if len(ids) == size else []
