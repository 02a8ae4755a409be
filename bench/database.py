"""The two databases the benchmark runs on, each able to save its state under a name and to come back to it."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

LIVE = "bench_statehub"


class Unavailable(RuntimeError):
    """There is no such database to measure on."""


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
        parts = urlsplit(server_url)
        self._server_url = urlunsplit(parts._replace(scheme="postgresql"))
        self.url = urlunsplit(parts._replace(path=f"/{LIVE}"))
        self.version = f"PostgreSQL {self._ask('SHOW server_version').split()[0]}"

    def create(self) -> None:
        """Make the live database an empty one."""
        self._replace(LIVE, "template0")

    def save(self, state: str) -> None:
        """Copy the live database, with statistics as autovacuum would have gathered them within a minute."""
        self._execute("VACUUM ANALYZE", urlunsplit(urlsplit(self.url)._replace(scheme="postgresql")))
        self._replace(_database(state), LIVE)

    def restore(self, state: str) -> None:
        """Copy the saved database back."""
        self._replace(LIVE, _database(state))

    def drop_all(self, states: tuple[str, ...]) -> None:
        """Leave a server that is not ours as it was."""
        for name in (LIVE, *map(_database, states)):
            self._execute(f'DROP DATABASE IF EXISTS "{name}"')

    def _replace(self, name: str, template: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}"')
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def _execute(self, sql: str, url: str | None = None) -> Any:
        import psycopg  # only where PostgreSQL is asked for

        with psycopg.connect(url or self._server_url, autocommit=True) as connection:
            return connection.execute(sql.encode())

    def _ask(self, sql: str) -> str:
        import psycopg

        with psycopg.connect(self._server_url, autocommit=True) as connection:
            row = connection.execute(sql.encode()).fetchone()
        return str(row[0]) if row else ""


def _database(state: str) -> str:
    return f"{LIVE}_{state}".replace("-", "_")
