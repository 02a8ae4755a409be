"""The database of the large hub, and Django on it with the settings of production."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.scale.size import HOSTS
from testing.postgres import server, with_name
from testing.server import PRODUCTION

DATABASE = "bench_statehub_scale"

SETTING = "max_parallel_workers_per_gather = 0"
"""The setting that docs/operations.md recommends for a large hub."""


@contextmanager
def opened() -> Iterator[str]:
    """Yield the URL of an empty database, which is dropped afterwards. Raises UnavailableError.

    The server is that of BENCH_DATABASE_URL, a URL with a user who may create databases, else one of our own.
    """
    given = os.environ.get("BENCH_DATABASE_URL")
    drop = f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)'
    with nullcontext(given) if given else server() as url:
        _execute(url, drop, f'CREATE DATABASE "{DATABASE}"', f'ALTER DATABASE "{DATABASE}" SET {SETTING}')
        try:
            yield with_name(url, DATABASE)
        finally:
            _execute(url, drop)


def set_up(url: str, folder: Path) -> None:
    """Set Django up on the database at *url*, for this process and its children; *folder* is for their files."""
    os.environ.update(
        PRODUCTION,
        DJANGO_SETTINGS_MODULE="statehub.settings",
        DATABASE_URL=url,
        STATEHUB_ENV_FILE=os.devnull,
        STATEHUB_HOST=HOSTS[0],
        STATEHUB_VAR=str(folder / "var"),
        ALLOWED_HOSTS="testserver",
    )
    (folder / "var" / "static").mkdir(parents=True)
    import django

    django.setup()


def migrate() -> str:
    """Create the tables; return the version of the database."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def _execute(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
