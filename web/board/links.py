"""Links to workplans, and to commits on the server that has a repo."""

from __future__ import annotations

import re

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.core import forges
from statehub.models import Repo, Workstream
from web.admin import formatting

_COMMIT_PATHS = {
    forges.GITHUB: "commit",
    forges.GITLAB: "-/commit",
    forges.GITEA: "commit",
    forges.FORGEJO: "commit",
    forges.BITBUCKET: "commits",
}
_COMMIT = re.compile("[0-9a-f]{40,64}")


def workplan_url(workstream: Workstream) -> str:
    """Return the URL of the page of *workstream*, whose repo must be loaded: its names, if they fit into a path."""
    names = (workstream.repo.slug, workstream.key)
    if any("/" in name or not name.strip(".") for name in names):
        return formatting.url("statehub_workstream", workstream.pk)
    return reverse("workplan", args=names)


def workplan_link(workstream: Workstream, limit: int = 40) -> SafeString:
    """Return the id of *workstream* as a link to its page, with the title for a pointer."""
    url, title = workplan_url(workstream), formatting.line(workstream.title, 200)
    name = formatting.mono(workstream.key, limit)
    return format_html('<a class="sh-link" href="{}" title="{}">{}</a>', url, title, name)


def commit_link(repo: Repo, commit: str) -> SafeString:
    """Return the first digits of *commit*, as a link if the commit's page on the repo's server is known."""
    page = commit_page(repo, commit)
    return formatting.anchor(page, formatting.commit(commit)) if page else formatting.commit(commit)


def commit_page(repo: Repo, commit: str) -> str:
    """Return the URL of *commit* on the server that has *repo*, '' if it is not known."""
    path = _COMMIT_PATHS.get(forges.find_forge(repo.forge, repo.origin))
    try:
        web = forges.web_address(repo.remote, repo.origin)
    except ValueError:  # a remote that is not a URL
        return ""
    return f"{web}/{path}/{commit}" if path and web and _COMMIT.fullmatch(commit) else ""
