"""A database for benchmarks and crash tests that can save its state under a name, and restore it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from testing.manage import manage
from testing.postgres import with_name


class Database(Protocol):
    """A database with one live state at `url`, and any number of saved ones."""

    name: str
    url: str

    @property
    def version(self) -> str:
        """Return the product and its version."""

    def create(self) -> None:
        """Make the live state an empty database."""

    def save(self, state: str) -> None:
        """Keep the live state under a name. Nothing may be connected."""

    def restore(self, state: str) -> None:
        """Make the live state what it was when it was saved."""

    def integrity_error(self) -> str:
        """Return the damage that the database itself finds in its data, or ''."""

    def drop(self) -> None:
        """Remove the live state and all saved ones from the server."""


class SQLite:
    """A file in *folder*; saved states are files beside it."""

    name = "sqlite"
    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        self._folder, self._live = folder, folder / "hub.sqlite3"
        self.url = f"sqlite:///{self._live}"

    def create(self) -> None:
        """Leave no file; SQLite creates it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove()

    def save(self, state: str) -> None:
        with closing(sqlite3.connect(self._live)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self._live, self._saved(state))

    def restore(self, state: str) -> None:
        self._remove()
        shutil.copyfile(self._saved(state), self._live)

    def integrity_error(self) -> str:
        with closing(sqlite3.connect(self._live)) as connection:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        return "" if answer == "ok" else str(answer)

    def drop(self) -> None:
        """Do nothing: the files go with their folder."""

    def _saved(self, state: str) -> Path:
        return self._folder / f"saved-{state}.sqlite3"

    def _remove(self) -> None:
        for file in self._folder.glob(f"{self._live.name}*"):  # the log and the shared memory, too
            file.unlink()


class PostgreSQL:
    """The database *name* of a server; saved states are databases beside it.

    *server_url* is the URL of any database there, with a user who may create databases.
    """

    name = "postgresql"

    def __init__(self, server_url: str, name: str) -> None:
        self._server_url, self._live = with_name(server_url, "postgres"), name
        self._created: set[str] = set()
        self.url = with_name(server_url, name)

    @property
    def version(self) -> str:
        return f"PostgreSQL {_execute(self._server_url, 'SHOW server_version').split()[0]}"

    def create(self) -> None:
        self._replace(self._live, "template0")

    def save(self, state: str) -> None:
        """Copy the live database, with statistics as autovacuum would have gathered them within a minute."""
        _execute(self.url, "VACUUM ANALYZE")
        self._replace(self._saved(state), self._live)

    def restore(self, state: str) -> None:
        self._replace(self._live, self._saved(state))

    def integrity_error(self) -> str:
        return ""

    def drop(self) -> None:
        for name in sorted(self._created):
            self._drop(name)

    def _saved(self, state: str) -> str:
        return f"{self._live}_{state}"

    def _replace(self, name: str, template: str) -> None:
        self._created.add(name)
        self._drop(name)
        _execute(self._server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def _drop(self, name: str) -> None:
        _execute(self._server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def migrate(database: Database) -> None:
    """Create the tables of the hub. Raises RuntimeError."""
    ended = manage("migrate", "--verbosity=0", env={"DATABASE_URL": database.url})
    if ended.exit:
        raise RuntimeError(f"migrate failed:\n{ended.stderr}")


def _execute(url: str, sql: str) -> str:
    """Run a statement outside of any transaction; return the first value of its result, or ''."""
    import psycopg  # only if PostgreSQL is asked for

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""
