"""The queue of the workers: rows of procrastinate's table of jobs, on PostgreSQL.

The rows are inserted as procrastinate itself does, but without loading it: the commands of cron and the web server also
queue. A queueing lock keeps a checkout from being queued twice; one that is at work can be queued once more.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from django.apps import AppConfig
from django.db import Error as DatabaseError
from django.db import connection, connections, transaction

from statehub.database_errors import explain_database_error
from statehub.models import Checkout

logger = logging.getLogger("statehub.queue")

TASK = "run_checkout"
"""The name of the workers' task, which takes the id of a checkout and the trigger of the run."""

ROUTINE = -1
"""The priority of a run that nothing waits for: it comes after all pushes and reports. Those have 0."""

MAX_QUEUE_BYTES = 40
"""Longest name of a host that is the name of its queue: PostgreSQL refuses to notify a channel of 64 bytes or more.

The channel's name is that of the queue with a prefix of 23 bytes.
"""

_MOVE = """
UPDATE procrastinate_jobs SET queue_name = %s
 WHERE status = 'todo' AND task_name = %s AND (args ->> 'checkout')::bigint = ANY(%s)
"""

MAX_REPEAT_MINUTES = 10
"""Longest wait before a run whose worker died is repeated once more."""

LOST_WORKER = timedelta(seconds=60)
"""The time without a heartbeat after which a worker is taken for dead."""

# Those that are queued already move forward if they have a lower priority.
_INSERT = f"""
INSERT INTO procrastinate_jobs
       (queue_name, task_name, priority, lock, queueing_lock, args, status, attempts, scheduled_at)
SELECT CASE WHEN octet_length(checkout.host) <= {MAX_QUEUE_BYTES} THEN checkout.host
            ELSE 'host-' || md5(checkout.host) END,
       '{TASK}', %(priority)s, NULL, 'checkout:' || checkout.id,
       jsonb_build_object('checkout', checkout.id, 'trigger', %(trigger)s::text), 'todo', %(attempts)s,
       now() + %(delay)s::float8 * interval '1 second'
  FROM statehub_checkout checkout WHERE {{chosen}} ORDER BY checkout.id
ON CONFLICT (queueing_lock) WHERE status = 'todo'
DO UPDATE SET priority = excluded.priority WHERE procrastinate_jobs.priority < excluded.priority
"""  # noqa: S608 - our names
_INSERT_CHECKOUTS = _INSERT.format(chosen="checkout.id = ANY(%(checkouts)s)")

_START_DELAYED = """
UPDATE procrastinate_jobs SET scheduled_at = NULL
 WHERE queueing_lock = 'checkout:' || %s AND status = 'todo' AND scheduled_at IS NOT NULL
"""

_DELETE_DEAD_WORKERS = "DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - %s * interval '1 second'"
# The foreign key has set the worker to null. Jobs that ended are only there if an older version left them.
_DELETE_LOST_JOBS = """
DELETE FROM procrastinate_jobs
 WHERE (status = 'doing' AND worker_id IS NULL) OR status IN ('succeeded', 'failed', 'cancelled', 'aborted')
RETURNING status = 'doing' AND task_name = %s, (args->>'checkout')::bigint, args->>'trigger', attempts
"""
_DELETE_STUCK_JOBS = "DELETE FROM procrastinate_jobs WHERE worker_id = %s AND status = 'doing' AND id = ANY(%s)"

_QUEUES = f"""
SELECT checkout.host,
       count(*) FILTER (WHERE job.status = 'todo'),
       count(*) FILTER (WHERE job.status = 'doing'),
       max(extract(epoch FROM now() - (SELECT min(event.at) FROM procrastinate_events event
                                        WHERE event.job_id = job.id AND event.type = 'deferred')))
           FILTER (WHERE job.status = 'todo')
  FROM procrastinate_jobs job
  JOIN statehub_checkout checkout ON checkout.id = (job.args->>'checkout')::bigint
 WHERE job.task_name = '{TASK}' AND job.status IN ('todo', 'doing')
 GROUP BY checkout.host
"""  # noqa: S608 - our names


# A session plans the engine's statement once. A plan that was made while the queue was empty sorts all waiting jobs and
# compares each with all others: 5 s for the first of 5,000. Without a sort, an index gives them in order.
_TAKE_JOBS_BY_INDEX = """
DO $$ BEGIN
  IF to_regproc('procrastinate_fetch_job_v2') IS NOT NULL THEN
    ALTER FUNCTION procrastinate_fetch_job_v2 SET enable_sort = off;
  END IF;
END $$
"""


class QueueState(NamedTuple):
    """The queue of a host: the numbers of runs that wait and of those at work, and the seconds of the longest wait."""

    host: str
    waiting: int
    running: int
    oldest_seconds: float


class LostJob(NamedTuple):
    """A run whose worker died; *attempts* counts the workers before it that died."""

    checkout: int
    trigger: str
    attempts: int


def tune_engine(sender: AppConfig, using: str, **_signal: Any) -> None:
    """Let the engine's statements be fast in any queue, after each `migrate`: that of the engine may replace them."""
    if sender.label == "procrastinate" and connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(_TAKE_JOBS_BY_INDEX)


def has_workers() -> bool:
    """Return whether the hub's database can have a queue: only PostgreSQL."""
    return connection.vendor == "postgresql"


def queue_name(host: str) -> str:
    """Return the name of the queue of *host*; a long name of a host has a short one."""
    encoded = host.encode()
    if len(encoded) <= MAX_QUEUE_BYTES:
        return host
    return f"host-{hashlib.md5(encoded, usedforsecurity=False).hexdigest()}"


def queue_checkouts(
    checkouts: Collection[int], trigger: str, *, priority: int = 0, delay: float = 0.0, attempts: int = 0
) -> int:
    """Queue a run of each of *checkouts* on its host, unless it waits there already. Return how many were queued.

    One that waits with a lower *priority* gets this one, and counts. The run begins after *delay* seconds.
    """
    if not checkouts or not has_workers():
        return 0
    return _insert(_INSERT_CHECKOUTS, trigger, priority, delay, attempts, checkouts=sorted(checkouts))


def _insert(
    statement: str, trigger: str, priority: int = 0, delay: float = 0.0, attempts: int = 0, **chosen: list[int]
) -> int:
    """Queue the *chosen* checkouts by *statement*, one of `_INSERT`. Return how many were queued."""
    values: dict[str, Any] = {"trigger": trigger, "priority": priority, "attempts": attempts}
    with connection.cursor() as cursor:
        cursor.execute(statement, values | chosen | {"delay": delay or None})  # NULL: at once
        return int(cursor.rowcount)


@cache
def _insert_served() -> str:
    """Return the statement that queues the checkouts of repos that workers run.

    Built once: a report of a status would take longer to build it than the database takes to answer.
    """
    served = Checkout.objects.served().order_by().values("pk").query
    return _INSERT.format(chosen=f"checkout.repo_id = ANY(%(repos)s) AND checkout.id IN ({served})")


def start_delayed_run(checkout: int) -> None:
    """Let a run of *checkout* that waits for a later time begin: the one that it waited for has ended."""
    with connection.cursor() as cursor:
        cursor.execute(_START_DELAYED, (checkout,))


def move_jobs(checkouts: Collection[int], host: str) -> None:
    """Give the waiting runs of *checkouts* to the queue of *host*."""
    if checkouts and has_workers():
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, (queue_name(host), TASK, list(checkouts)))


def queue_repos(*, repos: Collection[int], trigger: str = "report", **_signal: Any) -> None:
    """Queue the checkouts of *repos* that workers run, once the transaction has ended.

    A run that began before would not see its changes. No lock on a row of the queue is held until then.
    """
    if repos and has_workers():
        transaction.on_commit(lambda: _queue_served(repos, trigger), robust=True)


def _queue_served(repos: Collection[int], trigger: str) -> None:
    """Queue the checkouts; if the database has gone away since, only log it: what was reported is recorded."""
    try:
        _insert(_insert_served(), trigger, repos=list(repos))
    except DatabaseError as error:
        line = explain_database_error(error).line
        logger.error("no run was queued, the next one is at most an hour away: %s", line)


def queue_lost_runs() -> list[LostJob]:
    """Delete dead workers and what is left of their jobs; queue their runs once more. Return these.

    A run during which its worker died again and again is repeated after longer and longer times.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DELETE_DEAD_WORKERS, (LOST_WORKER.total_seconds(),))
        cursor.execute(_DELETE_LOST_JOBS, (TASK,))
        jobs = [LostJob(*job) for is_lost, *job in cursor.fetchall() if is_lost]
        for job in jobs:
            delay = 60.0 * min(job.attempts, MAX_REPEAT_MINUTES)
            queue_checkouts([job.checkout], job.trigger, delay=delay, attempts=job.attempts + 1)
    return jobs


def delete_stuck_jobs(worker: int, jobs: Collection[int]) -> None:
    """Delete the *jobs* at which the live *worker* is no longer at work: it could not record their end."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_STUCK_JOBS, (worker, list(jobs)))


def jobs_of_worker(worker: int) -> set[int] | None:
    """Return the jobs that *worker* has by the database; None if the database does not have that worker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job.id FROM procrastinate_workers worker LEFT JOIN procrastinate_jobs job"
            " ON job.worker_id = worker.id AND job.status = 'doing' WHERE worker.id = %s",
            (worker,),
        )
        rows = cursor.fetchall()
    return {job for (job,) in rows if job is not None} if rows else None


def read_queues() -> list[QueueState]:
    """Return the state of the queue of each host that has runs waiting or at work."""
    if not has_workers():
        return []
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES)
        return [QueueState(host, waiting, running, float(age or 0)) for host, waiting, running, age in cursor]
