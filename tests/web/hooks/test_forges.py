"""The headers of each forge."""

from __future__ import annotations

from statehub.models import Forge
from web.hooks.forges import EVENT_HEADERS, SIGNATURE_HEADERS, list_header_names


def test_every_forge_has_its_headers() -> None:
    assert set(SIGNATURE_HEADERS) == set(EVENT_HEADERS) == set(Forge)
    assert {str(forge): list_header_names(forge) for forge in Forge} == {
        "github": ["X-Hub-Signature-256"],
        "gitlab": ["webhook-signature", "X-Gitlab-Token"],
        "gitea": ["X-Gitea-Signature", "X-Hub-Signature-256"],
        "forgejo": ["X-Forgejo-Signature", "X-Gitea-Signature", "X-Hub-Signature-256"],
        "bitbucket": ["X-Hub-Signature"],
        "generic": ["X-Statehub-Signature-256"],
    }
