"""Looks at one checkout through git: where it is, whether it is fresh, what is dirty, which files it has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from consistency.checkout.git import Git, GitError, GitMissing


class NotAWorkTree(Exception):
    """The path is missing or no git work tree of its own (C-01); the text says which."""


class Freshness(StrEnum):
    """What is known of the checkout against its upstream (design, "Pull gate")."""

    FRESH = "fresh"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    NO_UPSTREAM = "no_upstream"


NO_UPSTREAM = "no upstream"
NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A work tree on this machine: its top folder, and its own git folder (a linked worktree has one too)."""

    top: str
    git_dir: str

    @property
    def git(self) -> Git:
        """git in this work tree."""
        return Git(self.top)


@dataclass(frozen=True, slots=True)
class State:
    """One look at a work tree, after a fetch where one was asked for.

    `fetch` is 'ok', 'not asked', 'no upstream', or git's words why it failed. `head` is None before the first
    commit, `branch` where HEAD is detached. `dirty` are the paths with staged, unstaged or untracked changes.
    """

    freshness: Freshness
    fetch: str
    head: str | None
    branch: str | None
    upstream: str | None
    ahead: int
    behind: int
    dirty: frozenset[str]

    @property
    def held_back(self) -> bool:
        """Whether the upstream has commits that HEAD lacks: the pull gate is closed."""
        return self.freshness in (Freshness.BEHIND, Freshness.DIVERGED)


@dataclass(frozen=True, slots=True)
class _Remote:
    """The upstream of the current branch as configured, and the user's own ssh command."""

    name: str | None
    ssh: str | None


def locate(path: str) -> WorkTree:
    """The work tree whose top folder is, or holds, *path*. Raises NotAWorkTree; GitMissing passes through."""
    if not os.path.isdir(path):
        what = "is not there" if not os.path.lexists(path) else "is no folder"
        raise NotAWorkTree(f"{path} {what}")
    try:
        lines = Git(path).run("rev-parse", "--show-toplevel", "--absolute-git-dir").decode(errors="surrogateescape")
    except GitMissing:
        raise
    except GitError as error:
        raise NotAWorkTree(f"{path} is no git work tree: {error}") from error
    top, git_dir, *more = lines.removesuffix("\n").split("\n")
    if more:
        raise NotAWorkTree(f"{path!r} has a line end in its path; move it to another folder")
    return WorkTree(top, git_dir)


def open_checkout(path: str) -> WorkTree:
    """The work tree at *path* itself. A folder inside another repository's work tree is refused (NotAWorkTree)."""
    tree = locate(path)
    if not os.path.samefile(tree.top, path):
        raise NotAWorkTree(f"{path} is no git work tree of its own, only a folder in {tree.top}")
    return tree


def fetch(tree: WorkTree, timeout: float) -> str:
    """Fetch from the upstream's remote, best effort, within *timeout* seconds; the outcome as `State.fetch` has it."""
    branch = tree.git.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1)).decode(errors="surrogateescape").strip()
    remote = _remote(tree, branch.removeprefix("refs/heads/"))
    return _fetch(tree, remote, timeout) if remote.name else NO_UPSTREAM


def fast_forward(tree: WorkTree, timeout: float) -> None:
    """Bring the branch to its upstream's commit where that needs no merge. Raises GitError; nothing has moved then."""
    # No autostash: uncommitted work is left where it is, or the merge is refused.
    config = {"merge.autoStash": "false"}
    tree.git.run("merge", "--ff-only", "--quiet", "@{upstream}", timeout=timeout, config=config)


def files(tree: WorkTree, pattern: str) -> list[str]:
    """The paths that match *pattern*, tracked or untracked but not ignored, sorted, with `/`.

    A byte of a name that is not UTF-8 is a lone surrogate, as os.fsdecode makes it.
    """
    listed = tree.git.run(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", _pathspec(pattern),
        magic_pathspecs=True,
    )  # fmt: skip
    return sorted(set(_fields(listed)))


def _pathspec(pattern: str) -> str:
    """git's own glob: `**/` matches any number of folders, none as well (gitglossary, "pathspec")."""
    return f":(top,glob){pattern}"


def _fields(output: bytes) -> list[str]:
    return [os.fsdecode(field) for field in output.split(b"\0") if field]


def _remote(tree: WorkTree, branch: str) -> _Remote:
    keys = r"^(branch\..*\.(remote|merge)|core\.sshcommand)$"
    listed = tree.git.run("config", "-z", "--get-regexp", keys, ok=(0, 1))
    values = dict(field.partition("\n")[::2] for field in _fields(listed))
    name = values.get(f"branch.{branch}.remote") if f"branch.{branch}.merge" in values else None
    return _Remote(name, values.get("core.sshcommand"))


def _fetch(tree: WorkTree, remote: _Remote, timeout: float) -> str:
    """'ok', or why nothing could be fetched."""
    name = remote.name or ""
    if name.startswith("-"):
        return f"the remote's name '{name}' begins with a dash"
    if name == ".":  # The upstream is a branch of this very repository.
        return "ok"
    # BatchMode: ssh asks nobody for a password or for a host key.
    ssh = f"{remote.ssh or 'ssh'} -oBatchMode=yes"
    try:
        tree.git.run(
            "fetch", "--quiet", "--no-recurse-submodules", "--", name, timeout=timeout, env={"GIT_SSH_COMMAND": ssh}
        )
    except GitError as error:
        return str(error)
    return "ok" if _upstream_is_there(tree) else NO_UPSTREAM


def _upstream_is_there(tree: WorkTree) -> bool:
    """Whether the last fetch met the upstream's branch, which a tracking branch can outlive (git-fetch, FETCH_HEAD)."""
    fetched = Path(tree.git_dir, "FETCH_HEAD").read_bytes()
    return any(line.split(b"\t")[1:2] == [b""] for line in fetched.splitlines())


def uncommitted(tree: WorkTree) -> set[str]:
    """The tracked files with staged or unstaged changes, in the whole work tree."""
    return {path for field in _status(tree, "--untracked-files=no") for path in _changed_path(field)}


def overlooked(tree: WorkTree) -> set[str]:
    """The tracked files whose changes git does not show: marked assume-unchanged or skip-worktree."""
    listed = _fields(tree.git.run("ls-files", "-v", "-z"))
    return {path for tag, _, path in (field.partition(" ") for field in listed) if tag == "S" or tag.islower()}


def look(tree: WorkTree, pattern: str, fetched: str) -> State:
    """Freshness, and the dirty files of *pattern*, after a fetch that ended with *fetched*."""
    headers: dict[str, str] = {}
    dirty: set[str] = set()
    for field in _status(tree, "--branch", "--ahead-behind", "--untracked-files=all", "--", _pathspec(pattern)):
        if field.startswith("# "):
            name, _, value = field[2:].partition(" ")
            headers[name] = value.encode(errors="surrogateescape").decode(errors="replace")
        else:
            dirty.update(_changed_path(field))
    ahead, behind = _distances(headers.get("branch.ab"))
    head, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "(detached)")
    return State(
        freshness=_freshness(fetched, headers, ahead, behind),
        fetch=fetched,
        head=None if head == "(initial)" else head,
        branch=None if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream"),
        ahead=ahead,
        behind=behind,
        dirty=frozenset(dirty),
    )


def _status(tree: WorkTree, *arguments: str) -> list[str]:
    return _fields(
        tree.git.run(
            "status", "--porcelain=v2", "-z", "--no-renames", "--ignore-submodules=all", *arguments,
            env={"GIT_OPTIONAL_LOCKS": "0"}, magic_pathspecs=True,
        )
    )  # fmt: skip


def _changed_path(field: str) -> Iterator[str]:
    """The path of one entry (git-status, "Porcelain Format Version 2"); it is last, and may hold spaces."""
    before = {"1": 8, "u": 10, "?": 1}.get(field[0])
    if before is not None:
        yield field.split(" ", before)[before]


def _distances(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 0
    ahead, behind = text.split(" ")
    return int(ahead), -int(behind)


def _freshness(fetched: str, headers: dict[str, str], ahead: int, behind: int) -> Freshness:
    """Not behind for want of knowledge is never `fresh` (design, "Pull gate")."""
    if behind:
        return Freshness.DIVERGED if ahead else Freshness.BEHIND
    compared = "branch.ab" in headers  # Only where the upstream's branch is there.
    if "branch.upstream" not in headers or fetched == NO_UPSTREAM or (fetched == "ok" and not compared):
        return Freshness.NO_UPSTREAM
    return Freshness.FRESH if fetched == "ok" else Freshness.UNKNOWN
