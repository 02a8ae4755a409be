"""Reads files out of a commit, and builds a new commit that changes some of them and nothing else.

No index, no work tree, no line-end conversion, no filter, no hook and no signature has a part in it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consistency.checkout.git import GitError
from consistency.checkout.names import from_git, to_git
from consistency.checkout.worktree import WorkTree

BUILT_REF = "refs/worktree/statehub"
"""Holds the new commit until it is checked. Of this work tree alone (gitworktree, "REFS")."""

_REGULAR = (b"100644", b"100755")
_COMMITTER_DATE = re.compile(rb"^committer .*> (\d+) [+-]\d+$", re.MULTILINE)
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (?:blob|tree|commit) (\d+)\n")
_FORMAT = "%P%x00"
_UNFIT = "\\\"'.,:;<> \t"
"""What git itself takes off the ends of a name (git-commit-tree, "COMMIT INFORMATION")."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One regular file of a commit: its mode and id as git writes them, and its bytes."""

    mode: str
    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Parent:
    """A commit, its committer date in seconds since 1970 (0 if it has none that can be read), and some of its files."""

    commit: str
    date: int
    blobs: Mapping[str, Blob] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlobChange:
    """One file of the new commit: its path, what the parent has, and its bytes."""

    path: str
    old: Blob
    new: bytes

    @property
    def new_id(self) -> str:
        """The id that git gives the new bytes."""
        return blob_id(self.new, like=self.old.id)


@dataclass(frozen=True, slots=True)
class NewCommit:
    """What a commit says of itself; *when* is both its dates, in seconds since 1970, in UTC."""

    parent: str
    name: str
    email: str
    when: int
    text: str


def blob_id(data: bytes, *, like: str) -> str:
    """The id that git gives a file of *data*, by the hash that made the id *like* (gitdatamodel, "objects")."""
    hasher = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return hasher(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def read_parent(tree: WorkTree, commit: str, paths: Sequence[str]) -> Parent:
    """Read *commit* and those of *paths* that are regular files in it, in one process. Raises GitError."""
    folders = sorted({os.path.dirname(path) for path in paths})
    names = [commit, *(f"{commit}:{folder}" for folder in folders), *(f"{commit}:{path}" for path in paths)]
    # A path may hold a line end; only then is git's newer form of the list needed.
    form = ("-z",) if any("\n" in name for name in names) else ()
    end = b"\0" if form else b"\n"
    listed = b"".join(to_git(name) + end for name in names)
    objects = _objects(tree.git.run("cat-file", "--batch", *form, stdin=listed))
    found = {name: each for name, each in zip(names, objects, strict=True) if each is not None}
    if commit not in found:
        raise GitError(f"HEAD {commit} cannot be read")
    date = _COMMITTER_DATE.search(found[commit][1].partition(b"\n\n")[0])
    modes = {
        os.path.join(folder, from_git(name)): mode.decode()
        for folder in folders
        if (held := found.get(f"{commit}:{folder}")) is not None
        for mode, name in _entries(held[1], len(commit) // 2)
        if mode in _REGULAR
    }
    blobs = {
        path: Blob(modes[path], *found[f"{commit}:{path}"])
        for path in paths
        if path in modes and f"{commit}:{path}" in found
    }
    return Parent(commit, int(date[1]) if date else 0, blobs)


def _objects(output: bytes) -> Iterator[tuple[str, bytes] | None]:
    """The id and the bytes of each object, None for one that is missing (git-cat-file, "BATCH OUTPUT")."""
    at = 0
    while at < len(output):
        found = _HEADER.match(output, at)
        if found:
            start = found.end()
            yield found[1].decode(), output[start : start + int(found[2])]
            at = start + int(found[2]) + 1
        else:
            at = output.index(b" missing\n", at) + len(b" missing\n")
            yield None


def _entries(tree: bytes, length: int) -> Iterator[tuple[bytes, bytes]]:
    """The mode and the name of each entry of a tree object whose ids have *length* bytes."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        yield mode, name
        at = end + 1 + length


def build_commit(tree: WorkTree, commit: NewCommit, changes: Sequence[BlobChange]) -> str:
    """Make the commit that has *changes* over its parent; its id. No branch moves. Raises GitError.

    The commit is read back: it differs from its parent in exactly these files, or GitError is raised.
    """
    who = f"{_ident(commit.name)} <{_ident(commit.email)}> {commit.when} +0000"
    text = commit.text.encode()
    head = f"commit {BUILT_REF}\nmark :1\nauthor {who}\ncommitter {who}\ndata {len(text)}\n".encode()
    parts = [head, text, f"\nfrom {commit.parent}\n".encode()]
    for change in changes:
        parts += (
            f"M {change.old.mode} inline ".encode(), _quoted(change.path), b"\ndata %d\n" % len(change.new),
            change.new, b"\n",
        )  # fmt: skip
    parts.append(b"get-mark :1\ndone\n")
    command = ("fast-import", "--quiet", "--done", "--force", "--date-format=raw")
    before = _crash_reports(tree)
    try:
        made = tree.git.run(*command, stdin=b"".join(parts), config={"fastimport.unpackLimit": "1000"})
    except GitError:
        for report in _crash_reports(tree) - before:
            report.unlink(missing_ok=True)
        raise
    new = made.decode().strip()
    check_commit(tree, new, commit.parent, changes)
    return new


def check_commit(tree: WorkTree, new: str, parent: str, changes: Sequence[BlobChange]) -> None:
    """Raise GitError unless commit *new* is a child of *parent* alone, with exactly *changes*."""
    options = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", f"--format={_FORMAT}")
    parents, *listed = tree.git.run("diff-tree", *options, new, "--").split(b"\0")
    parts = [part.strip(b"\n") if part.startswith(b"\n:") else part for part in listed if part.strip(b"\n")]
    found = dict(zip(parts[1::2], parts[::2], strict=True))
    wanted = {
        to_git(each.path): f":{each.old.mode} {each.old.mode} {each.old.id} {each.new_id} M".encode()
        for each in changes
    }
    if parents.decode() != parent or found != wanted:
        raise GitError(f"commit {new[:7]} does not hold just what was to be written; it is not used")


def _ident(text: str) -> str:
    return "".join(letter for letter in text if letter not in "<>\n\0").strip(_UNFIT)


def _quoted(path: str) -> bytes:
    """*path* as fast-import takes any name (git-fast-import, "path")."""
    escaped = to_git(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


def _crash_reports(tree: WorkTree) -> set[Path]:
    return set(Path(tree.git_dir).glob("fast_import_crash_*"))
