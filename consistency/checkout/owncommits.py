"""Recognises this tool's own writeback commits, by making them again from their parents: to the byte, or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consistency.checkout.commit import Committer
from consistency.checkout.git import GitError
from consistency.checkout.worktree import WorkTree
from consistency.checkout.writeback import message
from consistency.core.actions import WriteBack
from consistency.core.edit import EditRefused, set_statuses
from consistency.core.parse import parse_workplan
from consistency.core.workplan import Workplan

MOST = 100
"""More commits than this are never ours alone."""

_FORMAT = "%x1e%H%x1f%P%x1f%an%x1f%ae%x1f%at%x1f%cn%x1f%ce%x1f%ct%x1f%B%x1f"
_CHANGE = re.compile(rb":(100644|100755) \1 ([0-9a-f]+) ([0-9a-f]+) M")


class _Foreign(Exception):
    """A commit that somebody else made."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One file that a commit changed: blobs before and after."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class _Commit:
    """One commit that may be ours by its names and dates."""

    when: int
    text: str
    changes: tuple[_Change, ...]


def own_writebacks(tree: WorkTree, since: str, head: str, committer: Committer, limit: int) -> list[WriteBack] | None:
    """What the commits of *head* that *since* lacks have written back, newest first; None where one is not ours alone.

    Ours is a commit by *committer* that changes statuses in workplans of at most *limit* bytes, and nothing else, and
    says just that. Raises GitError.
    """
    logged = tree.git.run(
        "log", f"--max-count={MOST + 1}", f"--format={_FORMAT}", "--encoding=UTF-8", "--no-show-signature",
        "--no-notes", "--no-color", "--raw", "--no-abbrev", "--no-renames", "-z", f"{since}..{head}", "--",
    )  # fmt: skip
    records = logged.split(b"\x1e")[1:]
    try:
        if len(records) > MOST:
            raise _Foreign
        commits = [_read(record, committer) for record in records]
        blobs = _blobs(tree, commits, limit)
        return [item for commit in commits for item in _written(commit, blobs)]
    except (_Foreign, EditRefused, UnicodeDecodeError, ValueError, IndexError):
        return None


def _read(record: bytes, committer: Committer) -> _Commit:
    """The commit in one record of the log. Raises _Foreign, or what odd bytes lead to."""
    _, parents, author, email, date, name, mail, when, text, listed = record.split(b"\x1f")
    ours = (committer.name.encode(), committer.email.encode())
    if (author, email) != ours or (name, mail) != ours or date != when or b" " in parents:
        raise _Foreign
    return _Commit(int(when), text.decode(), tuple(_changes(listed.strip(b"\0\n"))))


def _changes(listed: bytes) -> Iterator[_Change]:
    parts = listed.split(b"\0")
    for entry, path in zip(parts[::2], parts[1::2], strict=True):
        found = _CHANGE.fullmatch(entry)
        if found is None:
            raise _Foreign
        yield _Change(os.fsdecode(path), found[2].decode(), found[3].decode())


def _blobs(tree: WorkTree, commits: Sequence[_Commit], limit: int) -> dict[str, bytes]:
    names = sorted({name for commit in commits for change in commit.changes for name in (change.old, change.new)})
    output = (
        tree.git.run("cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode()) if names else b""
    )
    blobs: dict[str, bytes] = {}
    while output:
        header, _, rest = output.partition(b"\n")
        name, kind, size = header.decode().split(" ")
        if kind != "blob" or int(size) > limit:
            raise _Foreign
        blobs[name], output = rest[: int(size)], rest[int(size) + 1 :]
    return blobs


def _written(commit: _Commit, blobs: dict[str, bytes]) -> list[WriteBack]:
    """What *commit* wrote back. Raises _Foreign where it did, or says, anything else."""
    day = datetime.fromtimestamp(commit.when, UTC)
    items = [item for change in commit.changes for item in _differences(change, blobs, day)]
    if not items or message(items, day).strip() != commit.text.strip():
        raise _Foreign
    return items


def _differences(change: _Change, blobs: dict[str, bytes], day: datetime) -> list[WriteBack]:
    before, after = (_workplan(change.path, blobs[name]) for name in (change.old, change.new))
    statuses = {block.key: block.status for block in after.blocks}
    if set_statuses(change.path, blobs[change.old], statuses, before=before).data != blobs[change.new]:
        raise _Foreign
    return [
        WriteBack(change.path, before.key, block.key, block.status, statuses[block.key], day)
        for block in before.blocks
        if block.status != statuses[block.key]
    ]


def _workplan(path: str, data: bytes) -> Workplan:
    parsed = parse_workplan(path, data)
    if not isinstance(parsed, Workplan):
        raise _Foreign
    return parsed


def drop(tree: WorkTree, branch: str, head: str, tip: str, timeout: float) -> None:
    """Move *branch*, checked out at *head*, to the commit *tip*; uncommitted work stays, or GitError is raised.

    Where somebody has committed to the branch since it was at *head*, it stays with that commit.
    """
    # Like a switch to another branch: what is staged, unstaged, untracked or ignored is carried over, or git refuses.
    command = ("checkout", "--quiet", "--no-overwrite-ignore", "--no-recurse-submodules", "-B", branch)
    config = {"core.logAllRefUpdates": "true"}
    tree.git.run(*command, tip, "--", timeout=timeout, config=config)
    left = tree.git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}@{{1}}", ok=(0, 1)).decode().strip()
    if left and left != head:
        tree.git.run(*command, left, "--", timeout=timeout, config=config)
        raise GitError(f"somebody committed to {branch} at this moment; it stays as it is")
