"""Writes the hub's statuses into the files, as one commit that changes nothing else (design, "Writeback")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from consistency.core.actions import StatusWritten, WriteBack
from consistency.core.workplan.edit import Edited, EditRefusedError, set_statuses
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.git.commit import CommitRequest, Record, build_changes, commit_changes
from consistency.git.committer import Committer, Written
from consistency.git.files import text_digest
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree

SUBJECT = "chore(consistency): sync task status from DB [auto]"
"""The first line of every writeback commit (design, "Writeback")."""

RecordWritten = Callable[[str, int, Sequence[StatusWritten]], None]
"""Called before the branch has a writeback commit: with its id, its date in seconds since 1970, what it wrote."""


def write_back(
    tree: WorkTree,
    state: CheckoutStatus,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    committer: Committer,
    limit: int,
    record: RecordWritten,
    known: Mapping[str, Workplan] = MappingProxyType({}),
    overlooked: Collection[str] = (),
) -> Written:
    """Edit the files of *items* and commit them. *digests* are those of the files as they were compared.

    *known* are the workplans already parsed then; *overlooked* are assume-unchanged files. On any failure files and
    index are as before. Errors of git or the disk are returned, not raised.
    """
    request, record_written = _request(items, digests, limit, record, known, overlooked)
    return commit_changes(tree, state, request, committer, record_written)


def build_writeback(
    tree: WorkTree,
    parent: str,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    committer: Committer,
    limit: int,
    record: RecordWritten,
    known: Mapping[str, Workplan] = MappingProxyType({}),
) -> Written:
    """Commit what `write_back` would, on the commit *parent*, and leave branch, index and files as they are.

    `files` of the result stays empty. Errors of git or the disk are returned, not raised.
    """
    request, record_written = _request(items, digests, limit, record, known)
    return build_changes(tree, parent, request, committer, record_written)


def _request(
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    limit: int,
    record: RecordWritten,
    known: Mapping[str, Workplan],
    overlooked: Collection[str] = (),
) -> tuple[CommitRequest, Record]:
    """Return the request for a commit of *items*, and the call that records it."""
    texts: dict[str, str] = {}

    def due(paths: Collection[str]) -> list[WriteBack]:
        wanted = set(paths)
        return [item for item in items if item.path in wanted]

    def record_written(commit: str, when: int, paths: Collection[str]) -> None:
        changes = [StatusWritten(i.path, i.workplan, i.task, i.old, i.new, texts[i.path]) for i in due(paths)]
        record(commit, when, changes)

    def newest(paths: Collection[str]) -> int:
        return max((int(item.changed_at.timestamp()) for item in due(paths)), default=0)

    def message_of(paths: Collection[str], day: datetime) -> str:
        return message(due(paths), day)

    of_path: dict[str, list[WriteBack]] = defaultdict(list)
    for item in items:
        of_path[item.path].append(item)
    changes = {path: partial(_edit, path, group, known.get(path), texts) for path, group in of_path.items()}
    return CommitRequest(changes, digests, message_of, limit, overlooked, newest), record_written


def _edit(
    path: str, items: Sequence[WriteBack], known: Workplan | None, texts: dict[str, str], data: bytes, compared: bool
) -> Edited:
    edited = set_statuses(path, data, {item.task: item.new for item in items}, before=known if compared else None)
    if not compared:
        _require_old(path, items, data)
    texts[path] = text_digest(edited.data)
    return edited


def _require_old(path: str, items: Sequence[WriteBack], data: bytes) -> None:
    """Raise EditRefusedError if *data* has other statuses than the work tree's file, which was compared."""
    workplan = parse_workplan(path, data)
    blocks = {block.key: block.status for block in workplan.blocks} if isinstance(workplan, Workplan) else {}
    for item in items:
        if blocks.get(item.task) != item.old:
            raise EditRefusedError(
                f"task '{item.task}' is {blocks.get(item.task)}, in the work tree {item.old}: git does not show that "
                "difference (assume-unchanged, or a filter)"
            )


def message(items: Sequence[WriteBack], day: datetime) -> str:
    """Return the commit's message for *items*, which are in the order of path and position."""
    lines = [f"- {item.task}: {item.old} → {item.new}\n" for item in items]
    return f"{SUBJECT}\n\nUpdated by fix-consistency on {day:%Y-%m-%d}:\n{''.join(lines)}"
