"""Finds what a file says that is no news to the hub, although it is to this checkout's ledger.

A person moves a task back; what had made it go forward was in the files by then, and the hub had taken it from another
checkout, or had written it there itself. Where a pull brings that same commit here, it must not undo the reopen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from consistency.checkout.blame import Blamed, commits_of, is_within
from consistency.checkout.commit import Committer
from consistency.checkout.git import GitError, GitTimeout
from consistency.checkout.worktree import WorkTree
from consistency.checkout.writeback import SUBJECT
from consistency.core.actions import AdvanceTask
from consistency.core.compare import Drift
from consistency.core.finding import Finding
from consistency.core.sides import Known
from consistency.hub.reopened import heads_taken, reopened

Old = dict[tuple[str, str], str]
"""(path of a workplan, task's id) → the status there that is no news."""


def old_news(repo: int, tree: WorkTree, drifts: Iterable[Drift], committer: Committer) -> Old:
    """What would move a reopened task forward again, but comes from commits that the hub knew when it was reopened.

    Those of *committer*, the hub itself, are among them: they say what it said.

    Costs one query where nothing moves forward that was ever moved back. Raises GitTimeout.
    """
    forward = {drift.action.id: drift.finding for drift in drifts if isinstance(drift.action, AdvanceTask)}
    back = reopened(forward.keys()) if forward else {}
    concerned = {task: forward[task] for task in back}
    commits = _commits(tree, concerned.values())
    heads = {at: heads_taken(repo, at) for at in set(back.values())}
    found: Old = {}
    for task, finding in concerned.items():
        place = finding.file or "", finding.line or 0
        commit = commits.get(place)
        if commit and (_is_own(commit, committer) or _is_within(tree, commit.commit, heads[back[task]])):
            found[place[0], finding.task or ""] = finding.file_status or ""
    return found


def as_taken(known: Iterable[Known], old: Old) -> tuple[Known, ...]:
    """*known*, with all that is *old* as if this checkout's ledger had it."""
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for (path, task), status in old.items():
        taken[path][task] = status
    return tuple(replace(item, taken={**item.taken, **taken.get(item.workplan.path, {})}) for item in known)


def _commits(tree: WorkTree, findings: Collection[Finding]) -> dict[tuple[str, int], Blamed]:
    """The commit that the status in each of *findings* comes from; none where it is in no commit."""
    lines: dict[str, set[int]] = defaultdict(set)
    for finding in findings:
        if finding.file and finding.line:
            lines[finding.file].add(finding.line)
    found = {}
    for path, wanted in lines.items():
        try:
            commits = commits_of(tree, path, wanted)
        except GitTimeout:
            raise
        except GitError:  # No commit has the file.
            continue
        found.update({(path, line): commit for line, commit in commits.items()})
    return found


def _is_own(commit: Blamed, committer: Committer) -> bool:
    return commit.author == f"{committer.name} <{committer.email}>" and commit.subject == SUBJECT


def _is_within(tree: WorkTree, commit: str, heads: Collection[str]) -> bool:
    try:
        return is_within(tree, commit, heads)
    except GitTimeout:
        raise
    except GitError:  # A repository with holes tells nothing: then it is news, as the ledger has it.
        return False
