"""Reads which tasks people moved back or aside, and what the hub had taken from the files by then."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Max, OuterRef, Q, Subquery

from consistency.hub.ledger import batches
from consistency.models import Mode, Run, RunState
from statehub.models import Checkout, Source, StatusChange
from statehub.ranks import TASK_STATUSES, at_or_below


def reopened(tasks: Collection[str]) -> dict[str, datetime]:
    """When each of *tasks* (UUIDs) was last moved in the hub to a lower or equal rank; others are left out."""
    back = Q()
    for status in TASK_STATUSES:
        back |= Q(old=status, new__in=at_or_below(status))
    found: dict[str, datetime] = {}
    for batch in batches(map(UUID, tasks)):
        rows = StatusChange.objects.filter(back, task__in=batch).exclude(source=Source.FILE).order_by()
        found.update((str(task), at) for task, at in rows.values_list("task").annotate(Max("at")))
    return found


def heads_taken(repo: int, before: datetime) -> set[str]:
    """The commit of each checkout of the repo at its last fix that had begun by then: the hub knew what it says."""
    runs = Run.objects.filter(
        checkout=OuterRef("pk"), mode=Mode.FIX, dry_run=False, outcome=RunState.OK, started_at__lt=before
    )
    newest = Subquery(runs.exclude(head="").order_by("-started_at").values("head")[:1])
    heads = Checkout.objects.filter(repo=repo).annotate(head=newest).order_by().values_list("head", flat=True)
    return {head for head in heads if head}
