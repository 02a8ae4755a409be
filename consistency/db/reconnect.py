"""Connects to a database that went away again."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection


def retry_on_new_connection(call: Callable[[], object], seconds: float, pause: float) -> None:
    """Call *call* on a new connection; while that fails, again after each *pause*, for up to *seconds*.

    Raises django.db.Error, that of the last try.
    """
    deadline = time.monotonic() + seconds
    while True:
        connection.close()
        try:
            call()
        except DatabaseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(pause)
        else:
            return
