"""Brings the ledger up to date after a fix: what each file said, what the hub took, whether both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from consistency.core.actions import (
    AdvanceTask,
    AdvanceWorkstream,
    CreateTask,
    CreateWorkstream,
    StatusWritten,
    WriteBack,
)
from consistency.core.codes import BLOCK_GONE
from consistency.core.comparison.drift import Comparison
from consistency.core.comparison.snapshot import ParsedWorkplan, Place
from consistency.core.ledger_codec import dump
from consistency.core.workplan.edit import Edited
from consistency.db.ledger import UNREAD, Entry, NewEntry, read_contents, read_entries, write_entries
from consistency.git.files import digest
from consistency.runs.scan import Scan


def entries_for_plan(
    reading: Scan, comparison: Comparison, versions: Mapping[str, int], pending: Collection[str], applied: datetime
) -> list[NewEntry]:
    """The ledger rows that differ from what the ledger has.

    *versions* are the workstreams' versions after the hub changes, which are dated *applied*; *pending* the paths on
    which the two sides do not agree yet.
    """
    missing, since = _missing(comparison), _since(comparison, applied)
    entries = []
    for item in reading.side.known:
        path = item.workplan.path
        if path in comparison.workstreams:
            workstream = comparison.workstreams[path]
            version = None if path in pending else versions[workstream]
            entry = _entry(item, workstream, reading.digests[path], version, missing, since)
            if _differs(entry, reading.entries.get(path), reading.contents.get(path)):
                entries.append(entry)
    return entries


def entries_after_writeback(
    reading: Scan,
    comparison: Comparison,
    versions: Mapping[str, int],
    pending: Collection[str],
    applied: datetime,
    files: Mapping[str, Edited],
) -> list[NewEntry]:
    """The ledger rows of the *files* that were written back, as they stand there now."""
    missing, since = _missing(comparison), _since(comparison, applied, files)
    entries = []
    for item in reading.side.known:
        path = item.workplan.path
        if path in files:
            workstream = comparison.workstreams[path]
            version = None if path in pending else versions[workstream]
            now = replace(item, workplan=files[path].workplan)
            entries.append(_entry(now, workstream, digest(files[path].data), version, missing, since))
    return entries


def forget_dropped(checkout: int, dropped: Sequence[StatusWritten]) -> None:
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
        since = {task: at for task, at in known.since.items() if task not in taken[path]}
        content = dump(replace(known, taken={**known.taken, **taken[path]}, since=since))
        write_entries(checkout, [NewEntry(path, entry.key, entry.workstream, UNREAD, None, content)])


def _missing(comparison: Comparison) -> set[Place]:
    """The tasks of which the hub took nothing in this run: in doubt, held, or without a block."""
    doubtful = set(comparison.held) | {(doubt.workplan, doubt.task) for doubt in comparison.doubts}
    found = (drift.finding for drift in comparison.drifts)
    return doubtful | {(finding.workplan, finding.task) for finding in found if finding.code == BLOCK_GONE}


def _since(comparison: Comparison, applied: datetime, written: Collection[str] = ()) -> dict[Place, datetime]:
    """Since when the hub has each status that both sides agree on, now that the plan is carried out: its own changes
    are dated *applied*, and only the files *written* have what the hub had for them.
    """
    since = dict(comparison.agreed)
    for drift in comparison.drifts:
        action, workplan = drift.action, drift.finding.workplan
        if isinstance(action, AdvanceTask | AdvanceWorkstream | CreateTask | CreateWorkstream):
            since[workplan, drift.finding.task] = applied
        if isinstance(action, CreateWorkstream):
            since.update(((workplan, task.block.key), applied) for task in action.tasks)
        if isinstance(action, WriteBack) and action.path in written:
            since[workplan, action.task] = action.changed_at
    return since


def _entry(
    item: ParsedWorkplan,
    workstream: str,
    mark: str,
    version: int | None,
    missing: Collection[Place],
    since: Mapping[Place, datetime],
) -> NewEntry:
    """The row for *item*: the hub has taken every block's status, but for those *missing* what it took before."""
    workplan, key = item.workplan, item.workplan.key
    found = [block for block in workplan.blocks if (key, block.key) not in missing]
    taken = {task: status for task, status in item.taken.items() if (key, task) in missing}
    times = {task: at for task, at in item.since.items() if (key, task) in missing}
    taken.update((block.key, block.status) for block in found)
    times.update((block.key, since[key, block.key]) for block in found if (key, block.key) in since)
    known = ParsedWorkplan(workplan, taken, workplan.status, times, since.get((key, None)))
    return NewEntry(workplan.path, key, workstream, mark, version, dump(known))


def _differs(entry: NewEntry, old: Entry | None, content: str | None) -> bool:
    return old != Entry(entry.key, entry.workstream, entry.digest, entry.version) or content != entry.content
