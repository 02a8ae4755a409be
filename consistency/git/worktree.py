"""A work tree on this machine: where it is, which files it has, which of them hold uncommitted changes."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from consistency.git.names import from_git, native
from consistency.git.process import Git, GitError, GitMissingError
from statehub.errors import StateHubError
from statehub.globs import excluded_globs, included_globs


class NotAWorkTreeError(StateHubError):
    """The path is missing or no git work tree of its own (C-01); the text says which."""


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A work tree on this machine: its top folder, its own git folder, and the one it shares with linked work trees.

    All are written as this process opens them. `is_shallow` says that its history is cut off somewhere.
    """

    top: str
    git_dir: str
    common_dir: str
    is_shallow: bool = False

    @property
    def git(self) -> Git:
        """git in this work tree."""
        return Git(self.top, self.git_dir, self.common_dir)

    def file(self, path: str) -> str:
        """Where the file at *path* in the repository is, to be opened."""
        return os.path.join(self.top, native(path))


def find_worktree(path: str) -> WorkTree:
    """The work tree whose top folder is, or holds, *path*. Raises NotAWorkTreeError; GitMissingError passes through."""
    if not os.path.isdir(path):
        what = "is not there" if not os.path.lexists(path) else "is not a directory"
        raise NotAWorkTreeError(f"{path} {what}")
    try:
        lines = Git(path).run(
            "rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir", "--is-shallow-repository"
        )
    except GitMissingError:
        raise
    except GitError as error:
        raise NotAWorkTreeError(f"{path} is not a git work tree: {error}") from error
    top, git_dir, common_dir, shallow, *more = os.fsdecode(lines).removesuffix("\n").split("\n")
    if more:
        raise NotAWorkTreeError(f"{path!r} has a line end in its path; move it to another folder")
    return WorkTree(top, git_dir, os.path.normpath(os.path.join(path, common_dir)), shallow == "true")


def open_checkout(path: str) -> WorkTree:
    """The work tree at *path*, which is as the hub has it.

    A folder inside another repository's work tree is refused (NotAWorkTreeError).
    """
    path = native(path)
    tree = find_worktree(path)
    if not os.path.samefile(tree.top, path):
        raise NotAWorkTreeError(f"{path} is not the top of a git work tree but a directory inside {tree.top}")
    return tree


def is_gone(path: str) -> bool:
    """Whether there is certainly no work tree at *path*, which is as the hub has it: no folder, or one without `.git`.

    What cannot be looked at is not gone.
    """
    for place in (native(path), os.path.join(native(path), ".git")):
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
    return False


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths that match a pattern, tracked or untracked but not ignored, sorted, with `/`.

    `untracked` are those that git does not track; `overlooked` those that git is told to take for unchanged; `sparse`
    those that a sparse checkout may leave out of the work tree. A byte of a name that is not UTF-8 is a lone surrogate,
    whatever the locale.
    """

    paths: list[str]
    untracked: frozenset[str] = frozenset()
    overlooked: frozenset[str] = frozenset()
    sparse: frozenset[str] = frozenset()


def list_files(tree: WorkTree, pattern: str) -> Listing:
    """List what matches *pattern*."""
    listed = tree.git.run(
        "ls-files", "-z", "-v", "--cached", "--others", "--exclude-standard", "--deduplicate",
        "--", *pathspecs(pattern),
        magic_pathspecs=True,
    )  # fmt: skip
    tagged = [(tag, path) for tag, _, path in (field.partition(" ") for field in fields(listed))]
    return Listing(
        sorted({path for _, path in tagged}),
        frozenset(path for tag, path in tagged if tag == "?"),
        frozenset(path for tag, path in tagged if tag.islower()),
        frozenset(path for tag, path in tagged if tag in "Ss"),
    )


def missing_in_head(tree: WorkTree, paths: Collection[str]) -> set[str]:
    """Those of *paths* that HEAD's tree has not, whatever the work tree and the index have."""
    if not paths:
        return set()
    there = tree.git.run("ls-tree", "-z", "--name-only", "--full-tree", "HEAD", "--", *map(native, sorted(paths)))
    return set(paths) - set(fields(there))


def pathspecs(pattern: str) -> list[str]:
    """Give git its own globs: `**/` matches any number of folders, none as well (gitglossary, "pathspec").

    *pattern* is a repo's (`statehub.globs`).
    """
    found = [f":(top,glob){glob}" for glob in included_globs(pattern)]
    return found + [f":(top,glob,exclude){glob}" for glob in excluded_globs(pattern)]


def fields(output: bytes) -> list[str]:
    """What git separates by NUL."""
    return [from_git(field) for field in output.split(b"\0") if field]


def has_unmerged(tree: WorkTree) -> bool:
    """Whether any path of the work tree waits for its merge."""
    return bool(tree.git.run("ls-files", "--unmerged", "-z"))


def status(tree: WorkTree, *arguments: str) -> list[str]:
    """The fields of `git status` in its second porcelain format."""
    return fields(
        tree.git.run(
            "status", "--porcelain=v2", "-z", "--no-renames", "--ignore-submodules=all", *arguments,
            env={"GIT_OPTIONAL_LOCKS": "0"}, magic_pathspecs=True,
        )
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """One entry of `git status`: a path, and the id of HEAD's blob if only the work tree differs from it, else ''."""

    path: str
    committed: str = ""


def read_changed(field: str) -> Changed | None:
    """Read one entry (git-status, "Porcelain Format Version 2"); the path is last, and may hold spaces."""
    before = {"1": 8, "u": 10, "?": 1}.get(field[0])
    if before is None:
        return None
    *parts, path = field.split(" ", before)
    # Of one file: XY, submodule, modes in HEAD, index and work tree, blobs in HEAD and index.
    unstaged = parts[0] == "1" and parts[1] == ".M" and parts[3] == parts[4] == parts[5]
    return Changed(path, parts[6] if unstaged else "")
