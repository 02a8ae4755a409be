"""Which of the hub's repos a clone is one of: by its address, and by the commits that its history begins with.

Forks and copies share their first commits, and an address may be given to another repository: where the two do not say
the same, a person has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from consistency.git.addresses import is_local
from consistency.git.worktree import is_gone
from statehub.errors import StateHubError
from statehub.models import Checkout, Repo


class MatchError(StateHubError):
    """The clone cannot be matched to a repo without a person's word, or must not; one sentence on what to do."""


class Kinship(Enum):
    """What a clone's history and that of a repo have in common."""

    RELATED = auto()
    UNRELATED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Clone:
    """What a clone is known by: where it is, its *address* ('' for none), and its history.

    *first_commits* are none if that is not known. *held* are those commits that the clone has of repos whose own first
    commits the hub does not know.
    """

    path: str
    host: str
    address: str
    first_commits: frozenset[str]
    held: frozenset[str] = frozenset()

    def kinship(self, repo: Repo) -> Kinship:
        """Compare the histories. A shallow clone does not tell: not known is neither the same nor another."""
        known = set(repo.first_commits)
        if self.first_commits and not known and self.held & taken_commits(repo):
            return Kinship.RELATED
        if not known or not self.first_commits:
            return Kinship.UNKNOWN
        return Kinship.RELATED if known & self.first_commits else Kinship.UNRELATED


def taken_commits(repo: Repo) -> set[str]:
    """The commits that the hub has taken from the checkouts of *repo*."""
    return {commit for checkout in repo.checkouts.all() for commit in (checkout.head, checkout.tip) if commit}


def match(clone: Clone, slug: str | None) -> Repo | None:
    """Find the repo that *clone* is one of, or that *slug* chooses; None if it is a new one. Raises MatchError."""
    repos = list(Repo.objects.prefetch_related("checkouts").order_by("slug"))
    same_place = [repo for repo in repos if _is_at(clone, repo)]
    if slug is not None:
        return _chosen(clone, slug, next((repo for repo in repos if repo.slug == slug), None), same_place)
    joined = [repo for repo in same_place if clone.kinship(repo) is not Kinship.UNRELATED]
    related = [repo for repo in repos if clone.kinship(repo) is Kinship.RELATED]
    if same_place and not joined:
        raise MatchError(_other_repository(clone, same_place[0]))
    if len(joined) == 1:
        return joined[0]
    for repo in repos:
        if clone.address in repo.former_origins and clone.kinship(repo) is not Kinship.UNRELATED:
            raise MatchError(
                f"{clone.path} comes from {clone.address}, and the repo '{repo.slug}' has moved from there to "
                f"{repo.origin}: git remote set-url, then register it again"
            )
    if candidates := joined or related:
        raise MatchError(_ask(clone, candidates))
    return None


def _is_at(clone: Clone, repo: Repo) -> bool:
    """Whether *repo* has the clone's address. On another machine the same path may be another folder."""
    if not clone.address:
        return _has_moved(clone, repo)
    if clone.address not in repo.addresses:
        return False
    here = any(checkout.host == clone.host for checkout in repo.checkouts.all())
    return here or not is_local(clone.address) or clone.kinship(repo) is not Kinship.UNRELATED


def _has_moved(clone: Clone, repo: Repo) -> bool:
    """Whether the clone, which has no address, is one of *repo*, which has none, at another place than before."""
    return not repo.origin and clone.kinship(repo) is Kinship.RELATED and bool(gone_here(repo, clone.host))


def gone_here(repo: Repo, host: str) -> list[Checkout]:
    """The checkouts of *repo* on *host*, this machine, whose folder is gone or is not a work tree any more."""
    return [
        checkout
        for checkout in repo.checkouts.all()
        if checkout.host == host and checkout.retired_at is None and is_gone(checkout.path)
    ]


def _chosen(clone: Clone, slug: str, wanted: Repo | None, same_place: Sequence[Repo]) -> Repo | None:
    """The repo *wanted* by its *slug*; None if a new one is. Raises MatchError."""
    if wanted is None:
        known = [repo for repo in same_place if clone.kinship(repo) is not Kinship.UNRELATED]
        if known and clone.address:
            raise MatchError(
                f"this repository is in the hub already, as '{known[0].slug}' (origin {clone.address}): "
                f"leave out --slug {slug}, and it joins it"
            )
        return None
    if _is_one_of(clone, wanted):
        return wanted
    raise MatchError(slug_taken(clone, wanted))


def _is_one_of(clone: Clone, repo: Repo) -> bool:
    """Whether the clone may join *repo* if a person says so: by its history, or by its address if that is not known."""
    kinship = clone.kinship(repo)
    return kinship is Kinship.RELATED or (kinship is Kinship.UNKNOWN and _is_at(clone, repo))


def check_clone(clone: Clone, repo: Repo) -> None:
    """Raise MatchError unless the clone may join *repo* if a person says so."""
    if not _is_one_of(clone, repo):
        raise MatchError(
            f"{clone.path} ({clone.address or 'no origin'}) is not a clone of '{repo.slug}' "
            f"({repo.origin or 'no origin'}): {_difference(clone, repo)}"
        )


def slug_taken(clone: Clone, repo: Repo) -> str:
    """Say whose slug it is that the clone wants, and why it does not join that repo."""
    whose = f"the repo with origin {repo.origin}" if repo.origin else "another repo, which has no origin"
    mine = f" (this one's is {clone.address})" if clone.address else " (this one has none)"
    return (
        f"slug '{repo.slug}' is taken by {whose}{mine}, and {_difference(clone, repo)}; "
        f"choose one: register_repo {clone.path} --slug SLUG"
    )


def _difference(clone: Clone, repo: Repo) -> str:
    if clone.kinship(repo) is Kinship.UNKNOWN:
        return "it is not known whether the histories are related"
    return "the histories have nothing in common"


def _other_repository(clone: Clone, repo: Repo) -> str:
    return (
        f"{clone.path} is not a clone of '{repo.slug}' ({repo.origin or 'no origin'}): the histories have nothing in "
        f"common; register_repo {clone.path} --slug OTHER registers it under another slug"
    )


def _ask(clone: Clone, repos: Iterable[Repo]) -> str:
    found = list(repos)
    named = " and ".join(f"'{repo.slug}' ({repo.origin or 'no origin'})" for repo in found)
    joins = " or ".join(f"--slug {repo.slug}" for repo in found)
    noun, verb = ("repo", "joins it") if len(found) == 1 else ("repos", "joins one of them")
    return (
        f"{clone.path} looks like {noun} {named}: {joins} {verb}, --slug OTHER registers another one "
        f"(register_repo {clone.path} --slug …)"
    )
