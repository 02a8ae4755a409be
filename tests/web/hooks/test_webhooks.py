"""Webhooks and their secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.web.hooks.helpers import new_repo
from web.hooks.webhooks import create_webhook, get_path, list_secrets, rotate_secret
from web.models import Webhook


@pytest.mark.parametrize(
    ("wanted", "of_repo", "origin", "forge"),
    [
        ("gitea", "gitlab", "github.com/team/net", "gitea"),
        ("", "gitlab", "github.com/team/net", "gitlab"),
        ("", "", "github.com/team/net", "github"),
        ("", "", "git.example.org/net", "generic"),
    ],
)
def test_forge_of_a_new_webhook(db: None, wanted: str, of_repo: str, origin: str, forge: str) -> None:
    webhook, secret = create_webhook(new_repo(forge=of_repo, origin=origin), wanted)
    assert (webhook.forge, webhook.secret) == (forge, secret)
    assert get_path(webhook) == f"/hooks/{webhook.pk}"


def test_second_call_shows_no_secret_and_may_change_the_forge(db: None) -> None:
    repo = new_repo()
    first, secret = create_webhook(repo, "github")
    assert create_webhook(repo) == (first, "")
    assert create_webhook(repo, "gitea") == (first, "")
    assert Webhook.objects.values_list("pk", "forge", "secret").get() == (first.pk, "gitea", secret)


def test_secrets_that_are_accepted(db: None) -> None:
    webhook, first = create_webhook(new_repo(), "github")
    assert list_secrets(webhook) == [first]
    before = timezone.now()
    second = rotate_secret(webhook)
    assert list_secrets(webhook) == [second, first]
    assert webhook.previous_until is not None
    assert timedelta(days=1) <= webhook.previous_until - before < timedelta(days=1, minutes=1)
    third = rotate_secret(webhook)
    assert list_secrets(webhook) == [third, second]
    webhook.previous_until = timezone.now()
    assert list_secrets(webhook) == [third]
    assert list_secrets(Webhook()) == []
