"""The two databases the benchmark runs on, each able to save its state under a name and to come back to it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from testing.postgres import UnavailableError, server, with_name

__all__ = ["DATABASES", "Database", "PostgreSQL", "SQLite", "UnavailableError", "opened"]

DATABASES = ("sqlite", "postgresql")
LIVE = "bench_statehub"


class Database(Protocol):
    """A database with one live state and any number of saved ones."""

    name: str
    url: str
    version: str

    def create(self) -> None:
        """Make the live state an empty database."""

    def save(self, state: str) -> None:
        """Keep the live state under a name. Nothing may be connected."""

    def restore(self, state: str) -> None:
        """Make the live state what it was when it was saved."""


class SQLite:
    """One file in a folder of its own, with whatever SQLite puts beside it."""

    name = "sqlite"
    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        """Keep the live state and the saved ones in `folder`."""
        self._folder = folder
        self.url = f"sqlite:///{folder / 'live' / 'hub.sqlite3'}"

    def create(self) -> None:
        """Make the live folder an empty one; SQLite makes the file."""
        shutil.rmtree(self._folder / "live", ignore_errors=True)
        (self._folder / "live").mkdir(parents=True)

    def save(self, state: str) -> None:
        """Copy the live folder."""
        shutil.copytree(self._folder / "live", self._folder / state, dirs_exist_ok=True)

    def restore(self, state: str) -> None:
        """Copy the saved folder back."""
        shutil.rmtree(self._folder / "live")
        shutil.copytree(self._folder / state, self._folder / "live")


class PostgreSQL:
    """One database of a server; states are kept as databases and copied by `CREATE DATABASE … TEMPLATE`."""

    name = "postgresql"

    def __init__(self, server_url: str) -> None:
        """Take the URL of a database whose user may create databases."""
        self._server_url = server_url
        self._made: set[str] = set()
        self.url = with_name(server_url, LIVE)
        self.version = f"PostgreSQL {_execute(server_url, 'SHOW server_version').split()[0]}"

    def create(self) -> None:
        """Make the live database an empty one."""
        self._replace(LIVE, "template0")

    def save(self, state: str) -> None:
        """Copy the live database, with statistics as autovacuum would have gathered them within a minute."""
        _execute(self.url, "VACUUM ANALYZE")
        self._replace(f"{LIVE}_{state}", LIVE)

    def restore(self, state: str) -> None:
        """Copy the saved database back."""
        self._replace(LIVE, f"{LIVE}_{state}")

    def drop_all(self) -> None:
        """Leave the server as it was."""
        for name in sorted(self._made):
            _execute(self._server_url, f'DROP DATABASE IF EXISTS "{name}"')

    def _replace(self, name: str, template: str) -> None:
        self._made.add(name)
        _execute(self._server_url, f'DROP DATABASE IF EXISTS "{name}"')
        _execute(self._server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Database]:
    """The database of this name; `folder` is for files. Raises `UnavailableError`.

    PostgreSQL is the server of BENCH_DATABASE_URL, a URL whose user may create databases, else one of our own.
    """
    if name == "sqlite":
        yield SQLite(folder)
        return
    given = os.environ.get("BENCH_DATABASE_URL")
    with nullcontext(given) if given else server() as url:
        database = PostgreSQL(url)
        try:
            yield database
        finally:
            database.drop_all()


def _execute(url: str, sql: str) -> str:
    """Run a statement outside of any transaction and return the first value of its answer, '' where it has none."""
    import psycopg  # only where PostgreSQL is asked for

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""
