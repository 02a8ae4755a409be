"""Makes one commit out of its parent's own files, and lets work tree and index follow.

The commit is built beside the branch, from the blobs that the parent has: neither line-end conversion nor a filter nor
the index can add anything to it. It is read back and checked before the branch moves. Whatever goes wrong on the way,
the files, the index and the branch are as they were before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from consistency.core.workplan.edit import Edited, EditRefusedError
from consistency.git.atomicfile import replace_file
from consistency.git.blobs import (
    BlobChange,
    NewCommit,
    Parent,
    build_commit,
    check_commit,
    read_parent,
)
from consistency.git.committer import Committer, Written
from consistency.git.files import FileReadError, digest, digest_of, read_files
from consistency.git.leftovers import is_git_at_work
from consistency.git.names import to_git
from consistency.git.process import GitError
from consistency.git.rollback import Backup, Journal
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree, fields
from statehub.phrases import describe_os_error

LAST_DATE = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970: a later date proves nothing."""


Change = Callable[[bytes, bool], Edited]
"""Makes the new bytes of one file out of the old; the flag says that these are the bytes that were compared.

Raises EditRefusedError.
"""

Record = Callable[[str, int, Collection[str]], None]
"""Told of a commit of ours: its id, its author date in seconds since 1970, and the paths that it changes."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a commit says of the paths that it changes, as a function of its day.

    It is dated *when*, in seconds since 1970, or as its parent if that is younger.
    """

    text: Callable[[Collection[str], datetime], str]
    when: Callable[[Collection[str]], int] = lambda _paths: 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be committed: a change for each path, with the digests of the files as they were read.

    *overlooked* are files that git is told to take for unchanged; *limit* is the largest size of a file, in bytes.
    """

    changes: Mapping[str, Change]
    digests: Mapping[str, str]
    description: Description
    limit: int
    overlooked: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Edit:
    """One file: as it will be in the work tree, and as the commit will have it."""

    file: Edited
    blob: BlobChange


def writeback_blocker(state: CheckoutStatus) -> str | None:
    """Why no commit can be made on what *state* shows, or None."""
    if state.under_way:
        return f"{state.under_way} is in progress; finish or abort it first"
    if state.branch is None:
        return "HEAD is detached: a commit would belong to no branch; check out a branch first"
    if state.head is None:
        return "the branch has no commit yet"
    return None


def edit_files(tree: WorkTree, wanted: Wanted, written: Written) -> dict[str, Edited]:
    """Each file that may be replaced and changes, as it will be in the work tree; what went wrong goes to *written*."""
    edited: dict[str, Edited] = {}
    for path, change in sorted(wanted.changes.items()):
        try:
            data = _current(tree, path, wanted)
            if (new := change(data, True)).data != data:
                edited[path] = new
        except (EditRefusedError, FileReadError) as error:
            written.faults.append((path, str(error)))
        except OSError as error:
            written.faults.append((path, f"the file cannot be read: {describe_os_error(error)}"))
    return edited


def commit_changes(
    tree: WorkTree, state: CheckoutStatus, wanted: Wanted, committer: Committer, record: Record
) -> Written:
    """Make what is *wanted* in the parent's blobs and in the work tree's files, and commit it.

    On any failure files, index and branch are as they were before. Never raises for what git or the disk says; what
    *record* raises passes through, and nothing has been written then.
    """
    blocker = writeback_blocker(state)
    if blocker is not None:
        return Written(faults=[(None, blocker)])
    written, undo = Written(), Journal(tree)
    edited = edit_files(tree, wanted, written)
    if not edited:
        return written
    try:
        if committer.hooks:
            _require_all_committed(tree)
        parent = read_parent(tree, state.head or "", list(edited))
        edits = _with_blobs(edited, wanted, parent, written)
        if edits:
            _Making(tree, state, edits, parent, wanted, committer, record, undo).run(written)
    except BaseException as error:
        _settle(tree, undo, error, written)
        if not isinstance(error, OSError | GitError):
            raise
    return written


def _with_blobs(edited: Mapping[str, Edited], wanted: Wanted, parent: Parent, written: Written) -> dict[str, _Edit]:
    """The same changes in the parent's blobs; what cannot be made there is a fault in *written*."""
    edits: dict[str, _Edit] = {}
    for path, file in edited.items():
        blob = parent.blobs.get(path)
        if blob is None:
            written.faults.append((path, "the last commit has no such regular file"))
            continue
        try:
            same = digest(blob.data) == wanted.digests[path]
            new = file.data if same else wanted.changes[path](blob.data, False).data
            if new == blob.data:
                raise EditRefusedError("nothing differs: git does not show that the work tree lacks it")
            edits[path] = _Edit(file, BlobChange(path, blob, new))
        except EditRefusedError as error:
            written.faults.append((path, f"in the last commit, {error}"))
    return edits


def _require_all_committed(tree: WorkTree) -> None:
    """Hooks may do anything to a work tree: they run only if it holds nothing that is not committed."""
    options = ("--no-renames", "--ignore-submodules=all", "--untracked-files=normal")
    command = ("status", "--porcelain", "-z", *options)
    unsaved = fields(tree.git.run(*command, env={"GIT_OPTIONAL_LOCKS": "0"}))
    if unsaved:
        raise GitError(
            "the repo's hooks (STATEHUB_COMMIT_HOOKS) run only while nothing in the work tree is uncommitted, "
            f"but {unsaved[0][3:]} is"
        )


@dataclass(frozen=True, slots=True)
class _Making:
    """One commit, from its objects to the branch that has it."""

    tree: WorkTree
    state: CheckoutStatus
    edits: Mapping[str, _Edit]
    parent: Parent
    wanted: Wanted
    committer: Committer
    record: Record
    undo: Journal

    def run(self, written: Written) -> None:
        tree, description, paths = self.tree, self.wanted.description, list(self.edits)
        when = max(self.parent.date if self.parent.date <= LAST_DATE else 0, description.when(paths))
        text = description.text(paths, datetime.fromtimestamp(when, UTC))
        blobs = [each.blob for each in self.edits.values()]
        new = NewCommit(self.parent, self.committer.name, self.committer.email, when, text)
        commit = build_commit(tree, new, blobs)
        if not self.committer.hooks:
            self.record(commit, when, paths)
        kept = [Backup(path, digest(each.file.data)) for path, each in self.edits.items()]
        self.undo.begin(self.parent.commit, commit, kept, self.edits.keys() & set(self.wanted.overlooked))
        for path, each in self.edits.items():
            replace_file(tree.file(path), self.wanted.digests[path], each.file.data)
        self._move_index(commit)
        self._require_nothing_else_to_commit()
        if self.committer.hooks:
            planned, commit = commit, self._commit_with_hooks(new, blobs, commit)
            try:
                self.record(commit, when, paths)
            except BaseException:  # Without a record it would be taken for a person's.
                self._take_back(commit, planned)
                raise
        else:
            self._move_branch(commit, f"commit: {text.partition(chr(10))[0]}")
        written.commit = commit
        written.files = {path: each.file for path, each in self.edits.items()}
        self.undo.drop()

    def _move_index(self, commit: str) -> None:
        """Let the index follow to *commit*; git refuses if something else is staged for one of the files."""
        self.tree.git.run("read-tree", "-i", "-m", self.parent.commit, commit)
        _mark_again(self.tree, self.undo)

    def _require_nothing_else_to_commit(self) -> None:
        """Raise GitError if git would now take one of the files for changed, and every later run for a person's work.

        It can only be so if git converts the file on its way into a commit, and not to what HEAD has.
        """
        converted = {path for path, each in self.edits.items() if each.file.data != each.blob.new}
        unclean = sorted(converted & _differing(self.tree) - set(self.wanted.overlooked)) if converted else []
        if unclean:
            raise GitError(
                f"git would change more of {unclean[0]} than the status: its attributes ask for another form than the "
                "last commit has (git add --renormalize and a commit of that end this)"
            )

    def _move_branch(self, commit: str, reason: str) -> None:
        """Move the branch, which must still be checked out and where it was, to *commit*."""
        branch = f"refs/heads/{self.state.branch}"
        head = Path(self.tree.git_dir, "HEAD").read_bytes().strip()
        # With another store of references than files, HEAD names one that is none (gitformat-reftable).
        if head not in (to_git(f"ref: {branch}"), b"ref: refs/heads/.invalid"):
            raise GitError("another branch was checked out during this run")
        moves = f"update {branch} {commit} {self.parent.commit}\n"
        self.tree.git.run("update-ref", "-m", reason, "--stdin", stdin=to_git(moves))

    def _commit_with_hooks(self, new: NewCommit, blobs: Sequence[BlobChange], planned: str) -> str:
        """Commit the index, which has what *planned* has, as git does, with the repo's hooks; the commit.

        The hooks may change what it says. It must change *blobs* and nothing else, or it is taken back.
        """
        date, git = f"@{new.when} +0000", self.tree.git
        names = {"NAME": new.name, "EMAIL": new.email, "DATE": date}
        try:
            git.run(
                "commit", "--quiet", "--cleanup=verbatim", "--no-verbose", "--file=-",
                stdin=new.text.encode(),
                hooks=True,
                magic_pathspecs=True,  # git hands its own way to take them on to the hooks.
                config={"commit.gpgSign": "false", "i18n.commitEncoding": "UTF-8"},
                timeout=self.committer.timeout,
                env={f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in names.items()},
            )  # fmt: skip
        except GitError:
            if _head(self.tree) == new.parent.commit:
                raise
            # A hook that runs after the commit has failed, and does not matter.
        commit = _head(self.tree)
        try:
            check_commit(self.tree, commit, new.parent.commit, blobs)
        except GitError as error:
            changed = fields(git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", planned, commit))
            self._take_back(commit, planned)
            what = f"what was committed ({', '.join(changed[:5])})" if changed else "the commit's parent"
            raise GitError(f"a hook changed {what}, so the commit was taken back") from error
        return commit

    def _take_back(self, commit: str, planned: str) -> None:
        """Undo *commit*, to which hooks have added something: branch, index and files are as if they had not."""
        git, branch, paths = self.tree.git, f"refs/heads/{self.state.branch}", list(self.edits)
        git.run("update-ref", "-m", "reset: a hook changed the commit", branch, self.parent.commit, commit)
        git.run("read-tree", "-i", "-m", commit, planned)
        for path, blob in read_parent(self.tree, commit, paths).blobs.items():
            full = self.tree.file(path)
            made = digest(blob.data)
            if digest_of(full) == made:
                replace_file(full, made, self.edits[path].file.data)


def recover(tree: WorkTree) -> list[str]:
    """Undo a writeback that was cut off before its commit; the paths of the files that are as they were again.

    Raises GitError or OSError.
    """
    undo = Journal(tree)
    if not undo.paths:
        undo.drop()  # A list that was not whole: nothing was replaced.
        return []
    left = _without_commit(tree, undo)
    if left:  # git of the run that was cut off may still be at work.
        _require_no_git_at_work(tree)
        _move_index_back(tree, undo)
    _mark_again(tree, undo)
    return undo.put_back(left).restored


def _without_commit(tree: WorkTree, undo: Journal) -> set[str]:
    """The files of an unfinished writeback that are in no commit."""
    paths = undo.paths
    return paths if not paths or _head(tree) == undo.head else paths & _differing(tree, "HEAD")


def _move_index_back(tree: WorkTree, undo: Journal) -> None:
    """Let the index have the files of an unfinished writeback as before; what a person has staged since stays."""
    ahead = undo.paths & _differing(tree, "--cached", undo.head) if undo.commit else set[str]()
    if ahead and ahead - _differing(tree, "--cached", undo.commit):
        tree.git.run("read-tree", "-i", "-m", undo.commit, undo.head)


def _mark_again(tree: WorkTree, undo: Journal) -> None:
    """Let git overlook changes of the files as it was told to: read-tree forgets the mark of what it changes."""
    if overlooked := undo.overlooked:
        listed = b"".join(to_git(path) + b"\0" for path in overlooked)
        tree.git.run("update-index", "--assume-unchanged", "-z", "--stdin", stdin=listed)


def _differing(tree: WorkTree, *sides: str) -> set[str]:
    """The tracked files in which the work tree differs from the index or a commit; with `--cached` the index does."""
    options = ("--name-only", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "-z")
    return set(fields(tree.git.run("diff", *options, *sides, "--", env={"GIT_OPTIONAL_LOCKS": "0"})))


def _require_no_git_at_work(tree: WorkTree) -> None:
    lock = Path(tree.git_dir, "index.lock")
    if lock.exists():
        raise GitError(f"a writeback was cut off and {lock} is there still: wait for git, or remove the lock it left")
    if is_git_at_work(tree.git_dir, tree.common_dir):
        raise GitError(
            f"a writeback was cut off and a git process is still running in {tree.top}: the next run tries again"
        )


def _settle(tree: WorkTree, undo: Journal, error: BaseException, written: Written) -> None:
    """After a failure: put the files back, unless the branch has the commit."""
    message = _message(error)
    try:
        left = _without_commit(tree, undo)
        if undo.paths and _head(tree) == undo.commit:
            _mark_again(tree, undo)
            written.commit = undo.commit
            undo.drop()
            return
        written.files = {}
        if left:
            _move_index_back(tree, undo)
            _mark_again(tree, undo)
        for path in undo.put_back(left).theirs:
            message += f"; {path} was changed by a hook or a person since then and stays as it is"
    except (OSError, GitError) as worse:
        message += f"; putting the files back failed as well ({_message(worse)}), the next run tries again"
    written.faults.append((None, message))


def _message(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{describe_os_error(error)}: {error.filename}" if error.filename else describe_os_error(error)
    return str(error)


def _head(tree: WorkTree) -> str:
    return tree.git.run("rev-parse", "HEAD").decode().strip()


def _current(tree: WorkTree, path: str, wanted: Wanted) -> bytes:
    """The file's bytes, if it is one that may be replaced and still what was compared."""
    status = os.lstat(tree.file(path))
    if stat.S_ISLNK(status.st_mode):
        raise FileReadError("the file is a symbolic link, which a writeback does not follow")
    if not status.st_mode & 0o222:
        raise FileReadError("the file is read-only (chmod u+w makes it writable)")
    read = next(read_files(tree.top, [path], wanted.limit), None)
    if read is None or read.data is None:
        raise FileReadError(read.fault if read else "the file is gone")
    if digest(read.data) != wanted.digests[path]:
        raise FileReadError("the file was changed during this run")
    return read.data
