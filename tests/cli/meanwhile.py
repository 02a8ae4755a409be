"""Reports to the hub during a run: on a separate connection, at a chosen moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def reported(when: Callable[[str], bool], report: Callable[[], object], *, patience: float = 60) -> Iterator[list[int]]:
    """Make *report* on a separate connection just after every statement that *when* picks, until the block ends.

    The run waits for it, but no longer than *patience* seconds. The value has one entry for each report.
    """
    times: list[int] = []
    threads: list[threading.Thread] = []

    def work() -> None:
        try:
            report()
        finally:
            connection.close()

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if when(sql):
            times.append(1)
            thread = threading.Thread(target=work)
            threads.append(thread)
            thread.start()
            thread.join(patience)
        return result

    with connection.execute_wrapper(wrapper):
        yield times
    for thread in threads:
        thread.join(60)


def reads_tasks(sql: str) -> bool:
    return sql.startswith("SELECT") and 'FROM "statehub_task"' in sql
