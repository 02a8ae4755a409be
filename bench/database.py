"""The databases of the benchmark, by name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from testing.database import Database, PostgreSQL, SQLite
from testing.postgres import server

DATABASES = ("sqlite", "postgresql")
LIVE = "bench_statehub"


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Database]:
    """Yield the database of this name; `folder` is for files. Raises `UnavailableError`.

    PostgreSQL is the server of BENCH_DATABASE_URL, a URL with a user who may create databases, else one of our own.
    """
    if name == "sqlite":
        yield SQLite(folder)
        return
    given = os.environ.get("BENCH_DATABASE_URL")
    with nullcontext(given) if given else server() as url:
        database = PostgreSQL(url, LIVE)
        try:
            yield database
        finally:
            database.drop()
