"""The commits that a clone's history begins with: what it has in common with any other clone of its repository."""

from __future__ import annotations

from collections.abc import Iterable

from consistency.git.worktree import WorkTree

_AS_COMMITTED = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_NO_LAZY_FETCH": "1"}
"""Nobody's replacement of a commit, and nothing that has to be fetched first."""


def first_commits(tree: WorkTree, remote: str = "") -> list[str]:
    """List the commits without a parent below HEAD and the branches of *remote*, as far as the clone has them.

    None if there is no commit yet, or if the history is cut off (a shallow clone): where it begins is not known then.
    Raises GitError.
    """
    if tree.is_shallow:
        return []
    branches = [f"--remotes={remote}"] if remote else []
    head = tree.git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).decode().split()
    if not head and not branches:
        return []
    listed = tree.git.run("rev-list", "--max-parents=0", *head, *branches, "--", env=_AS_COMMITTED)
    return sorted(listed.decode().split())


def held_commits(tree: WorkTree, commits: Iterable[str]) -> frozenset[str]:
    """Those of *commits* that the clone has. Raises GitError."""
    names = "".join(f"{commit}\n" for commit in commits)
    if not names:
        return frozenset()
    found = tree.git.run("cat-file", "--batch-check", stdin=names.encode(), env=_AS_COMMITTED).decode()
    return frozenset(line.partition(" ")[0] for line in found.splitlines() if " commit " in line)
