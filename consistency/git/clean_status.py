"""Sees without git that no workplan of a work tree differs from HEAD; whatever else there is, only git can say.

A file is unchanged if it has exactly the properties that git noted in the index when it had the bytes of the index
(gitformat-index, "racy git"), and the index is HEAD's if its tree is.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from consistency.git.blobs import blob_id
from consistency.git.head import read_head
from consistency.git.index import ASSUME_UNCHANGED, EXTENDED, STAGE, Entry, Index, read_index
from consistency.git.names import from_git, to_git
from consistency.git.objects import read_whole_object
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError
from statehub.globs import excluded_globs, included_globs

MAX_FOUND = 10_000
"""Files and folders that are looked at: with more of them git is as fast."""

MAX_RACY_BYTES = 2 * 1024 * 1024
"""Bytes that are read of files as new as the index."""

_PLAIN_PART = re.compile(rb"\*\*|(?!\.\.?$)(?:[^*?\[\\]|\*(?!\*))+")
_EXECUTABLE, _LOW_32 = 0o100, 0xFFFFFFFF


class CleanStatus(NamedTuple):
    """A work tree without changes: HEAD's commit, the branch (None if HEAD is detached), and the sorted workplans."""

    head: str
    branch: str | None
    paths: list[str]


def read_clean_status(tree: WorkTree, pattern: str) -> CleanStatus | None:
    """Return the status of *tree* if all workplans of *pattern* are those of HEAD; None if that cannot be seen.

    Starts no process.
    """
    globs, head = _compile(pattern), read_head(tree)
    if globs is None or head is None:
        return None
    try:
        wanted, index = _tree_of(tree, head.commit), read_index(tree.git_dir, len(head.commit) // 2)
        if index is None or not index.tree or index.tree != wanted:
            return None
        tracked = {entry.name: entry for entry in index.entries if globs.match(entry.name)}
        found = dict(_Search(os.fsencode(tree.top), globs).run())
        is_clean = found.keys() == tracked.keys() and _are_unchanged(tree, index, tracked, found)
    except (OSError, _UnclearError):
        return None
    return CleanStatus(head.commit, head.branch, sorted(map(from_git, tracked))) if is_clean else None


class _UnclearError(StateHubError):
    """Only git can say."""


class _Globs(NamedTuple):
    """A pattern: the *included* and *excluded* names, and where the included ones are: (folder, levels below it)."""

    included: re.Pattern[bytes]
    excluded: re.Pattern[bytes]
    places: list[tuple[bytes, int]]

    def match(self, name: bytes) -> bool:
        """Return whether git's pathspecs match *name*. Raises _UnclearError."""
        if b"*" in name:  # git also takes a glob literally, as a name of a file or a folder.
            raise _UnclearError
        return self.included.fullmatch(name) is not None and self.excluded.fullmatch(name) is None


@lru_cache(maxsize=128)
def _compile(pattern: str) -> _Globs | None:
    """Translate a repo's *pattern*; None if it has more than names, `*` and `**` (gitglossary, "glob")."""
    included = [to_git(glob).split(b"/") for glob in included_globs(pattern)]
    excluded = [to_git(glob).split(b"/") for glob in excluded_globs(pattern)]
    for parts in (*included, *excluded):
        # Without a `*` it would also be the name of a folder.
        if not all(map(_PLAIN_PART.fullmatch, parts)) or not any(b"*" in part for part in parts):
            return None
    places = []
    for parts in included:
        fixed = next(number for number, part in enumerate((*parts[:-1], b"*")) if b"*" in part)
        places.append((b"/".join(parts[:fixed]), MAX_FOUND if b"**" in parts else len(parts) - fixed))
    return _Globs(_regex(included), _regex(excluded), places)


def _regex(globs: list[list[bytes]]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(_translate, globs)) or rb"(?!)", re.DOTALL)


def _translate(parts: list[bytes]) -> bytes:
    *folders, last = parts
    before = (rb"(?:[^/]+/)*" if part == b"**" else _translate_part(part) + b"/" for part in folders)
    return b"".join(before) + (rb".+" if last == b"**" else _translate_part(last))


def _translate_part(part: bytes) -> bytes:
    return rb"[^/]*".join(map(re.escape, part.split(b"*")))


def _tree_of(tree: WorkTree, commit: str) -> str:
    """Return the id of the tree of *commit*. Raises _UnclearError."""
    found = read_whole_object(tree, commit)
    if found is None or found.kind != "commit":
        raise _UnclearError
    return found.tree


class _Search:
    """The search for all that *globs* match in the folder *top*, tracked or not."""

    def __init__(self, top: bytes, globs: _Globs) -> None:
        self._top, self._globs = top, globs
        self._left = MAX_FOUND

    def run(self) -> Iterator[tuple[bytes, os.stat_result]]:
        """Yield names and properties. Raises OSError, and _UnclearError also for a repository, or what may be one."""
        for folder, levels in self._globs.places:
            if self._is_folder(folder):
                yield from self._below(folder, levels)

    def _is_folder(self, folder: bytes) -> bool:
        """Return whether *folder* is there, and no link on the way to it."""
        path = b""
        for part in folder.split(b"/") if folder else ():
            path = os.path.join(path, part)
            try:
                found = os.lstat(os.path.join(self._top, path))
            except FileNotFoundError:
                return False
            if not stat.S_ISDIR(found.st_mode):
                raise _UnclearError
            if os.path.lexists(os.path.join(self._top, path, b".git")):
                raise _UnclearError
        return True

    def _below(self, folder: bytes, levels: int) -> Iterator[tuple[bytes, os.stat_result]]:
        folders = []
        with os.scandir(os.path.join(self._top, folder)) as entries:
            for entry in entries:
                self._left -= 1
                if self._left < 0 or (entry.name == b".git" and folder):  # A repository of its own.
                    raise _UnclearError
                name = folder + b"/" + entry.name if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if levels == 1 and self._globs.match(name):
                        raise _UnclearError
                    if levels > 1 and name != b".git":
                        folders.append(name)
                elif self._globs.match(name) and name != b".git":
                    yield name, entry.stat(follow_symlinks=False)
        for name in folders:
            yield from self._below(name, levels - 1)


def _are_unchanged(
    tree: WorkTree, index: Index, tracked: dict[bytes, Entry], found: dict[bytes, os.stat_result]
) -> bool:
    """Return whether all files are seen to have the bytes of the index. Raises OSError."""
    racy, left = [], MAX_RACY_BYTES
    for name, entry in tracked.items():
        if entry.flags & (ASSUME_UNCHANGED | EXTENDED | STAGE) or not _is_as_noted(index.stat(entry), found[name]):
            return False
        if found[name].st_mtime_ns // 10**9 >= index.written_at:
            racy.append(entry)
            left -= found[name].st_size
    return left >= 0 and all(_has_bytes(tree, index, entry) for entry in racy)


def _is_as_noted(noted: tuple[int, ...], now: os.stat_result) -> bool:
    ctime, ctime_ns, mtime, mtime_ns, _, inode, mode, user, group, size = noted
    times = (now.st_ctime_ns, now.st_mtime_ns) == (ctime * 10**9 + ctime_ns, mtime * 10**9 + mtime_ns)
    rest = tuple(value & _LOW_32 for value in (now.st_ino, now.st_uid, now.st_gid, now.st_size))
    # A link is read through: only git compares it.
    is_file = stat.S_ISREG(mode) and stat.S_ISREG(now.st_mode) and not (mode ^ now.st_mode) & _EXECUTABLE
    return times and is_file and rest == (inode, user, group, size)


def _has_bytes(tree: WorkTree, index: Index, entry: Entry) -> bool:
    data = Path(tree.file(from_git(entry.name))).read_bytes()
    return blob_id(data, like=index.blob(entry)) == index.blob(entry)
