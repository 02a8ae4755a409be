from __future__ import annotations

import pytest

from consistency.core.forges import (
    agit_page,
    find_forge,
    find_request_page,
    new_request_page,
    push_options,
    web_address,
)

WEB = "https://example.org/acme/plans"
SOURCE = "statehub/main"


@pytest.mark.parametrize(
    ("address", "forge"),
    [
        ("gitlab.com/a/b/c", "gitlab"),
        ("git.forgejo.example.org/a/b", "forgejo"),
        ("git.example.org/github/b", "generic"),
        ("notgithub.com/a/b", "generic"),
        ("generic.example.org/a/b", "generic"),
        ("github.com/acme/plans", "github"),
        ("gitlab.com/acme/plans", "gitlab"),
        ("bitbucket.org/acme/plans", "bitbucket"),
        ("codeberg.org/acme/plans", "forgejo"),
        ("gitea.com/acme/plans", "gitea"),
        ("gitlab.example.org/acme/plans", "gitlab"),
        ("forgejo.example.org/acme/plans", "forgejo"),
        ("git.example.org/gitlab/plans", "generic"),
        ("mygitlab.example.org/acme/plans", "generic"),
        ("/srv/github.com/plans", "generic"),
        ("", "generic"),
    ],
)
def test_forge_is_guessed_from_the_host_alone(address: str, forge: str) -> None:
    assert find_forge("", address) == forge
    assert find_forge("gitea", address) == "gitea"


@pytest.mark.parametrize(
    ("remote", "address", "web"),
    [
        ("https://git.example.org:8443/acme/plans.git", "git.example.org/acme/plans", "https://git.example.org:8443/acme/plans"),
        ("http://anna@git.example.org/acme/plans/", "git.example.org/acme/plans", "http://git.example.org/acme/plans"),
        ("git@github.com:acme/plans.git", "github.com/acme/plans", "https://github.com/acme/plans"),
        ("ssh://git@git.example.org:2222/acme/plans.git", "git.example.org/acme/plans", "https://git.example.org/acme/plans"),
        ("", "github.com/acme/plans with blanks", "https://github.com/acme/plans%20with%20blanks"),
        ("/srv/plans.git", "/srv/plans", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_web_address(remote: str, address: str, web: str) -> None:
    assert web_address(remote, address) == web


@pytest.mark.parametrize(
    ("forge", "page"),
    [
        ("github", f"{WEB}/compare/main...statehub/main?expand=1"),
        ("gitea", f"{WEB}/compare/main...statehub/main"),
        ("forgejo", f"{WEB}/compare/main...statehub/main"),
        (
            "gitlab",
            f"{WEB}/-/merge_requests/new?merge_request%5Bsource_branch%5D=statehub%2Fmain"
            "&merge_request%5Btarget_branch%5D=main",
        ),
        ("bitbucket", f"{WEB}/pull-requests/new?source=statehub%2Fmain&dest=main"),
        ("generic", ""),
    ],
)
def test_page_for_a_new_request(forge: str, page: str) -> None:
    assert new_request_page(forge, WEB, SOURCE, "main") == page
    assert new_request_page(forge, "", SOURCE, "main") == ""


def test_names_of_branches_are_quoted() -> None:
    page = new_request_page("github", WEB, "statehub/a#b?c", "a#b?c")
    assert page == f"{WEB}/compare/a%23b%3Fc...statehub/a%23b%3Fc?expand=1"


@pytest.mark.parametrize(
    ("message", "page"),
    [
        (f"remote: View merge request for x:\nremote:   {WEB}/-/merge_requests/7 \n", f"{WEB}/-/merge_requests/7"),
        (f"remote: Visit the existing pull request:\nremote:   {WEB}/pulls/12\n", f"{WEB}/pulls/12"),
        (f"remote: {WEB}/pull-requests/3", f"{WEB}/pull-requests/3"),
        # The page for a new one is known; and no page of another server or repo is shown.
        (f"remote: {WEB}/-/merge_requests/new?merge_request%5Bsource_branch%5D=x", ""),
        ("remote: https://evil.example.org/acme/plans/pulls/12", ""),
        ("remote: https://example.org/acme/plans-of-others/pulls/12", ""),
        (f"remote: {WEB}/pulls/12?next=https://evil.example.org", ""),
        (f"remote: {WEB}/pulls/{'1' * 600}", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_page_that_the_forge_names(message: str, page: str) -> None:
    assert find_request_page(message, WEB) == page
    assert find_request_page(message, "") == ""


def test_page_of_a_request_by_agit() -> None:
    assert agit_page(WEB, "refs/pull/7/head") == f"{WEB}/pulls/7"
    assert agit_page(WEB, "statehub/main") == agit_page("", "refs/pull/7/head") == ""


def test_push_options() -> None:
    assert push_options("gitlab", SOURCE, "main", "A title", again=True) == (
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.title=A title",
        "merge_request.remove_source_branch",
    )
    assert push_options("gitea", SOURCE, "main", "A title", again=False) == ("topic=statehub/main", "title=A title")
    assert push_options("forgejo", SOURCE, "main", "A title", again=True) == (
        "topic=statehub/main",
        "title=A title",
        "force-push=true",
    )
    for forge in ("github", "bitbucket", "generic"):
        assert push_options(forge, SOURCE, "main", "A title", again=True) == ()
