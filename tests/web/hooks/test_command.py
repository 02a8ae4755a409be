"""manage.py webhook."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connection

from testing.hub import Hub
from tests.web.hooks.helpers import deliver, new_repo
from web.models import Webhook

SQLITE = "This hub's database is SQLite, which has no queue: deliveries are recorded, and cron runs the repo.\n"


def note() -> str:
    return "" if connection.vendor == "postgresql" else SQLITE


def test_path_and_secret_are_on_stdout_once(hub: Hub) -> None:
    new_repo(origin="github.com/team/net")
    ended = hub.manage("webhook", "net")
    webhook = Webhook.objects.get()
    path = f"/hooks/{webhook.pk}"
    assert (ended.exit, ended.stdout) == (0, f"path    {path}\nsecret  {webhook.secret}\n")
    assert ended.stderr == (
        "The secret is shown only once. At GitHub:\n"
        "  Page: Settings → Webhooks → Add webhook\n"
        f"  Payload URL: https://HUB{path}\n"
        "  Content type: application/json\n"
        "  Secret: the secret\n"
        "  Which events: Just the push event\n" + note()
    )
    assert deliver(webhook).status == 202

    again = hub.manage("webhook", "net")
    assert (again.exit, again.stdout) == (0, f"path    {path}\n")
    assert again.stderr == "The secret was shown when it was made. A new one: --rotate.\n" + note()


def test_forge_without_a_name_is_the_forge(hub: Hub) -> None:
    new_repo()
    ended = hub.manage("webhook", "net", "--forge", "generic")
    assert ended.stderr.splitlines()[0] == "The secret is shown only once. At the forge:"


def test_json_and_rotation(hub: Hub) -> None:
    new_repo()
    made = hub.manage("webhook", "net", "--forge", "gitea", "--format", "json")
    webhook = Webhook.objects.get()
    path = f"/hooks/{webhook.pk}"
    assert json.loads(made.stdout) == {"path": path, "secret": webhook.secret}
    shown = hub.manage("webhook", "net", "--format", "json")
    assert json.loads(shown.stdout) == {"path": path, "secret": None}
    rotated = hub.manage("webhook", "net", "--rotate", "--format", "json")
    now = Webhook.objects.get()
    assert json.loads(rotated.stdout) == {"path": path, "secret": now.secret}
    assert (now.forge, now.previous_secret) == ("gitea", webhook.secret)
    assert f"The secret before is accepted until {now.previous_until:%Y-%m-%d %H:%M} UTC.\n" in rotated.stderr
    assert [deliver(now, secret).status for secret in (webhook.secret, now.secret)] == [202, 202]


def test_rotate_makes_the_webhook_if_there_is_none(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    new_repo()
    call_command("webhook", "net", "--rotate", "--format", "json")
    webhook = Webhook.objects.get()
    assert json.loads(capsys.readouterr().out) == {"path": f"/hooks/{webhook.pk}", "secret": webhook.secret}
    assert webhook.previous_secret == ""


def test_repo_that_no_worker_runs(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    new_repo(managed=False)
    call_command("webhook", "net")
    said = "No worker runs a checkout of this repo yet: deliveries are recorded, and nothing is queued.\n"
    assert capsys.readouterr().err.endswith(said if connection.vendor == "postgresql" else SQLITE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x"], "error: no repo 'x' in the hub (the admin lists them)"),
        (["net", "--forge", "svn"], "error: webhook: argument --forge: invalid choice: 'svn' (choose from 'github', "
         "'gitlab', 'gitea', 'forgejo', 'bitbucket', 'generic') (--help shows how)"),
        (["net", "--forge", "gitea", "--forge", "gitea"],
         "error: webhook: argument --forge: is given twice (--help shows how)"),
        ([], "error: webhook: the following arguments are required: SLUG (--help shows how)"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_being_made(
    db: None, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    new_repo()
    with pytest.raises(SystemExit) as ended:
        call_command("webhook", *arguments)
    assert (ended.value.code, capsys.readouterr()) == (2, ("", f"{said}\n"))
    assert not Webhook.objects.exists()
