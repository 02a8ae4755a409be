"""Puts edited files in the place of the old ones and makes one commit that holds nothing else.

Whatever goes wrong on the way, the files and the index are as they were before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from consistency.checkout.atomicfile import replace_file
from consistency.checkout.files import CannotRead, digest, read_files
from consistency.checkout.git import GitError
from consistency.checkout.state import State
from consistency.checkout.undo import Kept, Undo
from consistency.checkout.worktree import WorkTree, fields, overlooked, uncommitted
from consistency.core.edit import Edited, EditRefused

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

    A fault's path is None where it concerns the whole commit; then `files` is empty, unless only git's index lacks it.
    """

    commit: str | None = None
    files: dict[str, Edited] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)


Change = Callable[[bytes], Edited]
"""Makes the new bytes of one file out of the old; raises EditRefused."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a commit says of itself, as a function of its day. It is dated *when*, in seconds, or with its parent."""

    text: Callable[[datetime], str]
    when: int = 0


@dataclass(slots=True)
class Edits:
    """Files as they will be, and what went wrong with the others: (path, why)."""

    files: dict[str, Edited] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)


def obstacle(tree: WorkTree, state: State) -> str | None:
    """Why no commit can be made in *tree* now, or None."""
    for name, what in _UNDER_WAY.items():
        if Path(tree.git_dir, name).exists():
            return f"{what} is under way; end it first"
    if state.branch is None:
        return "HEAD is detached: a commit would belong to no branch; check out a branch first"
    return None


def edit_files(tree: WorkTree, changes: Mapping[str, Change], digests: Mapping[str, str], limit: int) -> Edits:
    """Each file of *changes* that may be replaced, as it will be. *digests* are those of the files as they were read.

    Nothing is written. Raises GitError.
    """
    edits = Edits()
    for path, change in changes.items():
        try:
            edits.files[path] = change(_current(tree, path, digests[path], limit))
        except (EditRefused, CannotRead) as error:
            edits.faults.append((path, str(error)))
        except OSError as error:
            edits.faults.append((path, f"the file cannot be read: {error.strerror or error}"))
    # Only now: what is clean after it was read is what HEAD has, and no edit of a person's is in it.
    for why, paths in _not_ours(tree).items() if edits.files else ():
        for path in sorted(edits.files.keys() & paths):
            del edits.files[path]
            edits.faults.append((path, why))
    return edits


def commit_files(
    tree: WorkTree,
    state: State,
    files: Mapping[str, Edited],
    digests: Mapping[str, str],
    description: Description,
    committer: Committer,
) -> Written:
    """Replace *files*, whose *digests* are those of the old ones, and commit them.

    On any failure the files and the index are as they were before. Never raises for what git or the disk says.
    """
    result, undo = Written(), Undo(tree)
    if not files:
        return result
    try:
        head, parent = _parent(tree, state)
        undo.begin(head, [Kept(path, digest(edited.data)) for path, edited in files.items()])
        for path, edited in files.items():
            replace_file(os.path.join(tree.top, path), digests[path], edited.data)
        _commit(tree, files, parent, description, undo.folder, committer)
        result.commit = _head(tree)
        undo.drop()
    except BaseException as error:
        _settle(tree, undo, error, result)
        if not isinstance(error, OSError | GitError):
            raise
    if result.commit:
        result.files = dict(files)
    return result


def recover(tree: WorkTree) -> list[str]:
    """Undo a writeback that was cut off before its commit; the paths of the files that are as they were again.

    Raises GitError or OSError.
    """
    undo = Undo(tree)
    left = _without_commit(tree, undo)
    if left:  # The commit of the run that was cut off may still be on its way.
        _require_no_lock(tree)
    _renew_index(tree, undo)
    return undo.put_back(left).restored


def _without_commit(tree: WorkTree, undo: Undo) -> set[str]:
    """The files of an unfinished writeback that are in no commit."""
    paths = undo.paths
    return paths if not paths or _head(tree) == undo.head else paths & _differing(tree, "HEAD")


def _stale(tree: WorkTree, undo: Undo) -> set[str]:
    """The files that the index has as before the commit: git was killed when it had made that, but not its index."""
    paths = undo.paths
    if not paths or _without_commit(tree, undo):
        return set()
    if tree.git.run("rev-parse", "--verify", "--quiet", "HEAD~1", ok=(0, 1)).decode().strip() != undo.head:
        return set()
    # What differs from both, a person has staged.
    return paths & (_differing(tree, "--cached", "HEAD") - _differing(tree, "--cached", undo.head))


def _differing(tree: WorkTree, *sides: str) -> set[str]:
    """The tracked files in which the work tree, or with `--cached` the index, differs from a commit."""
    options = ("--name-only", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "-z")
    return set(fields(tree.git.run("diff", *options, *sides, "--", env={"GIT_OPTIONAL_LOCKS": "0"})))


def _require_no_lock(tree: WorkTree) -> None:
    lock = Path(tree.git_dir, "index.lock")
    if lock.exists():
        raise GitError(f"a writeback was cut off and {lock} is there still: wait for git, or remove the lock it left")


def _renew_index(tree: WorkTree, undo: Undo) -> None:
    """Where git was killed after its commit, let the index have it, too. Raises GitError."""
    if stale := _stale(tree, undo):
        _require_no_lock(tree)
        command = ("reset", "--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", "HEAD")
        tree.git.run(*command, stdin=_pathspecs(stale), magic_pathspecs=True)


def _settle(tree: WorkTree, undo: Undo, error: BaseException, result: Written) -> None:
    """After a failure: put the files back, unless the commit was made all the same (a later hook failed, say)."""
    words = _words(error)
    try:
        left = _without_commit(tree, undo)
        if undo.paths and not left:
            result.commit = _head(tree)
            _renew_index(tree, undo)
            undo.drop()
            return
        for path in undo.put_back(left).theirs:
            words += f"; {path} was changed by a hook or a person meanwhile and stays as it is"
    except (OSError, GitError) as worse:
        what = "bringing the index up to the commit" if result.commit else "putting the files back"
        words += f"; {what} failed as well ({_words(worse)}), the next run tries again"
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


def _commit(
    tree: WorkTree, paths: Iterable[str], parent: int, description: Description, folder: Path, committer: Committer
) -> None:
    """Commit exactly the files at *paths*, as a function of the parent and of the description."""
    when = max(parent, description.when)
    date = f"@{when} +0000"
    text, listed = folder / "message", folder / "paths"
    text.write_text(description.text(datetime.fromtimestamp(when, UTC)), encoding="utf-8")
    # A file, no pipe: were we killed while we write to that, git would take what it has got for the whole list.
    listed.write_bytes(_pathspecs(paths))
    tree.git.run(
        "commit", "--quiet", "--only", "--cleanup=verbatim", "--no-verbose", f"--file={text}",
        f"--pathspec-from-file={listed}", "--pathspec-file-nul",
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


def _pathspecs(paths: Iterable[str]) -> bytes:
    # Literal each by itself: git's own switch for all would reach the hooks, and their patterns would find nothing.
    return "\0".join(f":(top,literal){path}" for path in paths).encode()
