"""Finds the hub's repo that a clone is of: by its address, and by the first commits of its history.

Forks and copies share their first commits, and an address may be given to another repository: if the two disagree, the
user has to decide.
"""

from __future__ import annotations

from collections.abc import Sequence

from consistency.cli.clone import Clone, Kinship
from consistency.cli.selection import RegistrationError
from consistency.git.addresses import is_local
from consistency.git.worktree import is_gone
from statehub.models import Checkout, Repo


def match(clone: Clone, slug: str | None) -> Repo | None:
    """Find the repo that *clone* is of, or that *slug* chooses; None for a new one. Raises RegistrationError."""
    repos = list(Repo.objects.prefetch_related("checkouts").order_by("slug"))
    same_place = [repo for repo in repos if _is_at(clone, repo)]
    joined = [repo for repo in same_place if clone.may_be_of(repo)]
    if slug is not None:
        wanted = next((repo for repo in repos if repo.slug == slug), None)
        if wanted is None and joined and clone.address:
            raise RegistrationError(
                f"this repository is in the hub already, as '{joined[0].slug}' (origin {clone.address}): "
                f"leave out --slug {slug}, and it joins it"
            )
        if wanted is not None and not _is_one_of(clone, wanted):
            raise RegistrationError(slug_taken(clone, wanted))
        return wanted
    related = [repo for repo in repos if clone.kinship(repo) is Kinship.RELATED]
    if same_place and not joined:
        repo = same_place[0]
        raise RegistrationError(
            f"{clone.path} is not a clone of '{repo.slug}' ({repo.origin or 'no origin'}): the histories have nothing "
            f"in common; register_repo {clone.path} --slug OTHER registers it under another slug"
        )
    if len(joined) == 1:
        return joined[0]
    for repo in repos:
        if clone.address in repo.former_origins and clone.may_be_of(repo):
            raise RegistrationError(
                f"{clone.path} comes from {clone.address}, and the repo '{repo.slug}' has moved from there to "
                f"{repo.origin}: git remote set-url, then register it again"
            )
    if candidates := joined or related:
        raise RegistrationError(_ask(clone, candidates))
    return None


def _is_at(clone: Clone, repo: Repo) -> bool:
    """Return whether *repo* is at the clone's address; without addresses, whether the clone was moved.

    On another machine the same path may be another folder.
    """
    if not clone.address:
        is_related = clone.kinship(repo) is Kinship.RELATED
        return not repo.origin and is_related and bool(gone_here(repo, clone.host))
    if clone.address not in repo.addresses:
        return False
    here = any(checkout.host == clone.host for checkout in repo.checkouts.all())
    return here or not is_local(clone.address) or clone.may_be_of(repo)


def gone_here(repo: Repo, host: str) -> list[Checkout]:
    """List the checkouts of *repo* on *host*, this machine, whose folder is gone or no longer a work tree.

    One of the hub's own clones is never gone: the next run makes it again.
    """
    return [
        checkout
        for checkout in repo.checkouts.all()
        if checkout.host == host and checkout.retired_at is None and not checkout.managed and is_gone(checkout.path)
    ]


def _is_one_of(clone: Clone, repo: Repo) -> bool:
    """Return whether the clone may join *repo* by name: by its history, or its address if the history is unknown."""
    kinship = clone.kinship(repo)
    return kinship is Kinship.RELATED or (kinship is Kinship.UNKNOWN and _is_at(clone, repo))


def check_clone(clone: Clone, repo: Repo) -> None:
    """Raise RegistrationError unless the clone may join *repo* by name."""
    if not _is_one_of(clone, repo):
        raise RegistrationError(
            f"{clone.path} ({clone.address or 'no origin'}) is not a clone of '{repo.slug}' "
            f"({repo.origin or 'no origin'}): {_difference(clone, repo)}"
        )


def slug_taken(clone: Clone, repo: Repo) -> str:
    """Say which repo has the slug that the clone wants, and why it does not join that repo."""
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


def _ask(clone: Clone, repos: Sequence[Repo]) -> str:
    named = " and ".join(f"'{repo.slug}' ({repo.origin or 'no origin'})" for repo in repos)
    joins = " or ".join(f"--slug {repo.slug}" for repo in repos)
    noun, verb = ("repo", "joins it") if len(repos) == 1 else ("repos", "joins one of them")
    return (
        f"{clone.path} looks like {noun} {named}: {joins} {verb}, --slug OTHER registers another one "
        f"(register_repo {clone.path} --slug …)"
    )
