"""Reads which tasks people moved back or aside, and what the hub had taken from files until then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consistency.core.actions import StatusWritten
from consistency.core.comparison.reopens import Evidence, Statement
from consistency.db.bulk import values_of
from consistency.db.ledger import batches
from consistency.models import OwnCommit
from statehub.models import Source, StatusChange, WorkstreamMove
from statehub.statuses import is_regress, rank


class TaskStatus(NamedTuple):
    """A task's id and status in a file."""

    task: str
    status: str


@dataclass(slots=True)
class Reopen:
    """The newest change of a task, in the hub, that a file's status would undo.

    `heads` are the commits that the hub had taken from the repo's checkouts until then, `stated` those recorded with
    earlier changes from files.
    """

    number: int
    at: datetime
    heads: frozenset[str]
    stated: set[str] = field(default_factory=set)
    statements: set[Statement] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)

    @property
    def evidence(self) -> Evidence:
        """The facts that decide whether a statement is older."""
        return Evidence(self.at.timestamp(), self.statements, self.own, self.later)


def read_reopens(repo: int, statuses: Mapping[str, TaskStatus]) -> dict[str, Reopen]:
    """Read the reopens of the tasks of *statuses* (UUID → its status in the file): four queries, or one if none."""
    found = _newest(statuses)
    if found:
        repos = {repo, *_add_moves(found)}
        _add_statements(found, statuses)
        _add_own_commits(repos, found, statuses)
    return found


def _newest(statuses: Mapping[str, TaskStatus]) -> dict[str, Reopen]:
    found: dict[str, Reopen] = {}
    for batch in batches(statuses):
        rows = StatusChange.objects.filter(task__in=values_of(StatusChange, "task", batch)).exclude(source=Source.FILE)
        # In the order of their ids: each was given under the workstream's lock, and the machines' clocks differ.
        for pk, task, at, old, new, heads in rows.order_by("pk").values_list(
            "pk", "task", "at", "old", "new", "known_heads"
        ):
            # A move aside does not count against later work.
            is_aside = rank(new) == rank(old) == rank(statuses[str(task)].status)
            if is_regress(old, new) or is_aside:
                found[str(task)] = Reopen(pk, at, frozenset(heads))
    return found


def _add_moves(reopens: Mapping[str, Reopen]) -> set[int]:
    """Add what the hub had taken of tasks that moved here from another repo; return the repos that they left.

    The commits of those repos are not in the history of this one. A status above the HEAD at which a task was found
    here is news.
    """
    left = set[int]()
    for batch in batches(map(UUID, reopens)):
        rows = WorkstreamMove.objects.filter(workstream__tasks__in=batch).order_by("pk")
        for task, at, repo, commit in rows.values_list("workstream__tasks", "at", "from_repo", "commit"):
            reopen = reopens.get(str(task))
            if reopen is None:
                continue
            left |= {repo} - {None}
            if at > reopen.at:
                reopen.heads = frozenset({commit} - {""})
                reopen.later |= reopen.heads
    return left


def _add_statements(reopens: Mapping[str, Reopen], statuses: Mapping[str, TaskStatus]) -> None:
    for batch in batches(map(UUID, reopens)):
        rows = StatusChange.objects.filter(task__in=batch, source=Source.FILE).order_by()
        for pk, task, new, commit, authored, digest in rows.values_list(
            "pk", "task", "new", "commit", "authored", "digest"
        ):
            reopen = reopens[str(task)]
            if pk > reopen.number:
                continue
            reopen.stated |= {commit} - {""}
            if new == statuses[str(task)].status:
                reopen.statements.add(Statement(commit, authored, digest))


def _add_own_commits(repos: Collection[int], reopens: Mapping[str, Reopen], statuses: Mapping[str, TaskStatus]) -> None:
    by_key: dict[str, list[str]] = defaultdict(list)
    for task in reopens:
        by_key[statuses[task].task].append(task)
    own = set[str]()
    rows = OwnCommit.objects.filter(repo__in=repos).order_by()
    columns = ("commit", "authored", "changes", "recorded_at", "withdrawn")
    for commit, authored, changes, at, withdrawn in rows.values_list(*columns):
        own.add(commit)
        for change in (StatusWritten(*written) for written in changes):
            for task in by_key.get(change.task, ()):
                reopen = reopens[task]
                if change.new == statuses[task].status:
                    if not withdrawn:
                        reopen.statements.add(Statement(commit, authored, change.digest))
                elif at > reopen.at:
                    reopen.later.add(commit)
    for reopen in reopens.values():
        reopen.own = own
