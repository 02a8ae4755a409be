"""Keeps and reads the hub's record of the commits that State Hub made (design, "Writeback")."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.utils import timezone

from consistency.core.actions import StatusWritten
from consistency.models import OwnCommit


def record_own_commit(repo: int, commit: str, authored: int, changes: Iterable[StatusWritten]) -> None:
    """Record that *commit*, dated *authored* in seconds since 1970, is the hub's own. A second time changes nothing."""
    row = OwnCommit(
        repo_id=repo,
        commit=commit,
        authored=authored,
        changes=[list(change) for change in changes],
        recorded_at=timezone.now(),
    )
    OwnCommit.objects.bulk_create([row], ignore_conflicts=True)


def mark_withdrawn(repo: int, commits: Collection[str], *, withdrawn: bool = True) -> None:
    """Record whether *commits*, which are the hub's own, are *withdrawn*: then no one can merge them."""
    OwnCommit.objects.filter(repo=repo, commit__in=commits, withdrawn=not withdrawn).update(withdrawn=withdrawn)


def read_own_commits(repo: int, commits: Collection[str]) -> dict[str, tuple[StatusWritten, ...]]:
    """Find those of *commits* that are the hub's own, with the statuses that each wrote."""
    if not commits:
        return {}
    rows = OwnCommit.objects.filter(repo=repo, commit__in=commits).order_by().values_list("commit", "changes")
    return {commit: tuple(StatusWritten(*change) for change in changes) for commit, changes in rows}
