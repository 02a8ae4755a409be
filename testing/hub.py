"""A hub of its own for a test, on either database, that the test and the processes it starts share.

The test sees it through Django's ORM, with real transactions. It is migrated once for each run, then copied.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.apps import apps
from django.core.management.color import no_style
from django.db import connections
from pytest_django import DjangoDbBlocker

from testing.manage import Ended, manage
from testing.postgres import with_name
from testing.server import PRODUCTION, UNLIMITED, Server, serving

SERVED_APPS = ("statehub", "consistency", "web", "procrastinate")
"""The apps that a server writes rows of."""


@dataclass(frozen=True)
class Hub:
    """A migrated, empty hub; `url` is its DATABASE_URL, and `name` what Django calls its NAME."""

    url: str
    name: str = ""

    def manage(self, *args: str | Path, env: Mapping[str, str | None] | None = None, **options: Any) -> Ended:
        """Run `manage.py` on this hub, as a process; the options are those of `manage`."""
        return manage(*args, env={"DATABASE_URL": self.url, **(env or {})}, **options)

    def serve(
        self, folder: Path, *, env: Mapping[str, str] | None = None, workers: int = 2
    ) -> AbstractContextManager[Server]:
        """Run a server of this hub, with the settings *env* over those of production; its log is in *folder*."""
        return serving({**PRODUCTION, "DATABASE_URL": self.url, **(env or {})}, folder, workers=workers)


class Template(Protocol):
    """A migrated database that can be copied."""

    def make(self) -> None:
        """Create and migrate it."""

    def copy(self, folder: Path) -> Any:
        """Return a context manager with the URL and the Django NAME of a copy, which is deleted afterwards."""

    def close(self) -> None:
        """Release what this process needs for copies."""


class SQLiteTemplate:
    """A file in *folder*, which all workers of the run have in common."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.sqlite3"

    def make(self) -> None:
        _migrate(f"sqlite:///{self._file}")

    @contextmanager
    def copy(self, folder: Path) -> Iterator[tuple[str, str]]:
        file = folder / "hub.sqlite3"
        shutil.copyfile(self._file, file)
        yield f"sqlite:///{file}", str(file)

    def close(self) -> None:
        pass


class PostgreSQLTemplate:
    """A database of the server at *server_url*, which all workers of the run have in common."""

    NAME = "test_statehub_hub"

    def __init__(self, server_url: str) -> None:
        import psycopg

        self._server_url = server_url
        self._prefix = f"{self.NAME}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        self._numbers = itertools.count(1)
        # One connection for all: each new one costs the server as much as a short test.
        self._connection = psycopg.connect(with_name(server_url, "postgres"), autocommit=True)
        # The template's files are copied: the default since PostgreSQL 15, page by page, takes half as long again.
        self._strategy = "STRATEGY = FILE_COPY" if self._connection.info.server_version >= 150000 else ""

    def make(self) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self.NAME}"', f'CREATE DATABASE "{self.NAME}"')
        _migrate(with_name(self._server_url, self.NAME))

    @contextmanager
    def copy(self, folder: Path) -> Iterator[tuple[str, str]]:
        name = f"{self._prefix}_{next(self._numbers)}"
        self._execute(
            f'DROP DATABASE IF EXISTS "{name}"',
            f'CREATE DATABASE "{name}" TEMPLATE "{self.NAME}" {self._strategy}',
        )
        try:
            yield with_name(self._server_url, name), name
        finally:
            self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def drop(self) -> None:
        """Remove the template from the server, after all workers have ended."""
        self._execute(f'DROP DATABASE IF EXISTS "{self.NAME}" WITH (FORCE)')

    def close(self) -> None:
        self._connection.close()

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement.encode())


@pytest.fixture(scope="session")
def _hub_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """Yield the template of this run; the first worker that needs it makes it, and others wait for that."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    url = os.environ["DATABASE_URL"]
    template = SQLiteTemplate(folder) if url.startswith("sqlite:") else PostgreSQLTemplate(url)
    made = folder / "template-is-made"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            template.make()
            made.touch()
    yield template
    template.close()


@pytest.fixture(scope="session")
def django_db_setup(
    _hub_template: Template,
    django_test_environment: None,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Give the tests of `db` a copy of the template, instead of migrating a database of pytest-django's."""
    with django_db_blocker.unblock(), _hub_template.copy(tmp_path_factory.mktemp("db")) as (_, name), _as_default(name):
        yield


@pytest.fixture
def hub(
    _hub_template: Template,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Hub]:
    """Yield an empty hub for this test, instead of pytest-django's `db`: `hub.manage(…)` and the ORM meet there."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        pytest.fail("`hub` brings a database of its own: leave out `db` and the mark `django_db`", pytrace=False)
    with (
        _hub_template.copy(tmp_path_factory.mktemp("hub")) as (url, name),
        _as_default(name),
        django_db_blocker.unblock(),
    ):
        yield Hub(url, name)


@pytest.fixture(scope="module")
def module_hub(_hub_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Yield a hub for a server that the tests of a module have in common; its rows are for `served_hub`."""
    with _hub_template.copy(tmp_path_factory.mktemp("hub")) as (url, name):
        yield Hub(url, name)


@pytest.fixture
def served_hub(module_hub: Hub, django_db_blocker: DjangoDbBlocker) -> Iterator[Hub]:
    """Yield `module_hub` without rows, for this test: the ORM meets the server there."""
    with _as_default(module_hub.name), django_db_blocker.unblock():
        yield module_hub
        _empty()


@pytest.fixture(scope="module")
def module_server(module_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield an unlimited server of `module_hub`, for `server`."""
    with module_hub.serve(tmp_path_factory.mktemp("server"), env=UNLIMITED) as running:
        yield running


@pytest.fixture
def server(module_server: Server, served_hub: Hub) -> Server:
    """Return the server that the tests of a module have in common; its hub has the rows of this test alone."""
    return module_server


def _empty() -> None:
    """Remove all rows that a test of a served hub can have made."""
    connection = connections["default"]
    models = [model for app in apps.get_app_configs() if app.label in SERVED_APPS for model in app.get_models()]
    tables = sorted({model._meta.db_table for model in models} & set(connection.introspection.table_names()))
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, reset_sequences=True))


@contextmanager
def _as_default(name: str) -> Iterator[None]:
    """Let Django's default connection be one to the database *name*, in threads that begin now, too."""
    # The connection that was there is kept as it is: closed, a SQLite database in memory would be gone.
    settings, before = connections.settings["default"], connections["default"]
    name_before, settings["NAME"] = settings["NAME"], name
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
        settings["NAME"] = name_before


def _migrate(url: str) -> None:
    ended = manage("migrate", "--verbosity=0", env={"DATABASE_URL": url})
    if ended.exit:
        raise RuntimeError(f"migrate failed:\n{ended.stderr}")
