"""Carries the hub's statuses into the files, as one commit that holds nothing else (design, "Writeback")."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from consistency.checkout.atomicfile import replace_file
from consistency.checkout.files import CannotRead, digest, read_files
from consistency.checkout.git import GitError
from consistency.checkout.undo import Kept, Undo
from consistency.checkout.worktree import State, WorkTree
from consistency.core.actions import WriteBack
from consistency.core.edit import EditRefused, set_statuses

_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or am",
}


@dataclass(frozen=True, slots=True)
class Committer:
    """Whose name the commit bears; *timeout* is in seconds and covers the repo's hooks."""

    name: str
    email: str
    timeout: float


@dataclass(slots=True)
class Written:
    """What became of a writeback: the commit, the bytes of each file in it, and what went wrong.

    A fault's path is None where it concerns the whole commit; then `files` is empty.
    """

    commit: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)


def write_back(
    tree: WorkTree,
    state: State,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    committer: Committer,
    limit: int,
) -> Written:
    """Edit the files of *items* and commit them. *digests* are those of the files as they were compared.

    On any failure the files and the index are as they were before. Never raises for what git or the disk says.
    """
    obstacle = _obstacle(tree, state)
    if obstacle is not None:
        return Written(faults=[(None, obstacle)])
    result = Written()
    edits = _edits(tree, items, digests, limit, result)
    if not edits:
        return result
    undo = Undo(tree)
    try:
        undo.begin([Kept(path, digest(data)) for path, data in edits.items()])
        for path, data in edits.items():
            replace_file(os.path.join(tree.top, path), data)
        _commit(tree, [item for item in items if item.path in edits], undo.folder, committer)
        result.commit = _head(tree)
    except BaseException as error:
        _settle(tree, undo, edits, error, result)
        if not isinstance(error, OSError | GitError):
            raise
    if result.commit:
        result.files = edits
        undo.drop()
    return result


def recover(tree: WorkTree) -> list[str]:
    """Undo a writeback that was cut off before its commit; the paths of the files that are as they were again.

    Raises GitError or OSError.
    """
    undo = Undo(tree)
    paths = undo.unfinished()
    uncommitted = _uncommitted(tree).intersection(paths) if paths else set()
    undo.put_back(uncommitted)
    return sorted(uncommitted)


def _settle(tree: WorkTree, undo: Undo, edits: Mapping[str, bytes], error: BaseException, result: Written) -> None:
    """After a failure: put the files back, unless the commit was made all the same (a later hook failed, say)."""
    words = _words(error)
    try:
        uncommitted = _uncommitted(tree).intersection(edits)
        if not uncommitted:
            result.commit = _head(tree)
            return
        undo.put_back(uncommitted)
    except (OSError, GitError) as worse:
        words += f"; putting the files back failed as well ({_words(worse)}), the next run tries again"
    result.faults.append((None, words))


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
    return str(error)


def _head(tree: WorkTree) -> str:
    return tree.git.run("rev-parse", "HEAD").decode().strip()


def _uncommitted(tree: WorkTree) -> set[str]:
    """The tracked files that differ from HEAD."""
    listed = tree.git.run("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules", "HEAD")
    return {os.fsdecode(name) for name in listed.split(b"\0") if name}


def message(items: Sequence[WriteBack], day: datetime) -> str:
    """The commit's message; *items* in the order of file path and place."""
    lines = [f"- {item.task}: {item.old} → {item.new}" for item in items]
    return "\n".join(
        [
            "chore(consistency): sync task status from DB [auto]",
            "",
            f"Updated by fix-consistency on {day:%Y-%m-%d}:",
            *lines,
            "",
        ]
    )


def _obstacle(tree: WorkTree, state: State) -> str | None:
    for name, what in _UNDER_WAY.items():
        if Path(tree.git_dir, name).exists():
            return f"{what} is under way; end it first"
    if state.branch is None:
        return "HEAD is detached: a commit would belong to no branch; check out a branch first"
    return None


def _edits(
    tree: WorkTree, items: Sequence[WriteBack], digests: Mapping[str, str], limit: int, result: Written
) -> dict[str, bytes]:
    """The new bytes of each file that can be written; a fault in *result* for each that cannot."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for item in items:
        wanted[item.path][item.task] = item.new
    edits: dict[str, bytes] = {}
    for path, statuses in wanted.items():
        try:
            edits[path] = set_statuses(path, _current(tree, path, digests[path], limit), statuses)
        except (EditRefused, CannotRead) as error:
            result.faults.append((path, str(error)))
        except OSError as error:
            result.faults.append((path, f"the file cannot be read: {error.strerror or error}"))
    return edits


def _current(tree: WorkTree, path: str, expected: str, limit: int) -> bytes:
    """The file's bytes, if it is one that may be replaced and still what was compared."""
    status = os.lstat(os.path.join(tree.top, path))
    if stat.S_ISLNK(status.st_mode):
        raise CannotRead("the file is a symbolic link, which a writeback does not follow")
    if not status.st_mode & 0o222:
        raise CannotRead("the file is read-only (chmod u+w makes it writable)")
    read = next(read_files(tree.top, [path], limit), None)
    if read is None or read.data is None:
        raise CannotRead(read.fault if read else "the file is gone")
    if digest(read.data) != expected:
        raise CannotRead("the file was changed while this run was at work")
    return read.data


def _commit(tree: WorkTree, items: Sequence[WriteBack], folder: Path, committer: Committer) -> None:
    """Commit exactly the files of *items*, as a function of the parent and of what the hub says."""
    parent = datetime.fromtimestamp(int(tree.git.run("log", "-1", "--format=%ct", "HEAD")), UTC)
    when = max(parent, *(item.changed_at for item in items))
    date = f"@{int(when.timestamp())} +0000"
    text = folder / "message"
    text.write_text(message(items, when), encoding="utf-8")
    paths = "\0".join(dict.fromkeys(item.path for item in items))
    tree.git.run(
        "-c", "commit.gpgSign=false",
        "-c", "i18n.commitEncoding=UTF-8",
        "commit", "--quiet", "--only", "--cleanup=verbatim", "--no-verbose", f"--file={text}",
        "--pathspec-from-file=-", "--pathspec-file-nul",
        stdin=paths.encode(),
        timeout=committer.timeout,
        env={
            "GIT_AUTHOR_NAME": committer.name,
            "GIT_AUTHOR_EMAIL": committer.email,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": date,
        },
    )  # fmt: skip
