"""Sends the notifications that are due when a run ends; a failure is one line on stderr and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from django.db import Error as DatabaseError

from consistency.notify.notifier import send_notifications
from statehub.database_errors import explain_database_error


def notify(warn: Callable[[str], None]) -> None:
    """Send what is due; *warn* gets one line for each receiver that did not take its message."""
    try:
        failed = [result for result in send_notifications() if result.error and result.retry_at is None]
        problems = [f"{result.name}: {result.error}" for result in failed]
    except DatabaseError as error:
        problems = [explain_database_error(error).line]
    except Exception as error:  # noqa: BLE001 - a fault of ours must not change the result of the run
        problems = [f"internal error, please report it: {type(error).__name__}"]
    with suppress(OSError):  # The reader of our stderr has gone.
        for problem in problems:
            warn(f"warning: notification failed: {problem}")
