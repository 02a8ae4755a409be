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

BEGIN = Statement.of("BEGIN", None)
SETTINGS = "statehub.settings_commands"


def main(out: Path, arguments: list[str]) -> None:
    """Run `manage.py ARGUMENT…` in this process, listening on every connection it opens, in any thread."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.core.management import execute_from_command_line
    from django.db.backends.signals import connection_created

    statements: list[Statement] = []

    def listen(
        execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]
    ) -> Any:  # Django's signature of an execute wrapper
        if _begins_silently(context["connection"]):
            statements.append(BEGIN)
        if many:
            parameters = list(parameters)
            statements.append(Statement.of(sql, parameters[0] if parameters else None, times=len(parameters)))
        else:
            statements.append(Statement.of(sql, parameters))
        return execute(sql, parameters, many, context)

    def attach(connection: Any, **_: Any) -> None:
        if listen not in connection.execute_wrappers:  # a connection that was closed and opened again
            connection.execute_wrappers.append(listen)

    connection_created.connect(attach, weak=False)
    try:
        execute_from_command_line(["manage.py", *arguments])
    finally:
        shapes = Counter(statement.shape for statement in statements)
        out.write_text(json.dumps({**asdict(count(statements)), "shapes": shapes.most_common()}))


def _begins_silently(connection: Any) -> bool:
    """Whether the statement to come opens a transaction without Django's asking: psycopg sends its BEGIN by itself."""
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return False
    return bool(connection.connection.info.transaction_status.name == "IDLE")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
