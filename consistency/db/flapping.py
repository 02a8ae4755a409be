"""Reads from the hub's records which tasks flap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import cast

from django.db.models import Count, Q, QuerySet

from consistency.core.codes import FLAPPING
from consistency.core.comparison.flapping import FLAP_THRESHOLD, Move, count_rounds
from consistency.db.ledger import batches
from consistency.models import Finding
from statehub.models import Checkout, Source, StatusChange

WINDOW = timedelta(days=1)

Moves = dict[str, list[Move]]
"""Task id → its steps, oldest first."""


def read_flapping_tasks(checkout: Checkout, tasks: Collection[str], now: datetime) -> Moves:
    """Find those of *tasks* (ids) that flap, with their moves of the last day.

    A flapping task stays one until its file and the hub agree; its moves before that no longer count.
    """
    if not tasks:
        return {}
    since = now - WINDOW
    flapping, decided = _flapping(checkout, since)
    suspects = (flapping | _often(checkout, since)) & set(tasks)
    moves = _moves(checkout, suspects, since) if suspects else {}
    recent = {task: [move for move in moves.get(task, ()) if move.at > decided.get(task, since)] for task in suspects}
    return {
        task: recent[task]
        for task in sorted(suspects)
        if task in flapping or count_rounds(recent[task]) >= FLAP_THRESHOLD
    }


def _flapping(checkout: Checkout, since: datetime) -> tuple[set[str], dict[str, datetime]]:
    """Return the tasks of the repo with an open C-20, and when those of the last day were resolved."""
    rows = Finding.objects.filter(Q(resolved_at=None) | Q(resolved_at__gte=since), checkout__repo=checkout.repo_id)
    flapping, decided = set[str](), dict[str, datetime]()
    for task, at in rows.filter(code=FLAPPING).order_by("resolved_at").values_list("task", "resolved_at"):
        if at is None:
            flapping.add(task)
        else:
            decided[task] = at
    return flapping, decided


def _often(checkout: Checkout, since: datetime) -> set[str]:
    """Return the tasks that were reopened, or written back here, often enough to be suspects."""
    reopened = _changes(checkout, since).filter(reopen=True).values_list("task__key")
    written = _writebacks(since).filter(checkout=checkout).values_list("task")
    counted = (
        rows.order_by().annotate(times=Count("pk")).filter(times__gte=FLAP_THRESHOLD) for rows in (reopened, written)
    )
    return {task for rows in counted for task, _ in rows}


def _moves(checkout: Checkout, tasks: Iterable[str], since: datetime) -> Moves:
    found: Moves = defaultdict(list)
    for batch in batches(tasks):
        changes = _changes(checkout, since).filter(task__key__in=batch).order_by("at", "pk")
        for change in changes.select_related("task"):
            found[change.task.key].append(_to_move(change))
        # Also those in other checkouts: the file here has what they pushed; no user has edited it.
        written = _writebacks(since).filter(checkout__repo=checkout.repo_id, task__in=batch)
        columns = ("task", "resolved_at", "file_status", "db_status", "checkout__host", "checkout")
        for task, at, old, new, host, pk in written.order_by("resolved_at", "pk").values_list(*columns):
            by, elsewhere = f"a fix on {host}", pk != checkout.pk
            found[task].append(Move(cast(datetime, at), old, new, by, written=True, elsewhere=elsewhere))
    return {task: sorted(moves, key=lambda move: move.at) for task, moves in found.items()}


def _to_move(change: StatusChange) -> Move:
    from_file = change.source == Source.FILE and not change.reopen
    source = f"{change.source}, {change.host}" if change.host else change.source
    return Move(
        change.at, change.old, change.new, f"{change.who or 'someone'} ({source})",
        forward=from_file, back=change.reopen,
    )  # fmt: skip


def _changes(checkout: Checkout, since: datetime) -> QuerySet[StatusChange]:
    return StatusChange.objects.filter(task__workstream__repo=checkout.repo_id, at__gte=since)


def _writebacks(since: datetime) -> QuerySet[Finding]:
    return Finding.objects.filter(resolution="written_back", resolved_at__gte=since)
