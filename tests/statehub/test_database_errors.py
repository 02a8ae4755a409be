"""Errors of real databases are explained by the codes of their drivers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from django.db.migrations.recorder import MigrationRecorder

from statehub.database_errors import DatabaseProblem, Kind, explain_database_error, is_overtaken, is_taken
from testing import postgres


def fails(work: Callable[[], object]) -> Exception:
    with pytest.raises(DatabaseError) as caught:
        work()
    return caught.value


def run_sql(database: BaseDatabaseWrapper, *statements: str) -> None:
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def opened(kind: type[BaseDatabaseWrapper], **settings: object) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, of Django's *kind* and with these *settings*."""
    database = kind({**connections.settings["default"], "OPTIONS": {}, **settings}, "another")
    try:
        yield database
    finally:
        with suppress(DatabaseError):
            database.close()


def kinds(*errors: Exception) -> list[Kind]:
    return [explain_database_error(error).kind for error in errors]


@pytest.mark.django_db
class TestSQLite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "hub.sqlite3"
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)")
            database.execute("INSERT INTO kept VALUES (1, 'a')")
        database.close()
        return path

    @contextmanager
    def opened(self, path: Path | str, **options: object) -> Iterator[BaseDatabaseWrapper]:
        with opened(SQLite, NAME=str(path), OPTIONS=options) as database:
            yield database

    def test_busy(self, file: Path) -> None:
        with self.opened(file, timeout=0.01) as database:
            holder = sqlite3.connect(file, isolation_level=None)
            holder.execute("BEGIN EXCLUSIVE")
            error = fails(lambda: run_sql(database, "UPDATE kept SET name = 'b'"))
            holder.close()
        assert explain_database_error(error) == DatabaseProblem(
            Kind.BUSY,
            "the hub's database is busy: database is locked; try again in a moment",
            "the database is busy; try again in a moment",
        )

    def test_read_only(self, file: Path) -> None:
        with self.opened(file) as database:
            error = fails(lambda: run_sql(database, "PRAGMA query_only = ON", "UPDATE kept SET name = 'b'"))
        assert explain_database_error(error).line == (
            "the hub's database cannot be written to: attempt to write a readonly database "
            "(see its rights, or whether it is a replica)"
        )

    def test_full(self, file: Path) -> None:
        big = "INSERT INTO kept (name) SELECT hex(randomblob(5000)) FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3)"
        with self.opened(file) as database:
            error = fails(lambda: run_sql(database, "PRAGMA max_page_count = 3", big))
        assert explain_database_error(error).line == (
            "the hub's database is out of space: database or disk is full (free some on its disk)"
        )

    def test_no_database_and_a_damaged_one(self, file: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_bytes(b"This is a text, and not a database. " * 100)
        whole = file.read_bytes()
        file.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
        for path in (other, file):
            with self.opened(path) as database:
                error = fails(lambda: run_sql(database, "SELECT * FROM kept"))
            assert kinds(error) == [Kind.DAMAGED]

    def test_cannot_be_opened(self, tmp_path: Path) -> None:
        with self.opened(tmp_path / "none" / "hub.sqlite3") as database:
            error = fails(database.ensure_connection)
        assert explain_database_error(error).line == (
            "cannot connect to the hub's database: unable to open database file (see DATABASE_URL)"
        )

    def test_wrong_statement_of_ours_is_a_fault(self, file: Path) -> None:
        with self.opened(file) as database:
            errors = [
                fails(lambda: run_sql(database, statement))  # noqa: B023 - called at once
                for statement in ("SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM kept")
            ]
        assert kinds(*errors) == [Kind.FAULT] * 3

    def test_key_that_is_taken(self, file: Path) -> None:
        with self.opened(file) as database:
            taken = [
                fails(lambda: run_sql(database, statement))  # noqa: B023 - called at once
                for statement in ("INSERT INTO kept VALUES (1, 'b')", "INSERT INTO kept VALUES (2, 'a')")
            ]
            null = fails(lambda: run_sql(database, "INSERT INTO kept VALUES (3, NULL)"))
        assert [is_taken(error, ()) for error in (*taken, null)] == [True, True, False]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of our own, whose roles and settings may change; the value is the folder of its socket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_DATABASE_URL", raising=False)
        try:
            with postgres.server() as url:
                yield unquote(url.partition("host=")[2])
        except postgres.UnavailableError as problem:
            pytest.skip(str(problem))


@pytest.mark.django_db
class TestPostgreSQL:
    @contextmanager
    def opened(self, server: str, **settings: object) -> Iterator[BaseDatabaseWrapper]:
        given = {"NAME": "postgres", "USER": "statehub", "PASSWORD": "", "HOST": server, "PORT": "5432"}
        with opened(PostgreSQL, **{**given, **settings}) as database:
            yield database

    def failing(self, server: str, *statements: str, **settings: object) -> Exception:
        with self.opened(server, **settings) as database:
            return fails(lambda: run_sql(database, *statements))

    def as_admin(self, server: str, *statements: str) -> None:
        with psycopg.connect(host=server, user="statehub", dbname="postgres", autocommit=True) as database:
            for statement in statements:
                database.execute(statement.encode())

    @pytest.mark.parametrize(
        "settings", [{"NAME": "nothing"}, {"USER": "nobody"}, {"HOST": "127.0.0.1", "PORT": "1"}, {"HOST": "/none"}]
    )
    def test_no_connection_has_the_servers_own_words(self, server: str, settings: dict[str, str]) -> None:
        error = self.failing(server, "SELECT 1", **settings)
        words = " ".join(str(error).split())
        assert explain_database_error(error) == DatabaseProblem(
            Kind.UNREACHABLE,
            f"cannot connect to the hub's database: {words} (see DATABASE_URL)",
            "try again in a moment",
        )

    def test_words_of_another_language_change_nothing(self, server: str) -> None:
        """No word of a message is looked at: what counts is the code."""
        error = self.failing(server, "DO $$ BEGIN RAISE 'la relación no existe' USING ERRCODE = '55P03'; END $$")
        assert kinds(error) == [Kind.BUSY]
        error = self.failing(server, "DO $$ BEGIN RAISE 'does not exist' USING ERRCODE = '22003'; END $$")
        assert kinds(error) == [Kind.VALUE]

    def test_server_that_goes_away(self, server: str) -> None:
        with self.opened(server) as database:
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
            self.as_admin(server, f"SELECT pg_terminate_backend({pid})")
            first = fails(lambda: run_sql(database, "SELECT 1"))
            second = fails(lambda: run_sql(database, "SELECT 1"))
        assert kinds(first, second) == [Kind.UNREACHABLE] * 2

    def test_read_only_and_no_right(self, server: str) -> None:
        self.as_admin(server, "CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY, name text UNIQUE NOT NULL)")
        self.as_admin(server, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
        read_only = self.failing(server, "SET default_transaction_read_only = on", "DELETE FROM kept")
        no_right = self.failing(server, "DELETE FROM kept", USER="guest")
        assert kinds(read_only, no_right) == [Kind.READ_ONLY, Kind.REFUSED]
        assert explain_database_error(no_right).line == (
            "the hub's database refused the login: permission denied for table kept "
            "(see the user and the name in DATABASE_URL)"
        )

    def test_waits_that_end(self, server: str) -> None:
        self.as_admin(server, "CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY, name text UNIQUE NOT NULL)")
        with psycopg.connect(host=server, user="statehub", dbname="postgres") as holder:
            holder.execute("LOCK TABLE kept")
            lock = self.failing(server, "SET lock_timeout = 10", "SELECT * FROM kept")
            statement = self.failing(server, "SET statement_timeout = 10", "SELECT * FROM kept")
        assert kinds(lock, statement) == [Kind.BUSY] * 2

    @pytest.mark.parametrize("state", ["40001", "40P01"])
    def test_overtaken(self, server: str, state: str) -> None:
        error = self.failing(server, f"DO $$ BEGIN RAISE 'x' USING ERRCODE = '{state}'; END $$")
        assert (kinds(error), is_overtaken(error), is_taken(error, ["kept"])) == ([Kind.BUSY], True, False)

    @pytest.mark.parametrize("state", ["53100", "53200"])
    def test_no_room(self, server: str, state: str) -> None:
        error = self.failing(server, f"DO $$ BEGIN RAISE 'x' USING ERRCODE = '{state}'; END $$")
        assert kinds(error) == [Kind.FULL]

    @pytest.mark.parametrize(
        "statements", [["DEALLOCATE nothing"], ["FETCH 1 FROM nothing"], ["PREPARE p AS SELECT 1"] * 2]
    )
    def test_session_that_a_pooler_has_swapped(self, server: str, statements: list[str]) -> None:
        error = self.failing(server, *statements)
        words = " ".join(str(error).split())
        assert explain_database_error(error).line == (
            f"the hub's database lost the session: {words} (is it reached through a pooler such as pgbouncer? "
            "docs/operations.md says how to set that up)"
        )

    def test_key_that_is_taken(self, server: str) -> None:
        self.as_admin(server, "CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY, name text UNIQUE NOT NULL)")
        self.as_admin(server, "DELETE FROM kept", "INSERT INTO kept VALUES (1, 'a')")
        taken = self.failing(server, "INSERT INTO kept VALUES (2, 'a')")
        null = self.failing(server, "INSERT INTO kept VALUES (3, NULL)")
        assert [is_taken(taken, ["kept"]), is_taken(taken, ["other"]), is_taken(null, ["kept"])] == [True, False, False]


@pytest.mark.usefixtures("hub")
class TestSchema:
    """Of the hub's own database, whichever it is: what a missing table or column means is asked, not guessed."""

    def broken(self, statement: str) -> Exception:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE statehub_repo RENAME TO elsewhere")
        return fails(lambda: run_sql(connection, statement))

    def test_that_lacks_migrations(self) -> None:
        MigrationRecorder.Migration.objects.filter(app="statehub", name="0004_repo_branch").delete()
        assert explain_database_error(self.broken("SELECT branch FROM statehub_repo")) == DatabaseProblem(
            Kind.SCHEMA,
            "the hub's database is not migrated, it lacks statehub.0004_repo_branch: run manage.py migrate",
            "the database and this server are not of the same version; one of them must be updated",
        )

    def test_that_is_newer(self) -> None:
        MigrationRecorder(connection).record_applied("consistency", "0999_tomorrow")
        trouble = explain_database_error(self.broken("SELECT branch FROM statehub_repo"))
        assert trouble.kind is Kind.SCHEMA
        assert trouble.line.startswith(
            "the hub's database is newer than this State Hub: it has consistency.0999_tomorrow,"
        )

    def test_row_that_lacks_what_a_newer_version_demands(self) -> None:
        MigrationRecorder(connection).record_applied("consistency", "0999_tomorrow")
        error = fails(lambda: run_sql(connection, "INSERT INTO statehub_repo (slug) VALUES (NULL)"))
        assert kinds(error) == [Kind.SCHEMA]

    def test_without_any_table(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_migrations RENAME TO nowhere")
        assert explain_database_error(self.broken("SELECT branch FROM statehub_repo")).line == (
            "the hub's database is not migrated, it has no tables yet: run manage.py migrate"
        )

    def test_with_all_its_migrations_is_damaged_or_the_statement_is(self) -> None:
        trouble = explain_database_error(self.broken("SELECT branch FROM statehub_repo"))
        kind = Kind.FAULT if connection.vendor == "sqlite" else Kind.SCHEMA
        assert (trouble.kind, "statehub_repo" in trouble.line) == (kind, True)


def test_error_without_a_code_came_from_no_server() -> None:
    assert explain_database_error(OperationalError("server closed the connection\n\tunexpectedly")).line == (
        "cannot connect to the hub's database: server closed the connection unexpectedly (see DATABASE_URL)"
    )


@pytest.mark.django_db
def test_connection_of_the_queue_that_broke_is_explained_alike() -> None:
    """The queue's engine does not go through Django: its errors are the driver's own."""
    errors = [psycopg.OperationalError("server closed the connection"), psycopg.InterfaceError("it is closed")]
    assert kinds(*errors) == [Kind.UNREACHABLE, Kind.UNREACHABLE]
    assert kinds(psycopg.ProgrammingError("a fault of ours")) == [Kind.FAULT]


def test_wrong_settings_have_their_own_words() -> None:
    assert explain_database_error(ImproperlyConfigured("no driver")) == DatabaseProblem(
        Kind.SETTINGS, "no driver", "the settings of the database are wrong"
    )
