"""Queues checkouts for the workers: rows of procrastinate's table of jobs, on PostgreSQL.

The rows are inserted as procrastinate itself does, but in the caller's transaction, and without loading it. A queueing
lock keeps a checkout from being queued twice; one that is at work can be queued once more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection

from statehub.models import Checkout

TASK = "run_checkout"
"""The name of the workers' task, which takes the id of a checkout and the trigger of the run."""

_INSERT = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, status, scheduled_at)
SELECT checkout.host, %s, 0, NULL, 'checkout:' || checkout.id,
       jsonb_build_object('checkout', checkout.id, 'trigger', %s::text), 'todo', NULL
  FROM statehub_checkout checkout WHERE checkout.id = ANY(%s)
ON CONFLICT DO NOTHING
"""

_MOVE = """
UPDATE procrastinate_jobs SET queue_name = %s
 WHERE status = 'todo' AND task_name = %s AND (args ->> 'checkout')::bigint = ANY(%s)
"""


def has_workers() -> bool:
    """Return whether the hub's database can have a queue: only PostgreSQL."""
    return connection.vendor == "postgresql"


def queue_checkouts(checkouts: Collection[int], trigger: str) -> int:
    """Queue a run of each of *checkouts* on its host, unless it waits there already. Return how many were queued."""
    if not checkouts or not has_workers():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, (TASK, trigger, list(checkouts)))
        return int(cursor.rowcount)


def move_jobs(checkouts: Collection[int], host: str) -> None:
    """Give the waiting runs of *checkouts* to the queue of *host*."""
    if checkouts and has_workers():
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, (host, TASK, list(checkouts)))


def queue_repos(*, repos: Collection[int], trigger: str = "report", **_signal: Any) -> int:
    """Queue the checkouts of *repos* that workers run. Return how many were queued."""
    if not repos or not has_workers():
        return 0
    served = Checkout.objects.served().filter(repo__in=repos)
    return queue_checkouts(list(served.values_list("pk", flat=True)), trigger)
