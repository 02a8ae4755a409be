"""How each forge signs a delivery and names its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from statehub.models import Forge
from statehub.standard_webhooks import SIGNATURE_HEADER

SHA256_PREFIX = "sha256="


class SignatureHeader(NamedTuple):
    """A header with the HMAC-SHA256 of the raw body: hexadecimal digits after *prefix*."""

    name: str
    prefix: str = ""


HUB_256 = SignatureHeader("X-Hub-Signature-256", SHA256_PREFIX)
GITEA = SignatureHeader("X-Gitea-Signature")

SIGNATURE_HEADERS: Mapping[str, tuple[SignatureHeader, ...]] = {
    Forge.GITHUB: (HUB_256,),
    Forge.GITLAB: (),
    Forge.GITEA: (GITEA, HUB_256),
    Forge.FORGEJO: (SignatureHeader("X-Forgejo-Signature"), GITEA, HUB_256),
    Forge.BITBUCKET: (SignatureHeader("X-Hub-Signature", SHA256_PREFIX),),
    Forge.GENERIC: (SignatureHeader("X-Statehub-Signature-256", SHA256_PREFIX),),
}

GITLAB_TOKEN = "X-Gitlab-Token"  # noqa: S105 - a header's name
"""A header of GitLab with the secret itself, if it was entered as the secret token."""

EVENT_HEADERS: Mapping[str, str] = {
    Forge.GITHUB: "X-GitHub-Event",
    Forge.GITLAB: "X-Gitlab-Event",
    Forge.GITEA: "X-Gitea-Event",
    Forge.FORGEJO: "X-Forgejo-Event",
    Forge.BITBUCKET: "X-Event-Key",
    Forge.GENERIC: "X-Statehub-Event",
}


def list_header_names(forge: str) -> list[str]:
    """Return the names of the headers that prove a delivery of *forge*; one of them is enough."""
    if forge == Forge.GITLAB:  # It signs as Standard Webhooks do if the secret was entered as the signing token.
        return [
            SIGNATURE_HEADER,
            GITLAB_TOKEN,
        ]  # It signs as Standard Webhooks do if the secret was entered as signing token.
    return [header.name for header in SIGNATURE_HEADERS[forge]]
