"""Updates the ledger after a fix: what each file said, what the hub took, whether both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from consistency.core.actions import (
    AdvanceTask,
    AdvanceWorkstream,
    CreateTask,
    CreateWorkstream,
    HubAction,
    StatusWritten,
    WriteBack,
)
from consistency.core.codes import BLOCK_GONE
from consistency.core.comparison.drift import Comparison
from consistency.core.comparison.snapshot import HubWorkstream, ParsedWorkplan
from consistency.core.ledger_codec import dump
from consistency.core.workplan.model import Mirrored, TaskBlock, Workplan
from consistency.db.ledger import (
    GONE,
    LEFT,
    UNREAD,
    Entry,
    NewEntry,
    delete_entries,
    mark_gone,
    read_contents,
    read_entries,
    write_entries,
)
from consistency.git.files import digest
from statehub.models import Checkout

if TYPE_CHECKING:
    from consistency.core.workplan.edit import Edited
    from consistency.runs.sync import Sync


def update_ledger(checkout: Checkout, synced: Sync) -> None:
    """Bring the rows of *checkout* up to date with the files, once the hub's changes are made.

    Those of files that are only to be written back are left for `record_written_files`.
    """
    scan, left = synced.scan, synced.left
    _write_changed(checkout, synced, synced.comparison.workstreams.keys() - _only_to_write(synced), {})
    there = scan.keys
    new = [row for row in left if row.path not in scan.entries and row.path not in scan.listed]
    gone = {path: entry for path, entry in scan.entries.items() if path not in scan.listed}
    moved = {path for path, entry in scan.entries.items() if path in scan.other and entry.key in there}
    delete_entries(checkout.pk, moved | {path for path, entry in gone.items() if entry.key in there})
    mark_gone(checkout.pk, {path for path, row in gone.items() if row.key not in there and not row.is_gone}, GONE)
    write_entries(checkout.pk, [_left_entry(row) for row in new])
    mark_gone(checkout.pk, {row.path for row in left if row.path in gone and row.key not in there}, LEFT)


def record_written_files(checkout: Checkout, synced: Sync, files: Mapping[str, Edited]) -> None:
    """Record what the *files* that were written back say now, and that others were to be written back.

    If a hook has changed a file since, its digest is another one and the next run reads it again.
    """
    waiting = _only_to_write(synced)
    # The rows of other files have been written since the scan: they may be back to what they were then.
    write_entries(checkout.pk, _entries(synced, files.keys() - waiting, files))
    _write_changed(checkout, synced, waiting, files)


def _only_to_write(synced: Sync) -> set[str]:
    """List the files that are as the ledger has them, and from which the hub took nothing, but that are behind it.

    If the run is cut off, their old rows are as true as they were before it.
    """
    scan, drifts = synced.scan, synced.comparison.drifts
    taken = {drift.finding.file for drift in drifts if isinstance(drift.action, HubAction)}
    paths = {drift.action.path for drift in drifts if isinstance(drift.action, WriteBack)} - taken
    return {path for path in paths if path in scan.entries and scan.entries[path].digest == scan.digests[path]}


def _write_changed(checkout: Checkout, synced: Sync, paths: Collection[str], written: Mapping[str, Edited]) -> None:
    scan = synced.scan
    changed = (
        new
        for new in _entries(synced, paths, written)
        if new.entry != scan.entries.get(new.path) or new.content != scan.contents.get(new.path)
    )
    write_entries(checkout.pk, changed)


def _entries(synced: Sync, paths: Collection[str], written: Mapping[str, Edited]) -> Iterator[NewEntry]:
    """Yield the rows of *paths*, which were compared; the *written* ones of them as they are now."""
    if not paths:
        return
    comparison = synced.comparison
    missing, since = _missing(comparison), _since(comparison, synced.applied, written)
    created = {drift.finding.workplan for drift in comparison.drifts if isinstance(drift.action, CreateWorkstream)}
    pending = synced.pending(frozenset(written))
    for item in synced.scan.side.known:
        path = item.workplan.path
        if path not in paths:
            continue
        workstream = comparison.workstreams[path]
        version = None if path in pending else synced.versions[workstream]
        now, digest_now = item, synced.scan.digests[path]
        if path in written:
            now, digest_now = item._replace(workplan=written[path].workplan), digest(written[path].data)
        key = item.workplan.key
        times = since[key]
        if key in created:
            times = dict.fromkeys([None, *(block.key for block in item.workplan.blocks)], synced.applied)
        yield _entry(now, workstream, digest_now, version, missing[key], times)


def _left_entry(row: HubWorkstream) -> NewEntry:
    """Return the row of a file that this checkout never had."""
    nothing = ParsedWorkplan(Workplan(row.path, row.key, row.status, None, Mirrored(), 0, ()))
    return NewEntry(row.path, Entry(row.key, row.id, LEFT, None), dump(nothing))


def forget_dropped(checkout: int, dropped: Sequence[StatusWritten]) -> None:
    """Record the old statuses of *dropped*, newest first, as taken by the hub: they are no longer news.

    Call it before the commits that wrote them back are dropped: a run that is cut off in between then takes neither
    side for news.
    """
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for item in dropped:
        taken[item.path][item.task] = item.old
    entries = read_entries(checkout)
    for path, (known, _) in read_contents(checkout, taken.keys() & entries.keys()).items():
        entry = entries[path]._replace(digest=UNREAD, version=None)
        since = {task: at for task, at in known.since.items() if task not in taken[path]}
        content = dump(known._replace(taken={**known.taken, **taken[path]}, since=since))
        write_entries(checkout, [NewEntry(path, entry, content)])


def _missing(comparison: Comparison) -> dict[str | None, set[str | None]]:
    """Return the tasks, by workplan, of which the hub took nothing in this run: in doubt, held, or without a block."""
    missing = defaultdict[str | None, set[str | None]](set)
    for workplan, task in comparison.held:
        missing[workplan].add(task)
    for doubt in comparison.doubts:
        missing[doubt.workplan].add(doubt.task)
    for finding in (drift.finding for drift in comparison.drifts):
        if finding.code == BLOCK_GONE:
            missing[finding.workplan].add(finding.task)
    return missing


def _since(
    comparison: Comparison, applied: datetime, written: Collection[str] = ()
) -> dict[str | None, dict[str | None, datetime]]:
    """Return, by workplan and task, since when the hub has each status that both sides agree on after this run.

    The hub's changes are dated *applied*; only the files *written* have the statuses that the hub had for them. Of
    workplans that are created, all are dated so.
    """
    since = defaultdict[str | None, dict[str | None, datetime]](dict)
    for (workplan, task), at in comparison.agreed.items():
        since[workplan][task] = at
    for drift in comparison.drifts:
        action, workplan = drift.action, drift.finding.workplan
        if isinstance(action, AdvanceTask | AdvanceWorkstream | CreateTask):
            since[workplan][drift.finding.task] = applied
        if isinstance(action, WriteBack) and action.path in written:
            since[workplan][action.task] = action.changed_at
    return since


def _entry(
    item: ParsedWorkplan,
    workstream: str,
    digest_now: str,
    version: int | None,
    missing: Collection[str | None],
    since: Mapping[str | None, datetime],
) -> NewEntry:
    """Return the row for *item*: the hub has taken every block's status, except of those *missing*."""
    workplan = item.workplan
    found: Sequence[TaskBlock] = workplan.blocks
    taken, times = dict[str, str](), dict[str, datetime]()
    if missing:
        found = [block for block in found if block.key not in missing]
        taken = {task: status for task, status in item.taken.items() if task in missing}
        times = {task: at for task, at in item.since.items() if task in missing}
    taken |= {block.key: block.status for block in found}
    times |= {block.key: since[block.key] for block in found if block.key in since}
    known = ParsedWorkplan(workplan, taken, workplan.status, times, since.get(None))
    return NewEntry(workplan.path, Entry(workplan.key, workstream, digest_now, version), dump(known))
