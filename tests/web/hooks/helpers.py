"""A repo with a webhook, and forges that deliver to it, with payloads and signatures as they document them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from django.db import connection
from django.test import Client

from consistency.db.queue import TASK
from statehub.models import Checkout, Repo
from tests.web.api.helpers import Said, said
from web.hooks.webhooks import create_webhook
from web.models import Webhook

PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": "28e1879d029cb852e4844d9c718537df08844e03",
    "after": "bffeb74224043ba2feb48d137756c8a9331c449a",
    "repository": {"id": 140, "full_name": "team/net"},
    "pusher": {"name": "Ada Läufer", "email": "ada@example.org"},
    "commits": [{"id": "bffeb74224043ba2feb48d137756c8a9331c449a", "message": "Webhooks Yay!"}],
}
"""The fields that the push events of GitHub, Gitea and Forgejo share."""

GITLAB_PUSH: dict[str, Any] = {
    "object_kind": "push",
    "event_name": "push",
    "ref": "refs/heads/main",
    "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
    "after": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "checkout_sha": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "project_id": 15,
    "project": {"id": 15, "path_with_namespace": "mike/diaspora"},
    "total_commits_count": 1,
}

BITBUCKET_PUSH: dict[str, Any] = {
    "actor": {"type": "user"},
    "repository": {"full_name": "team/net"},
    "push": {"changes": [{"new": {"type": "branch", "name": "main"}, "created": False, "forced": False}]},
}

PAYLOADS = {"gitlab": GITLAB_PUSH, "bitbucket": BITBUCKET_PUSH}

EVENTS = {
    "github": ("X-GitHub-Event", "push"),
    "gitlab": ("X-Gitlab-Event", "Push Hook"),
    "gitea": ("X-Gitea-Event", "push"),
    "forgejo": ("X-Forgejo-Event", "push"),
    "bitbucket": ("X-Event-Key", "repo:push"),
    "generic": ("X-Statehub-Event", "push"),
}
"""The header with the event's name, and its value for a push, by forge."""


def new_repo(slug: str = "net", *, managed: bool = True, **fields: Any) -> Repo:
    """A repo with a checkout, which is the hub's own clone or one that no worker runs."""
    repo = Repo.objects.create(slug=slug, **fields)
    Checkout.objects.create(repo=repo, host="hub", path=f"/srv/{slug}", managed=managed)
    return repo


def new_webhook(forge: str = "github", slug: str = "net") -> Webhook:
    """The webhook of a new repo."""
    return create_webhook(new_repo(slug), forge)[0]


def payload_of(forge: str) -> bytes:
    """The body of a push event."""
    return json.dumps(PAYLOADS.get(forge, PUSH), ensure_ascii=False).encode()


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_standard(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """The signature of Standard Webhooks, with its version."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers_of(forge: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery as *forge* sends them."""
    digest = sign(secret, body)
    header, event = EVENTS[forge]
    signatures = {
        "github": {"X-Hub-Signature-256": f"sha256={digest}", "X-Hub-Signature": f"sha1={'0' * 40}"},
        "gitlab": {"X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e"},
        "gitea": {"X-Gitea-Signature": digest, "X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": event},
        "forgejo": {
            "X-Forgejo-Signature": digest, "X-Gitea-Signature": digest, "X-Hub-Signature-256": f"sha256={digest}",
            "X-GitHub-Event": event,
        },
        "bitbucket": {"X-Hub-Signature": f"sha256={digest}", "X-Request-UUID": "1", "X-Attempt-Number": "1"},
        "generic": {"X-Statehub-Signature-256": f"sha256={digest}"},
    }  # fmt: skip
    return {**signatures[forge], header: event}


def post(webhook: Webhook | str, body: bytes, headers: dict[str, str], client: Client | None = None) -> Said:
    """Deliver *body*, as a client that enforces CSRF tokens would refuse without them."""
    name = webhook if isinstance(webhook, str) else str(webhook.pk)
    client = client or Client(enforce_csrf_checks=True)
    response = client.post(f"/hooks/{name}", body, content_type="application/json", headers=headers)
    assert not response.cookies
    return said(response)


def deliver(webhook: Webhook, secret: str = "") -> Said:
    """Deliver a push as the forge of *webhook* does, signed with *secret* or with the webhook's own."""
    body = payload_of(webhook.forge)
    return post(webhook, body, headers_of(webhook.forge, secret or webhook.secret, body))


def list_jobs() -> list[tuple[str, dict[str, Any], str]]:
    """The queue: host, arguments and status of each run in it; empty on SQLite, which has none."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, args, status FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", (TASK,)
        )
        return [(host, json.loads(args) if isinstance(args, str) else args, status) for host, args, status in cursor]
