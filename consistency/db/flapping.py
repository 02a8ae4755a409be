"""Reads from the hub's records which tasks flap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import cast

from django.db import connection
from django.db.models import QuerySet

from consistency.core.codes import FLAPPING
from consistency.core.comparison.flapping import FLAP_THRESHOLD, Move, count_rounds
from consistency.core.finding import Action
from consistency.db.ledger import batches
from consistency.db.rows import read_moment
from consistency.models import Finding
from statehub.models import Checkout, Source, StatusChange

WINDOW = timedelta(days=1)

WRITTEN = str(Action.WRITTEN_BACK)

# One statement, because nearly every run with a change needs it, and finds nothing. CROSS: SQLite begins with the few
# reopens then (sqlite.org, "Query Planner", 7.2), not with all tasks of the repo.
_SUSPECTS = """
SELECT f.task, 1, CAST(f.resolved_at AS text) FROM consistency_finding f
JOIN statehub_checkout c ON c.id = f.checkout_id
WHERE c.repo_id = %s AND f.code = %s AND (f.resolved_at IS NULL OR f.resolved_at >= %s)
UNION ALL
SELECT t.key, 0, NULL FROM statehub_statuschange s CROSS JOIN statehub_task t CROSS JOIN statehub_workstream w
WHERE t.id = s.task_id AND w.id = t.workstream_id AND w.repo_id = %s AND s.at >= %s AND s.reopen
GROUP BY t.key HAVING COUNT(*) >= %s
UNION ALL
SELECT task, 0, NULL FROM consistency_finding
WHERE checkout_id = %s AND resolution = %s AND resolved_at >= %s GROUP BY task HAVING COUNT(*) >= %s
"""

Moves = dict[str, list[Move]]
"""Task id → its steps, oldest first."""


def read_flapping_tasks(checkout: Checkout, tasks: Collection[str], now: datetime) -> Moves:
    """Find those of *tasks* (ids) that flap, with their moves of the last day.

    A flapping task stays one until its file and the hub agree; its moves before that no longer count.
    """
    if not tasks:
        return {}
    since = now - WINDOW
    flapping, decided, often = _suspects(checkout, since)
    suspects = (flapping | often) & set(tasks)
    moves = _moves(checkout, suspects, since) if suspects else {}
    recent = {task: [move for move in moves.get(task, ()) if move.at > decided.get(task, since)] for task in suspects}
    return {
        task: recent[task]
        for task in sorted(suspects)
        if task in flapping or count_rounds(recent[task]) >= FLAP_THRESHOLD
    }


def _suspects(checkout: Checkout, since: datetime) -> tuple[set[str], dict[str, datetime], set[str]]:
    """Return the tasks of the repo that flap, when those of the last day were resolved, and those that may flap.

    The last are reopened, or written back here, often enough.
    """
    flapping, often, decided = set[str](), set[str](), dict[str, datetime]()
    at = connection.ops.adapt_datetimefield_value(since)
    flaps = (checkout.repo_id, FLAPPING, at)
    with connection.cursor() as cursor:
        cursor.execute(
            _SUSPECTS, [*flaps, checkout.repo_id, at, FLAP_THRESHOLD, checkout.pk, WRITTEN, at, FLAP_THRESHOLD]
        )
        for task, is_flap, resolved in cursor.fetchall():
            if not is_flap:
                often.add(task)
            elif resolved is None:
                flapping.add(task)
            else:
                decided[task] = max(read_moment(resolved), decided.get(task, since))
    return flapping, decided, often


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
    return Finding.objects.filter(resolution=WRITTEN, resolved_at__gte=since)
