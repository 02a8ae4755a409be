"""Carries the hub's statuses into the files, as one commit that holds nothing else (design, "Writeback")."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from consistency.checkout.atomicfile import replace_file
from consistency.checkout.files import CannotRead, digest, read_files
from consistency.checkout.git import GitError
from consistency.checkout.undo import Kept, Undo
from consistency.checkout.worktree import State, WorkTree, overlooked, uncommitted
from consistency.core.actions import WriteBack
from consistency.core.edit import Edited, EditRefused, set_statuses
from consistency.core.workplan import Workplan

_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or am",
    "sequencer": "a cherry-pick or revert",
    # git keeps the message of a change that waits to be committed there, and drops it at whatever commit comes next.
    "SQUASH_MSG": "a squash merge",
    "MERGE_MSG": "a cherry-pick or revert without its commit",
}


@dataclass(frozen=True, slots=True)
class Committer:
    """Whose name the commit bears; *timeout* is in seconds and covers the repo's hooks."""

    name: str
    email: str
    timeout: float


@dataclass(slots=True)
class Written:
    """What became of a writeback: the commit, each file in it as it is now, and what went wrong.

    A fault's path is None where it concerns the whole commit; then `files` is empty.
    """

    commit: str | None = None
    files: dict[str, Edited] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)


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
    obstacle = _obstacle(tree, state)
    if obstacle is not None:
        return Written(faults=[(None, obstacle)])
    result, undo = Written(), Undo(tree)
    edits: dict[str, Edited] = {}
    try:
        edits = _edits(tree, items, digests, limit, known, result)
        if not edits:
            return result
        head, parent = _parent(tree, state)
        undo.begin(head, [Kept(path, digest(edited.data)) for path, edited in edits.items()])
        for path, edited in edits.items():
            replace_file(os.path.join(tree.top, path), digests[path], edited.data)
        _commit(tree, [item for item in items if item.path in edits], parent, undo.folder, committer)
        result.commit = _head(tree)
    except BaseException as error:
        _settle(tree, undo, error, result)
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
    left = _without_commit(tree, undo)
    lock = Path(tree.git_dir, "index.lock")
    if left and lock.exists():  # The commit of the run that was cut off may still be on its way.
        raise GitError(f"a writeback was cut off and {lock} is there still: wait for git, or remove the lock it left")
    return undo.put_back(left).restored


def _without_commit(tree: WorkTree, undo: Undo) -> set[str]:
    """The files of an unfinished writeback that are in no commit."""
    paths = undo.paths
    return paths if not paths or _head(tree) == undo.head else paths & uncommitted(tree)


def _settle(tree: WorkTree, undo: Undo, error: BaseException, result: Written) -> None:
    """After a failure: put the files back, unless the commit was made all the same (a later hook failed, say)."""
    words = _words(error)
    try:
        left = _without_commit(tree, undo)
        if undo.paths and not left:
            result.commit = _head(tree)
            return
        for path in undo.put_back(left).theirs:
            words += f"; {path} was changed by a hook or a person meanwhile and stays as it is"
    except (OSError, GitError) as worse:
        words += f"; putting the files back failed as well ({_words(worse)}), the next run tries again"
    result.faults.append((None, words))


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
    return str(error)


def _head(tree: WorkTree) -> str:
    return tree.git.run("rev-parse", "HEAD").decode().strip()


def _parent(tree: WorkTree, state: State) -> tuple[str, int]:
    """HEAD, which must be where it was looked at, and its committer date in seconds."""
    _, head, seconds = tree.git.run("rev-list", "--max-count=1", "--format=%ct", "HEAD").decode().split()
    if head != state.head:
        raise GitError("HEAD moved while this run was at work")
    return head, int(seconds)


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
    tree: WorkTree,
    items: Sequence[WriteBack],
    digests: Mapping[str, str],
    limit: int,
    known: Mapping[str, Workplan],
    result: Written,
) -> dict[str, Edited]:
    """Each file that can be written, as it will be; a fault in *result* for each that cannot."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for item in items:
        wanted[item.path][item.task] = item.new
    edits: dict[str, Edited] = {}
    for path, statuses in wanted.items():
        try:
            edits[path] = set_statuses(
                path, _current(tree, path, digests[path], limit), statuses, before=known.get(path)
            )
        except (EditRefused, CannotRead) as error:
            result.faults.append((path, str(error)))
        except OSError as error:
            result.faults.append((path, f"the file cannot be read: {error.strerror or error}"))
    # Only now: what is clean after it was read is what HEAD has, and no edit of a person's is in it.
    for why, paths in _not_ours(tree).items() if edits else ():
        for path in sorted(edits.keys() & paths):
            del edits[path]
            result.faults.append((path, why))
    return edits


def _not_ours(tree: WorkTree) -> dict[str, set[str]]:
    """The files that may hold what a person has not committed, by the reason."""
    return {
        "the file was changed while this run was at work": uncommitted(tree),
        "git is told to overlook changes of the file (git update-index --no-assume-unchanged --no-skip-worktree)": (
            overlooked(tree)
        ),
    }


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


def _commit(tree: WorkTree, items: Sequence[WriteBack], parent: int, folder: Path, committer: Committer) -> None:
    """Commit exactly the files of *items*, as a function of the parent and of what the hub says."""
    when = max(parent, *(int(item.changed_at.timestamp()) for item in items))
    date = f"@{when} +0000"
    text = folder / "message"
    text.write_text(message(items, datetime.fromtimestamp(when, UTC)), encoding="utf-8")
    # Literal each by itself: git's own switch for all would reach the hooks, and their patterns would find nothing.
    paths = "\0".join(dict.fromkeys(f":(top,literal){item.path}" for item in items))
    tree.git.run(
        "commit", "--quiet", "--only", "--cleanup=verbatim", "--no-verbose", f"--file={text}",
        "--pathspec-from-file=-", "--pathspec-file-nul",
        stdin=paths.encode(),
        magic_pathspecs=True,
        config={"commit.gpgSign": "false", "i18n.commitEncoding": "UTF-8"},
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
