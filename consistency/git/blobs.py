"""Reads files of a commit, and builds a new commit that changes some of them and nothing else.

It uses no index, no work tree, no line-end conversion, no filter, no hook and no signature.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from consistency.git.leftovers import remove_leftovers
from consistency.git.names import from_git, to_git
from consistency.git.objects import read_objects
from consistency.git.process import GitError
from consistency.git.worktree import WorkTree

_REF = "refs/worktree/statehub"
"""Holds the new commit until it is checked; belongs to this work tree only (gitworktree, "REFS")."""

_REGULAR = (b"100644", b"100755")
_COMMITTER_DATE = re.compile(rb"^committer .*> (\d+) [+-]\d+$", re.MULTILINE)
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024)}
"""For glibc: else fast-import gives its memory back after each file that it compresses, which is half of its time."""

_STRIPPED = "\\\"'.,:;<> \t"
"""Characters that git strips from the ends of a name (git-commit-tree, "COMMIT INFORMATION")."""


class Blob(NamedTuple):
    """A regular file of a commit: its mode and id as git writes them, and its bytes."""

    mode: str
    id: str
    data: bytes


class Parent(NamedTuple):
    """A commit, its committer date in seconds since 1970 (0 if unreadable), and some of its files by path.

    `trees` (by path, '' for the root) are the tree objects of the folders above these.
    """

    commit: str
    date: int
    blobs: Mapping[str, Blob] = MappingProxyType({})
    trees: Mapping[str, bytes] = MappingProxyType({})


class BlobChange(NamedTuple):
    """A file of the new commit: its path, its blob in the parent, and its new bytes."""

    path: str
    old: Blob
    new: bytes

    @property
    def new_id(self) -> str:
        """The blob id of the new bytes."""
        return blob_id(self.new, like=self.old.id)


class NewCommit(NamedTuple):
    """The metadata of a new commit; *when* is both its dates, in seconds since 1970, in UTC."""

    parent: Parent
    name: str
    email: str
    when: int
    text: str


def blob_id(data: bytes, *, like: str) -> str:
    """Return the blob id of *data*, by the same hash as the id *like*."""
    return _object_id("blob", data, like)


def _object_id(kind: str, data: bytes, like: str) -> str:
    """Return the id of an object (gitdatamodel, "objects")."""
    hasher = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return hasher(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def read_parent(
    tree: WorkTree, commit: str, paths: Sequence[str], likely: Mapping[str, bytes] = MappingProxyType({})
) -> Parent:
    """Read *commit* and its regular files among *paths*, with one git process. Raises GitError.

    *likely* are the bytes that some of the files probably have, by path: their blobs are read only if the ids differ,
    with one more process.
    """
    folders = sorted({folder for path in paths for folder in _folders(path)})
    asked = [path for path in paths if path not in likely]
    names = [commit, *(f"{commit}:{folder}" for folder in folders), *(f"{commit}:{path}" for path in asked)]
    kinds = ["commit", *("tree" for _ in folders), *("blob" for _ in asked)]
    answers = zip(names, kinds, read_objects(tree, names), strict=True)
    found = {(kind, name): each.data for name, kind, each in answers if each and each.kind == kind}
    if ("commit", commit) not in found:
        raise GitError(f"HEAD {commit} cannot be read")
    date = _COMMITTER_DATE.search(found["commit", commit].partition(b"\n\n")[0])
    trees = {folder: found["tree", name] for folder in folders if ("tree", name := f"{commit}:{folder}") in found}
    files = dict(_regular_files(trees, len(commit) // 2))
    others = [path for path in likely if path in files and blob_id(likely[path], like=commit) != files[path][1]]
    contents = {path: likely[path] for path in likely.keys() - others}
    contents |= {path: found["blob", name] for path in asked if ("blob", name := f"{commit}:{path}") in found}
    if others:
        read = read_objects(tree, [files[path][1] for path in others])
        contents |= {path: each.data for path, each in zip(others, read, strict=True) if each}
    blobs = {path: Blob(*files[path], contents[path]) for path in paths if path in files and path in contents}
    return Parent(commit, int(date[1]) if date else 0, blobs, trees)


def _regular_files(trees: Mapping[str, bytes], length: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the path of each regular file in *trees*, with its mode and the id of its blob, of *length* bytes."""
    for folder, tree in trees.items():
        for mode, name, at in _entries(tree, length):
            if mode in _REGULAR:
                yield os.path.join(folder, from_git(name)), (mode.decode(), tree[at : at + length].hex())


def _folders(path: str) -> Iterator[str]:
    """Yield the folders above *path*, the root '' last."""
    while path:
        path = os.path.dirname(path)
        yield path


def _entries(tree: bytes, length: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield mode and name of each entry of a tree object, and the offset of its id of *length* bytes."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        yield mode, name, end + 1
        at = end + 1 + length


def build_commit(tree: WorkTree, commit: NewCommit, changes: Sequence[BlobChange]) -> str:
    """Create the commit of *changes* to its parent, without moving a branch; return its id.

    Raises GitError, also unless every byte of the new objects is as expected: their ids show that.
    """
    parent, who = commit.parent.commit, f"{_ident(commit.name)} <{_ident(commit.email)}> {commit.when} +0000"
    text = commit.text.encode()
    head = f"commit {_REF}\nmark :1\nauthor {who}\ncommitter {who}\ndata {len(text)}\n".encode()
    parts = [head, text, f"\nfrom {parent}\n".encode()]
    for change in changes:
        header = b"M %s inline %s\ndata %d\n" % (change.old.mode.encode(), _quoted(change.path), len(change.new))
        parts += (header, change.new, b"\n")
    # fast-import does not write a branch that was reset to nothing (git-fast-import, "reset").
    parts.append(f"get-mark :1\nreset {_REF}\n\ndone\n".encode())
    # A few files become loose objects; in a pack, they are compressed as those are. Each would be tried as a delta of
    # the one before, another workplan: half of git's time for 2 % of the pack.
    config = {"fastimport.unpackLimit": "100", "pack.compression": "1"}
    command = ("fast-import", "--quiet", "--done", "--force", "--date-format=raw", "--depth=0")
    before, started = _crash_reports(tree), time.time()
    try:
        made = tree.git.run(*command, stdin=b"".join(parts), config=config, env=_MALLOC)
    except GitError as error:
        remove_leftovers(tree.git_dir, tree.common_dir, started)
        for report in _crash_reports(tree) - before:
            report.unlink(missing_ok=True)
        raise GitError(str(error).partition(" · fast-import: dumping crash report")[0]) from error
    new = made.decode().strip()
    ids = {change.path: change.new_id for change in changes}
    root = _tree_id(commit.parent, ids)
    header = f"tree {root}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n".encode()
    if new != _object_id("commit", header + text, parent) or any(ids[each.path] == each.old.id for each in changes):
        raise _unlike(new)
    return new


def _tree_id(parent: Parent, ids: Mapping[str, str]) -> str:
    """Return the id of *parent*'s root tree with the blobs of some files replaced by *ids* (path → id)."""
    folders: dict[str, dict[bytes, bytes]] = defaultdict(dict)
    for path, new in ids.items():
        folders[os.path.dirname(path)][to_git(os.path.basename(path))] = bytes.fromhex(new)
    root = ""
    # From the deepest folder to the root: each changes one entry of the next.
    for folder in sorted(parent.trees, key=lambda folder: (-folder.count("/") - bool(folder), folder)):
        data, length = bytearray(parent.trees[folder]), len(parent.commit) // 2
        for _, name, at in _entries(parent.trees[folder], length):
            if name in folders[folder]:
                data[at : at + length] = folders[folder][name]
        root = _object_id("tree", bytes(data), parent.commit)
        if folder and folders[folder]:
            folders[os.path.dirname(folder)][to_git(os.path.basename(folder))] = bytes.fromhex(root)
    return root


def check_commit(tree: WorkTree, new: str, parent: str, changes: Sequence[BlobChange]) -> None:
    """Raise GitError unless commit *new* is a child of *parent* alone, with exactly *changes*."""
    options = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--format=%P%x00")
    parents, *listed = tree.git.run("diff-tree", *options, new, "--").split(b"\0")
    parts = [part.strip(b"\n") if part.startswith(b"\n:") else part for part in listed if part.strip(b"\n")]
    found = dict(zip(parts[1::2], parts[::2], strict=True))
    wanted = {
        to_git(each.path): f":{each.old.mode} {each.old.mode} {each.old.id} {each.new_id} M".encode()
        for each in changes
    }
    if parents.decode() != parent or found != wanted:
        raise _unlike(new)


def _unlike(commit: str) -> GitError:
    return GitError(f"commit {commit[:7]} does not hold just what was to be written; it is not used")


def _ident(text: str) -> str:
    return "".join(letter for letter in text if letter not in "<>\n\0").strip(_STRIPPED)


def _quoted(path: str) -> bytes:
    """Quote *path* for fast-import (git-fast-import, "path")."""
    escaped = to_git(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


def _crash_reports(tree: WorkTree) -> set[Path]:
    return set(Path(tree.git_dir).glob("fast_import_crash_*"))
