"""Makes one commit from its parent's files, then updates work tree and index.

The commit is built apart from the branch, from the parent's blobs: neither line-end conversion nor a filter nor the
index can add anything to it. It is read back and checked before the branch moves. On any failure the files, the index
and the branch are as before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from consistency.core.workplan.edit import Edited, EditRefusedError
from consistency.git.atomicfile import replace_file
from consistency.git.blobs import BlobChange, NewCommit, Parent, build_commit, check_commit, read_parent
from consistency.git.committer import Committer, Written
from consistency.git.files import FileReadError, ReadFile, digest, digest_of, read_files
from consistency.git.leftovers import is_git_running
from consistency.git.names import to_git
from consistency.git.process import GitError
from consistency.git.rollback import Journal, Unfinished
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree, fields
from statehub.text import describe_os_error

MAX_DATE = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970: later dates are ignored."""

Change = Callable[[bytes, bool], Edited]
"""Edits the bytes of one file; the flag says that these are the bytes that were compared.

Raises EditRefusedError.
"""

Record = Callable[[str, int, Collection[str]], None]
"""Called with our commit: its id, its author date in seconds since 1970, and the paths that it changes."""


class CommitRequest(NamedTuple):
    """The changes to commit, by path, with the digests of the files as they were read.

    *message* makes the commit's message for the changed paths and its day. The commit is dated *when*, in seconds since
    1970, or as its parent if that is later. *limit* is the largest size of a file, in bytes; *overlooked* are
    assume-unchanged files.
    """

    changes: Mapping[str, Change]
    digests: Mapping[str, str]
    message: Callable[[Collection[str], datetime], str]
    limit: int
    overlooked: Collection[str] = ()
    when: Callable[[Collection[str]], int] = lambda _paths: 0


class _Edit(NamedTuple):
    """The change of one file, in the work tree and in the commit."""

    file: Edited
    blob: BlobChange


def writeback_blocker(state: CheckoutStatus) -> str | None:
    """Return why no commit can be made in this *state*, or None."""
    if state.under_way:
        return f"{state.under_way} is in progress; finish or abort it first"
    if state.branch is None:
        return "HEAD is detached: a commit would belong to no branch; check out a branch first"
    if state.head is None:
        return "the branch has no commit yet"
    return None


def edit_files(tree: WorkTree, request: CommitRequest, written: Written) -> tuple[dict[str, Edited], dict[str, bytes]]:
    """Edit each file that may be replaced; return those that change, and their bytes until now, both by path.

    Faults are added to *written*.
    """
    edited: dict[str, Edited] = {}
    originals: dict[str, bytes] = {}
    faults = {path: fault for path in request.changes if (fault := _replace_blocker(tree, path))}
    left = sorted(request.changes.keys() - faults.keys())
    missing = dict.fromkeys(left, "the file is gone")
    for file in read_files(tree.top, left, request.limit):
        del missing[file.path]
        try:
            data = _require_compared(file, request)
            if (new := request.changes[file.path](data, True)).data != data:
                edited[file.path], originals[file.path] = new, data
        except (EditRefusedError, FileReadError) as error:
            faults[file.path] = str(error)
    written.faults += sorted({**faults, **missing}.items())
    return edited, originals


def commit_changes(
    tree: WorkTree, state: CheckoutStatus, request: CommitRequest, committer: Committer, record: Record
) -> Written:
    """Apply the requested changes to the parent's blobs and to the work tree's files, and commit them.

    On any failure files, index and branch are as before. Errors of git or the disk are returned, not raised; errors of
    *record* are raised, before anything is written.
    """
    blocker = writeback_blocker(state)
    if blocker is not None:
        return Written(faults=[(None, blocker)])
    written, journal = Written(), Journal(tree)
    edited, originals = edit_files(tree, request, written)
    if not edited:
        return written
    try:
        if committer.hooks:
            _require_all_committed(tree)
        # Nearly always the last commit has the very bytes of the work tree.
        parent = read_parent(tree, state.head or "", list(edited), originals)
        changes = _change_blobs(edited.keys(), request, parent, written, edited, originals)
        if edits := {change.path: _Edit(edited[change.path], change) for change in changes}:
            _CommitBuilder(tree, state, edits, parent, request, committer, record, journal).run(written)
    except BaseException as error:
        _roll_back(tree, journal, error, written)
        if not isinstance(error, OSError | GitError):
            raise
    return written


def build_changes(
    tree: WorkTree, parent_commit: str, request: CommitRequest, committer: Committer, record: Record
) -> Written:
    """Commit the requested changes on *parent_commit* without moving a branch, and without index and work tree.

    `files` stays empty. Errors of git or the disk are returned, not raised; errors of *record* are raised.
    """
    written = Written()
    try:
        parent = read_parent(tree, parent_commit, sorted(request.changes))
        if blobs := _change_blobs(sorted(request.changes), request, parent, written):
            new_commit = _new_commit(parent, request, [each.path for each in blobs], committer)
            commit = build_commit(tree, new_commit, blobs)
            record(commit, new_commit.when, [each.path for each in blobs])
            written.commit = commit
    except (OSError, GitError) as error:
        written.faults.append((None, _message(error)))
    return written


def _new_commit(parent: Parent, request: CommitRequest, paths: list[str], committer: Committer) -> NewCommit:
    when = max(parent.date if parent.date <= MAX_DATE else 0, request.when(paths))
    text = request.message(paths, datetime.fromtimestamp(when, UTC))
    return NewCommit(parent, committer.name, committer.email, when, text)


def _change_blobs(
    paths: Collection[str],
    request: CommitRequest,
    parent: Parent,
    written: Written,
    edited: Mapping[str, Edited] = MappingProxyType({}),
    originals: Mapping[str, bytes] = MappingProxyType({}),
) -> list[BlobChange]:
    """Make the requested changes of *paths* in the parent's blobs; those that cannot be made are faults in *written*.

    *edited* are the files in which they were made already, from *originals*, the bytes that were compared.
    """
    changes: list[BlobChange] = []
    for path in paths:
        blob = parent.blobs.get(path)
        if blob is None:
            written.faults.append((path, "the last commit has no such regular file"))
            continue
        try:
            same = blob.data is originals.get(path) or digest(blob.data) == request.digests[path]
            file = edited[path] if same and path in edited else request.changes[path](blob.data, same)
            if file.data == blob.data:
                raise EditRefusedError("nothing differs: git does not show that the work tree lacks it")
            changes.append(BlobChange(path, blob, file.data))
        except EditRefusedError as error:
            written.faults.append((path, f"in the last commit, {error}"))
    return changes


def _require_all_committed(tree: WorkTree) -> None:
    """Raise GitError if anything is uncommitted: hooks may do anything to a work tree."""
    options = ("--no-renames", "--ignore-submodules=all", "--untracked-files=normal")
    command = ("status", "--porcelain", "-z", *options)
    unsaved = fields(tree.git.run(*command, env={"GIT_OPTIONAL_LOCKS": "0"}))
    if unsaved:
        raise GitError(
            "the repo's hooks (STATEHUB_COMMIT_HOOKS) run only while nothing in the work tree is uncommitted, "
            f"but {unsaved[0][3:]} is"
        )


@dataclass(frozen=True, slots=True)
class _CommitBuilder:
    """Makes one commit, from its objects to the branch."""

    tree: WorkTree
    state: CheckoutStatus
    edits: Mapping[str, _Edit]
    parent: Parent
    request: CommitRequest
    committer: Committer
    record: Record
    journal: Journal

    def run(self, written: Written) -> None:
        tree, paths = self.tree, list(self.edits)
        blobs = [each.blob for each in self.edits.values()]
        new = _new_commit(self.parent, self.request, paths, self.committer)
        commit = build_commit(tree, new, blobs)
        if not self.committer.hooks:
            self.record(commit, new.when, paths)
        overlooked = sorted(self.edits.keys() & set(self.request.overlooked))
        self.journal.begin(
            self.parent.commit, commit, {path: each.file.data for path, each in self.edits.items()}, overlooked
        )
        self.journal.replace_files(self.request.digests)
        # git refuses if something else is staged for one of the files.
        tree.git.run("read-tree", "-i", "-m", self.parent.commit, commit)
        _assume_unchanged(tree, overlooked)
        self._require_nothing_else_to_commit()
        if self.committer.hooks:
            planned, commit = commit, self._commit_with_hooks(new, blobs, commit)
            try:
                self.record(commit, new.when, paths)
            except BaseException:  # Without a record it would count as a person's.
                self._take_back(commit, planned)
                raise
        else:
            self._move_branch(commit, f"commit: {new.text.partition(chr(10))[0]}")
        written.commit = commit
        written.files = {path: each.file for path, each in self.edits.items()}
        self.journal.discard()

    def _require_nothing_else_to_commit(self) -> None:
        """Raise GitError if git still shows a file as changed, which every later run would count as a person's work.

        Only a conversion on the way into a commit, to another form than HEAD's, can cause that.
        """
        converted = {path for path, each in self.edits.items() if each.file.data != each.blob.new}
        unclean = sorted(converted & _differing(self.tree) - set(self.request.overlooked)) if converted else []
        if unclean:
            raise GitError(
                f"git would change more of {unclean[0]} than the status: its attributes ask for another form than the "
                "last commit has (git add --renormalize and a commit of that end this)"
            )

    def _move_branch(self, commit: str, reason: str) -> None:
        """Move the branch, which must still be checked out and unchanged, to *commit*."""
        branch = f"refs/heads/{self.state.branch}"
        head = Path(self.tree.git_dir, "HEAD").read_bytes().strip()
        # If references are not stored in files, HEAD names an invalid one (gitformat-reftable).
        if head not in (to_git(f"ref: {branch}"), b"ref: refs/heads/.invalid"):
            raise GitError("another branch was checked out during this run")
        update = f"update {branch} {commit} {self.parent.commit}\n"
        self.tree.git.run("update-ref", "-m", reason, "--stdin", stdin=to_git(update))

    def _commit_with_hooks(self, new: NewCommit, blobs: Sequence[BlobChange], planned: str) -> str:
        """Commit the index, which equals *planned*, by `git commit` with the repo's hooks; return the commit.

        The hooks may change its message. It must change *blobs* and nothing else, or it is taken back.
        """
        git = self.tree.git
        person = {"NAME": new.name, "EMAIL": new.email, "DATE": f"@{new.when} +0000"}
        options = ("--quiet", "--cleanup=verbatim", "--no-verbose", "--file=-")
        try:
            git.run(
                "commit",
                *options,
                stdin=new.text.encode(),
                hooks=True,
                magic_pathspecs=True,  # Hooks inherit git's setting for pathspecs.
                config={"commit.gpgSign": "false", "i18n.commitEncoding": "UTF-8"},
                timeout=self.committer.timeout,
                env={f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()},
            )
        except GitError:
            if _head(self.tree) == new.parent.commit:
                raise
            # A hook that runs after the commit has failed: that does not matter.
        commit = _head(self.tree)
        try:
            check_commit(self.tree, commit, new.parent.commit, blobs)
        except GitError as error:
            changed = fields(git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", planned, commit))
            self._take_back(commit, planned)
            subject = f"what was committed ({', '.join(changed[:5])})" if changed else "the commit's parent"
            raise GitError(f"a hook changed {subject}, so the commit was taken back") from error
        return commit

    def _take_back(self, commit: str, planned: str) -> None:
        """Undo *commit*, which hooks have changed: branch, index and files are as if they had not."""
        git, branch, paths = self.tree.git, f"refs/heads/{self.state.branch}", list(self.edits)
        git.run("update-ref", "-m", "reset: a hook changed the commit", branch, self.parent.commit, commit)
        git.run("read-tree", "-i", "-m", commit, planned)
        for path, blob in read_parent(self.tree, commit, paths).blobs.items():
            full = self.tree.file(path)
            changed = digest(blob.data)
            if digest_of(full) == changed:
                replace_file(full, changed, self.edits[path].file.data)


def recover(tree: WorkTree) -> list[str]:
    """Undo a writeback that was cut off before its commit; return the restored paths. Raises GitError, OSError."""
    journal = Journal(tree)
    unfinished = journal.unfinished()
    if not unfinished.written:
        journal.discard()  # Without a complete list nothing was replaced.
        return []
    left = _without_commit(tree, unfinished)
    if left:  # git of the run that was cut off may still be running.
        _require_no_git_running(tree)
        _restore_index(tree, unfinished)
    _assume_unchanged(tree, unfinished.overlooked)
    return journal.roll_back(left).restored


def _without_commit(tree: WorkTree, unfinished: Unfinished) -> set[str]:
    """Return the files of an unfinished writeback that are in no commit."""
    paths = set(unfinished.written)
    return paths if not paths or _head(tree) == unfinished.head else paths & _differing(tree, "HEAD")


def _restore_index(tree: WorkTree, unfinished: Unfinished) -> None:
    """Restore the files of an unfinished writeback in the index; files that a person staged since then are kept."""
    if not unfinished.commit:
        return
    ahead = unfinished.written.keys() & _differing(tree, "--cached", unfinished.head)
    if ahead and ahead - _differing(tree, "--cached", unfinished.commit):
        tree.git.run("read-tree", "-i", "-m", unfinished.commit, unfinished.head)


def _assume_unchanged(tree: WorkTree, paths: Collection[str]) -> None:
    """Mark *paths* as assume-unchanged again: read-tree drops the mark of the files that it changes."""
    if paths:
        listed = b"".join(to_git(path) + b"\0" for path in paths)
        tree.git.run("update-index", "--assume-unchanged", "-z", "--stdin", stdin=listed)


def _differing(tree: WorkTree, *sides: str) -> set[str]:
    """Return the tracked files that differ between work tree and index or commit; with `--cached`, index and commit."""
    options = ("--name-only", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "-z")
    return set(fields(tree.git.run("diff", *options, *sides, "--", env={"GIT_OPTIONAL_LOCKS": "0"})))


def _require_no_git_running(tree: WorkTree) -> None:
    lock = Path(tree.git_dir, "index.lock")
    if lock.exists():
        raise GitError(f"a writeback was cut off and {lock} is there still: wait for git, or remove the lock it left")
    if is_git_running(tree.git_dir, tree.common_dir):
        raise GitError(
            f"a writeback was cut off and a git process is still running in {tree.top}: the next run tries again"
        )


def _roll_back(tree: WorkTree, journal: Journal, error: BaseException, written: Written) -> None:
    """Restore the files after the failure *error*, unless the branch has the commit."""
    message = _message(error)
    try:
        unfinished = journal.unfinished()
        left = _without_commit(tree, unfinished)
        if unfinished.written and _head(tree) == unfinished.commit:
            _assume_unchanged(tree, unfinished.overlooked)
            written.commit = unfinished.commit
            journal.discard()
            return
        written.files = {}
        if left:
            _restore_index(tree, unfinished)
            _assume_unchanged(tree, unfinished.overlooked)
        for path in journal.roll_back(left).theirs:
            message += f"; {path} was changed by a hook or a person since then and stays as it is"
    except (OSError, GitError) as worse:
        message += f"; putting the files back failed as well ({_message(worse)}), the next run tries again"
    written.faults.append((None, message))


def _message(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return describe_os_error(error) + (f": {error.filename}" if error.filename else "")


def _head(tree: WorkTree) -> str:
    return tree.git.run("rev-parse", "HEAD").decode().strip()


def _replace_blocker(tree: WorkTree, path: str) -> str:
    """Return why the file *path* may not be replaced, '' if it may."""
    try:
        mode = os.lstat(tree.file(path)).st_mode
    except OSError as error:
        return f"the file cannot be read: {describe_os_error(error)}"
    if stat.S_ISLNK(mode):
        return "the file is a symbolic link, which a writeback does not follow"
    return "" if mode & 0o222 else "the file is read-only (chmod u+w makes it writable)"


def _require_compared(file: ReadFile, request: CommitRequest) -> bytes:
    """Return the bytes of *file*. Raises FileReadError unless they are those that were compared."""
    if file.data is None:
        raise FileReadError(file.fault)
    if digest(file.data) != request.digests[file.path]:
        raise FileReadError("the file was changed during this run")
    return file.data
