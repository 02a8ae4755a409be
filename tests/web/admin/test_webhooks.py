"""The webhook on the page of its repo."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from statehub.models import Checkout, Forge, Repo
from statehub.standard_webhooks import make_secret
from tests.web.admin.helpers import body, queries
from tests.web.admin.hubrows import HOSTILE, Rows
from tests.web.hooks.helpers import deliver
from web.admin.webhooks import STATES, with_state
from web.hooks.webhooks import create_webhook, rotate_secret
from web.models import Webhook

NOW = timezone.now()
BEFORE = NOW - timedelta(minutes=1)


def new_webhook(rows: Rows, forge: str = "github") -> Webhook:
    repo = rows.repo().workstream.repo
    Checkout.objects.filter(repo=repo).update(managed=True)
    return create_webhook(repo, forge)[0]


def page_of(client: Client, webhook: Webhook) -> str:
    return body(client, f"/admin/statehub/repo/{webhook.repo_id}/change/")


def facts(html: str) -> dict[str, str]:
    """The facts of the page: names and values without tags."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]*>", "", value).split()) for name, value in found}


@pytest.mark.parametrize(
    ("delivered", "refused", "missed", "state"),
    [
        (None, None, None, "waiting"),
        (NOW, None, None, "heard"),
        (NOW, BEFORE, None, "heard"),
        (BEFORE, NOW, None, "refused"),
        (None, NOW, NOW, "refused"),
        (BEFORE, None, NOW, "silent"),
    ],
)
def test_state(
    rows: Rows, delivered: datetime | None, refused: datetime | None, missed: datetime | None, state: str
) -> None:
    webhook = new_webhook(rows)
    new_webhook(rows)
    Webhook.objects.filter(pk=webhook.pk).update(delivered_at=delivered, refused_at=refused)
    webhook.repo.checkouts.update(unannounced_at=missed)
    found = with_state(Webhook.objects.all()).order_by("attention").values_list("pk", "state", "missed_at", "attention")
    assert (webhook.pk, state, missed, list(STATES).index(state)) in list(found)
    assert [each[1] for each in found] == sorted((state, "waiting"), key=list(STATES).index)


def test_page_has_the_last_delivery_and_the_last_refused_one(rows: Rows, viewer: Client) -> None:
    webhook = new_webhook(rows)
    assert facts(page_of(viewer, webhook))["State"] == "waiting"
    deliver(webhook)
    seen = facts(page_of(viewer, webhook))
    now = Webhook.objects.get()
    assert now.delivered_at is not None
    assert (seen["State"], seen["Forge"]) == ("heard", "GitHub")
    assert re.fullmatch(rf"https?://testserver(:\d+)?/hooks/{webhook.pk}", seen["URL"])
    assert seen["Last delivery"] == f"{now.delivered_at:%Y-%m-%d %H:%M:%S} push"
    assert seen["Last refused"] == "–"

    deliver(webhook, make_secret())
    seen = facts(page_of(viewer, webhook))
    now = Webhook.objects.get()
    assert now.refused_at is not None
    assert seen["State"] == "refused"
    assert seen["Last refused"] == (
        f"{now.refused_at:%Y-%m-%d %H:%M:%S} wrong signature: the secret at the forge is not that of the hub"
    )


def test_push_that_was_not_announced(rows: Rows, viewer: Client) -> None:
    webhook = new_webhook(rows)
    deliver(webhook)
    Checkout.objects.update(unannounced_at=NOW)
    seen = facts(page_of(viewer, webhook))
    assert (seen["State"], seen["Not announced"]) == ("silent", f"{NOW:%Y-%m-%d %H:%M:%S} a push that polling found")


@pytest.mark.parametrize("forge", Forge.values)
def test_page_says_what_to_enter_and_shows_no_secret(rows: Rows, superuser: Client, forge: str) -> None:
    webhook = new_webhook(rows, forge)
    old = webhook.secret
    rotate_secret(webhook)
    html = page_of(superuser, webhook)
    assert old not in html
    assert webhook.secret not in html
    assert html.count(f"/hooks/{webhook.pk}") >= 2
    assert "the secret that manage.py webhook printed once" in html
    assert facts(html)["Secret lost"] == "manage.py webhook repo-001 --rotate prints a new one"
    assert "Previous secret until" in facts(html)


def test_text_of_a_delivery_is_shown_as_text(rows: Rows, viewer: Client) -> None:
    webhook = new_webhook(rows)
    Webhook.objects.update(delivered_at=NOW, event=HOSTILE[:100], refused_at=BEFORE, refused_reason=HOSTILE)
    html = page_of(viewer, webhook)
    assert "<script>alert" not in html
    assert not {"\u202e", "\u2066", "\x1b"} & set(html)


def test_repo_without_a_webhook(rows: Rows, viewer: Client) -> None:
    repo = rows.repo().workstream.repo
    page = f"/admin/statehub/repo/{repo.pk}/change/"
    assert "webhook" not in body(viewer, page).lower()
    Checkout.objects.update(watch=True)
    assert "manage.py webhook repo-001" in body(viewer, page)
    Checkout.objects.update(retired_at=NOW)
    assert "webhook" not in body(viewer, page).lower()


def test_page_needs_one_query_for_it(rows: Rows, viewer: Client) -> None:
    repo: Repo = rows.repo().workstream.repo
    page = f"/admin/statehub/repo/{repo.pk}/change/"
    without = queries(viewer, page)
    create_webhook(repo, "github")
    assert queries(viewer, page) == without
