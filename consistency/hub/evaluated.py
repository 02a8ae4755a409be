"""Which open findings a run has evaluated: only these does it resolve when it no longer sees them."""

from __future__ import annotations

from collections.abc import Collection

from consistency.core.compare import Doubt
from consistency.hub.episodes import Evaluated, OpenEpisode
from statehub.escapes import storable

_OF_FILE = frozenset({"C-02", "C-03"})
"""Seen by reading a file, whatever else stays unknown of it."""

_OF_READING = frozenset({"C-02", "C-03", "C-04", "C-05", "C-06", "C-17"})
"""Seen without comparing the task."""

_OF_WRITING = frozenset({"C-14", "C-16"})
"""Seen only where a writeback is tried."""


def nothing(_row: OpenEpisode) -> bool:
    """For a checkout that could not be looked at."""
    return False


def only_the_gate(row: OpenEpisode) -> bool:
    """For a checkout that the pull gate held back: it is there, and no more is known."""
    return row.code == "C-01"


def compared(doubts: Collection[Doubt], due: Collection[str], *, tried: bool) -> Evaluated:
    """For a checkout that was compared, all but *doubts*.

    *due* are the files for which a writeback is due; *tried* says whether the run tried it.
    """
    files = {storable(doubt.file) for doubt in doubts if doubt.file}
    workplans = {storable(doubt.workplan) for doubt in doubts if doubt.workplan and not doubt.task}
    tasks = {(storable(doubt.workplan or ""), storable(doubt.task)) for doubt in doubts if doubt.task}

    def evaluated(row: OpenEpisode) -> bool:
        if row.code in _OF_WRITING and not tried and _is_due(row):
            return False
        if row.file in files:
            return row.code in _OF_FILE
        if row.workplan in workplans:
            return row.code in _OF_FILE | {"C-04"}
        return (row.workplan, row.task) not in tasks or row.code in _OF_READING

    def _is_due(row: OpenEpisode) -> bool:
        # Without a file: C-14 is the pull gate, which every run sees; C-16 concerns the whole commit.
        return row.file in due if row.file else row.code == "C-16" and bool(due)

    return evaluated
