"""Forges by the addresses of repos, and the headers of each."""

from __future__ import annotations

import pytest

from statehub.models import Forge
from web.hooks.forges import EVENT_HEADERS, SIGNATURE_HEADERS, guess_forge, list_header_names


@pytest.mark.parametrize(
    ("address", "forge"),
    [
        ("github.com/team/net", "github"),
        ("git@GitHub.com:22/team/net", "github"),
        ("gitlab.com/a/b/c", "gitlab"),
        ("gitlab.example.org:8443/a/b", "gitlab"),
        ("codeberg.org/a/b", "forgejo"),
        ("forgejo.example.org/a/b", "forgejo"),
        ("gitea.example.org/a/b", "gitea"),
        ("bitbucket.org/a/b", "bitbucket"),
        ("bitbucket.example.org/a/b", "bitbucket"),
        ("git.example.org/github/b", "generic"),
        ("notgithub.com/a/b", "generic"),
        ("generic.example.org/a/b", "generic"),
        ("/srv/git/net.git", "generic"),
        ("", "generic"),
    ],
)
def test_forge_at_an_address(address: str, forge: str) -> None:
    assert guess_forge(address) == forge


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
