"""Which checkouts a command is about, and how a new one becomes known to the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction

from consistency.checkout.names import canonical
from consistency.checkout.remote import (
    ForeignCloneError,
    Upstream,
    default_branch,
    find_origin,
    has_commit,
    renamed_branch,
)
from consistency.checkout.worktree import WorkTree, locate
from statehub.models import DEFAULT_WORKPLANS, Checkout, Repo

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


ATTEMPTS = 3
"""How often a registration is tried where others register the same."""

ASKING_TIMEOUT = 20.0
"""Seconds for origin to say which branch is its own."""


class RegistryError(Exception):
    """The hub does not know what was asked for, or cannot take it in; one sentence for people."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A checkout, and one sentence on what was done to make it known ('' where it was known already)."""

    checkout: Checkout
    note: str


def by_slug(slug: str, host: str) -> list[Checkout]:
    """The checkouts of the repo *slug* on *host*. Raises RegistryError where there are none."""
    found = list(Checkout.objects.select_related("repo").filter(repo__slug=slug, host=host))
    if found:
        return found
    if not Repo.objects.filter(slug=slug).exists():
        known = ", ".join(Repo.objects.values_list("slug", flat=True)[:20]) or "none yet"
        raise RegistryError(f"no repo '{slug}' in the hub (known: {known}); register_repo PATH makes one known")
    raise RegistryError(f"repo '{slug}' has no checkout on host '{host}'; register_repo PATH adds one")


def all_here(host: str) -> list[Checkout]:
    """Every checkout registered for *host*, in the order of slugs. Raises RegistryError if there are none."""
    found = list(Checkout.objects.select_related("repo").filter(host=host).order_by("repo__slug", "path"))
    if not found:
        raise RegistryError(f"no checkout is registered for host '{host}': register_repo PATH adds one")
    return found


def by_slugs(slugs: Iterable[str], host: str) -> list[Checkout]:
    """The checkouts of all *slugs* on *host*, each once, in the order of slugs. Raises RegistryError."""
    return [checkout for slug in dict.fromkeys(slugs) for checkout in by_slug(slug, host)]


def by_path(path: str, host: str) -> Registered:
    """The checkout at *path* on *host*; an unknown one is registered under its folder's name.

    Raises NotAWorkTree, RegistryError.
    """
    known = _known(_real(path), host)
    if known is not None:
        return Registered(known, "")
    tree = locate(path)
    known = _known(_real(tree.top), host)
    return Registered(known, "") if known is not None else register(tree, host)


def register(
    tree: WorkTree, host: str, *, slug: str | None = None, workplans: str | None = None, branch: str | None = None
) -> Registered:
    """Make the checkout known, and its repo where that is new. Raises RegistryError, and nothing changes then.

    A repo is known by its origin: another clone of it joins it. A slug that belongs to another origin is refused.
    If nobody names the repo's *branch*, it is the one that origin calls its own; a known repo follows its origin to
    another address, if the histories are related, and its branch to another name.
    """
    if slug is not None and not _SLUG.fullmatch(slug):
        raise RegistryError(f"'{slug}' is no slug: letters, digits, '.', '_' and '-', at most 200")
    if workplans is not None:
        _check_pattern(workplans)
    if branch is not None and not _is_text(branch):
        raise RegistryError("the name of the branch is not UTF-8")
    path = _real(tree.top)
    known = _known(path, host)
    try:
        remote = find_origin(tree, known.repo.origin if known else "")
    except ForeignCloneError as error:
        raise RegistryError(f"{path}: {error}; say which one it comes from: git branch --set-upstream-to") from error
    origin = remote.url if remote else ""
    if known is not None:
        _require_related(tree, known, origin)
    # Asked for outside of the transaction: origin may have to be asked, over the network.
    proposed = _proposed_branch(tree, remote, known) if remote and not branch else ""
    changes = {"workplans": workplans, "branch": branch or proposed}
    for _ in range(ATTEMPTS):
        # Where another process registers the same at this moment, the next attempt finds it done and joins.
        with suppress(IntegrityError), transaction.atomic():
            registered = _register(path, origin, host, slug, workplans or DEFAULT_WORKPLANS)
            return replace(registered, note=registered.note + _change(registered.checkout.repo, changes))
    raise RegistryError(f"{path} is being registered by another process at this moment; try again")


def _proposed_branch(tree: WorkTree, remote: Upstream, known: Checkout | None) -> str:
    """The repo's branch, as far as it is new to the hub; '' if it is known and still there."""
    repo = known.repo if known else Repo.objects.filter(origin=remote.url).first()
    if repo is None or not repo.branch:
        return default_branch(tree, remote, ASKING_TIMEOUT)
    # A branch that was there is followed under its new name; one that a person has named may be still to come.
    was_there = known is not None and repo.checkouts.exclude(tip="").exists()
    return renamed_branch(tree, remote, repo.branch, ASKING_TIMEOUT) if was_there else ""


def _require_related(tree: WorkTree, known: Checkout, origin: str) -> None:
    """Raise RegistryError if the clone has another origin than the repo and none of the commits that the hub knows."""
    repo = known.repo
    if not origin or not repo.origin or origin == repo.origin:
        return
    taken = {commit for pair in repo.checkouts.values_list("head", "tip") for commit in pair if commit}
    if taken and not has_commit(tree, taken):
        raise RegistryError(
            f"{known.path} is registered as '{repo.slug}' with origin {repo.origin}, but it comes from {origin} now, "
            "and the two histories have nothing in common; move this clone to another folder and register it there"
        )


def _register(path: str, origin: str, host: str, slug: str | None, workplans: str) -> Registered:
    known = _known(path, host)
    if known is not None:
        if slug is not None and slug != known.repo.slug:
            raise RegistryError(f"{path} is registered already, as '{known.repo.slug}'")
        moved = _follow_origin(known.repo, origin)
        return Registered(known, f"{path} is registered already, as '{known.repo.slug}'{moved}")
    joined = _repo_of(origin, slug)
    repo = joined or Repo.objects.create(slug=_free_slug(path, origin, slug), origin=origin, workplans=workplans)
    checkout = Checkout.objects.create(repo=repo, host=host, path=path)
    if joined is None:
        return Registered(checkout, f"registered {path} as '{repo.slug}', workplans: {repo.workplans}")
    return Registered(checkout, f"registered {path} as another checkout of '{repo.slug}' (same origin {origin})")


def _known(path: str, host: str) -> Checkout | None:
    return Checkout.objects.select_related("repo").filter(host=host, path=path).first()


def _repo_of(origin: str, slug: str | None) -> Repo | None:
    """The repo with this *origin*, which must then be the one that *slug* asks for."""
    repo = Repo.objects.filter(origin=origin).first() if origin else None
    if repo is not None and slug is not None and slug != repo.slug:
        raise RegistryError(f"this repository is in the hub already, as '{repo.slug}' (origin {origin})")
    return repo


def _free_slug(path: str, origin: str, slug: str | None) -> str:
    wanted = slug or re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(path)).strip("-._")[:200] or "repo"
    taken = Repo.objects.filter(slug=wanted).first()
    if taken is None:
        return wanted
    whose = f"the repo with origin {taken.origin}" if taken.origin else "another repo, which has no origin"
    mine = f" (this one's is {origin})" if origin else " (this one has none)"
    raise RegistryError(f"slug '{wanted}' is taken by {whose}{mine}; choose one: register_repo {path} --slug SLUG")


def _follow_origin(repo: Repo, origin: str) -> str:
    """Let a repo follow its clone to the *origin* that it has got or moved to; what to say of it."""
    if not origin or origin == repo.origin:
        return ""
    other = Repo.objects.filter(origin=origin).first()
    if other is not None:
        return f"; its origin stays as it was, since {origin} is that of the repo '{other.slug}'"
    moved = f"; its origin is now {origin}" if repo.origin else ""
    repo.origin = origin
    repo.save(update_fields=["origin"])
    return moved


def _change(repo: Repo, wanted: Mapping[str, str | None]) -> str:
    """Give *repo* those of the *wanted* fields that differ; what is to be said of it."""
    changed = {name: value for name, value in wanted.items() if value and value != getattr(repo, name)}
    for name, value in changed.items():
        setattr(repo, name, value)
    if changed:
        repo.save(update_fields=list(changed))
    words = {"workplans": "workplans are now", "branch": "its branch is"}
    return "".join(f"; {words[name]} {value}" for name, value in changed.items())


def _real(path: str) -> str:
    """The full path without links, as the hub keeps it. Raises RegistryError."""
    full = canonical(os.path.realpath(path))
    if not _is_text(full):
        raise RegistryError("the path of the checkout is not UTF-8; move it to another folder")
    return full


def _is_text(value: str) -> bool:
    """Whether a database can keep it: no NUL, and no bytes of an argument or a file name that are not UTF-8."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _check_pattern(pattern: str) -> None:
    length = Repo._meta.get_field("workplans").max_length or 0
    outside = pattern.startswith("/") or ".." in pattern.split("/")
    if not 0 < len(pattern) <= length or outside or not _is_text(pattern):
        raise RegistryError(f"'{pattern}' is no workplan glob: a pattern inside the repo, such as {DEFAULT_WORKPLANS}")
