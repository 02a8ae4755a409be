"""Decides whether a workplan has moved here from another repo, so that its rows come along (design, C-17)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from consistency.core.codes import GONE_WORKPLAN_CODES
from consistency.core.comparison.drift import Drift
from consistency.core.comparison.snapshot import HubTask, HubWorkstream, ParsedWorkplan
from consistency.core.workplan.model import Workplan
from statehub.statuses import is_advance


class Sight(StrEnum):
    """State of a workplan in a checkout's ledger: with its file, without, or gone from the repo's branch."""

    THERE = "there"
    GONE = "gone"
    LEFT = "left"


class Seen(NamedTuple):
    """One checkout of the other repo, as of its last fix that ran to its end.

    `place` is its host and path, `tip` the commit of the repo's branch that was known then, `at` when that was, or
    None. `memory` is the content of the file when it was there.
    """

    place: str
    sight: Sight
    tip: str = ""
    at: datetime | None = None
    memory: ParsedWorkplan | None = None


class Claimed(StrEnum):
    """How a workplan claims another repo's workstream."""

    UUID = "uuid"
    TASKS = "tasks"
    NAME = "name"


class Candidate(NamedTuple):
    """A workstream of another repo (`row.repo`) that the workplan of a file here claims, and who has seen its file.

    `replaces` is the workstream that was made of this file before, if nothing has happened to it since.
    """

    row: HubWorkstream
    claimed: Claimed
    seen: tuple[Seen, ...] = ()
    replaces: str = ""


def witness(seen: Collection[Seen]) -> Seen | None:
    """Return the checkout that shows that the file has left its repo, or None if a current one still has it.

    A checkout that still has it is a stale clone if its last fix was before that of the witness, at another commit.
    """
    there = [each for each in seen if each.sight is Sight.THERE]
    left = [each for each in seen if each.sight is Sight.LEFT and each.at is not None]
    for each in sorted(left, key=lambda each: (each.at, each.place), reverse=True):
        if all(_is_stale(other, each) for other in there):
            return each
    return None


def _is_stale(there: Seen, left: Seen) -> bool:
    if there.tip and there.tip == left.tip:
        return False
    return there.at is None or (left.at is not None and there.at < left.at)


def refusal(workplan: Workplan, candidate: Candidate, *, has_own_row: bool, committed: bool) -> str:
    """Say why *workplan* does not take the rows of *candidate* along, as a sentence; '' if it does.

    *has_own_row* says that this repo has a workstream with the workplan's id and a history, *committed* that the file
    is in HEAD unchanged.
    """
    row = candidate.row
    name = f"'{row.repo}/{row.key}' of another repo"
    if candidate.claimed is Claimed.NAME:
        return (
            f"workplan {name} has the same id and tasks, and its file is gone from there — if it has moved here, write "
            f"state_hub_workstream_id: {row.id} into the front matter and its statuses and history come along; if this "
            "is another workplan, give it another id, or delete the workstream there"
        )
    belongs = f"state_hub_workstream_id {row.id} belongs to workplan {name}"
    if candidate.claimed is Claimed.TASKS:
        belongs = f"state_hub_task_id of its tasks belong to workplan {name}"
    if witness(candidate.seen) is None:
        there = max((each.place for each in candidate.seen if each.sight is Sight.THERE), default="")
        last = f"its file was there at the last fix of {there}" if there else f"no fix of '{row.repo}' misses its file"
        return (
            f"{belongs}; {last} — if it has moved here, commit and push its removal there, run fix_consistency "
            f"{row.repo}, then this again; if this is a copy, take the UUIDs out of it"
        )
    if has_own_row:
        return (
            f"{belongs}, whose file is gone, but this repo has a workplan '{workplan.key}' of its own in the hub — "
            "report there what it lacks (set_task_status), and take the UUID out of the file"
        )
    if not committed:
        return f"{belongs}, whose file is gone from there — commit this one, and the next fix takes the rows along"
    return ""


def memory_of(workplan: Workplan, seen: Collection[Seen]) -> ParsedWorkplan:
    """Return *workplan* with the statuses that the hub has taken from it in the repo that it comes from.

    A status that any checkout there has had is not news here. All else is as the witness has it.
    """
    first = witness(seen)
    memories = [each.memory for each in seen if each.memory is not None]
    own = (first.memory if first else None) or ParsedWorkplan(workplan)
    known = {(task, status) for memory in memories for task, status in memory.taken.items()}
    taken, since = dict(own.taken), dict(own.since)
    for block in workplan.blocks:
        if taken.get(block.key) != block.status and (block.key, block.status) in known:
            taken[block.key] = block.status
            since.pop(block.key, None)
    status, at = own.taken_status, own.status_since
    if status != workplan.status and workplan.status in {memory.taken_status for memory in memories}:
        status, at = workplan.status, None
    return ParsedWorkplan(workplan, taken, status, since, at)


def hint(row: HubWorkstream, tasks: Collection[HubTask], workplan: Workplan) -> str:
    """Write a hint on a new *workplan* like *row* of another repo that has *tasks* further along; '' if none has."""
    blocks = {block.key: block for block in workplan.blocks}
    ahead = sorted(
        f"'{task.key}' is {task.status}"
        for task in tasks
        if task.key in blocks and is_advance(blocks[task.key].status, task.status)
    )
    if workplan.title != row.mirrored.title or not ahead:
        return ""
    return (
        f"; repo '{row.repo}' has a workplan of that id and title that is further along ({ahead[0]}): if it has moved "
        f"here, write state_hub_workstream_id: {row.id} into the front matter"
    )


def with_likes_named(
    drifts: Iterable[Drift], gone: Iterable[HubWorkstream], others: Iterable[HubWorkstream]
) -> tuple[Drift, ...]:
    """Return *drifts* with a hint on each workstream that is *gone* and is like one of the *others*."""
    like = {(row.key, row.mirrored.title): row.repo for row in others}
    hints = {
        row.key: (
            f"; repo '{like[row.key, row.mirrored.title]}' has a workplan of that id and title: if it has moved there, "
            f"write state_hub_workstream_id: {row.id} into its front matter, and it takes its statuses and "
            "history along"
        )
        for row in gone
        if (row.key, row.mirrored.title) in like
    }
    return tuple(
        drift.with_more(hints[drift.finding.workplan])
        if drift.finding.code in GONE_WORKPLAN_CODES and drift.finding.workplan in hints
        else drift
        for drift in drifts
    )
