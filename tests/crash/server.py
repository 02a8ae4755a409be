"""Runs commands in forks of a process that has Django and the commands loaded already.

It speaks JSON lines: one request in, one answer out. Orphans of a killed run (its git children) come to this process,
which waits for them: as the next run of cron, some seconds later, would find them gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
LOADED = (
    "django.core.management", "psycopg", "tests.crash.rows",
    "consistency.management.commands.fix_consistency", "consistency.management.commands.register_repo",
    "consistency.management.commands.stamp_ids", "consistency.reports.json_report",
    "consistency.management.commands.reopen_task", "consistency.management.commands.set_task_status",
)  # fmt: skip


def serve() -> None:
    """Answer requests until the last one."""
    sys.dont_write_bytecode = True
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    import django

    django.setup()
    for name in LOADED:
        import_module(name)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, let the child do it, and wait for it and for all that it left behind."""
    child = os.fork()
    if child == 0:
        _be_child(request)
    exit = -os.WTERMSIG(status) if os.WIFSIGNALED(status := os.waitpid(child, 0)[1]) else os.WEXITSTATUS(status)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return {"exit": exit}


def _be_child(request: dict[str, Any]) -> None:
    exit = 70
    try:
        for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115 - they end with the process
        exit = _rows() if request["do"] == "rows" else _command(request)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - a fork must never return into the server
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(exit)


def _rows() -> int:
    from tests.crash.rows import snapshot

    json.dump(snapshot(), sys.stdout)
    return 0


def _command(request: dict[str, Any]) -> int:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import connections

    from tests.crash.seam import Plan, Seam

    os.environ.update(request["env"], STATEHUB_TEST_CRASH_RUN=str(os.getpid()))
    for name, value in request["settings"].items():
        setattr(settings, name, value)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    seam = Seam(log, Plan(**request["plan"]), request["names"], _Hub())
    seam.install()
    try:
        execute_from_command_line(["manage.py", *request["args"]])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except ImproperlyConfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    finally:
        seam.remove()
        connections.close_all()
    return 0


class _Hub:
    """The database, from outside of the connection that the command has."""

    def disconnect(self) -> bool:
        """End the server's side of our connection on PostgreSQL; on SQLite, there is none."""
        from django.db import connection

        if connection.vendor != "postgresql" or connection.connection is None or connection.connection.closed:
            return False
        pid = connection.connection.info.backend_pid
        with _another(connection) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        return True

    def lock(self) -> None:
        """Take the one lock of all writers on SQLite; the run waits for a shorter time than in production."""
        import sqlite3

        from django.db import connection

        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        connection.connection.execute("PRAGMA busy_timeout = 20")
        self._other = other


def _another(connection: Any) -> Any:
    import psycopg

    parameters = connection.get_connection_params()
    place = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    return psycopg.connect(**place, autocommit=True)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent.parent)
    serve()
