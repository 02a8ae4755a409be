"""Tokens, passwords and keys: how they are created and stored, and that nothing shows them."""

from __future__ import annotations

import re
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from consistency.models import Mode, Notification, Receiver
from statehub.models import Checkout
from testing.hub import Hub
from testing.manage import Ended, manage
from testing.repos import Clone
from testing.workplans import workplan
from tests.web.admin.hubrows import Rows
from web.admin import background_runs
from web.api import tokens
from web.models import ApiToken

SECRET = "hunter2"
PRODUCTION = {
    "DEBUG": "false", "SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "testserver", "DATABASE_URL": "sqlite://:memory:",
}  # fmt: skip


def test_tokens_cannot_be_guessed(db: None) -> None:
    made = [tokens.create(f"machine-{number}")[1] for number in range(50)]
    assert len(set(made)) == 50
    assert all(re.fullmatch(r"sth_[A-Za-z0-9_-]{43}", secret) for secret in made)  # 43 × 6 bits: 256 at random
    shared = [position for position in range(4, 47) if len({secret[position] for secret in made}) == 1]
    assert shared == []


def test_tokens_are_looked_up_by_their_hash_alone(db: None) -> None:
    token, secret = tokens.create("laptop")
    assert tokens.get_by_secret(secret) == token
    for near in (secret[:-1], f"{secret}x", secret.lower(), token.digest, "", "sth_"):
        assert tokens.get_by_secret(near) is None
    kept = str(ApiToken.objects.values().get())
    assert token.digest in kept
    assert secret not in kept


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://me:{SECRET}@127.0.0.1:1/hub",
        f"postgres://me:{SECRET}@127.0.0.1:port/hub",
        f"mysql://me:{SECRET}@127.0.0.1/hub",
        f"postgres://me:{SECRET}@[::1/hub",
    ],
)
@pytest.mark.parametrize("command", ["check_consistency --all", "migrate", "create_token x"])
def test_password_of_the_database_is_never_printed(url: str, command: str) -> None:
    ended = manage(*command.split(), env={"DATABASE_URL": url})
    assert ended.exit != 0
    assert SECRET not in ended.stdout + ended.stderr


def test_address_of_the_monitor_is_never_printed(hub: Hub, clone: Clone) -> None:
    for url in (f"http://127.0.0.1:1/{SECRET}", f"http://me:{SECRET}@127.0.0.1/", f"ftp://127.0.0.1/{SECRET}"):
        ended = hub.manage("check_consistency", "--path", clone.path, env={"STATEHUB_PING_URL": url})
        assert "ping" in ended.stderr.lower()
        assert SECRET not in ended.stdout + ended.stderr


def test_addresses_of_notifications_are_never_printed(hub: Hub, clone: Clone) -> None:
    clone.write("workplans/a.md", workplan("WP-1", [("T01", "nonsense")]))
    addresses = f"http://127.0.0.1:1/{SECRET},slack+https://127.0.0.1:1/services/{SECRET},mailto:ada@example.org"
    env = {"STATEHUB_NOTIFY_GATHER_SECONDS": "0", "EMAIL_URL": f"smtp://me:{SECRET}@127.0.0.1:1"}
    failed = [
        f"{name}: Connection refused"
        for name in ("http://127.0.0.1:1/…", "slack+https://127.0.0.1:1/…", "mailto:ada@example.org")
    ]
    run = hub.manage("check_consistency", "--path", clone.path, env={**env, "STATEHUB_NOTIFY": addresses})
    assert [line for line in run.stderr.splitlines() if line.startswith("warning: notif")] == [
        f"warning: notification failed: {each}" for each in failed
    ]
    Receiver.objects.update(retry_at=None)
    again = hub.manage("send_notifications", env={**env, "STATEHUB_NOTIFY": addresses})
    assert again == Ended(1, "", "".join(f"error: {each}\n" for each in failed))
    refused = hub.manage("send_notifications", env={**env, "STATEHUB_NOTIFY": f"https://me:{SECRET}@127.0.0.1/"})
    refused_mail = hub.manage("send_notifications", env={"EMAIL_URL": f"smtps://me:{SECRET}@127.0.0.1/"})
    assert (refused.exit, refused_mail.exit) == (2, 2)
    assert [SECRET in ended.stdout + ended.stderr for ended in (run, again, refused, refused_mail)] == [False] * 4
    assert SECRET not in str([*Receiver.objects.values(), *Notification.objects.values()])


def test_error_page_of_debug_hides_addresses_and_keys(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("web.health.read_schema", fail)
    settings.DEBUG = True
    settings.STATEHUB_PING_URL = f"https://monitor.example.org/{SECRET}"
    settings.STATEHUB_NOTIFY = [f"slack+https://hooks.example.org/{SECRET}"]
    settings.EMAIL_HOST_PASSWORD = SECRET
    settings.SECRET_KEY = f"{SECRET}-key"
    client = Client(
        raise_request_exception=False,
        DATABASE_URL=f"postgres://me:{SECRET}@db/hub",
        STATEHUB_TOKEN=SECRET,
        EMAIL_URL=f"smtp://me:{SECRET}@mail",
    )
    for accept in ("text/html", "text/plain"):
        answer = client.get("/readyz", headers={"Accept": accept})
        assert answer.status_code == 500
        assert "out of order" in answer.content.decode()
        assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("debug", [False, True])
def test_error_pages_of_the_api_have_no_detail(
    db: None, settings: Any, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("web.api.authentication.tokens.get_by_secret", fail)
    settings.DEBUG = debug
    answer = Client(raise_request_exception=False).get("/api/tasks/", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, SECRET in answer.content.decode()) == (500, False)


def test_error_pages_in_production_say_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("web.health.read_schema", fail)
    client = Client(raise_request_exception=False)
    for address, status in (("/nowhere", 404), ("/readyz", 500)):
        answer = client.get(address)
        text = answer.content.decode()
        assert (answer.status_code, SECRET in text, "settings" in text.lower(), len(text) < 300) == (
            status, False, False, True,
        )  # fmt: skip


def test_production_has_cookies_and_transport_of_its_own() -> None:
    names = (
        "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT",
        "SECURE_CONTENT_TYPE_NOSNIFF",
    )  # fmt: skip
    values = "SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SAMESITE", "SECURE_HSTS_SECONDS", "SECURE_REFERRER_POLICY"
    code = f"from django.conf import settings as s; print([getattr(s, n) for n in {names + values}])"
    ended = manage("shell", "--no-imports", "--verbosity=0", "--command", code, env=PRODUCTION)
    assert ended.stdout == f"{[True] * 5 + ['Lax', 'Lax', 31_536_000, 'same-origin']}\n"


def test_django_finds_nothing_to_warn_of_in_production() -> None:
    ended = manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        env={**PRODUCTION, "SECRET_KEY": "aB3$" * 5 + "q" * 40 + "0123456789"},
    )
    assert (ended.exit, ended.stdout) == (0, "System check identified no issues (2 silenced).\n")


def test_admin_jobs_are_private_and_show_no_secret(
    hub: Hub, clone: Clone, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATEHUB_VAR = tmp_path
    seen: list[list[str]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        seen.append(command)
        return real(command, **options)

    monkeypatch.setattr("subprocess.Popen", start)
    job = background_runs.start(Mode.CHECK, str(clone.path), "me")
    monkeypatch.undo()
    while background_runs.result(job) is None:
        time.sleep(0.05)
    assert stat.S_IMODE((tmp_path / "jobs").stat().st_mode) == 0o700
    password = django_settings.DATABASES["default"].get("PASSWORD") or SECRET
    assert [
        word for word in seen[0] if password in word or "postgres:" in word or django_settings.SECRET_KEY in word
    ] == []


def test_page_of_a_job_is_for_those_who_may_run(rows: Rows, viewer: Client) -> None:
    rows.repo()
    address = reverse(
        "admin:statehub_checkout_job", args=(Checkout.objects.get().pk, "0" * 8 + "-0000-0000-0000-" + "0" * 12)
    )
    assert viewer.get(address).status_code == 403
