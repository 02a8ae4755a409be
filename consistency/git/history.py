"""Reads the commits of a clone and what each changed in the workplans, with one git process, or none for a few."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from consistency.git.names import from_git
from consistency.git.objects import Object, read_whole_object
from consistency.git.worktree import WorkTree, pathspecs
from statehub.errors import StateHubError
from statehub.globs import included_globs

MAX_COMMITS = 20_000
"""Limit of commits that are read, the newest first; older ones are unknown."""

MAX_NEW_COMMITS, MAX_NEW_OBJECTS = 20, 200
"""Limits of commits, and of commits and folders, that are read without git: it is faster with more."""

AS_COMMITTED = {
    # Reading history never uses the network: objects that a partial clone lacks are unknown.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",  # For git before 2.45: no protocol is allowed.
    # The commits as they were made, without replacements.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
"""Environment of every command that reads history."""

_CHANGE = re.compile(rb"\n?:\d{6} (\d{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*")
_AUTHOR = re.compile(rb"author ([^<>\n\0]*) <([^<>\n\0]*)> (\d{1,10}) [+-]\d{4}")
_PARENT = re.compile(rb"^parent ([0-9a-f]+)$", re.MULTILINE)
_WILDCARD = re.compile(r"[*?\[\]\\/]")
_FOLDER_MODE = b"40000"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_SECONDS = 2**63 - 1


class Change(NamedTuple):
    """The blobs of a path before and after a commit; '' for none, or if it is not a regular file."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `authored` is in seconds since 1970, or None; `changes` (by path) are against its first parent."""

    id: str
    parents: tuple[str, ...]
    authored: int | None
    author: str
    email: str
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Commits by id, newest first. `shallow` are those with parents that this clone lacks; `cut`: older ones exist."""

    commits: Mapping[str, Commit]
    shallow: frozenset[str] = frozenset()
    cut: bool = False
    _touched: dict[str, dict[str, Change]] = field(default_factory=dict, repr=False)
    _blobs: dict[str, dict[str, str | None]] = field(default_factory=lambda: defaultdict(dict), repr=False)

    def versions(self, path: str) -> dict[str, Change]:
        """Return the changes of *path* by commit, newest first."""
        if not self._touched:
            touched: dict[str, dict[str, Change]] = defaultdict(dict)
            for commit in self.commits.values():
                for changed, change in commit.changes.items():
                    touched[changed][commit.id] = change
            self._touched.update(touched)
        return self._touched.get(path, {})

    def blob_at(self, commit: str, path: str) -> str | None:
        """Return the blob of *path* in *commit*, '' for none; None if that is outside of this history."""
        touched, known = self.versions(path), self._blobs[path]
        walked, at = list[str](), commit
        # A file that a commit does not change comes from its first parent.
        while at not in known:
            walked.append(at)
            if at in touched:
                known[at] = touched[at].new
            elif at not in self.commits:
                known[at] = None
            elif not self.commits[at].parents:
                known[at] = ""
            else:
                at = self.commits[at].parents[0]
        for each in walked:
            known[each] = known[at]
        return known[at]

    def below(self, tips: Iterable[str]) -> set[str]:
        """Return *tips* and all their ancestors in this history."""
        found, pending = set[str](), [tip for tip in tips if tip in self.commits]
        while pending:
            commit = pending.pop()
            if commit not in found:
                found.add(commit)
                pending += [parent for parent in self.commits[commit].parents if parent in self.commits]
        return found


def read_history(
    tree: WorkTree, pattern: str, tips: Iterable[str], since: str = "", listed: Collection[str] = ()
) -> History:
    """Read the history of *tips* in all files that match *pattern*; tips that this clone lacks are ignored.

    The commit *since* and its ancestors are left out. *listed* are files that are known to match: if a few new commits
    changed no others, no process is needed. Raises GitError, also if a partial clone lacks an object.
    """
    # Only ids: git accepts much else as a revision or an option.
    wanted = [tip for tip in dict.fromkeys(tips) if _ID.fullmatch(tip)]
    if listed and len(wanted) == 1 and _ID.fullmatch(since) and not _shallow(tree):
        with suppress(_GitNeededError):
            return History(_read_new_commits(tree, pattern, wanted[0], since, listed))
    wanted += [f"^{since}"] if _ID.fullmatch(since) else []
    # --ignore-missing comes before --stdin, which is read at once. All commits are listed, not only those that change
    # the files, with all parents and the changes against the first one.
    selection = ("--ignore-missing", "--stdin", f"--max-count={MAX_COMMITS + 1}", "--full-history", "--sparse")
    diff = ("--diff-merges=first-parent", "--raw", "-r", "-z", "--no-abbrev", "--no-renames", "--no-relative")
    form = ("--no-color", "--no-notes", "--no-show-signature", "--encoding=UTF-8", "--format=%H %P%n%at%n%ae%n%an")
    stdin = "".join(f"{revision}\n" for revision in wanted).encode()
    config = {"log.showRoot": "true", "log.follow": "false", "diff.orderFile": os.devnull}
    command = ("log", *selection, *diff, *form, "--", *pathspecs(pattern))
    logged = tree.git.run(*command, stdin=stdin, env=AS_COMMITTED, config=config, magic_pathspecs=True)
    commits = {commit.id: commit for commit in _commits(logged)}
    shallow = _shallow(tree)
    return History(commits, shallow, bool(shallow) or len(commits) > MAX_COMMITS)


class _GitNeededError(StateHubError):
    """Only git can read this history."""


def _read_new_commits(
    tree: WorkTree, pattern: str, head: str, since: str, listed: Collection[str]
) -> dict[str, Commit]:
    """Read the commits from *head* down to *since*, one after the other, from objects that git keeps whole.

    Raises _GitNeededError if there are merges or many, if an object is a delta, or if a file that is not *listed* was
    changed and may match *pattern*.
    """
    objects, roots, commits = _WholeObjects(tree), dict[str, str](), dict[str, Commit]()
    at = head
    while at != since:
        if len(commits) == MAX_NEW_COMMITS:
            raise _GitNeededError
        roots[at], commits[at] = _parse_commit(objects.read(at, "commit"))
        at = commits[at].parents[0]
    ends = {_WILDCARD.split(glob)[-1] for glob in included_globs(pattern)}
    for commit in commits.values():
        parent = commit.parents[0]
        before = roots.get(parent) or objects.read(parent, "commit").tree
        for name, change in _compare_trees(objects, before, roots[commit.id], b""):
            path = from_git(name)
            if path in listed:
                commit.changes[path] = change
            # The end of a glob without wildcards matches the end of a name: of the file's, or of a folder's above it.
            elif any(part.endswith(end) for part in path.split("/") for end in ends):
                raise _GitNeededError
    return commits


def is_seen_after(tree: WorkTree, commit: str, before: str) -> bool:
    """Return whether *before* is seen to be among the ancestors of *commit*, a few commits back. Starts no process."""
    objects, pending, seen = _WholeObjects(tree), [commit], {commit}
    while pending and len(seen) <= MAX_NEW_COMMITS:
        with suppress(_GitNeededError):
            header = objects.read(pending.pop(0), "commit").data.partition(b"\n\n")[0]
            parents = [parent.decode() for parent in _PARENT.findall(header)]
            if before in parents:
                return True
            pending += [parent for parent in parents if parent not in seen]
            seen.update(parents)
    return False


class _WholeObjects:
    """The objects that a clone keeps whole, up to MAX_NEW_OBJECTS of them."""

    def __init__(self, tree: WorkTree) -> None:
        self._tree, self._left = tree, MAX_NEW_OBJECTS

    def read(self, name: str, kind: str) -> Object:
        """Return the object *name* of this *kind*. Raises _GitNeededError."""
        self._left -= 1
        found = read_whole_object(self._tree, name) if self._left >= 0 else None
        if found is None or found.kind != kind:
            raise _GitNeededError
        return found


def _parse_commit(found: Object) -> tuple[str, Commit]:
    """Return the tree of a commit, and the commit without its changes. Raises _GitNeededError unless it is plain."""
    lines = found.data.partition(b"\n\n")[0].split(b"\n")
    keys = [line.partition(b" ")[0] for line in lines]
    author = _AUTHOR.fullmatch(lines[2]) if len(lines) > 3 else None
    # A signature goes over several lines; another encoding, or a second parent, is for git.
    if author is None or keys[:4] != [b"tree", b"parent", b"author", b"committer"] or {*keys[4:]} - {b"", b"gpgsig"}:
        raise _GitNeededError
    name, email, date = (value.decode(errors="replace").strip() for value in author.groups())
    parent = lines[1].removeprefix(b"parent ").decode()
    return found.tree, Commit(found.id, (parent,), int(date) or None, name, email)


def _compare_trees(objects: _WholeObjects, old: str, new: str, folder: bytes) -> Iterator[tuple[bytes, Change]]:
    """Yield the files of *folder* that differ between two trees ('' for none), in git's order.

    Raises _GitNeededError.
    """
    before, after, nothing = _read_tree(objects, old), _read_tree(objects, new), (b"", "")
    for name in sorted(before.keys() | after.keys()):
        (old_mode, old_id), (mode, new_id) = before.get(name, nothing), after.get(name, nothing)
        if (old_mode, old_id) == (mode, new_id):
            continue
        if name.endswith(b"/"):
            yield from _compare_trees(objects, old_id, new_id, folder + name)
        else:
            yield folder + name, Change(old_id, new_id if mode.startswith(b"100") else "")


def _read_tree(objects: _WholeObjects, name: str) -> dict[bytes, tuple[bytes, str]]:
    """Return the entries of the tree *name*: mode and id by name, that of a folder with a slash.

    Raises _GitNeededError, also for a mode in a form that git no longer writes.
    """
    if not name:
        return {}
    data, at, length = objects.read(name, "tree").data, 0, len(name) // 2
    entries: dict[bytes, tuple[bytes, str]] = {}
    while at < len(data):
        end = data.find(b"\0", at)
        mode, _, entry = data[at:end].partition(b" ")
        if end < 0 or mode.startswith(b"0"):
            raise _GitNeededError
        at = end + 1 + length
        entries[entry + b"/" if mode == _FOLDER_MODE else entry] = mode, data[end + 1 : at].hex()
    return entries


def _commits(logged: bytes) -> Iterator[Commit]:
    commit: Commit | None = None
    parts = iter(logged.split(b"\0"))
    for part in parts:
        if found := _CHANGE.fullmatch(part):
            path, (mode, old, new) = from_git(next(parts)), found.groups()
            if commit is not None:
                commit.changes[path] = Change(_blob(old), _blob(new) if mode.startswith(b"100") else "")
        elif part.strip():
            ids, date, email, author = part.decode(errors="replace").split("\n", 3)
            name, *parents = ids.split()
            is_valid = date.isascii() and date.isdigit() and 0 < int(date) <= _MAX_SECONDS
            commit = Commit(name, tuple(parents), int(date) if is_valid else None, author.strip(), email.strip())
            yield commit


def _blob(name: bytes) -> str:
    return name.decode() if name.strip(b"0") else ""


def _shallow(tree: WorkTree) -> frozenset[str]:
    """Return the commits at which a shallow clone ends (gitrepository-layout, "shallow")."""
    try:
        return frozenset(Path(tree.common_dir, "shallow").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
