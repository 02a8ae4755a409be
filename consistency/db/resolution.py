"""Which open findings a run has evaluated: only these does it resolve when it no longer sees them."""

from __future__ import annotations

from collections.abc import Collection

from consistency.core.comparison.reachability import UNREACHABLE
from consistency.core.comparison.workplans import Unevaluated
from consistency.core.finding import UNPUSHED
from consistency.db.finding_history import Evaluated, StoredFinding, fingerprint
from statehub.text import escape_unstorable

_OF_FILE = frozenset({"C-02", "C-03", "C-08", "C-23", "C-27"})
"""Seen by looking for a file and reading it, whatever else stays unknown of it."""

_OF_READING = _OF_FILE | {"C-04", "C-05", "C-06", "C-17", "C-24"}
"""Seen without comparing the task."""

_OF_REMOTE = frozenset({UNREACHABLE, "C-22"})
"""Seen only if the remote answers."""

_PUSH = fingerprint(UNPUSHED)

_OF_WRITING = frozenset({"C-14", "C-16"})
"""Seen only if a writeback is tried."""


def nothing(_row: StoredFinding) -> bool:
    """For a checkout that could not be looked at."""
    return False


def only_the_gates(row: StoredFinding) -> bool:
    """For a checkout that was held back: it is there, its branch and upstream are known, and no more."""
    return row.code == "C-01" or (row.code in ("C-14", "C-18", "C-21", "C-22") and not row.file)


def pushed(compared: Evaluated) -> Evaluated:
    """As *compared* has it, for a checkout whose commits are all pushed."""
    return lambda row: _is_of_push(row) or compared(row)


def fetched(others: Evaluated, answered: bool) -> Evaluated:
    """As *others* have it, but what only the remote can tell (C-26, a branch is gone) ends only if it *answered*."""
    return lambda row: (answered or row.code not in _OF_REMOTE) and (row.code == UNREACHABLE or others(row))


def _is_of_push(row: StoredFinding) -> bool:
    return row.fingerprint == _PUSH


def compared(
    doubts: Collection[Unevaluated], due: Collection[str], *, tried: bool, unpushed: bool = False
) -> Evaluated:
    """For a checkout that was compared, all but *doubts*.

    *due* are the files for which a writeback is due; *tried* says whether the run tried it; *unpushed* that there are
    commits that its upstream lacks.
    """
    files = {escape_unstorable(doubt.file) for doubt in doubts if doubt.file}
    workplans = {escape_unstorable(doubt.workplan) for doubt in doubts if doubt.workplan and not doubt.task}
    tasks = {(escape_unstorable(doubt.workplan or ""), escape_unstorable(doubt.task)) for doubt in doubts if doubt.task}
    there = {
        (escape_unstorable(doubt.workplan or ""), escape_unstorable(doubt.task))
        for doubt in doubts
        if doubt.task and doubt.there
    }

    def evaluated(row: StoredFinding) -> bool:
        if _is_of_push(row):
            return not unpushed
        if row.code in _OF_WRITING and not tried and _is_due(row):
            return False
        if row.file in files:
            return row.code in _OF_FILE
        if row.workplan in workplans:
            return row.code in _OF_FILE | {"C-04"}
        place = (row.workplan, row.task)
        return place not in tasks or row.code in _OF_READING or (row.code == "C-10" and place in there)

    def _is_due(row: StoredFinding) -> bool:
        # Without a file: C-14 is the pull gate, which every run sees; C-16 concerns the whole commit.
        return row.file in due if row.file else row.code == "C-16" and bool(due)

    return evaluated
