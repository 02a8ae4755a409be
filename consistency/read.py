"""Reads one checkout's file side: what is settled by the ledger, what is remembered, what must be parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from consistency.checkout.files import digest, read_files
from consistency.checkout.worktree import WorkTree, list_files
from consistency.core.parse import parse_workplan
from consistency.core.sides import FileSide, HubWorkstream, Known, Settled
from consistency.core.workplan import Problem, Unreadable, Workplan
from consistency.hub.ledger import GONE, Entry, read_contents, read_entries


@dataclass(slots=True)
class Reading:
    """The files of one checkout as they stand now.

    `digests` are those of every file read, `side` what they say; `entries` and `contents` the ledger's rows
    as they were, `listed` all paths that matched; `overlooked` those that git is told to take for unchanged.
    """

    entries: dict[str, Entry]
    side: FileSide = field(default_factory=FileSide)
    digests: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    overlooked: frozenset[str] = frozenset()

    @property
    def keys(self) -> set[str]:
        """The ids of all workplans that are there."""
        side = self.side
        return {file.key for file in side.settled} | {item.workplan.key for item in side.known}

    @property
    def workplans_left(self) -> tuple[int, int]:
        """How many of the workplans that the ledger remembers are there, by path or id; and how many it remembers."""
        keys = self.keys | {file.key for file in self.side.unreadable if file.key}
        remembered = [(path, entry.key) for path, entry in self.entries.items() if entry.digest != GONE]
        return sum(path in self.listed or key in keys for path, key in remembered), len(remembered)


def read_checkout(
    tree: WorkTree, pattern: str, checkout: int, limit: int, workstreams: Mapping[str, HubWorkstream]
) -> Reading:
    """Read the files of *tree* that match *pattern*; only what changed on either side is parsed or loaded."""
    listing = list_files(tree, pattern)
    reading = Reading(read_entries(checkout), overlooked=listing.overlooked)
    settled: list[Settled] = []
    unreadable: list[Unreadable] = []
    fresh: dict[str, Workplan] = {}
    same: list[str] = []
    for file in read_files(tree.top, listing.paths, limit):
        reading.listed.add(file.path)
        if file.data is None:
            unreadable.append(Unreadable(file.path, (Problem("C-02", file.fault),)))
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
    known = _with_memory(reading, checkout, fresh, same)
    reading.side = FileSide(tuple(settled), tuple(known), tuple(unreadable))
    return reading


def _is_settled(entry: Entry, workstreams: Mapping[str, HubWorkstream]) -> bool:
    row = workstreams.get(entry.workstream)
    return row is not None and entry.version == row.version


def _with_memory(reading: Reading, checkout: int, fresh: dict[str, Workplan], same: list[str]) -> list[Known]:
    """The workplans that must be compared, each with what the hub already took from it."""
    # What moved is remembered too: a workplan under the path it had, a task in the workplan it was in.
    gone = reading.entries.keys() - reading.listed if fresh else set[str]()
    remembered = read_contents(checkout, {*same, *(fresh.keys() & reading.entries.keys()), *gone})
    reading.contents = {path: text for path, (_, text) in remembered.items()}
    memories = {path: memory for path, (memory, _) in sorted(remembered.items())}
    taken = {task: status for memory in memories.values() for task, status in memory.taken.items()}
    since = {task: at for memory in memories.values() for task, at in memory.since.items()}
    plans = {memory.workplan.key: memory for memory in memories.values()}
    for path, workplan in fresh.items():
        moved = {block.key for block in workplan.blocks}
        own, plan = memories.get(path, Known(workplan)), plans.get(workplan.key, Known(workplan))
        memories[path] = Known(
            workplan,
            {**{task: taken[task] for task in moved & taken.keys()}, **own.taken},
            plan.taken_status,
            {**{task: since[task] for task in moved & since.keys()}, **own.since},
            plan.status_since,
        )
    return [memories[path] for path in sorted({*same, *fresh})]
