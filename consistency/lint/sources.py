"""Reads the files to check: from the work tree, from named paths, or as they are staged."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from consistency.git.files import ReadFile, read_files
from consistency.git.names import canonical
from consistency.git.objects import read_objects
from consistency.git.worktree import NotAWorkTreeError, WorkTree, fields, find_worktree, list_files, pathspecs
from statehub.errors import StateHubError

_REGULAR = ("100644", "100755")


class PathError(StateHubError):
    """A path on the command line that cannot be checked."""


class Staged(NamedTuple):
    """The staged workplans: `all` of them, the `changed` ones, and these as each parent of the commit has them."""

    all: list[ReadFile]
    changed: list[ReadFile]
    parents: list[list[ReadFile]]


def read_work_tree(tree: WorkTree, pattern: str, limit: int) -> list[ReadFile]:
    """Read the files of the work tree that match *pattern*, each at most *limit* bytes. Raises GitError."""
    return _read(tree.top, list_files(tree, pattern).paths, limit)


def read_paths(paths: Iterable[str], limit: int) -> list[ReadFile]:
    """Read the files at *paths* and the Markdown files below folders among them. Raises PathError.

    They are named from the top of the current folder's repo, or in full if one is outside.
    """
    found = [_full(file) for path in paths for file in _files_at(path)]
    top = _top()
    if all(file.startswith(f"{top}/") for file in found):
        return _read(top, {os.path.relpath(file, top) for file in found}, limit)
    files = _read("/", {file.lstrip("/") for file in found}, limit)
    return [file._replace(path=f"/{file.path}") for file in files]


def read_staged(tree: WorkTree, pattern: str, limit: int) -> Staged:
    """Read the staged files that match *pattern*, each at most *limit* bytes. Raises GitError."""
    heads, specs, env = _heads(tree), pathspecs(pattern), _index()
    base = heads[0] if heads else _empty_tree(tree)
    raw = fields(
        tree.git.run("diff-index", "--cached", "--raw", "--no-abbrev", "--no-renames", "-z", base, "--", *specs,
                     magic_pathspecs=True, env=env)
    )  # fmt: skip
    changed = {path: entry.split(" ") for entry, path in zip(raw[::2], raw[1::2], strict=True)}
    staged = {path: new for path, (_, mode, _, new, _) in changed.items() if mode in _REGULAR}
    if not staged:
        return Staged([], [], [[]])
    listed = fields(tree.git.run("ls-files", "-z", "--cached", "--stage", "--", *specs, magic_pathspecs=True, env=env))
    index = {path: entry.split(" ") for entry, _, path in (line.partition("\t") for line in listed)}
    blobs = {path: blob for path, (mode, blob, stage) in index.items() if stage == "0" and mode in _REGULAR}
    files = _blobs(tree, blobs, limit)
    parents = [_in_commit(tree, head, changed, limit) for head in heads] or [[]]
    return Staged(files, [file for file in files if file.path in staged], parents)


def _read(top: str, paths: Iterable[str], limit: int) -> list[ReadFile]:
    return list(read_files(top, sorted(map(canonical, paths)), limit))


def _files_at(path: str) -> list[str]:
    if os.path.isdir(path):
        found = []
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(each for each in folders if each != ".git")
            found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".md")]
        return found
    if not os.path.lexists(path):
        raise PathError(f"{path} is not there")
    return [path]


def _full(file: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))


def _top() -> str:
    """Return the top of the repo, or the current folder outside of a repo."""
    try:
        return os.path.realpath(find_worktree(".").top)
    except NotAWorkTreeError:
        return os.path.realpath(".")


def _heads(tree: WorkTree) -> list[str]:
    """List the parents of the commit to come: HEAD, and those of a merge under way (git-merge)."""
    head = tree.resolve("HEAD")
    merged = Path(tree.git_dir, "MERGE_HEAD")
    return [head, *(merged.read_text().split() if merged.exists() else [])] if head else []


def _index() -> dict[str, str]:
    """Return the variable of the index that git prepares a commit in, if it runs us as a hook (githooks)."""
    file = os.environ.get("GIT_INDEX_FILE")
    return {"GIT_INDEX_FILE": os.path.abspath(file)} if file else {}


def _empty_tree(tree: WorkTree) -> str:
    return tree.git.run("hash-object", "-t", "tree", "--stdin").decode().strip()


def _in_commit(tree: WorkTree, commit: str, paths: Iterable[str], limit: int) -> list[ReadFile]:
    return _blobs(tree, {path: f"{commit}:{path}" for path in paths}, limit)


def _blobs(tree: WorkTree, names: dict[str, str], limit: int) -> list[ReadFile]:
    """Read blobs by their names for git; those that are missing are left out."""
    found = zip(names, read_objects(tree, list(names.values())), strict=True)
    blobs = [(path, blob.data) for path, blob in found if blob is not None and blob.kind == "blob"]
    too_large = f"larger than the limit of {limit} bytes"
    return [ReadFile(path, data) if len(data) <= limit else ReadFile(path, None, too_large) for path, data in blobs]
