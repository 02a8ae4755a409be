"""The hub's database, which can be set back to how it was: on SQLite a file, on PostgreSQL a copy of a template."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Protocol

from testing.manage import manage
from testing.postgres import with_name


class Database(Protocol):
    """One migrated hub at `url`."""

    name: str
    url: str

    def keep(self, folder: Path) -> None:
        """Keep it as it is; *folder* is a place for that."""

    def restore(self, folder: Path) -> None:
        """Set it back to what was kept in *folder*."""

    def fault(self) -> str:
        """What the database itself finds wrong with its data; '' where that is nothing."""


class SQLite:
    """A file below *folder*."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "hub.sqlite3"
        self.url = f"sqlite:///{self._file}"
        _migrate(self.url)

    def keep(self, folder: Path) -> None:
        with sqlite3.connect(self._file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copyfile(self._file, folder / "hub.sqlite3")

    def restore(self, folder: Path) -> None:
        for file in self._file.parent.glob("hub.sqlite3*"):
            file.unlink()
        shutil.copyfile(folder / "hub.sqlite3", self._file)

    def fault(self) -> str:
        connection = sqlite3.connect(self._file)
        try:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        finally:
            connection.close()
        return "" if answer == "ok" else str(answer)


class PostgreSQL:
    """A database *name* of the server at *server_url*; what is kept is a template beside it."""

    name = "postgresql"

    def __init__(self, server_url: str, name: str) -> None:
        self._server, self._database, self._kept = server_url, name, f"{name}_kept"
        self.url = with_name(server_url, name)
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
        _migrate(self.url)

    def keep(self, folder: Path) -> None:
        self._copy(self._database, self._kept)

    def restore(self, folder: Path) -> None:
        self._copy(self._kept, self._database)

    def fault(self) -> str:
        return ""

    def drop(self) -> None:
        """Leave nothing on the server."""
        self._execute(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in (self._database, self._kept)))

    def _copy(self, source: str, target: str) -> None:
        self._execute(
            f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)', f'CREATE DATABASE "{target}" TEMPLATE "{source}"'
        )

    def _execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(with_name(self._server, "postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def _migrate(url: str) -> None:
    ended = manage("migrate", "--verbosity=0", env={"DATABASE_URL": url})
    if ended.exit:
        raise RuntimeError(f"migrate failed:\n{ended.stderr}")
