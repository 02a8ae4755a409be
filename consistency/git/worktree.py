"""A work tree on this machine: its folders, and the files in it."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from consistency.git.names import from_git, native
from consistency.git.process import Git, GitError, GitMissingError, GitProcess
from statehub.errors import StateHubError
from statehub.globs import excluded_globs, included_globs


class NotAWorkTreeError(StateHubError):
    """The path is missing or is not the top of a git work tree (C-01); the text says which."""


class WorkTree(NamedTuple):
    """A work tree on this machine: its top folder, its git folder, and the one it shares with linked work trees.

    All are paths for this process to open. `is_shallow` says that the history is cut off somewhere.
    """

    top: str
    git_dir: str
    common_dir: str
    is_shallow: bool = False

    @property
    def git(self) -> Git:
        """The runner of git in this work tree."""
        return Git(self.top, self.git_dir, self.common_dir)

    def file(self, path: str) -> str:
        """Return the path to open the file at *path* in the repository."""
        return os.path.join(self.top, native(path))

    def resolve(self, revision: str) -> str:
        """Return the id of *revision*, '' if there is none. Raises GitError."""
        return self.git.run("rev-parse", "--verify", "--quiet", revision, ok=(0, 1)).decode().strip()

    def current_branch(self) -> str:
        """Return the branch that is checked out, '' if HEAD is detached. Raises GitError."""
        head = self.git.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
        return from_git(head).strip().removeprefix("refs/heads/")


def find_worktree(path: str) -> WorkTree:
    """Return the work tree that *path* is in. Raises NotAWorkTreeError, GitMissingError."""
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
    """Return the work tree at *path*, a name as the hub keeps it.

    Raises NotAWorkTreeError, also for a folder inside a work tree; GitMissingError.
    """
    path = native(path)
    tree = find_worktree(path)
    if not os.path.samefile(tree.top, path):
        raise NotAWorkTreeError(f"{path} is not the top of a git work tree but a directory inside {tree.top}")
    return tree


def is_gone(path: str) -> bool:
    """Return whether *path*, as the hub keeps it, is certainly not a work tree: no folder, or one without `.git`.

    A path that cannot be read is not gone.
    """
    for required in (native(path), os.path.join(native(path), ".git")):
        try:
            os.lstat(required)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
    return False


class Listing(NamedTuple):
    """The paths that match a pattern, tracked or untracked but not ignored, sorted, with `/`.

    `overlooked` are the assume-unchanged ones; `sparse` those that a sparse checkout may leave out of the work tree. A
    byte of a name that is not UTF-8 is a lone surrogate, whatever the locale.
    """

    paths: list[str]
    untracked: frozenset[str] = frozenset()
    overlooked: frozenset[str] = frozenset()
    sparse: frozenset[str] = frozenset()


def list_files(tree: WorkTree, pattern: str) -> Listing:
    """List the files that match *pattern*. Raises GitError."""
    with start_listing(tree, pattern) as process:
        return parse_listing(process.output())


def start_listing(tree: WorkTree, pattern: str) -> GitProcess:
    """Start to list the files that match *pattern*. Raises GitError."""
    options = ("-z", "-v", "--cached", "--others", "--exclude-standard", "--deduplicate")
    return tree.git.start("ls-files", *options, "--", *pathspecs(pattern), magic_pathspecs=True)


def parse_listing(output: bytes) -> Listing:
    """Parse the output of `start_listing`."""
    tagged = [(tag, path) for tag, _, path in (field.partition(" ") for field in fields(output))]
    return Listing(
        sorted({path for _, path in tagged}),
        frozenset(path for tag, path in tagged if tag == "?"),
        frozenset(path for tag, path in tagged if tag.islower()),
        frozenset(path for tag, path in tagged if tag in "Ss"),
    )


def missing_in_head(tree: WorkTree, paths: Collection[str]) -> set[str]:
    """Return those of *paths* that are not in HEAD's tree, whatever work tree and index have. Raises GitError."""
    if not paths:
        return set()
    listed = tree.git.run("ls-tree", "-z", "--name-only", "--full-tree", "HEAD", "--", *map(native, sorted(paths)))
    return set(paths) - set(fields(listed))


def pathspecs(pattern: str) -> list[str]:
    """Return the pathspecs of a repo's *pattern* (`statehub.globs`): `**/` also matches no folder (gitglossary)."""
    included = [f":(top,glob){glob}" for glob in included_globs(pattern)]
    return included + [f":(top,glob,exclude){glob}" for glob in excluded_globs(pattern)]


def fields(output: bytes) -> list[str]:
    """Split git's *output* at each NUL."""
    return [from_git(field) for field in output.split(b"\0") if field]
