"""The base of all commands."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.management import call_command

from statehub.management.base import HubCommand, current_user


def test_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert current_user() == "54321"


def test_user_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    assert current_user() == "bob"
    monkeypatch.setenv("STATEHUB_USER", "")
    assert current_user() == "bob"
    monkeypatch.setenv("STATEHUB_USER", "ad\udce9")
    assert current_user() == "ad\\udce9"


class Broken(HubCommand):
    """A command with a fault of its own."""

    def work(self, options: dict[str, Any]) -> int:
        raise LookupError("no such thing")


@pytest.mark.django_db
def test_fault_of_a_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(Broken())
    line = "error: internal error, please report it: LookupError: no such thing (--traceback shows where)\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, line)


@pytest.mark.django_db
def test_fault_of_a_command_with_its_traceback() -> None:
    with pytest.raises(LookupError):
        call_command(Broken(), traceback=True)
