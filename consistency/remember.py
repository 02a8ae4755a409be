"""Brings the ledger up to date after a fix: what each file said, what the hub took, whether both agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from consistency.core.compare import Comparison
from consistency.core.memory import remember
from consistency.core.sides import Known
from consistency.core.workplan import Workplan
from consistency.hub.ledger import Entry, NewEntry
from consistency.read import Reading


def new_entries(
    reading: Reading, comparison: Comparison, versions: Mapping[str, int], pending: Collection[str]
) -> list[NewEntry]:
    """The ledger rows that differ from what the ledger has.

    *versions* are the workstreams' versions after the hub changes; *pending* the paths on which the two
    sides do not agree yet.
    """
    missing = {(doubt.workplan, doubt.task) for doubt in comparison.doubts}
    missing |= {(gone.workplan, gone.task) for gone in (drift.finding for drift in comparison.drifts) if gone.code == "C-10"}
    entries = []
    for item in reading.side.known:
        path = item.workplan.path
        if path in comparison.workstreams:
            workstream = comparison.workstreams[path]
            version = None if path in pending else versions[workstream]
            taken = _taken(item, missing)
            entry = _entry(item.workplan, workstream, reading.digests[path], version, taken)
            if _differs(entry, reading.entries.get(path), reading.contents.get(path)):
                entries.append(entry)
    return entries


def written_entries(
    written: Iterable[tuple[Workplan, str]],
    comparison: Comparison,
    versions: Mapping[str, int],
    pending: Collection[str],
) -> list[NewEntry]:
    """The ledger rows of files that were written back: each workplan as it stands now, with its digest."""
    return [
        _entry(
            workplan,
            comparison.workstreams[workplan.path],
            mark,
            None if workplan.path in pending else versions[comparison.workstreams[workplan.path]],
            {block.key: block.status for block in workplan.blocks},
        )
        for workplan, mark in written
    ]


def _taken(item: Known, missing: Collection[tuple[str | None, str | None]]) -> dict[str, str]:
    """What the hub has taken now: every block's status, and what it took before of those *missing* for now."""
    key = item.workplan.key
    taken = {task: status for task, status in item.taken.items() if (key, task) in missing}
    taken.update((block.key, block.status) for block in item.workplan.blocks if (key, block.key) not in missing)
    return taken


def _entry(workplan: Workplan, workstream: str, mark: str, version: int | None, taken: Mapping[str, str]) -> NewEntry:
    content = remember(workplan, taken, workplan.status)
    return NewEntry(workplan.path, workplan.key, workstream, mark, version, content)


def _differs(entry: NewEntry, old: Entry | None, content: str | None) -> bool:
    return old != Entry(entry.key, entry.workstream, entry.digest, entry.version) or content != entry.content
