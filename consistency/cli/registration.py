"""Makes checkouts known to the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from django.db import IntegrityError, transaction

from consistency.cli.clone import Clone, Kinship, describe_clone, taken_commits
from consistency.cli.clone_matching import gone_here, match, slug_taken
from consistency.cli.repo_changes import RepoChanges, follow_address
from consistency.cli.retiring import bring_back, lock_places
from consistency.cli.selection import RegistrationError, find_checkout, full_path
from consistency.git.remote import default_branch, renamed_branch
from consistency.git.roots import held_commits
from consistency.git.worktree import WorkTree, find_worktree
from statehub.globs import DEFAULT_WORKPLANS
from statehub.models import Checkout, Repo
from statehub.text import is_storable

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

MAX_GLOB_LENGTH = 500
"""Characters of one glob of workplans."""

MAX_ATTEMPTS = 3
"""How often a registration is tried if other processes register the same."""

BRANCH_TIMEOUT_SECONDS = 20.0
"""For origin to say which branch is its default."""


class Registered(NamedTuple):
    """A checkout, and one sentence on what was done to make it known; '' if it was known already."""

    checkout: Checkout
    note: str


class Wishes(NamedTuple):
    """The settings that the user gives a repo while registering it; None and '' if there are none.

    *watch* is a setting of the checkout.
    """

    slug: str | None = None
    workplans: Sequence[str] = ()
    exclude: Sequence[str] = ()
    branch: str | None = None
    writeback: str | None = None
    watch: bool | None = None

    def check(self) -> None:
        """Raise RegistrationError for a value that is not valid."""
        if self.slug is not None and not SLUG.fullmatch(self.slug):
            raise RegistrationError(
                f"'{self.slug}' is not a valid slug: letters, digits, '.', '_' and '-', at most 200"
            )
        for glob in self.workplans:
            _check_glob(glob, "workplan pattern", DEFAULT_WORKPLANS)
        for glob in self.exclude if list(self.exclude) != [""] else ():
            _check_glob(glob, "pattern of files to leave out", "workplans/archive/**")
        if self.branch is not None and not is_storable(self.branch):
            raise RegistrationError("the name of the branch is not UTF-8")

    def apply(self, changes: RepoChanges, proposed_branch: str) -> None:
        """Change the repo's fields that are to have other values."""
        repo, branch = changes.repo, self.branch or proposed_branch
        workplans, exclude = ("\n".join(dict.fromkeys(globs)) for globs in (self.workplans, self.exclude))
        if branch and branch != repo.branch:
            changes.set("branch", branch, f"; its branch is {branch}")
        if workplans and workplans != repo.workplans:
            changes.set("workplans", workplans, f"; workplans are now {_on_one_line(workplans)}")
        if self.exclude and exclude != repo.exclude:
            note = f"left out: {_on_one_line(exclude)}" if exclude else "nothing is left out now"
            changes.set("exclude", exclude, f"; {note}")
        if self.writeback is not None and self.writeback != repo.writeback:
            changes.set("writeback", self.writeback, f"; writeback: {self.writeback}")


NO_WISHES = Wishes()


def _check_glob(glob: str, what: str, example: str) -> None:
    outside = glob.startswith(("/", ":")) or ".." in glob.split("/")
    if not 0 < len(glob) <= MAX_GLOB_LENGTH or outside or not is_storable(glob) or not glob.isprintable():
        raise RegistrationError(
            f"'{glob}' is not a valid {what}: it must be a pattern inside the repo, such as {example}"
        )


def propose_slug(name: str) -> str:
    """Return the slug of a new repo whose folder or address has this *name*."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:200] or "repo"


def _on_one_line(globs: str) -> str:
    return globs.replace("\n", ", ")


def find_or_register(path: str, host: str) -> Registered:
    """Find the checkout at *path* on *host*; register an unknown one under its folder's name.

    Raises NotAWorkTreeError, RegistrationError; the latter also if it is retired.
    """
    known = _find_active(full_path(path), host)
    if known is None:
        tree = find_worktree(path)
        known = _find_active(full_path(tree.top), host)
        if known is None:
            return register(tree, host)
    return Registered(known, "")


def _find_active(path: str, host: str) -> Checkout | None:
    known = find_checkout(path, host)
    if known is not None and known.retired_at is not None:
        raise RegistrationError(f"{path} ('{known.repo.slug}') is retired: register_repo {path} brings it back")
    return known


def register(tree: WorkTree, host: str, wishes: Wishes = NO_WISHES) -> Registered:
    """Make the checkout known, and its repo if that is new. Raises RegistrationError, and nothing changes then.

    A repo is known by its address and its history: another clone of it joins it, and histories that have nothing in
    common never do. A checkout whose folder has moved, and a retired one, are the same as before. Unless the user names
    the repo's branch, it is origin's default branch. A known repo follows its origin to another address, if the
    histories are related, and its branch to another name.
    """
    wishes.check()
    path = full_path(tree.top)
    known = find_checkout(path, host)
    clone = describe_clone(tree, path, host, known)
    repo = _find_repo(clone, known, wishes.slug)
    # Outside of the transaction: origin may have to be asked, over the network.
    proposed_branch = "" if wishes.branch else _propose_branch(clone, repo, known)
    for _ in range(MAX_ATTEMPTS):
        # If another process registers the same at this moment, the next attempt finds that done and joins.
        with suppress(IntegrityError), transaction.atomic():
            lock_places()
            return _register(clone, wishes, proposed_branch)
    raise RegistrationError(f"{path} is being registered by another process at this moment; try again")


def _find_repo(clone: Clone, known: Checkout | None, slug: str | None) -> Repo | None:
    """Find the repo that the clone is of, or is to join; None for a new one. Raises RegistrationError.

    That is the repo of the checkout *known* at its path, if the clone is still that checkout. If it is not, a retired
    checkout makes room; an active one is an error.
    """
    if known is None:
        return match(clone, slug)
    repo, is_active = known.repo, known.retired_at is None
    if slug in (None, repo.slug) and _goes_on(clone, repo):
        return repo
    if not is_active:
        return match(clone, slug)
    if slug not in (None, repo.slug):
        raise RegistrationError(
            f"{known.path} is registered already, as '{repo.slug}' (retire_checkout {known.path} first, if it is to be "
            f"'{slug}')"
        )
    raise RegistrationError(
        f"{known.path} is registered as '{repo.slug}' ({repo.origin or 'no origin'}), but another repository is there "
        f"now ({clone.address or 'no origin'}): the histories have nothing in common; move it to another folder, or "
        f"retire_checkout {known.path} first"
    )


def _goes_on(clone: Clone, repo: Repo) -> bool:
    """Return whether the clone goes on with the history of *repo*; an unknown one does, unless its address changed."""
    kinship = clone.kinship(repo)
    if kinship is not Kinship.UNKNOWN:
        return kinship is Kinship.RELATED
    taken = taken_commits(repo)
    is_other_address = bool(repo.origin and clone.address and clone.address not in repo.addresses)
    return not (is_other_address and taken and not held_commits(clone.tree, taken))


def _propose_branch(clone: Clone, repo: Repo | None, known: Checkout | None) -> str:
    """Return the repo's branch if it is new to the hub; '' if it is known and still there."""
    if clone.remote is None:
        return ""
    if repo is None or not repo.branch:
        return default_branch(clone.tree, clone.remote, BRANCH_TIMEOUT_SECONDS)
    # A branch that was there is followed under its new name; one that the user has named may be still to come.
    if known is None or known.repo_id != repo.pk or not repo.checkouts.exclude(tip="").exists():
        return ""
    return renamed_branch(clone.tree, clone.remote, repo.branch, BRANCH_TIMEOUT_SECONDS)


def _register(clone: Clone, wishes: Wishes, proposed_branch: str) -> Registered:
    known = find_checkout(clone.path, clone.host)
    found = _find_repo(clone, known, wishes.slug)
    repo = found
    if repo is None:
        slug = wishes.slug or propose_slug(os.path.basename(clone.path))
        if namesake := Repo.objects.filter(slug=slug).first():
            raise RegistrationError(slug_taken(clone, namesake))
        repo = Repo.objects.create(slug=slug, origin=clone.address)
    changes = RepoChanges(repo)
    if found is not None:
        is_known_checkout = known is not None and known.repo_id == repo.pk
        follow_address(changes, clone, is_known_checkout=is_known_checkout, slug=wishes.slug)
    if clone.first_commits and not repo.first_commits:
        changes.set("first_commits", sorted(clone.first_commits))
    checkout, note = _place(clone, repo)
    if found is None:
        note = f"registered {clone.path} as '{repo.slug}', workplans: {_on_one_line(repo.workplans)}"
    wishes.apply(changes, proposed_branch)
    changes.save()
    return Registered(checkout, note + changes.note + _watch(checkout, wishes.watch))


def _watch(checkout: Checkout, wanted: bool | None) -> str:
    """Give *checkout* to this host's workers or take it from them, if that is *wanted*; return a note on it."""
    if wanted is None or wanted == checkout.watch:
        return ""
    checkout.watch = wanted
    checkout.save(update_fields=["watch"])
    return "; this host's workers run it" if wanted else "; workers no longer run it"


def _place(clone: Clone, repo: Repo) -> tuple[Checkout, str]:
    """Return the checkout of *repo* at the clone's path, known, brought back, moved or new; and a sentence on it."""
    path, slug = clone.path, repo.slug
    known = Checkout.objects.filter(repo=repo, host=clone.host, path=path).first()
    if known is not None:
        known.repo = repo
        if known.retired_at is None:
            return known, f"{path} is registered already, as '{slug}'"
        bring_back([known])
        known.retired_at = None
        return known, f"{path} is back, as '{slug}'"
    gone = gone_here(repo, clone.host)
    if len(gone) == 1:
        moved, before = gone[0], gone[0].path
        moved.repo, moved.path = repo, path
        moved.save(update_fields=["path"])
        return moved, f"{path} is '{slug}', which has moved from {before}"
    checkout = Checkout.objects.create(repo=repo, host=clone.host, path=path)
    same = f" (same origin {clone.address})" if clone.address and clone.address == repo.origin else ""
    note = f"registered {path} as another checkout of '{slug}'{same}"
    if gone:
        note += f"; gone from this host: {', '.join(row.path for row in gone)} (retire_checkout PATH retires one)"
    return checkout, note
