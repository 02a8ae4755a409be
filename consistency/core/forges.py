"""The request for a proposal, by forge: the page that opens it, and how a push opens it without an API."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode, urlsplit

GITHUB, GITLAB, GITEA, FORGEJO, BITBUCKET, GENERIC = "github", "gitlab", "gitea", "forgejo", "bitbucket", "generic"

HOSTS = {
    "github.com": GITHUB,
    "gitlab.com": GITLAB,
    "gitea.com": GITEA,
    "codeberg.org": FORGEJO,
    "bitbucket.org": BITBUCKET,
}
"""Well-known servers. Of any other, a part of the name counts: gitlab.example.org is a GitLab."""

AGIT = (GITEA, FORGEJO)
"""The forges that open a request for a push to `refs/for/BRANCH`."""

MAX_PAGE_LENGTH = 500

_URL = re.compile(r"https?://[!-~]+")
_REQUEST = re.compile(r"/(?:-/)?(?:merge_requests|pulls|pull|pull-requests)/[0-9]+")


def find_forge(chosen: str, address: str) -> str:
    """Return the forge that has the repo: the *chosen* one, or as the host of the normalized *address* says."""
    host = "" if address.startswith("/") else address.partition("/")[0]
    named = (part for part in host.split(".") if part in (GITHUB, GITLAB, GITEA, FORGEJO, BITBUCKET))
    return chosen or HOSTS.get(host) or next(named, GENERIC)


def web_address(remote: str, address: str) -> str:
    """Return the URL of the repo's own page; '' for a repo on this machine.

    *remote* is the URL that git uses. A web address keeps its scheme and port there; else the normalized *address*
    counts, and https.
    """
    parts = urlsplit(remote) if re.match(r"https?://", remote) else None
    if parts is not None and parts.hostname:
        path = parts.path.strip("/").removesuffix(".git")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{path}"
    return f"https://{quote(address, safe='/:[]~')}" if address and not address.startswith("/") else ""


def new_request_page(forge: str, web: str, source: str, target: str) -> str:
    """Return the page on which a person opens the request to merge the branch *source* into *target*; '' if unknown."""
    if not web:
        return ""
    if forge == GITHUB:
        return f"{web}/compare/{quote(target)}...{quote(source)}?expand=1"
    if forge in AGIT:
        return f"{web}/compare/{quote(target)}...{quote(source)}"
    if forge == GITLAB:
        query = {"merge_request[source_branch]": source, "merge_request[target_branch]": target}
        return f"{web}/-/merge_requests/new?{urlencode(query)}"
    if forge == BITBUCKET:
        return f"{web}/pull-requests/new?{urlencode({'source': source, 'dest': target})}"
    return ""


def find_request_page(message: str, web: str) -> str:
    """Return the page of the open request that the forge at *web* names in its *message* about a push; '' if none."""
    for url in _URL.findall(message) if web else ():
        if url.startswith(web) and _REQUEST.fullmatch(url[len(web) :]) and len(url) <= MAX_PAGE_LENGTH:
            return str(url)
    return ""


def agit_page(web: str, ref: str) -> str:
    """Return the page of the request that the forge at *web* keeps in *ref* (`refs/pull/7/head`); '' if unknown."""
    number = re.fullmatch(r"refs/pull/([0-9]+)/head", ref)
    return f"{web}/pulls/{number[1]}" if web and number else ""


def push_options(forge: str, source: str, target: str, title: str, *, again: bool) -> tuple[str, ...]:
    """Return the options of a push that open a request to merge *source* into *target*, titled *title*.

    *again* says that the push replaces the hub's own commit in an open request.
    """
    if forge == GITLAB:  # It opens no second request for the same branch.
        return (
            "merge_request.create",
            f"merge_request.target={target}",
            f"merge_request.title={title}",
            "merge_request.remove_source_branch",
        )
    if forge in AGIT:
        return (f"topic={source}", f"title={title}", *(("force-push=true",) if again else ()))
    return ()
