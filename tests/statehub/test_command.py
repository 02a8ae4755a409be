"""What the commands share."""

from __future__ import annotations

import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError

from statehub.command import about_database, user_name


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
