"""Runs one management command and writes what it sent to the database: `python -m bench.counted OUT COMMAND …`."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.statements import Statement, count

BEGIN, COMMIT = Statement.of("BEGIN", None), Statement.of("COMMIT", None)
SETTINGS = "statehub.settings_base"


class Listener:
    """An execute wrapper of Django's that notes every statement.

    It also notes if a transaction begins or ends without a statement that Django would see: psycopg sends its BEGIN
    on its own, and both drivers commit by a call.
    """

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.statements: list[Statement] = []
        self._inside = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """Note the statement and send it."""
        connection = context["connection"]
        if self._inside and not connection.in_atomic_block:
            self.statements.append(COMMIT)
        elif _begins_silently(connection):
            self.statements.append(BEGIN)
        self._inside = connection.in_atomic_block
        if many:
            parameters = list(parameters)
            self.statements.append(Statement.of(sql, parameters[0] if parameters else None, times=len(parameters)))
        else:
            self.statements.append(Statement.of(sql, parameters))
        return execute(sql, parameters, many, context)


def main(out: Path, arguments: list[str]) -> None:
    """Run `manage.py ARGUMENT…` in this process, listening on every connection it opens, in any thread."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.core.management import execute_from_command_line
    from django.db.backends.signals import connection_created

    listener = Listener()

    def attach(connection: Any, **_: Any) -> None:
        if listener not in connection.execute_wrappers:  # a connection that was closed and opened again
            connection.execute_wrappers.append(listener)

    connection_created.connect(attach, weak=False)
    try:
        execute_from_command_line(["manage.py", *arguments])
    finally:
        shapes = Counter(statement.shape for statement in listener.statements)
        out.write_text(json.dumps({**asdict(count(listener.statements)), "shapes": shapes.most_common()}))


def _begins_silently(connection: Any) -> bool:
    """Return whether the next statement opens a transaction that psycopg begins on its own."""
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return False
    return bool(connection.connection.info.transaction_status.name == "IDLE")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
