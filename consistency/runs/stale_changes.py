"""Finds statuses in files that are no longer news to the hub, although they are new to this checkout's ledger.

A person reopens a task after the hub has taken its later status from another checkout, or has written it there itself.
If a pull brings that commit here, it must not undo the reopen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from consistency.core.actions import AdvanceTask
from consistency.core.codes import REOPENED
from consistency.core.comparison.drift import Drift
from consistency.core.comparison.reopens import Age, Bringing, age_of
from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.workplan.new_statuses import ParsedVersion
from consistency.db.reopens import Reopen, TaskStatus, read_reopens
from consistency.git.blame import FileStatus, Provenance, Provenances, find_provenances
from consistency.git.files import digest, read_files, text_digest
from consistency.git.worktree import WorkTree
from consistency.runs.scan import Scan
from statehub.models import Checkout
from statehub.text import escape_unstorable
from statehub.transitions import Actor

Place = tuple[str, str]
"""The path of a workplan and a task's id in it."""

NOT_SHOWN = " — this clone's history does not show which is newer, so the reopen is kept"


@dataclass(slots=True)
class Advances:
    """The origins of the statuses that would change the hub.

    `stale` are those older than a reopen, of which `unclear` are those that may be newer. `provenances` (by the
    tasks' UUIDs) say where each comes from, as far as that was read, and `digests` (by UUID) are those of the files.
    """

    stale: dict[Place, str] = field(default_factory=dict)
    unclear: set[Place] = field(default_factory=set)
    provenances: dict[str, Provenance] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def origins(self, run: Actor) -> dict[str, Actor]:
        """Return who brought each status, by the tasks' UUIDs; *run* if that is not known."""
        return {task: self._origin(task, provenance, run) for task, provenance in self.provenances.items()}

    def _origin(self, task: str, provenance: Provenance, run: Actor) -> Actor:
        if provenance.uncommitted:
            return run._replace(commit="", digest=self.digests.get(task, ""))
        if not provenance.commits:
            return run
        first = provenance.commits[0]
        commit = first.commit
        who = escape_unstorable(commit.author or commit.email) or run.who
        return run._replace(who=who, commit=commit.id, authored=commit.authored, digest=first.digest)


def find_stale_changes(
    checkout: Checkout,
    tree: WorkTree,
    head: str,
    drifts: Iterable[Drift],
    scan: Scan,
    limit: int,
    *,
    all_of_them: bool,
    arriving: Collection[str] = (),
) -> Advances:
    """Find which of the statuses that would change the hub are older than the reopens of their tasks.

    Call it only if *drifts* have one; it costs one query if nothing was ever reopened. With *all_of_them* the origin of
    each status is read, else only of those whose tasks were reopened. *scan* has the files as they were compared. For
    tasks that are *arriving* from another repo it is unclear: this clone has another history. Raises GitTimeoutError.
    """
    found = Advances()
    moves = ((drift.finding, drift.action.id) for drift in drifts if isinstance(drift.action, AdvanceTask))
    statuses = {
        pk: FileStatus(finding.file or "", finding.task or "", pk, finding.file_status or "") for finding, pk in moves
    }
    reopens = read_reopens(
        checkout.repo_id, {task: TaskStatus(each.task, each.status) for task, each in statuses.items()}
    )
    asked = {task: each for task, each in statuses.items() if all_of_them or task in reopens}
    if not asked:
        return found
    tips = {tip for reopen in reopens.values() for tip in reopen.heads | reopen.stated}
    paths = {each.path for each in asked.values()}
    data = {path: scan.changed[path] for path in paths & scan.changed.keys()}
    # Of the others, only those that are still as they were compared.
    read = read_files(tree.top, sorted(paths - data.keys()), limit)
    contents = ((file.path, file.data) for file in read if file.data is not None)
    data.update((path, content) for path, content in contents if digest(content) == scan.digests.get(path))
    workplans = {item.workplan.path: item.workplan for item in scan.side.known}
    answers = find_provenances(
        tree, checkout.repo.pattern, head, asked.values(),
        tips=sorted(tips), since="" if reopens else checkout.head, listed=scan.listed,
        parsed={
            path: [ParsedVersion(data[path], workplans[path]), *scan.before.get(path, ())]
            for path in data.keys() & workplans.keys()
        },
    )  # fmt: skip
    found.provenances = {task: answers.of[each] for task, each in asked.items()}
    uncommitted = {each.path for each in asked.values() if answers.of[each].uncommitted}
    digests_now = {path: text_digest(data[path]) for path in uncommitted & data.keys()}
    found.digests = {task: digests_now.get(each.path, "") for task, each in asked.items()}
    facts = _Facts(answers, head, digests_now)
    for task, reopen in reopens.items():
        each = asked[task]
        age = age_of(facts.bringing(each, reopen), reopen.evidence)
        if age is Age.NEWS and task in arriving:
            age = Age.UNKNOWN
        if age is not Age.NEWS:
            found.stale[each.path, each.task] = each.status
        if age is Age.UNKNOWN:
            found.unclear.add((each.path, each.task))
    return found


def mark_as_seen(known: Iterable[ParsedWorkplan], stale: Mapping[Place, str]) -> tuple[ParsedWorkplan, ...]:
    """Return *known* as if this checkout's ledger had all statuses that are *stale*."""
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for (path, task), status in stale.items():
        taken[path][task] = status
    return tuple(item._replace(taken={**item.taken, **taken.get(item.workplan.path, {})}) for item in known)


def with_doubts_said(drifts: Iterable[Drift], unclear: set[Place]) -> tuple[Drift, ...]:
    """Return *drifts*; those with a reopen that is kept although the history is unclear say so."""
    return tuple(
        drift.with_more(NOT_SHOWN)
        if drift.finding.code == REOPENED and (drift.finding.file, drift.finding.task) in unclear
        else drift
        for drift in drifts
    )


class _Facts:
    """Git's answers in the terms of the core."""

    def __init__(self, answers: Provenances, head: str, digests: Mapping[str, str]) -> None:
        self._answers, self._history, self._head, self._digests = answers, answers.history, head, digests
        self._below: dict[frozenset[str], set[str]] = {}

    def bringing(self, status: FileStatus, reopen: Reopen) -> list[Bringing]:
        """List the commits that brought *status*, or the work tree; nothing if that is not known."""
        provenance = self._answers.of[status]
        cut = self._history.cut
        complete = not cut and reopen.heads <= self._history.commits.keys()
        if provenance.uncommitted:
            below = self._of_evidence(self._head, reopen) if self._head else set()
            return [Bringing("", None, self._digests.get(status.path, ""), below, cut=cut, complete=complete)]
        known, brought = self._ancestors(reopen.heads | reopen.stated), list[Bringing]()
        for each in provenance.commits:
            pk, below = each.commit.id, self._of_evidence(each.commit.id, reopen)
            brought.append(
                Bringing(pk, each.commit.authored, each.digest, below, pk in known, each.again, cut, complete)
            )
        return brought

    def _of_evidence(self, commit: str, reopen: Reopen) -> set[str]:
        named = reopen.later | {statement.commit for statement in reopen.statements}
        return self._ancestors(frozenset({commit})) & named

    def _ancestors(self, tips: frozenset[str] | set[str]) -> set[str]:
        key = frozenset(tips)
        if key not in self._below:
            self._below[key] = self._history.below(key)
        return self._below[key]
