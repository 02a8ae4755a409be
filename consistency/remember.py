"""Brings the ledger up to date after a fix: what each file said, what the hub took, whether both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from consistency.checkout.files import digest
from consistency.core.actions import StatusWritten
from consistency.core.compare import Comparison
from consistency.core.edit import Edited
from consistency.core.memory import remember
from consistency.core.sides import Known
from consistency.hub.ledger import UNREAD, Entry, NewEntry, read_contents, read_entries, write_entries
from consistency.read import Reading

Task = tuple[str | None, str | None]
"""A workplan's id and a task's."""


def new_entries(
    reading: Reading, comparison: Comparison, versions: Mapping[str, int], pending: Collection[str]
) -> list[NewEntry]:
    """The ledger rows that differ from what the ledger has.

    *versions* are the workstreams' versions after the hub changes; *pending* the paths on which the two
    sides do not agree yet.
    """
    missing = _missing(comparison)
    entries = []
    for item in reading.side.known:
        path = item.workplan.path
        if path in comparison.workstreams:
            workstream = comparison.workstreams[path]
            version = None if path in pending else versions[workstream]
            entry = _entry(item, workstream, reading.digests[path], version, missing)
            if _differs(entry, reading.entries.get(path), reading.contents.get(path)):
                entries.append(entry)
    return entries


def written_entries(
    reading: Reading,
    comparison: Comparison,
    versions: Mapping[str, int],
    pending: Collection[str],
    files: Mapping[str, Edited],
) -> list[NewEntry]:
    """The ledger rows of the *files* that were written back, as they stand there now."""
    missing = _missing(comparison)
    entries = []
    for item in reading.side.known:
        path = item.workplan.path
        if path in files:
            workstream = comparison.workstreams[path]
            version = None if path in pending else versions[workstream]
            now = replace(item, workplan=files[path].workplan)
            entries.append(_entry(now, workstream, digest(files[path].data), version, missing))
    return entries


def rewind(checkout: int, dropped: Sequence[StatusWritten]) -> None:
    """Remember the old statuses of *dropped*, newest first, as what the hub has taken of the files: no news any more.

    To be called before the commits that wrote them back are dropped: a run that is cut off in between then takes
    neither side for news.
    """
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for item in dropped:
        taken[item.path][item.task] = item.old
    entries = read_entries(checkout)
    for path, (known, _) in read_contents(checkout, taken.keys() & entries.keys()).items():
        entry = entries[path]
        content = remember(known.workplan, {**known.taken, **taken[path]}, known.taken_status)
        write_entries(checkout, [NewEntry(path, entry.key, entry.workstream, UNREAD, None, content)])


def _missing(comparison: Comparison) -> set[Task]:
    """The tasks of which the hub took nothing in this run: in doubt, held, or without a block."""
    doubtful = set(comparison.held) | {(doubt.workplan, doubt.task) for doubt in comparison.doubts}
    found = (drift.finding for drift in comparison.drifts)
    return doubtful | {(finding.workplan, finding.task) for finding in found if finding.code == "C-10"}


def _entry(item: Known, workstream: str, mark: str, version: int | None, missing: Collection[Task]) -> NewEntry:
    workplan = item.workplan
    content = remember(workplan, _taken(item, missing), workplan.status)
    return NewEntry(workplan.path, workplan.key, workstream, mark, version, content)


def _taken(item: Known, missing: Collection[Task]) -> dict[str, str]:
    """What the hub has taken now: every block's status, and what it took before of those *missing* for now."""
    key = item.workplan.key
    taken = {task: status for task, status in item.taken.items() if (key, task) in missing}
    taken.update((block.key, block.status) for block in item.workplan.blocks if (key, block.key) not in missing)
    return taken


def _differs(entry: NewEntry, old: Entry | None, content: str | None) -> bool:
    return old != Entry(entry.key, entry.workstream, entry.digest, entry.version) or content != entry.content
