"""Links to workplans, and to commits on the server that has a repo."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from statehub.models import Forge, Repo, Workstream
from web.admin import formatting

_HOSTS: dict[str, str] = {
    "github.com": Forge.GITHUB,
    "gitlab.com": Forge.GITLAB,
    "gitea.com": Forge.GITEA,
    "codeberg.org": Forge.FORGEJO,
    "bitbucket.org": Forge.BITBUCKET,
}
_COMMIT_PATHS: dict[str, str] = {
    Forge.GITHUB: "commit",
    Forge.GITLAB: "-/commit",
    Forge.GITEA: "commit",
    Forge.FORGEJO: "commit",
    Forge.BITBUCKET: "commits",
}
_WEB_REMOTE = re.compile(r"https?://", re.IGNORECASE)


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
    path = _COMMIT_PATHS.get(_find_forge(repo))
    is_remote = bool(repo.origin) and not repo.origin.startswith("/")
    if not path or not is_remote or not re.fullmatch("[0-9a-f]{40,64}", commit):
        return ""
    remote = urlsplit(repo.remote) if _WEB_REMOTE.match(repo.remote) else None
    if remote is not None and remote.hostname:
        base = f"{remote.scheme}://{remote.netloc.rpartition('@')[2]}/{remote.path.strip('/').removesuffix('.git')}"
    else:
        base = f"https://{quote(repo.origin, safe='/:[]~')}"
    return f"{base}/{path}/{commit}"


def _find_forge(repo: Repo) -> str:
    """Return the software of the server: the repo's own setting, or as the name of the host says."""
    host = repo.origin.partition("/")[0]
    first = host.partition(".")[0]
    guessed = first if first in _COMMIT_PATHS else ""
    return repo.forge or _HOSTS.get(host, guessed)
