"""Settings from the environment, each in a process of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from statehub.settings_base import ensure_directory
from testing.manage import ROOT, Ended, manage

SHOW = "from django.conf import settings; print({})"


def shown(what: str, env: dict[str, str | None], module: str = "statehub.settings") -> str:
    """The value of an expression over `settings`, or the last line of what went wrong."""
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": module, **env}
    environment = {name: value for name, value in given.items() if value is not None}
    command = [sys.executable, "-c", SHOW.format(what)]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    return (ended.stdout or ended.stderr).splitlines()[-1]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured) as error:
        ensure_directory(tmp_path / "file" / "below")
    assert str(error.value) == (
        f"the folder {tmp_path}/file/below cannot be made: Not a directory (see DATABASE_URL and STATEHUB_VAR)"
    )


def test_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds the hub's database, with the digests of passwords and sessions."""
    ensure_directory(tmp_path / "var")
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
    assert shown("settings.SECRET_KEY", env).endswith("SECRET_KEY must be set if DEBUG is off")
    assert shown("settings.SECURE_SSL_REDIRECT", {**env, "SECRET_KEY": "x" * 60}) == "True"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "127.0.0.1/32 ::1/128 unix"),
        (" ", "127.0.0.1/32 ::1/128 unix"),
        ("none", ""),
        ("10.0.0.5", "10.0.0.5/32"),
        ("10.0.0.5, 172.16.0.0/12,unix", "10.0.0.5/32 172.16.0.0/12 unix"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_trusted_proxies(value: str | None, expected: str) -> None:
    assert shown("*settings.STATEHUB_TRUSTED_PROXIES", {"STATEHUB_TRUSTED_PROXIES": value}) == expected


@pytest.mark.parametrize(
    "value", ["10.0.0.5/8", "*", "proxy.example.org", "none,10.0.0.5", "10.0.0.5,,unix", "10.0.0.5 ::1"]
)
def test_trusted_proxies_that_are_no_addresses(value: str) -> None:
    said = shown("*settings.STATEHUB_TRUSTED_PROXIES", {"STATEHUB_TRUSTED_PROXIES": value})
    wanted = "addresses, networks as 10.0.0.0/8, or unix, with commas between them, or none"
    assert said == (
        f"django.core.exceptions.ImproperlyConfigured: STATEHUB_TRUSTED_PROXIES must be {wanted}, not '{value}'"
    )


def test_hsts_is_for_this_host_unless_set() -> None:
    env: dict[str, str | None] = {"DEBUG": "false", "SECRET_KEY": "x" * 60}
    what = "settings.SECURE_HSTS_INCLUDE_SUBDOMAINS, settings.SECURE_HSTS_PRELOAD"
    assert shown(what, env) == "False False"
    both = {"SECURE_HSTS_INCLUDE_SUBDOMAINS": "true", "SECURE_HSTS_PRELOAD": "true"}
    assert shown(what, {**env, **both}) == "True True"


def test_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / "hub.env").write_text("STATEHUB_HOST=from-the-file\nDATABASE_URL=postgres://me@db.example.org/hub\n")
    env = {"STATEHUB_ENV_FILE": str(tmp_path / "hub.env"), "STATEHUB_HOST": None, "DATABASE_URL": None}
    what = "settings.STATEHUB_HOST, settings.DATABASES['default']['OPTIONS']"
    assert shown(what, env, "statehub.settings_base") == "from-the-file {'connect_timeout': 10}"


def test_database_in_memory_needs_no_folder() -> None:
    assert shown("settings.DATABASES['default']['NAME']", {"DATABASE_URL": "sqlite://:memory:"}) == ":memory:"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://hub.sqlite3", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("sqlite://", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("sqlite:///", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("/srv/hub.sqlite3", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("postgres://me@host", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("postgres://me@host:port/x", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("sqlite:////x?mode=ro", "DATABASE_URL: mode is not an option for SQLite; timeout=SECONDS is"),
        ("sqlite:////x?timeout=long", "DATABASE_URL: timeout must be a whole number of seconds"),
        ("postgres://me@host/x?conn_max_age=long", "DATABASE_URL: conn_max_age must be a whole number of seconds"),
        ("postgres://me@host/x?conn_health_checks=maybe", "DATABASE_URL: conn_health_checks must be true or false"),
    ],
)
def test_database_that_is_not_understood(url: str, said: str) -> None:
    assert manage("check_consistency", "--all", env={"DATABASE_URL": url}) == Ended(2, "", f"error: {said}\n")


def test_database_does_not_depend_on_the_working_directory(tmp_path: Path) -> None:
    env: dict[str, str | None] = {"DATABASE_URL": "sqlite:///var/of-a-test.sqlite3?timeout=7"}
    what = "settings.DATABASES['default']['NAME'], settings.DATABASES['default']['OPTIONS']['timeout']"
    assert shown(what, env) == f"{ROOT}/var/of-a-test.sqlite3 7"
    env = {"DATABASE_URL": "postgres://me@host/hub?conn_health_checks=false&conn_max_age=5"}
    what = "settings.DATABASES['default']['CONN_HEALTH_CHECKS'], settings.DATABASES['default']['CONN_MAX_AGE']"
    assert shown(what, env) == "False 5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "flase"),
        ("STATEHUB_PUSH", "ture"),
        ("STATEHUB_COMMIT_HOOKS", "2"),
        ("SECURE_SSL_REDIRECT", "maybe"),
        ("SECURE_HSTS_SECONDS", "-1"),
        ("STATEHUB_OVERDUE_HOURS", "9" * 30),
        ("STATEHUB_UNREACHABLE_HOURS", "876001"),
        ("STATEHUB_REFUSED_PER_MINUTE", "0"),
        ("STATEHUB_MAX_FILE_SIZE", "5MB"),
        ("STATEHUB_PUSH_TIMEOUT", "60s"),
        ("STATEHUB_COMMIT_NAME", "<Ada>"),
        ("STATEHUB_COMMIT_EMAIL", "a b@c"),
        ("ALLOWED_HOSTS", "https://hub"),
        ("CSRF_TRUSTED_ORIGINS", "hub"),
        ("STATEHUB_GIT_PROTOCOLS", "https, ssh"),
    ],
)
def test_setting_is_refused_in_one_line_with_name_and_value(name: str, value: str) -> None:
    ended = manage("check", env={name: value})
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(f"error: {name} must be ")
    assert ended.stderr.endswith(f", not '{value}'\n")


def test_gunicorn_says_it_in_one_line_and_gives_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", f"--bind=unix:{tmp_path}/s", "web.wsgi"]
    env = {**os.environ, "STATEHUB_OVERDUE_HOURS": "soon"}
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    said = "error: STATEHUB_OVERDUE_HOURS must be a whole number from 1 to 876000, not 'soon'\n"
    assert (ended.returncode, said in ended.stderr, "Traceback" in ended.stderr) == (4, True, False)


def test_key_of_a_local_hub_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret_key").mkdir()
    ended = manage("check", env={"STATEHUB_VAR": str(tmp_path)})
    said = f"the file {tmp_path}/secret_key cannot be read or made: [Errno 21] Is a directory: '{tmp_path}/secret_key'"
    assert ended == Ended(2, "", f"error: {said}; or set SECRET_KEY\n")
    (tmp_path / "secret_key").rmdir()
    (tmp_path / "secret_key").touch()
    said = f"error: the file {tmp_path}/secret_key is empty: delete it, or set SECRET_KEY\n"
    assert manage("check", env={"STATEHUB_VAR": str(tmp_path)}) == Ended(2, "", said)


def test_this_machine_may_always_be_called_by_its_own_names() -> None:
    env: dict[str, str | None] = {"ALLOWED_HOSTS": "hub.example.org,localhost"}
    assert shown("settings.ALLOWED_HOSTS", env) == "['hub.example.org', 'localhost', '127.0.0.1', '[::1]']"
