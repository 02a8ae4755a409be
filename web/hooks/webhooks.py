"""Webhooks of repos: made once, each with a secret that is shown once and can be replaced."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from consistency.core.forges import find_forge
from statehub.models import Forge, Repo
from statehub.standard_webhooks import make_secret
from web.models import Webhook

PREVIOUS_LIFETIME = timedelta(days=1)
"""How long a replaced secret is accepted."""


def create_webhook(repo: Repo, forge: str = "") -> tuple[Webhook, str]:
    """Return the webhook of *repo* and its secret, which is empty if it was made before.

    *forge* signs its deliveries; '' leaves it as it is, or means that of the repo's address.
    """
    secret = make_secret()
    of_new = find_forge(forge or repo.forge, repo.origin)
    webhook, is_new = Webhook.objects.get_or_create(repo=repo, defaults={"forge": of_new, "secret": secret})
    if not is_new and forge and forge != webhook.forge:
        webhook.forge = Forge(forge)
        webhook.save(update_fields=["forge"])
    return webhook, secret if is_new else ""


def rotate_secret(webhook: Webhook) -> str:
    """Return a new secret of *webhook*. The one before is accepted for PREVIOUS_LIFETIME."""
    secret = make_secret()
    until = timezone.now() + PREVIOUS_LIFETIME
    rows = Webhook.objects.filter(pk=webhook.pk)
    rows.update(previous_secret=F("secret"), previous_until=until, secret=secret)
    webhook.refresh_from_db()
    return secret


def list_secrets(webhook: Webhook) -> list[str]:
    """Return the secrets that sign deliveries now: that of *webhook* and, for a day, the one before."""
    is_previous_valid = webhook.previous_until is not None and timezone.now() < webhook.previous_until
    return list(filter(None, [webhook.secret, webhook.previous_secret if is_previous_valid else ""]))


def get_path(webhook: Webhook) -> str:
    """Return the path that *webhook*'s deliveries are sent to."""
    return f"/hooks/{webhook.pk}"
