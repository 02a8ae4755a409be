"""Keeps the record of each repo's proposal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from consistency.db.own_commits import mark_withdrawn
from consistency.models import Proposal
from statehub.models import Repo


def read_proposal(repo: int) -> Proposal:
    """Return the record of the repo's proposal; an empty one is made if there never was one.

    Made at once: another host may be about to propose the first time as well.
    """
    return Proposal.objects.get_or_create(repo_id=repo)[0]


def may_be_proposed(repo: Repo) -> bool:
    """Return whether something of *repo* may be proposed, or was until lately; no query if its proposal is loaded."""
    proposal = getattr(repo, "proposal", None)
    return proposal is not None and bool(proposal.base or proposal.withdrawn)


def record_attempt(proposal: Proposal, branch: str, base: str) -> None:
    """Record that *branch* may be on the remote from now on, with a commit on top of *base*."""
    proposal.branch, proposal.base = branch, base
    proposal.save()


def record_proposed(proposal: Proposal, commit: str, page: str, replaced: str = "") -> None:
    """Record that *commit* waits on the remote, in the place of *replaced*, and the *page* of its request."""
    if (proposal.commit, proposal.page) == (commit, page) and proposal.proposed_at and not replaced:
        return
    proposal.proposed_at = proposal.proposed_at or timezone.now()
    _add_withdrawn(proposal, {replaced, proposal.commit} - {commit})
    proposal.commit, proposal.page = commit, page
    proposal.save()


def record_closed(proposal: Proposal) -> None:
    """Record that a person has removed the branch."""
    if proposal.proposed_at is not None:
        _add_withdrawn(proposal, {proposal.commit})
        proposal.proposed_at, proposal.page = None, ""
        proposal.save()


def record_withdrawn(proposal: Proposal, removed: Iterable[str] = ()) -> None:
    """Record that nothing is proposed any longer; *removed* are the commits that the branch had until now."""
    _add_withdrawn(proposal, removed)
    proposal.commit = proposal.base = proposal.page = ""
    proposal.proposed_at = None
    proposal.save()


def settle_withdrawn(proposal: Proposal, fetched_at: datetime | None) -> None:
    """Mark the commits that were withdrawn before a fetch at *fetched_at*: no later one can find them merged."""
    before, after = proposal.withdrawn_at, fetched_at
    if proposal.withdrawn and before is not None and after is not None and before < after:
        mark_withdrawn(proposal.repo_id, proposal.withdrawn)
        proposal.withdrawn, proposal.withdrawn_at = [], None
        proposal.save()


def _add_withdrawn(proposal: Proposal, commits: Iterable[str]) -> None:
    if added := sorted(set(commits) - {""} - set(proposal.withdrawn)):
        proposal.withdrawn = [*proposal.withdrawn, *added]
        proposal.withdrawn_at = timezone.now()
