"""Photographs of the world, as plain values: clones, hub, history, and the run that was made between two of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tests.simulation.workplan import RANKS, front, statuses

TOOL = "state-hub@localhost"
"""The address that the tool commits with: people here have another, whatever they call themselves."""

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its parents, the committer's address, the author's date in seconds, and the blob of every path."""

    name: str
    parents: tuple[str, ...]
    committer: str
    authored: int
    files: dict[str, str]


class History(Protocol):
    """All commits and blobs of all clones."""

    def commit(self, name: str) -> Commit:
        """Return the commit *name*."""

    def blob(self, name: str) -> bytes:
        """Return the bytes of the blob *name*."""

    def reachable(self, *names: str) -> set[str]:
        """Return the commits *names* and all their ancestors."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone: the ref that HEAD names, the branches' commits, what is staged (path → blob), all files.

    `branch` is '' if HEAD is detached, and `detached` the commit then. `under_way` is what git is in the middle of,
    '' for nothing; `stash` the newest stash, '' for none; `hooked` how many hooks have run. `has_holes`: its history is
    cut off, or lacks files. `may_push`: its settings let a push go to origin.
    """

    branch: str
    heads: dict[str, str]
    index: dict[str, str]
    files: dict[str, bytes]
    names: dict[str, str] = field(repr=False)
    """The blob that each file would be."""
    detached: str = ""
    under_way: str = ""
    stash: str = ""
    hooked: int = 0
    has_holes: bool = False
    may_push: bool = True

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.detached or self.heads[self.branch]

    @property
    def all_plans(self) -> dict[str, bytes]:
        """The workplans, by path."""
        return {path: data for path, data in self.files.items() if path.startswith("workplans/") and front(data)[0]}

    @property
    def copies(self) -> set[str]:
        """The untracked workplans that share their id with a tracked one: they are left out."""
        tracked = {front(data)[0] for path, data in self.all_plans.items() if path in self.index}
        return {path for path, data in self.all_plans.items() if path not in self.index and front(data)[0] in tracked}

    @property
    def doubles(self) -> set[str]:
        """The ids that two workplans have: nothing is done about either of them."""
        copies = self.copies
        counted = Counter(front(data)[0] for path, data in self.all_plans.items() if path not in copies)
        return {key for key, number in counted.items() if number > 1}

    @property
    def plans(self) -> dict[str, bytes]:
        """The workplans with an id of their own, by path."""
        left_out, doubles = self.copies, self.doubles
        plans = {path: data for path, data in self.all_plans.items() if path not in left_out}
        return {path: data for path, data in plans.items() if front(data)[0] not in doubles}

    @property
    def statuses(self) -> dict[str, str]:
        """Status of each task in the files."""
        return {task: status for data in self.plans.values() for task, status in statuses(data).items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One move of a task, as the hub has recorded it."""

    pk: int
    task: str
    old: str
    new: str
    source: str
    host: str
    reopen: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """One finding that is open."""

    host: str
    code: str
    file: str
    workplan: str
    task: str


@dataclass(frozen=True, slots=True)
class Hub:
    """Contents of the hub. `owners` is task → workplan; `mirrored` and `ledger` are rows, whole.

    `branch` is the repo's, in full; `own` are the commits on record as the tool's; `uncommitted` the workplans that no
    commit is known to have.
    """

    tasks: dict[str, str]
    owners: dict[str, str]
    workstreams: dict[str, str]
    changes: tuple[Change, ...]
    ledger: tuple[str, ...]
    mirrored: tuple[str, ...]
    noted: tuple[Noted, ...]
    branch: str
    own: frozenset[str]
    uncommitted: frozenset[str] = frozenset()

    @property
    def finished(self) -> set[str]:
        """The workplans on which nothing is left to do."""
        is_open = {self.owners[task] for task, status in self.tasks.items() if RANKS[status] < 2}
        without_tasks = self.workstreams.keys() - set(self.owners.values())
        return {
            plan for plan, status in self.workstreams.items()
            if plan not in is_open and (plan not in without_tasks or RANKS[status] == 2)
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """A snapshot of everything."""

    clones: dict[str, Clone]
    origin: dict[str, str]
    hub: Hub

    @property
    def tip(self) -> str:
        """The newest commit of the repo's branch on origin; '' for none."""
        return self.origin.get(self.hub.branch, "")


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was made. `outcome` is ok, skipped, error, or killed; `quiet` says that nothing else went on."""

    host: str
    outcome: str
    fixing: bool = True
    pull: bool = False
    push: bool = False
    writeback: bool = True
    online: bool = True
    fetched: bool = True
    quiet: bool = True
    converged: bool = False
    gates: frozenset[str] = frozenset()
    hooks: bool = False
    says_unpushed: bool = False
    """Whether it says that commits of its own stay unpushed."""
