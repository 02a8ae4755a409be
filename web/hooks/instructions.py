"""Fields at each forge that make it deliver to a webhook, with their values."""

from __future__ import annotations

from collections.abc import Mapping

from statehub.models import Forge

_FIELDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    Forge.GITHUB: (
        ("Page", "Settings → Webhooks → Add webhook"),
        ("Payload URL", "{url}"),
        ("Content type", "application/json"),
        ("Secret", "{secret}"),
        ("Which events", "Just the push event"),
    ),
    Forge.GITLAB: (
        ("Page", "Settings → Webhooks → Add new webhook"),
        ("URL", "{url}"),
        ("Secret token", "{secret} (with GitLab's API also as signing_token: then deliveries are signed)"),
        ("Trigger", "Push events"),
    ),
    Forge.GITEA: (
        ("Page", "Settings → Webhooks → Add Webhook → Gitea"),
        ("Target URL", "{url}"),
        ("HTTP Method", "POST"),
        ("POST Content Type", "application/json"),
        ("Secret", "{secret}"),
        ("Trigger On", "Push Events"),
    ),
    Forge.FORGEJO: (
        ("Page", "Settings → Webhooks → Add webhook → Forgejo"),
        ("Target URL", "{url}"),
        ("HTTP method", "POST"),
        ("POST content type", "application/json"),
        ("Secret", "{secret}"),
        ("Trigger on", "Push events"),
    ),
    Forge.BITBUCKET: (
        ("Page", "Repository settings → Webhooks → Add webhook"),
        ("URL", "{url}"),
        ("Secret", "{secret}"),
        ("Triggers", "Repository push"),
    ),
    Forge.GENERIC: (
        ("After each push", "POST {url}"),
        ("Body", "anything, also nothing"),
        ("Header", "X-Statehub-Signature-256: sha256=HEX"),
        ("HEX", "the HMAC-SHA256 of the raw body in hexadecimal digits; the key is {secret}, with its whsec_"),
    ),
}


def forge_name(forge: str) -> str:
    """Return the name of *forge* for people."""
    return "the forge" if forge == Forge.GENERIC else Forge(forge).label


def list_fields(forge: str, url: str, of_secret: str) -> list[tuple[str, str]]:
    """Return the fields to fill in at *forge*, with their values. *of_secret* says which secret is meant."""
    return [(name, value.format(url=url, secret=of_secret)) for name, value in _FIELDS[forge]]
