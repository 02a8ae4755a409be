"""Carries the hub's statuses into the files, as one commit that holds nothing else (design, "Writeback")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from consistency.checkout.commit import Change, Committer, Description, Written, commit_files, edit_files, obstacle
from consistency.checkout.git import GitError
from consistency.checkout.state import State
from consistency.checkout.worktree import WorkTree
from consistency.core.actions import WriteBack
from consistency.core.edit import Edited, set_statuses
from consistency.core.workplan import Workplan

SUBJECT = "chore(consistency): sync task status from DB [auto]"
"""The first line of every writeback commit (design, "Writeback")."""


def write_back(
    tree: WorkTree,
    state: State,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    committer: Committer,
    limit: int,
    known: Mapping[str, Workplan] = MappingProxyType({}),
) -> Written:
    """Edit the files of *items* and commit them. *digests* are those of the files as they were compared.

    *known* is what they said then, as far as it is at hand.

    On any failure the files and the index are as they were before. Never raises for what git or the disk says.
    """
    hindrance = obstacle(tree, state)
    if hindrance is not None:
        return Written(faults=[(None, hindrance)])
    try:
        edits = edit_files(tree, _changes(items, known), digests, limit)
    except GitError as error:
        return Written(faults=[(None, str(error))])
    due = [item for item in items if item.path in edits.files]
    written = commit_files(tree, state, edits.files, digests, describe(due), committer)
    written.faults[:0] = edits.faults
    return written


def describe(items: Sequence[WriteBack]) -> Description:
    """What the commit of *items* says, in the order of file path and place; dated with the newest status in it."""
    newest = max((int(item.changed_at.timestamp()) for item in items), default=0)
    return Description(partial(message, items), newest)


def _changes(items: Sequence[WriteBack], known: Mapping[str, Workplan]) -> dict[str, Change]:
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for item in items:
        wanted[item.path][item.task] = item.new
    return {path: partial(_edit, path, statuses, known.get(path)) for path, statuses in wanted.items()}


def _edit(path: str, statuses: Mapping[str, str], before: Workplan | None, data: bytes) -> Edited:
    return set_statuses(path, data, statuses, before=before)


def message(items: Sequence[WriteBack], day: datetime) -> str:
    """The commit's message; *items* in the order of file path and place."""
    lines = [f"- {item.task}: {item.old} → {item.new}" for item in items]
    return "\n".join(
        [
            SUBJECT,
            "",
            f"Updated by fix-consistency on {day:%Y-%m-%d}:",
            *lines,
            "",
        ]
    )
