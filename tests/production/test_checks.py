"""`manage.py check --deploy` sees a file of settings that others may open."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.manage import Ended, manage
from tests.production.conftest import PRODUCTION
from web.checks import check_settings_file

KEY = "aB3$" * 5 + "q" * 40 + "0123456789"


def checked(file: Path) -> Ended:
    env = {**PRODUCTION, "SECRET_KEY": KEY, "DATABASE_URL": "sqlite://:memory:", "STATEHUB_ENV_FILE": str(file)}
    return manage("check", "--deploy", "--fail-level", "WARNING", env=env)


def test_file_of_settings_that_others_may_read(tmp_path: Path) -> None:
    file = tmp_path / "hub.env"
    file.write_text("STATEHUB_HOST=hub\n")
    file.chmod(0o640)
    ended = checked(file)
    assert ended.exit == 1
    said = f"(statehub.W001) {file} holds secrets, and other users of this machine may open it (mode 640)"
    assert f"{said}\n\tHINT: chmod 600 {file}\n" in ended.stderr
    file.chmod(0o600)
    assert checked(file).exit == 0


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_file_that_is_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    monkeypatch.setenv("STATEHUB_ENV_FILE", str(tmp_path / "hub.env"))
    assert check_settings_file() == []  # there is none
    (tmp_path / "hub.env").touch()
    (tmp_path / "hub.env").chmod(mode)
    assert check_settings_file() == []


@pytest.mark.parametrize("mode", [0o604, 0o660, 0o602, 0o644])
def test_file_that_others_may_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    monkeypatch.setenv("STATEHUB_ENV_FILE", str(tmp_path / "hub.env"))
    (tmp_path / "hub.env").touch()
    (tmp_path / "hub.env").chmod(mode)
    assert [(found.id, found.hint) for found in check_settings_file()] == [
        ("statehub.W001", f"chmod 600 {tmp_path}/hub.env")
    ]
