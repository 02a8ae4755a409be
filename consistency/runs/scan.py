"""Reads the files of one checkout. Parses only those that have changed since the last fix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from consistency.core.codes import UNREAD_FILE, UNREADABLE_FILE
from consistency.core.comparison.copies import without_copies
from consistency.core.comparison.snapshot import FileSnapshot, HubWorkstream, ParsedWorkplan, Settled, settled_tasks
from consistency.core.comparison.unmatched import nothing_matches
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, Unreadable, Workplan
from consistency.db.ledger import Content, Entry, read_contents, read_entries
from consistency.git.files import digest, read_files
from consistency.git.unread import linked_folders, nearest, why_unread
from consistency.git.worktree import Listing, WorkTree

MAX_CHANGED = 16 * 1024 * 1024
"""Bytes of changed files that are kept in memory during a run."""

if TYPE_CHECKING:
    from consistency.core.workplan.new_statuses import ParsedVersion


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of one checkout.

    `side` has their contents, `digests` has one for every file read; `entries` and `contents` are the ledger's rows as
    they were, `listed` all paths that matched, `other` those that are not workplans, `overlooked` those marked as
    assume-unchanged. `absent` are the workstreams that seem to have no file, `unmatched` is C-25 if
    no file matches.
    """

    entries: dict[str, Entry]
    side: FileSnapshot = field(default_factory=FileSnapshot)
    digests: dict[str, str] = field(default_factory=dict)
    changed: dict[str, bytes] = field(default_factory=dict)
    before: dict[str, tuple[ParsedVersion]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)
    overlooked: frozenset[str] = frozenset()
    absent: tuple[HubWorkstream, ...] = ()
    unmatched: tuple[Finding, ...] = ()

    def with_side(self, **changes: Any) -> Scan:
        """Return a copy whose `side` has these *changes*."""
        return replace(self, side=self.side._replace(**changes))

    @property
    def keys(self) -> set[str]:
        """The ids of all workplans in the checkout."""
        side = self.side
        return {file.key for file in side.settled} | {item.workplan.key for item in side.known}

    def missing(self, may_be_missing: Collection[str] = ()) -> tuple[set[str], int]:
        """Return the workstreams that the ledger has and whose workplans are gone, and how many the ledger has.

        Those that a person has allowed to be missing count for neither.
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
    tree: WorkTree,
    listing: Listing,
    pattern: str,
    checkout: int,
    limit: int,
    workstreams: Mapping[str, HubWorkstream],
) -> Scan:
    """Read the files of *listing*, which match *pattern*; only what changed on either side is parsed or loaded."""
    scan = Scan(read_entries(checkout), overlooked=listing.overlooked)
    settled: list[Settled] = []
    same: list[str] = []
    parsing = _Parsing(scan, _rows_by_path(scan.entries, workstreams))
    size = 0
    for file in read_files(tree.top, listing.paths, limit):
        scan.listed.add(file.path)
        if file.data is None:
            parsing.unreadable.append(Unreadable(file.path, (Problem(UNREADABLE_FILE, file.fault),)))
            continue
        scan.digests[file.path] = file_digest = digest(file.data)
        entry = scan.entries.get(file.path)
        if entry is not None and entry.digest == file_digest:
            if _is_hub_unchanged(entry, workstreams):
                settled.append(Settled(file.path, entry.key, entry.workstream))
            else:
                same.append(file.path)
        elif entry is not None and size + len(file.data) <= MAX_CHANGED:
            scan.changed[file.path] = file.data
            size += len(file.data)
        else:
            parsing.parse(file.path, file.data)
    remembered = _read_contents(scan, checkout, parsing.fresh, same)
    for path, data in scan.changed.items():
        parsing.parse_again(path, data, remembered)
    known, contents = _from_ledger(scan, remembered, parsing.fresh, same, workstreams)
    side = FileSnapshot(tuple(settled), tuple(known), tuple(parsing.unreadable), untracked=listing.untracked)
    scan = replace(scan, contents=contents, side=side)
    side = side._replace(unreadable=_with_lapsed(scan, parsing.lapsed, parsing.rows))
    scan = replace(scan, side=without_copies(side, workstreams.values()))
    return _with_absent(scan, tree, listing, pattern, workstreams)


class _Parsing:
    """Parses files, and sorts them by what they are. *rows* are the workstreams by the paths they had."""

    def __init__(self, scan: Scan, rows: Mapping[str, HubWorkstream]) -> None:
        self.rows = rows
        self.fresh: dict[str, Workplan] = {}
        self.unreadable: list[Unreadable] = []
        self.lapsed: list[Unreadable] = []
        self._scan = scan

    def parse_again(self, path: str, data: bytes, remembered: Mapping[str, Content]) -> None:
        """Take a file that the ledger has. It is not parsed if it differs in statuses only from what it was then."""
        from consistency.core.workplan.new_statuses import read_new_statuses  # Most runs need no pattern of it.

        was, content = self._scan.entries[path].digest, remembered.get(path)
        found = read_new_statuses(content[0].workplan, data, lambda old: digest(old) == was) if content else None
        if found is not None:
            self.fresh[path], before = found
            self._scan.before[path] = (before,)
        else:
            self.parse(path, data)

    def parse(self, path: str, data: bytes) -> None:
        """Take any other file."""
        parsed = _parse(path, data)
        if isinstance(parsed, Unreadable):
            self.unreadable.append(parsed)
        elif parsed is not None:
            self.fresh[path] = parsed
        else:
            self._scan.other.add(path)
            if path in self.rows:
                from consistency.core.workplan.parse import no_workplan_any_more  # Slow to import.

                self.lapsed.append(no_workplan_any_more(path, data, self.rows[path].key))


def _parse(path: str, data: bytes) -> Workplan | Unreadable | None:
    """Parse a file. The parser is loaded once one may be a workplan: most runs meet only notes here."""
    from consistency.core.workplan.source import may_be_workplan  # Most runs need no pattern of it.

    if not may_be_workplan(data):
        return None
    from consistency.core.workplan.parse import parse_workplan  # Slow to import.

    return parse_workplan(path, data)


def _with_absent(
    scan: Scan, tree: WorkTree, listing: Listing, pattern: str, workstreams: Mapping[str, HubWorkstream]
) -> Scan:
    """Return *scan* with the workstreams that seem to have no file, and with the files that are there but not read."""
    side, keys = scan.side, scan.keys
    unreadable = {file.path for file in side.unreadable}
    keys |= {file.key for file in side.unreadable if file.key}
    claimed = {file.workstream for file in side.settled}
    rows = (row for row in workstreams.values() if row.path not in unreadable)
    absent = [row for row in rows if row.id not in claimed and row.key not in keys]
    read = {file.path for file in side.settled} | {item.workplan.path for item in side.known}
    unread = why_unread(tree, {row.path for row in absent if row.path} - read, listing, pattern)
    had = {entry.workstream for entry in scan.entries.values()}
    elsewhere = frozenset(row.id for row in absent if not row.committed and row.id not in had)
    unread.update(linked_folders(tree, listing, pattern))
    unmatched = () if scan.listed else (nothing_matches(pattern, nearest(tree, listing, pattern)),)
    side = side._replace(unread=unread, elsewhere=elsewhere)
    return replace(scan, side=side, absent=tuple(absent), unmatched=unmatched)


def _rows_by_path(entries: Mapping[str, Entry], workstreams: Mapping[str, HubWorkstream]) -> dict[str, HubWorkstream]:
    """Return the workstream of each path: at the last fix here, or in a commit that another checkout had."""
    found = {row.path: row for row in workstreams.values() if row.path and row.committed}
    for path, entry in entries.items():
        row = workstreams.get(entry.workstream)
        if row is not None and not entry.is_gone:
            found[path] = row
    return found


def _with_lapsed(
    scan: Scan, lapsed: Collection[Unreadable], rows: Mapping[str, HubWorkstream]
) -> tuple[Unreadable, ...]:
    """List the unreadable files, and those of *lapsed* whose workplan is in no other file now."""
    side, there = scan.side, scan.keys
    claimed = {file.workstream for file in side.settled} | {item.workplan.uuid for item in side.known}
    left = [file for file in lapsed if rows[file.path].key not in there and rows[file.path].id not in claimed]
    return tuple(sorted([*map(partial(_named, rows), side.unreadable), *left], key=lambda file: file.path))


def _named(rows: Mapping[str, HubWorkstream], file: Unreadable) -> Unreadable:
    """Return *file* with the id that it had as a workplan, if it is nearly one (C-23)."""
    row = rows.get(file.path)
    nearly = file.key is None and file.problems[0].code == UNREAD_FILE
    return file._replace(key=row.key) if row is not None and nearly else file


def _read_contents(scan: Scan, checkout: int, fresh: Collection[str], same: Collection[str]) -> dict[str, Content]:
    """Read from the ledger what may be needed of it: of files, and of those that are gone if any file has changed."""
    # The ledger has a workplan that moved under its old path, and a task that moved in its old workplan.
    gone = _gone(scan) if fresh or scan.changed else set[str]()
    return read_contents(checkout, {*same, *scan.changed, *(fresh & scan.entries.keys()), *gone})


def _gone(scan: Scan) -> set[str]:
    """Return the paths of the ledger at which there is no workplan."""
    return scan.entries.keys() - (scan.listed - scan.other)


def _from_ledger(
    scan: Scan,
    remembered: Mapping[str, Content],
    fresh: Mapping[str, Workplan],
    same: list[str],
    workstreams: Mapping[str, HubWorkstream],
) -> tuple[list[ParsedWorkplan], dict[str, str]]:
    """Return the workplans to compare, each with what the hub has taken from it; and the ledger's contents, by path."""
    wanted = remembered.keys() & {*same, *fresh, *(_gone(scan) if fresh else ())}
    remembered = {path: remembered[path] for path in sorted(wanted)}
    contents = {path: text for path, (_, text) in remembered.items()}
    memories = {path: memory for path, (memory, _) in remembered.items()}
    # Tasks may have come from other files, which then know more of them.
    lacking = {key for path, workplan in fresh.items() for key in _not_remembered(workplan, memories.get(path))}
    others = list(memories.values()) if lacking else []
    taken = {task: status for memory in others for task, status in memory.taken.items() if task in lacking}
    since = {task: at for memory in others for task, at in memory.since.items() if task in lacking}
    plans = {memory.workplan.key: memory for memory in memories.values()}
    for path, workplan in fresh.items():
        own, plan = memories.get(path, ParsedWorkplan(workplan)), plans.get(workplan.key, ParsedWorkplan(workplan))
        keys = {block.key for block in workplan.blocks} & lacking if lacking else set[str]()
        memories[path] = ParsedWorkplan(
            workplan,
            {**{task: taken[task] for task in keys & taken.keys()}, **own.taken},
            plan.taken_status,
            {**{task: since[task] for task in keys & since.keys()}, **own.since},
            plan.status_since,
            settled_tasks(own, workplan) if _is_hub_unchanged(scan.entries.get(path), workstreams) else frozenset(),
            path not in remembered or _keys(own.workplan) != _keys(workplan),
        )
    return [memories[path] for path in sorted({*same, *fresh})], contents


def _keys(workplan: Workplan) -> list[str]:
    return [block.key for block in workplan.blocks]


def _not_remembered(workplan: Workplan, own: ParsedWorkplan | None) -> list[str]:
    """Return the ids of the tasks of which the ledger's row of the same file does not know all."""
    if own is None:
        return [block.key for block in workplan.blocks]
    return [block.key for block in workplan.blocks if block.key not in own.taken or block.key not in own.since]


def _is_hub_unchanged(entry: Entry | None, workstreams: Mapping[str, HubWorkstream]) -> bool:
    """Return whether both sides agreed when *entry* was written, and the hub's has not changed since."""
    row = workstreams.get(entry.workstream) if entry is not None else None
    return entry is not None and row is not None and row.version == entry.version
