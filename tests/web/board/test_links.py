"""Addresses of commits on the server that has a repo."""

from __future__ import annotations

import pytest

from statehub.models import Repo
from web.board.links import commit_page

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("origin", "forge", "remote", "wanted"),
    [
        ("github.com/acme/orders", "", "", "https://github.com/acme/orders/commit/"),
        ("gitlab.com/acme/team/orders", "", "", "https://gitlab.com/acme/team/orders/-/commit/"),
        ("codeberg.org/acme/orders", "", "", "https://codeberg.org/acme/orders/commit/"),
        ("gitea.com/acme/orders", "", "", "https://gitea.com/acme/orders/commit/"),
        ("bitbucket.org/acme/orders", "", "", "https://bitbucket.org/acme/orders/commits/"),
        ("gitlab.example.org/acme/orders", "", "", "https://gitlab.example.org/acme/orders/-/commit/"),
        ("git.example.org/acme/orders", "forgejo", "", "https://git.example.org/acme/orders/commit/"),
        ("git.example.org/acme/orders", "", "", ""),
        ("git.example.org/acme/orders", "generic", "", ""),
        ("github.com/acme/orders", "generic", "", ""),
        ("", "github", "", ""),
        ("/srv/git/orders", "github", "", ""),
        ("git.example.org/acme/a b<\"'", "github", "", "https://git.example.org/acme/a%20b%3C%22%27/commit/"),
        (
            "git.example.org/acme/orders",
            "gitea",
            "http://ada:secret@git.example.org:3000/acme/Orders.git",
            "http://git.example.org:3000/acme/Orders/commit/",
        ),
        (
            "git.example.org/acme/orders",
            "gitea",
            "ssh://git@git.example.org:2222/acme/orders.git",
            "https://git.example.org/acme/orders/commit/",
        ),
        ("git.example.org/acme/orders", "gitea", "https://", "https://git.example.org/acme/orders/commit/"),
        ("git.example.org/acme/orders", "gitea", "https://[git.example.org/acme/orders", ""),
    ],
)
def test_page_of_a_commit(origin: str, forge: str, remote: str, wanted: str) -> None:
    repo = Repo(origin=origin, forge=forge, remote=remote)
    assert commit_page(repo, COMMIT) == (f"{wanted}{COMMIT}" if wanted else "")


@pytest.mark.parametrize("commit", ["", "0123", "javascript:alert(1)", COMMIT.upper(), f"{COMMIT}/.."])
def test_no_page_of_another_text(commit: str) -> None:
    assert commit_page(Repo(origin="github.com/acme/orders"), commit) == ""
