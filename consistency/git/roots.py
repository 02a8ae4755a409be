"""Finds the root commits of a clone, which all clones of a repository have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable

from consistency.git.worktree import WorkTree

_AS_COMMITTED = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull, "GIT_NO_LAZY_FETCH": "1"}
"""The commits as they were made, and nothing that must be fetched first."""


def first_commits(tree: WorkTree, remote: str = "") -> list[str]:
    """Return the commits without a parent below HEAD and the branches of *remote*, as far as the clone has them.

    The list is empty without a commit, and in a shallow clone, which lacks the beginning. Raises GitError.
    """
    if tree.is_shallow:
        return []
    branches = [f"--remotes={remote}"] if remote else []
    head = tree.resolve("HEAD^{commit}")
    if not head and not branches:
        return []
    listed = tree.git.run("rev-list", "--max-parents=0", *head.split(), *branches, "--", env=_AS_COMMITTED)
    return sorted(listed.decode().split())


def root_commits(tree: WorkTree, commit: str) -> set[str]:
    """Return the commits without a parent below *commit*. Raises GitError."""
    listed = tree.git.run("rev-list", "--max-parents=0", commit, "--", env=_AS_COMMITTED)
    return set(listed.decode().split())


def held_commits(tree: WorkTree, commits: Iterable[str]) -> frozenset[str]:
    """Return those of *commits* that the clone has. Raises GitError."""
    names = "".join(f"{commit}\n" for commit in commits)
    if not names:
        return frozenset()
    found = tree.git.run("cat-file", "--batch-check", stdin=names.encode(), env=_AS_COMMITTED).decode()
    return frozenset(line.partition(" ")[0] for line in found.splitlines() if " commit " in line)
