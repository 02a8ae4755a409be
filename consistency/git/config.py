"""Reads the settings of a clone that a run needs, in one process."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consistency.git.process import Git
from consistency.git.worktree import WorkTree, fields

_KEYS = (
    r"^(branch\..*\.(remote|merge|pushremote)|remote\.pushdefault|remote\..*\.(url|pushurl)"
    r"|url\..*\.(insteadof|pushinsteadof)|core\.(sshcommand|bare|worktree|repositoryformatversion))$"
)


class Config(NamedTuple):
    """The settings of the folder *path*: all values of each, in git's order.

    `has_repository` says that git has found a repository at *path* itself, and read its settings.
    """

    path: str
    values: Mapping[str, Sequence[str]]
    has_repository: bool

    def last(self, key: str, default: str = "") -> str:
        """Return the value of *key* that counts."""
        return self.values.get(key, (default,))[-1]

    def plain_worktree(self) -> WorkTree | None:
        """Return the work tree at `path` if its git folder is its `.git`, as in most clones (gitrepository-layout).

        None if that is not certain: `find_worktree` asks git.
        """
        git_dir = os.path.join(self.path, ".git")
        if not self.has_repository or "core.worktree" in self.values or self.last("core.bare") != "false":
            return None
        # With a HEAD beside it, git may have found a bare repository.
        if os.path.islink(git_dir) or os.path.lexists(os.path.join(self.path, "HEAD")) or "\n" in self.path:
            return None
        if not os.path.isdir(git_dir) or os.path.lexists(os.path.join(git_dir, "commondir")):
            return None
        return WorkTree(self.path, git_dir, git_dir, os.path.exists(os.path.join(git_dir, "shallow")))


def read_config(path: str) -> Config:
    """Read the settings that hold in the folder *path*. Raises GitError."""
    path = os.path.realpath(path)
    above = os.path.dirname(path)
    # git must not take the settings of a repository around the folder for its own.
    output = Git(path).run(
        "config", "-z", "--show-scope", "--get-regexp", _KEYS, ok=(0, 1), env={"GIT_CEILING_DIRECTORIES": above}
    )
    values: dict[str, list[str]] = defaultdict(list)
    has_repository = False
    listed = fields(output)
    for scope, field in zip(listed[::2], listed[1::2], strict=True):
        key, _, value = field.partition("\n")
        values[key].append(value)
        has_repository |= scope == "local" and key == "core.repositoryformatversion"
    return Config(path, dict(values), has_repository and os.pathsep not in above)
