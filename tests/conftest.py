"""Set-up of all tests: a pinned environment before Django loads, and the database that `--db` asks for."""

from __future__ import annotations

import gc
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import django
import pytest
from hypothesis import settings as hypothesis_settings

from testing import environment, postgres, production

pytest_plugins = ["testing.repos", "testing.gitlog", "testing.hub", "testing.clones"]

DATABASE_FIXTURES = {"db", "hub", "served_hub"}  # all others of pytest-django build on `db`
PROOF_FOLDERS = {"concurrency", "crash", "fleet", "multihost", "production", "simulation"}
PROOFS_ON_POSTGRESQL = {
    "cli/test_locales.py", "cli/test_managed_registration.py", "cli/test_trust_host.py", "runs/test_managed.py",
    "runs/test_propose.py",
}  # fmt: skip
"""Files of long stories with git and ssh: `make test` has them on SQLite, and `make proofs` on PostgreSQL."""
WEB_FOLDERS = {"admin", "api", "dashboard", "hooks"}
WEB_CLIENTS = re.compile(
    r"from django\.test import .*\b(?:Client|RequestFactory)\b|from tests\.web\.(?:admin|api)\.helpers "
)
OWN_SERVER = "from testing.server import "
NO_POSTGRESQL = "STATEHUB_TEST_NO_POSTGRESQL"

hypothesis_settings.register_profile("statehub", deadline=None)  # times depend on the machine
hypothesis_settings.load_profile("statehub")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db",
        choices=["sqlite", "postgresql"],
        default=os.environ.get("STATEHUB_TEST_DB", "sqlite"),
        help="database of the tests (default: STATEHUB_TEST_DB or sqlite); -m database takes only tests that need one",
    )
    parser.addoption(
        "--settings",
        choices=["development", "production"],
        default="development",
        help="settings of the web pages, and with production https through a proxy; -m web takes only tests of pages",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.help or hasattr(config, "workerinput"):  # xdist's workers inherit all this
        return
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: the tests choose their settings themselves")
    sys.dont_write_bytecode = False  # compiled once, not in each worker and in each process that a test starts
    stack = ExitStack()
    config.add_cleanup(stack.close)
    stack.callback(os.environ.pop, "DJANGO_SETTINGS_MODULE", None)  # another run in this process starts as this one
    fast = environment.fast_folder()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statehub-tests-", dir=fast)))
    folder.chmod(0o711)  # a server of another user gets to its own folder
    environment.pin(folder)
    _use_temporary_folder(folder / "tmp", stack)
    if config.option.basetemp is None:  # shorter than what pytest makes of TMPDIR: sockets are below it
        config.option.basetemp = str(folder / "t")
    if config.option.settings == "production":
        production.pin()
    if config.option.db == "postgresql":
        try:
            server = stack.enter_context(postgres.server())
            given = "TEST_DATABASE_URL" in os.environ
            os.environ["DATABASE_URL"] = server if given else postgres.with_name(server, "statehub")
            if given:
                stack.callback(_drop_template, server)
        except postgres.UnavailableError as problem:
            if os.environ.get("CI"):
                raise pytest.UsageError(str(problem)) from problem
            os.environ[NO_POSTGRESQL] = str(problem)
    # pytest-django looked for the settings' name before this file was loaded; only xdist's workers find it in time.
    django.setup()


def _drop_template(server: str) -> None:
    from testing.hub import PostgreSQLTemplate

    with closing(PostgreSQLTemplate(server)) as template:
        template.drop()


def _use_temporary_folder(folder: Path, stack: ExitStack) -> None:
    """Let all temporary files of this process and of what it starts be in *folder*, until the stack's end."""
    folder.mkdir()
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("TMPDIR", str(folder))
    patch.setattr(tempfile, "tempdir", None)  # what was asked for before


@pytest.hookimpl(optionalhook=True)  # mutation testing runs without xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return the workers of `-n auto`: more than cores, because a test often waits for a process or a time limit."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.option.db}, settings: {config.option.settings}"


def pytest_collection_finish() -> None:
    gc.freeze()  # thousands of tests, and all modules: they stay, and would be looked at in each collection


@pytest.fixture(scope="session", autouse=True)
def _https(pytestconfig: pytest.Config) -> None:
    if pytestconfig.option.settings == "production":
        production.send_clients_through_proxy()


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hash passwords with one round: the same format, which every process can check, without its price."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    long = {here / name for name in PROOFS_ON_POSTGRESQL} if config.option.db == "postgresql" else set()
    for item in items:
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db"):
            item.add_marker("database")
            if problem := os.environ.get(NO_POSTGRESQL):
                item.add_marker(pytest.mark.skip(reason=problem))
        if _talks_to_pages(item.path):
            item.add_marker("web")
        if item.path.parent.name in PROOF_FOLDERS:
            item.add_marker("proof")
        if item.path in long:
            item.add_marker("proof")
            item.add_marker("repeated")


@cache
def _talks_to_pages(file: Path) -> bool:
    """Return whether the tests of *file* belong to the web, or have a client of pages anywhere else.

    A server that tests start has the settings of production in every run, so those need no other.
    """
    text = file.read_text("utf-8")
    return OWN_SERVER not in text and (file.parent.name in WEB_FOLDERS or WEB_CLIENTS.search(text) is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if problem := os.environ.get(NO_POSTGRESQL):
        terminalreporter.section("NOT TESTED ON POSTGRESQL", yellow=True, bold=True)
        terminalreporter.line(f"{problem}\nInstall PostgreSQL's server, or set TEST_DATABASE_URL.", yellow=True)
