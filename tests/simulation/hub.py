"""A hub in a SQLite file, made from a migrated template, and a snapshot of what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, connections

from consistency.models import Finding, LedgerEntry, OwnCommit
from statehub.models import Repo, StatusChange, Task, Workstream
from tests.simulation.look import HEADS, Change, Hub, Noted


@contextmanager
def hub_at(file: Path) -> Iterator[None]:
    """Let Django's default connection be one to the SQLite database in *file*."""
    handler: Any = connections
    before, connection_before = handler.settings["default"], handler["default"]
    handler.settings["default"] = {**before, **_settings(file)}
    handler["default"] = handler.create_connection("default")
    try:
        yield
    finally:
        handler["default"].close()
        handler["default"] = connection_before
        handler.settings["default"] = before


def migrate() -> None:
    """Make the tables, and put all into the one file."""
    call_command("migrate", verbosity=0)
    connection.close()


def snapshot() -> Hub:
    """Return everything in the hub except its runs."""
    changes = StatusChange.objects.order_by("pk").values_list(
        "pk", "task__key", "old", "new", "source", "host", "reopen", "at"
    )
    ledger = LedgerEntry.objects.order_by("pk").values_list(
        "checkout__host", "path", "key", "workstream", "digest", "version", "content"
    )
    return Hub(
        tasks=dict(Task.objects.order_by("key").values_list("key", "status")),
        owners=dict(Task.objects.order_by("key").values_list("key", "workstream__key")),
        workstreams=dict(Workstream.objects.order_by("key").values_list("key", "status")),
        changes=tuple(Change(*row) for row in changes),
        ledger=tuple(map(str, ledger)),
        mirrored=tuple(map(str, Task.objects.order_by("key").values_list()))
        + tuple(map(str, Workstream.objects.order_by("key").values_list())),
        noted=tuple(Noted(*row) for row in _open_findings()),
        branch=HEADS + (Repo.objects.values_list("branch", flat=True).first() or ""),
        own=frozenset(OwnCommit.objects.values_list("commit", flat=True)),
        uncommitted=frozenset(Workstream.objects.filter(committed=False).values_list("key", flat=True)),
    )


def _open_findings() -> Any:
    rows = Finding.objects.filter(resolved_at=None).order_by("checkout__host", "pk")
    return rows.values_list("checkout__host", "code", "file", "workplan", "task")


def _settings(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
        "CONN_MAX_AGE": 0,
    }
