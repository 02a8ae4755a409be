"""Settings from the environment, each in a process of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from statehub.settings_commands import make_folder, number
from tests.support.manage import ROOT

SHOW = "from django.conf import settings; print({})"


def shown(what: str, env: dict[str, str | None], module: str = "statehub.settings") -> str:
    """The value of an expression over `settings`, or the last line of what went wrong."""
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": module, **env}
    environment = {name: value for name, value in given.items() if value is not None}
    command = [sys.executable, "-c", SHOW.format(what)]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    return (ended.stdout or ended.stderr).splitlines()[-1]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "1.5", "²", " 7"])
def test_number_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STATEHUB_FETCH_TIMEOUT", value)
    with pytest.raises(ImproperlyConfigured, match=r"^STATEHUB_FETCH_TIMEOUT must be a whole number above 0$"):
        number("STATEHUB_FETCH_TIMEOUT", 20)


@pytest.mark.parametrize(("value", "expected"), [("7", 7), ("", 20)])
def test_number(monkeypatch: pytest.MonkeyPatch, value: str, expected: int) -> None:
    monkeypatch.setenv("STATEHUB_FETCH_TIMEOUT", value)
    assert number("STATEHUB_FETCH_TIMEOUT", 20) == expected


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured) as error:
        make_folder(tmp_path / "file" / "below")
    assert str(error.value) == (
        f"the folder {tmp_path}/file/below cannot be made: Not a directory (see DATABASE_URL and STATEHUB_VAR)"
    )


def test_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds the hub's database, with the digests of passwords and sessions."""
    make_folder(tmp_path / "var")
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_defaults_are_local(tmp_path: Path) -> None:
    env = {"DATABASE_URL": None, "STATEHUB_VAR": str(tmp_path / "var"), "STATEHUB_HOST": None}
    name, host = tmp_path / "var" / "statehub.sqlite3", os.uname().nodename
    assert shown("settings.DATABASES['default']['NAME'], settings.STATEHUB_HOST", env) == f"{name} {host}"
    assert shown("settings.DEBUG, settings.STATEHUB_FETCH_TIMEOUT", env) == "True 20"


def test_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    env: dict[str, str | None] = {"STATEHUB_VAR": str(tmp_path)}
    key = shown("settings.SECRET_KEY", env)
    assert len(key) > 50
    assert shown("settings.SECRET_KEY", env) == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_production_needs_a_key(tmp_path: Path) -> None:
    env: dict[str, str | None] = {"STATEHUB_VAR": str(tmp_path), "DEBUG": "false"}
    assert shown("settings.SECRET_KEY", env).endswith("SECRET_KEY must be set where DEBUG is off")
    assert shown("settings.SECURE_SSL_REDIRECT", {**env, "SECRET_KEY": "x" * 60}) == "True"
    assert list(tmp_path.iterdir()) == []


def test_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / "hub.env").write_text("STATEHUB_HOST=from-the-file\nDATABASE_URL=postgres://me@db.example.org/hub\n")
    env = {"STATEHUB_ENV_FILE": str(tmp_path / "hub.env"), "STATEHUB_HOST": None, "DATABASE_URL": None}
    what = "settings.STATEHUB_HOST, settings.DATABASES['default']['OPTIONS']"
    assert shown(what, env, "statehub.settings_commands") == "from-the-file {'connect_timeout': 10}"


def test_database_in_memory_needs_no_folder() -> None:
    assert shown("settings.DATABASES['default']['NAME']", {"DATABASE_URL": "sqlite://:memory:"}) == ":memory:"
