"""Reads one checkout's file side: what is settled by the ledger, what is remembered, what must be parsed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from consistency.core.codes import UNREAD_FILE, UNREADABLE_FILE
from consistency.core.comparison.copies import without_copies
from consistency.core.comparison.snapshot import FileSnapshot, HubWorkstream, ParsedWorkplan, Settled
from consistency.core.comparison.unmatched import nothing_matches
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, Unreadable, Workplan
from consistency.core.workplan.parse import no_workplan_any_more, parse_workplan
from consistency.db.ledger import Entry, read_contents, read_entries
from consistency.git.files import digest, read_files
from consistency.git.unread import linked_folders, nearest, why_unread
from consistency.git.worktree import Listing, WorkTree, list_files


@dataclass(slots=True)
class Scan:
    """The files of one checkout as they stand now.

    `digests` are those of every file read, `side` what they say; `entries` and `contents` the ledger's rows
    as they were, `listed` all paths that matched, `other` those that are no workplans; `overlooked` those that git is
    told to take for unchanged. `absent` are the workstreams for which there seems to be no file, `unmatched` is C-25 if
    no file is there at all.
    """

    entries: dict[str, Entry]
    side: FileSnapshot = field(default_factory=FileSnapshot)
    digests: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)
    overlooked: frozenset[str] = frozenset()
    absent: tuple[HubWorkstream, ...] = ()
    unmatched: tuple[Finding, ...] = ()

    @property
    def keys(self) -> set[str]:
        """The ids of all workplans that are there."""
        side = self.side
        return {file.key for file in side.settled} | {item.workplan.key for item in side.known}

    def missing(self, may_be_missing: Collection[str] = ()) -> tuple[set[str], int]:
        """The workstreams whose workplans the ledger remembers and that are not there, by path or id; and how many it
        remembers. Those that a person has allowed to be missing count for neither.
        """
        keys = self.keys | {file.key for file in self.side.unreadable if file.key}
        remembered = [
            (path, entry)
            for path, entry in self.entries.items()
            if not entry.is_gone and entry.workstream not in may_be_missing
        ]
        missing = {entry.workstream for path, entry in remembered if path not in self.listed and entry.key not in keys}
        return missing, len(remembered)


def scan_checkout(
    tree: WorkTree, pattern: str, checkout: int, limit: int, workstreams: Mapping[str, HubWorkstream]
) -> Scan:
    """Read the files of *tree* that match *pattern*; only what changed on either side is parsed or loaded."""
    listing = list_files(tree, pattern)
    reading = Scan(read_entries(checkout), overlooked=listing.overlooked)
    settled: list[Settled] = []
    unreadable: list[Unreadable] = []
    lapsed: list[Unreadable] = []
    rows = _rows_by_path(reading.entries, workstreams)
    fresh: dict[str, Workplan] = {}
    same: list[str] = []
    for file in read_files(tree.top, listing.paths, limit):
        reading.listed.add(file.path)
        if file.data is None:
            unreadable.append(Unreadable(file.path, (Problem(UNREADABLE_FILE, file.fault),)))
            continue
        reading.digests[file.path] = mark = digest(file.data)
        entry = reading.entries.get(file.path)
        if entry is not None and entry.digest == mark:
            if _is_settled(entry, workstreams):
                settled.append(Settled(file.path, entry.key, entry.workstream))
            else:
                same.append(file.path)
            continue
        parsed = parse_workplan(file.path, file.data)
        if isinstance(parsed, Unreadable):
            unreadable.append(parsed)
        elif parsed is not None:
            fresh[file.path] = parsed
        else:
            reading.other.add(file.path)
            if file.path in rows:
                lapsed.append(no_workplan_any_more(file.path, file.data, rows[file.path].key))
    known = _from_ledger(reading, checkout, fresh, same)
    reading.side = FileSnapshot(tuple(settled), tuple(known), tuple(unreadable), untracked=listing.untracked)
    side = replace(reading.side, unreadable=_with_lapsed(reading, lapsed, rows))
    reading.side = without_copies(side, workstreams.values())
    _look_for_the_rest(reading, tree, listing, pattern, workstreams)
    return reading


def _look_for_the_rest(
    reading: Scan, tree: WorkTree, listing: Listing, pattern: str, workstreams: Mapping[str, HubWorkstream]
) -> None:
    """Which workstreams have no file, as it seems, and what is there all the same but is not read."""
    side, keys = reading.side, reading.keys
    unreadable = {file.path for file in side.unreadable}
    keys |= {file.key for file in side.unreadable if file.key}
    claimed = {file.workstream for file in side.settled}
    absent = [row for row in workstreams.values() if row.id not in claimed and row.key not in keys]
    reading.absent = tuple(row for row in absent if row.path not in unreadable)
    read = {file.path for file in side.settled} | {item.workplan.path for item in side.known}
    unread = why_unread(tree, {row.path for row in reading.absent if row.path} - read, listing, pattern)
    had = {entry.workstream for entry in reading.entries.values()}
    elsewhere = frozenset(row.id for row in reading.absent if not row.committed and row.id not in had)
    unread.update(linked_folders(tree, listing, pattern))
    reading.side = replace(side, unread=unread, elsewhere=elsewhere)
    if not reading.listed:
        reading.unmatched = (nothing_matches(pattern, nearest(tree, listing, pattern)),)


def _rows_by_path(entries: Mapping[str, Entry], workstreams: Mapping[str, HubWorkstream]) -> dict[str, HubWorkstream]:
    """The workstream whose workplan each path was: at the last fix here, or in a commit that another checkout had."""
    found = {row.path: row for row in workstreams.values() if row.path and row.committed}
    for path, entry in entries.items():
        row = workstreams.get(entry.workstream)
        if row is not None and not entry.is_gone:
            found[path] = row
    return found


def _with_lapsed(
    reading: Scan, lapsed: Collection[Unreadable], rows: Mapping[str, HubWorkstream]
) -> tuple[Unreadable, ...]:
    """The unreadable files, and those of *lapsed* whose workplan is in no other file now."""
    side, there = reading.side, reading.keys
    claimed = {file.workstream for file in side.settled} | {item.workplan.uuid for item in side.known}
    left = [file for file in lapsed if rows[file.path].key not in there and rows[file.path].id not in claimed]
    return tuple(sorted([*map(partial(_named, rows), side.unreadable), *left], key=lambda file: file.path))


def _named(rows: Mapping[str, HubWorkstream], file: Unreadable) -> Unreadable:
    """A file that nearly is a workplan (C-23), with the id that it had as one."""
    row = rows.get(file.path)
    nearly = file.key is None and file.problems[0].code == UNREAD_FILE
    return replace(file, key=row.key) if row is not None and nearly else file


def _is_settled(entry: Entry, workstreams: Mapping[str, HubWorkstream]) -> bool:
    row = workstreams.get(entry.workstream)
    return row is not None and entry.version == row.version


def _from_ledger(reading: Scan, checkout: int, fresh: dict[str, Workplan], same: list[str]) -> list[ParsedWorkplan]:
    """The workplans that must be compared, each with what the hub already took from it."""
    # What moved is remembered too: a workplan under the path it had, a task in the workplan it was in.
    gone = reading.entries.keys() - (reading.listed - reading.other) if fresh else set[str]()
    remembered = read_contents(checkout, {*same, *(fresh.keys() & reading.entries.keys()), *gone})
    reading.contents = {path: text for path, (_, text) in remembered.items()}
    memories = {path: memory for path, (memory, _) in sorted(remembered.items())}
    taken = {task: status for memory in memories.values() for task, status in memory.taken.items()}
    since = {task: at for memory in memories.values() for task, at in memory.since.items()}
    plans = {memory.workplan.key: memory for memory in memories.values()}
    for path, workplan in fresh.items():
        moved = {block.key for block in workplan.blocks}
        own, plan = memories.get(path, ParsedWorkplan(workplan)), plans.get(workplan.key, ParsedWorkplan(workplan))
        memories[path] = ParsedWorkplan(
            workplan,
            {**{task: taken[task] for task in moved & taken.keys()}, **own.taken},
            plan.taken_status,
            {**{task: since[task] for task in moved & since.keys()}, **own.since},
            plan.status_since,
        )
    return [memories[path] for path in sorted({*same, *fresh})]
