"""The process of `run_worker`: procrastinate's worker on the queue of this host, started again whenever it fails.

Faults of the engine that this module and `db/queue.py` are built around:

- A job whose worker was killed stays "doing". Its run is queued again once the worker's heartbeat is old enough.
- A job whose end could not be recorded stays "doing" as well, although its worker lives. `_check` finds it.
- A worker whose row was deleted (its machine was asleep) cannot take jobs. `_check` starts it again with a new row.
- A retry fails if the same checkout was queued again: nothing is retried, it is queued again.
- A notification can get lost, also in the moment in which the worker looks for a job. It looks every second.
- Threads for jobs are few by default, whatever the concurrency. The event loop gets as many as it needs.
- To take a job takes longer the more wait, as PostgreSQL may plan it. `tune_engine` keeps it from that.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, connections
from django.utils import timezone
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.worker import Worker as Engine
from psycopg_pool import AsyncConnectionPool

from consistency.db.queue import LOST_WORKER, TASK, delete_stuck_jobs, jobs_of_worker, queue_lost_runs, queue_name
from consistency.models import Worker
from consistency.worker.poller import poll
from consistency.worker.polling import tick_seconds
from consistency.worker.tasks import run_job
from statehub import __version__
from statehub.database_errors import explain_database_error
from statehub.management.base import CANNOT_RUN
from statehub.schema import read_schema

LOOK_SECONDS = 1.0
"""The time between two looks for jobs: the longest that a lost notification costs."""

HEARTBEAT_SECONDS, CHECK_SECONDS = 10.0, 15.0
"""The time between two heartbeats, and between two checks of the worker's own rows."""

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0
"""The time before a worker that failed is started again; twice as long after each failure."""

GOOD_SECONDS = 60.0
"""A worker that ran for this time before it failed is started again without a longer pause."""

POLL_PRIORITY = 10
"""The polls come first: they take no time of the worker's threads."""

SWITCH_SECONDS = 0.001
"""Longest time that a thread keeps the interpreter from others. With Python's 5 ms, many runs at once take longer.

Their threads mostly wait for git and the database, and have little to do in between.
"""

PREPARED = {"server_side_binding": True, "prepare_threshold": 5}
"""Options of a connection that prepares the statements that it has sent this often."""

MAX_CONNECTIONS = 2
"""Connections of the engine to the database; each thread has its own."""

LOST_SESSION = "the worker lost its session in the hub's database"

Say = Callable[[str], None]


class WorkerProcess:
    """A worker for *host* that runs *concurrency* checkouts at a time, until a signal ends it.

    *say* gets lines about its work, *warn* lines about problems.
    """

    def __init__(self, host: str, concurrency: int, say: Say, warn: Say) -> None:
        self._host, self._concurrency, self._say, self._warn = host, concurrency, say, warn
        self._queue = queue_name(host)
        self._ended = threading.Event()
        self._status = 0
        self._wake: asyncio.Event | None = None
        self._engine: Engine | None = None
        self._poller = _Poller(host, warn)
        self._jobs: set[int] = set()  # Those that a thread is working on.
        self._suspects: set[int] = set()  # Those that the last check found without a thread.
        self._row: Worker | None = None

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, then end the runs at work; return the exit status."""
        _keep_connections()
        for name in ("procrastinate", "psycopg.pool", "asyncio"):  # The failures of a session are one line, below.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()
        self._poller.start()
        try:
            asyncio.run(self._supervise())
        finally:
            self._poller.stop()
        return self._status

    async def _supervise(self) -> None:
        """Start session after session until the process is to end."""
        loop = asyncio.get_running_loop()
        # For each job, the check, and the engine's own calls.
        loop.set_default_executor(ThreadPoolExecutor(self._concurrency + 2, "run"))
        loop.set_exception_handler(lambda _loop, _context: None)  # What fails in a session ends it.
        self._wake = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        pause = FIRST_PAUSE_SECONDS
        while not self._ended.is_set():
            started = loop.time()
            try:
                await self._session()
                problem = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, polls and runs must go on
                problem = await asyncio.to_thread(_explain, error)
            if self._ended.is_set():
                break
            if loop.time() - started > GOOD_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._warn(f"error: {problem or LOST_SESSION}; trying again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _end(self) -> None:
        """Take no further jobs, and end with the last one at work. A second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        self._ended.set()
        if self._wake is not None:
            self._wake.set()
        self._poller.stop()
        if self._engine is not None:
            self._engine.stop()  # type: ignore[no-untyped-call]

    async def _session(self) -> None:
        """Run the engine on a connection of its own until it ends or fails."""
        connector = PsycopgConnector(
            pool_factory=_unchecked_pool, configure=_commit_each_statement,
            kwargs=connector_params(), min_size=1, max_size=MAX_CONNECTIONS, timeout=10.0, reconnect_timeout=10.0,
        )  # fmt: skip
        app = self._make_app(connector)
        try:
            async with app.open_async():
                self._engine = Engine(
                    app,
                    queues=[self._queue],
                    name=self._host,
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=LOOK_SECONDS,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=LOST_WORKER.total_seconds(),
                )
                if self._ended.is_set():  # By a signal that came before there was an engine to stop.
                    return
                checking = asyncio.create_task(self._check_regularly(self._engine))
                try:
                    await self._engine.run()  # type: ignore[no-untyped-call]
                finally:
                    checking.cancel()
                    await asyncio.gather(checking, return_exceptions=True)
        finally:
            self._engine = None
            with suppress(Exception):
                await connector.close_async()
            await asyncio.to_thread(self._remove_row)

    def _make_app(self, connector: PsycopgConnector) -> App:
        """Return procrastinate's app with the tasks of this worker."""
        app, tick = App(connector=connector), tick_seconds(settings.STATEHUB_POLL_SECONDS)

        @app.task(name=TASK, pass_context=True)
        def run_checkout(context: JobContext, *, checkout: int, trigger: str) -> None:
            job = context.job.id or 0
            self._jobs.add(job)
            try:
                run_job(checkout, trigger, self._say, self._warn)
            finally:
                self._jobs.discard(job)

        # One of the host's workers polls at each tick, and one of all hosts' workers tidies up each minute.
        @app.periodic(
            cron=f"* * * * * */{tick}", periodic_id=self._queue, queue=self._queue,
            queueing_lock=f"poll:{self._queue}", priority=POLL_PRIORITY,
        )  # fmt: skip
        @app.task(name="poll")
        async def start_poll(timestamp: int) -> None:  # noqa: ARG001 - procrastinate's name
            self._poller.wake()

        @app.periodic(
            cron="* * * * *",
            periodic_id="",
            queue=self._queue,
            queueing_lock=f"tidy:{self._queue}",
            priority=POLL_PRIORITY,
        )
        @app.task(name="tidy")
        def tidy(timestamp: int) -> None:  # noqa: ARG001 - procrastinate's name
            self._tidy()

        return app

    def _tidy(self) -> None:
        close_old_connections()
        try:
            for job in queue_lost_runs():
                self._warn(f"error: a worker died during the run of checkout {job.checkout}; it is queued again")
            Worker.objects.filter(seen_at__lt=timezone.now() - LOST_WORKER).delete()
        except DatabaseError:
            connection.close()
        finally:
            close_old_connections()

    async def _check_regularly(self, engine: Engine) -> None:
        """Check the worker's rows now and again; stop the engine if it cannot go on."""
        while True:
            if engine.worker_id is not None and not await asyncio.to_thread(self._check, engine.worker_id):
                engine.stop()  # type: ignore[no-untyped-call]
            await asyncio.sleep(CHECK_SECONDS if self._row else 0.1)

    def _check(self, worker: int) -> bool:
        """Update the worker's row, and delete jobs that no thread is working on; return whether it can go on."""
        close_old_connections()
        try:
            if mismatch := read_schema().mismatch:  # An older program must not write to a newer database.
                self._warn(f"error: {mismatch}")
                self._status = CANNOT_RUN
                self._ended.set()
                return False
            jobs = jobs_of_worker(worker)
            if jobs is None:
                return False
            idle = jobs - self._jobs
            if stuck := idle & self._suspects:
                delete_stuck_jobs(worker, stuck)
            self._suspects = idle - stuck
            self._record_row()
        except DatabaseError:
            connection.close()  # The engine notices it as well.
        finally:
            close_old_connections()
        return True

    def _record_row(self) -> None:
        now = timezone.now()
        if self._row is None or not Worker.objects.filter(pk=self._row.pk).update(seen_at=now):
            self._row = Worker.objects.create(
                host=self._host, pid=os.getpid(), concurrency=self._concurrency, version=__version__, seen_at=now
            )

    def _remove_row(self) -> None:
        try:
            if self._row is not None:
                Worker.objects.filter(pk=self._row.pk).delete()
        except DatabaseError:
            connection.close()
        self._row = None


class _Poller:
    """A thread that polls the checkouts of *host* when it is woken."""

    def __init__(self, host: str, warn: Say) -> None:
        self._host, self._warn = host, warn
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="poller", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Let it poll; if it is polling, once more after that."""
        self._woken.set()

    def stop(self) -> None:
        """Let it end after the remotes that it is asking now. The process need not wait for them."""
        self._stopped.set()
        self._woken.set()

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._stopped.is_set():
                return
            close_old_connections()
            try:
                poll(self._host, settings.STATEHUB_POLL_SECONDS, settings.STATEHUB_FETCH_TIMEOUT, self._stopped.is_set)
            except DatabaseError:  # The session ends as well, and says it. What was claimed is due again later.
                connection.close()
            except Exception as error:  # noqa: BLE001 - a fault of our own must not end the polls of all
                self._warn(f"error: internal error in a poll, please report it: {type(error).__name__}: {error}")
            finally:
                close_old_connections()


def _unchecked_pool(**options: Any) -> AsyncConnectionPool:
    """Return a pool that tries no connection before it is used: that would double the statements of the engine.

    A connection that has ended ends the session, as that of the engine's notifications always does.
    """
    return AsyncConnectionPool(**{**options, "check": None})


async def _commit_each_statement(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let each statement of the engine be a transaction, as it is anyway: BEGIN and COMMIT would be two calls more."""
    await connection.set_autocommit(True)


def _keep_connections() -> None:
    """Let connections stay open, as those of a server. Raises django.db.Error.

    Every run has the same statements: the database plans each once for a connection. A pooler may give each of a
    connection's transactions another session, which does not know these plans.
    """
    database = connections.settings["default"]
    database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        is_direct = cursor.fetchone() == (cast("psycopg.Connection[Any]", connection.connection).info.backend_pid,)
    if is_direct:
        database["OPTIONS"] = {**database.get("OPTIONS", {}), **PREPARED}
    connection.close()


def _explain(error: Exception) -> str:
    """Return one line about an error of the engine or of the database."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, psycopg.Error | DatabaseError):
        cause = cause.__cause__
    if cause is None:
        return f"internal error, please report it: {type(error).__name__}: {error}"
    try:
        return explain_database_error(cause).line
    finally:
        connection.close()
