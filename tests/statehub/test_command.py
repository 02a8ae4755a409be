"""What the commands share."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError

from statehub.command import HubCommand, about_database, user_name


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OperationalError("no such table: statehub_repo"),
            "the hub's database is not migrated: run manage.py migrate (no such table: statehub_repo)",
        ),
        (
            ProgrammingError('relation "statehub_repo" does not exist\nLINE 1: SELECT\n        ^'),
            "the hub's database is not migrated: run manage.py migrate "
            '(relation "statehub_repo" does not exist LINE 1: SELECT ^)',
        ),
        (
            OperationalError('connection failed: FATAL:  database "hub" does not exist'),
            'the hub\'s database does not answer: connection failed: FATAL: database "hub" does not exist '
            "(see DATABASE_URL)",
        ),
        (
            OperationalError("database is locked"),
            "the hub's database does not answer: database is locked (see DATABASE_URL)",
        ),
        (ImproperlyConfigured("no driver"), "no driver"),
    ],
)
def test_about_database(error: Exception, line: str) -> None:
    assert about_database(error) == line


def test_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert user_name() == "54321"


class Broken(HubCommand):
    """A command with a fault of its own."""

    def work(self, options: dict[str, Any]) -> int:
        raise LookupError("no such thing")


def test_fault_of_a_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(Broken())
    line = "error: internal error, please report it: LookupError: no such thing (--traceback shows where)\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, line)


def test_fault_of_a_command_with_its_traceback() -> None:
    with pytest.raises(LookupError):
        call_command(Broken(), traceback=True)
