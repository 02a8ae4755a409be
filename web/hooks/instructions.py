"""Steps at each forge that make it deliver to a webhook."""

from __future__ import annotations

from collections.abc import Mapping

from statehub.models import Forge

_STEPS: Mapping[str, tuple[str, ...]] = {
    Forge.GITHUB: (
        "Settings → Webhooks → Add webhook",
        "Payload URL: {url}",
        "Content type: application/json",
        "Secret: the secret",
        "Which events: Just the push event",
    ),
    Forge.GITLAB: (
        "Settings → Webhooks → Add new webhook",
        "URL: {url}",
        "Secret token: the secret (or, with GitLab's API, signing_token: then each delivery is signed with it)",
        "Trigger: Push events",
    ),
    Forge.GITEA: (
        "Settings → Webhooks → Add Webhook → Gitea",
        "Target URL: {url}",
        "HTTP Method: POST",
        "POST Content Type: application/json",
        "Secret: the secret",
        "Trigger On: Push Events",
    ),
    Forge.FORGEJO: (
        "Settings → Webhooks → Add webhook → Forgejo",
        "Target URL: {url}",
        "HTTP method: POST",
        "POST content type: application/json",
        "Secret: the secret",
        "Trigger on: Push events",
    ),
    Forge.BITBUCKET: (
        "Repository settings → Webhooks → Add webhook",
        "URL: {url}",
        "Secret: the secret",
        "Triggers: Repository push",
    ),
    Forge.GENERIC: (
        "After each push: POST {url}",
        "Body: anything, also nothing",
        "X-Statehub-Signature-256: sha256= and the HMAC-SHA256 of the raw body in hexadecimal digits; "
        "the key is the whole secret, with whsec_",
    ),
}


def list_steps(forge: str, url: str) -> list[str]:
    """Return the steps at *forge*. *url* is the webhook's; a path needs the hub's address before it."""
    whole = url if "://" in url else f"https://HUB{url}"
    return [step.format(url=whole) for step in _STEPS[forge]]
