"""The work of a worker's job: one fix of one checkout."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, close_old_connections, reset_queries

from consistency.db.checkouts import read_served
from consistency.db.queue import queue_checkouts, start_delayed_run
from consistency.db.reconnect import retry_on_new_connection
from consistency.git.lock import CheckoutLockedError
from consistency.git.process import GitMissingError
from consistency.models import Mode
from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.fetching import fetch_all
from consistency.runs.options import RunOptions
from consistency.runs.run import run_checkout
from statehub.database_errors import explain_database_error
from statehub.management.base import current_user
from statehub.models import Checkout
from statehub.schema import read_schema

LOCKED_SECONDS = 5.0
"""The time until the next try, if another run is working on the checkout. One of a worker starts it when it ends."""

AGAIN_SECONDS, REFUSED_SECONDS = 10.0, 300.0
"""The time until the next try, if the database went away or is of another version, and if it refused a statement."""

RECONNECT_SECONDS, RECONNECT_PAUSE_SECONDS = 60.0, 1.0
"""How long a job waits for a database that went away, and the time between two tries."""

Say = Callable[[str], None]


def run_job(checkout: int, trigger: str, say: Say, warn: Say) -> None:
    """Fix the *checkout* with this id; a run that was not possible is queued again. Raises django.db.Error.

    *say* gets one line about the run, *warn* one for each problem.
    """
    close_old_connections()  # The thread may have a connection that has ended since its last job.
    try:
        if read_schema().mismatch:  # This worker says so, and ends, at its next check: the run is for another version.
            queue_checkouts([checkout], trigger, delay=AGAIN_SECONDS)
        else:
            _run(checkout, trigger, say, warn)
    except DatabaseError as error:
        warn(f"error: {explain_database_error(error).line}")
        is_lost = isinstance(error, OperationalError | InterfaceError)
        _queue_after_failure(checkout, trigger, AGAIN_SECONDS if is_lost else REFUSED_SECONDS)
    except Exception as error:  # noqa: BLE001 - the engine would say nothing; the next poll repeats the run
        warn(
            f"error: internal error in a run of checkout {checkout}, please report it: {type(error).__name__}: {error}"
        )
    finally:
        close_old_connections()
        reset_queries()  # With DEBUG, Django keeps all of them.


def _run(checkout_id: int, trigger: str, say: Say, warn: Say) -> None:
    checkout = read_served(checkout_id)
    if checkout is None:  # Retired since, or taken from the workers.
        return
    if checkout.host != settings.STATEHUB_HOST:  # Given to another host since.
        queue_checkouts([checkout_id], trigger)
        return
    slug, started = checkout.repo.slug, time.monotonic()
    try:
        outcome = _fix(checkout, trigger, warn)
    except CheckoutLockedError:
        queue_checkouts([checkout_id], trigger, delay=LOCKED_SECONDS)
        return
    except GitMissingError as error:
        warn(f"error: {slug}: {error}")
        return
    if outcome.error:
        warn(f"error: {outcome.error}")
    start_delayed_run(checkout_id)
    say(f"{slug}: {outcome.outcome}{_written(outcome)} ({trigger}, {time.monotonic() - started:.2f} s)")
    if settings.STATEHUB_NOTIFY:
        from consistency.notify.after_run import notify  # As in a command.

        notify(warn)


def _written(outcome: CheckoutOutcome) -> str:
    return f", {outcome.writeback_commit[:12]}" if outcome.writeback_commit else ""


def _fix(checkout: Checkout, trigger: str, warn: Say) -> CheckoutOutcome:
    # As the line for cron in docs/operations.md; a person's clone is pushed only if settings or repo say so.
    options = RunOptions.from_settings(
        Mode.FIX, current_user(), trigger=trigger, pull=True, push=settings.STATEHUB_PUSH
    )
    notes: list[str] = []
    with closing(fetch_all([checkout], options, 1)) as ready, next(ready) as opened:
        outcome = run_checkout(opened, options, notes.append)
    for note in notes if any(outcome.news) else ():  # Only with a new finding: it would be said at every run.
        warn(note)
    return outcome


def _queue_after_failure(checkout: int, trigger: str, delay: float) -> None:
    """Queue *checkout* again after *delay* seconds, once the database is back.

    Raises django.db.Error if that takes too long. Then the job stays as that of a worker that died, and is repeated
    with those.
    """
    queue = partial(queue_checkouts, [checkout], trigger, delay=delay)
    retry_on_new_connection(queue, RECONNECT_SECONDS, RECONNECT_PAUSE_SECONDS)
