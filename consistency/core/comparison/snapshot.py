"""The two sides that are compared, and the memory of the file side: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from consistency.core.workplan.model import Mirrored, TaskBlock, Unreadable, Workplan

Place = tuple[str | None, str | None]
"""A workplan's id and a task's; None for the task means the workplan itself."""


class HubTask(NamedTuple):
    """A task's row. `changed_at` is the time of its newest status change, or of its creation.

    `depends` is as in its block.
    """

    id: str
    workstream: str
    key: str
    title: str
    status: str
    priority: str
    changed_at: datetime
    owner: str = ""
    depends: tuple[str, ...] = ()


class HubWorkstream(NamedTuple):
    """A workstream's row; `changed_at` is as a task's.

    `committed` says that a commit of the repo's branch is known to have its file, `may_be_missing` that a person has
    allowed the file to be missing (`--allow-missing`).
    `repo` is the slug of the repo that it moves here from, '' if it is in this one already.
    """

    id: str
    key: str
    path: str
    version: int
    status: str
    mirrored: Mirrored
    changed_at: datetime
    committed: bool = True
    may_be_missing: bool = False
    repo: str = ""


class Settled(NamedTuple):
    """A workplan that has not changed, on either side, since both last agreed: known by its ledger row."""

    path: str
    key: str
    workstream: str


class ParsedWorkplan(NamedTuple):
    """A workplan with its content, and the statuses that the hub already took from it: task id → status.

    `taken_status` is the front matter status that the hub took, '' for none. Of each status that both sides agreed on
    then, `since` (task id → time) and `status_since` are the row's `changed_at`: another time in the row says that the
    hub has moved since, even if it is back at the same status. `settled` are the ids of the tasks that both sides still
    have as they were then: their rows need not be read. `reordered` says that its tasks are others than then, or in
    another order.
    """

    workplan: Workplan
    taken: Mapping[str, str] = MappingProxyType({})
    taken_status: str = ""
    since: Mapping[str, datetime] = MappingProxyType({})
    status_since: datetime | None = None
    settled: frozenset[str] = frozenset()
    reordered: bool = False

    @property
    def open_tasks(self) -> set[str]:
        """The ids of its tasks, in the file now or when both sides last agreed, that are not settled."""
        return {*self.taken, *(block.key for block in self.workplan.blocks)} - self.settled


def settled_tasks(before: ParsedWorkplan, now: Workplan) -> frozenset[str]:
    """Return the ids of the tasks whose blocks *now* say what they said *before*, when the hub agreed with all of it.

    Call it only if the hub's side has not changed since then.
    """
    if (before.workplan.key, before.workplan.uuid) != (now.key, now.uuid):
        return frozenset()
    said = {block.key: block for block in before.workplan.blocks}
    return frozenset(
        [block.key for block in now.blocks if block.key in before.since and _is_same(said.get(block.key), block)]
    )


def _is_same(before: TaskBlock | None, now: TaskBlock) -> bool:
    return before is now or (before is not None and _mirrored(before) == _mirrored(now))


def _mirrored(block: TaskBlock) -> tuple[object, ...]:
    return (block.title, block.status, block.priority, block.uuid, block.owner, block.depends)


AgreedRow = tuple[str, str, str, datetime, str, tuple[str, ...]]
"""Title, status, priority, `changed_at`, owner and `depends` of a row."""

AgreedRows = dict[str, tuple[AgreedRow, str | None]]
"""Rows by the ids of their tasks, each with the UUID that the block names."""


def agreed_rows(before: ParsedWorkplan) -> AgreedRows:
    """Return the rows of the tasks as they were when both sides agreed on *before*.

    A task whose row in the same workstream is still as it was, and whose file is, too, is settled.
    """
    return {
        block.key: (
            (block.title, block.status, block.priority, before.since[block.key], block.owner, block.depends),
            block.uuid,
        )
        for block in before.workplan.blocks
        if block.key in before.since
    }


class Copy(NamedTuple):
    """An untracked workplan that is left out, because the tracked file *original* has its id, or had it before."""

    path: str
    key: str
    original: str


class FileSnapshot(NamedTuple):
    """All workplans of one checkout, each tuple in the order of paths.

    `untracked` are the paths that git does not track, `uncommitted` those that no commit of the repo's branch is known
    to have as they are. `unread` says of an existing path, or of a folder, why it is not read; `elsewhere` are
    the workstreams with workplans that only other checkouts have had: no commit is known to have them.
    """

    settled: tuple[Settled, ...] = ()
    known: tuple[ParsedWorkplan, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    copies: tuple[Copy, ...] = ()
    untracked: frozenset[str] = frozenset()
    uncommitted: frozenset[str] = frozenset()
    unread: Mapping[str, str] = MappingProxyType({})
    elsewhere: frozenset[str] = frozenset()


class HubSnapshot(NamedTuple):
    """The rows of one repo in the hub, as far as the comparison needs them.

    `tasks` holds the unsettled tasks of the workstreams that are not settled, and whatever else shares an id (in this
    repo) or a UUID (in any) with an unsettled block. `foreign` names workstreams of other repos, id → 'slug/key'.
    `arrivals` (path → id) are the workplans that have moved here from another repo; their rows are in `workstreams` and
    `tasks` as well. `refused` (path → message) are those that seem to be another repo's and must not be touched, and
    `hints` (path → text) is added to the message on new ones that may be. `replaced` (id → id) are the workstreams that
    were made of an arrival's file before its own came.
    `finished` are the workstreams without a file that have all their work done or cancelled.
    """

    workstreams: Mapping[str, HubWorkstream] = MappingProxyType({})
    tasks: tuple[HubTask, ...] = ()
    foreign: Mapping[str, str] = MappingProxyType({})
    arrivals: Mapping[str, str] = MappingProxyType({})
    refused: Mapping[str, str] = MappingProxyType({})
    hints: Mapping[str, str] = MappingProxyType({})
    replaced: Mapping[str, str] = MappingProxyType({})
    finished: frozenset[str] = frozenset()
