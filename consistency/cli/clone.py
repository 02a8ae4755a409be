"""A clone as registration sees it: its place, its address and its history."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

from consistency.cli.selection import RegistrationError
from consistency.git.remote import ForeignCloneError, Upstream, find_origin
from consistency.git.roots import first_commits, held_commits
from consistency.git.worktree import WorkTree
from statehub.models import Checkout, Repo


class Kinship(Enum):
    """How the histories of a clone and of a repo are related."""

    RELATED = auto()
    UNRELATED = auto()
    UNKNOWN = auto()


class Clone(NamedTuple):
    """A clone at *path* on *host*.

    *remote* is the one that it comes from, if any. *first_commits* are empty if they are not known. *held* are those
    commits that the clone has of repos whose own first commits the hub does not know.
    """

    tree: WorkTree
    path: str
    host: str
    remote: Upstream | None
    first_commits: frozenset[str]
    held: frozenset[str]

    @property
    def address(self) -> str:
        """Return the normalized url of the remote, '' if there is none."""
        return self.remote.url if self.remote else ""

    def kinship(self, repo: Repo) -> Kinship:
        """Compare the histories. That of a shallow clone is not known: it is neither the same nor another."""
        known = set(repo.first_commits)
        if self.first_commits and not known and self.held & taken_commits(repo):
            return Kinship.RELATED
        if not known or not self.first_commits:
            return Kinship.UNKNOWN
        return Kinship.RELATED if known & self.first_commits else Kinship.UNRELATED

    def may_be_of(self, repo: Repo) -> bool:
        """Return whether the histories are related, as far as is known."""
        return self.kinship(repo) is not Kinship.UNRELATED


def describe_clone(tree: WorkTree, path: str, host: str, known: Checkout | None) -> Clone:
    """Read what is known of the clone at *path*, where the checkout *known* was before. Raises RegistrationError."""
    remote = _find_remote(tree, path, known)
    first = frozenset(first_commits(tree, remote.remote if remote else ""))
    unknown = Repo.objects.filter(first_commits=[]).prefetch_related("checkouts")
    taken = {commit for repo in unknown for commit in taken_commits(repo)}
    return Clone(tree, path, host, remote, first, held_commits(tree, taken))


def taken_commits(repo: Repo) -> set[str]:
    """List the commits that the hub has taken from the checkouts of *repo*."""
    return {commit for checkout in repo.checkouts.all() for commit in (checkout.head, checkout.tip) if commit}


def _find_remote(tree: WorkTree, path: str, known: Checkout | None) -> Upstream | None:
    """Find the remote that the clone comes from: of several, one that leads to its repo or to the only known one."""
    try:
        return find_origin(tree, known.repo.addresses if known else ())
    except ForeignCloneError as error:
        addresses = [address for repo in Repo.objects.all() for address in repo.addresses]
        with suppress(ForeignCloneError):
            remote = find_origin(tree, addresses)
            if remote is not None and remote.url in addresses:
                return remote
        raise RegistrationError(
            f"{path}: {error}; say which one it comes from: git branch --set-upstream-to"
        ) from error
