"""Finds a checkout's unpushed commits, and moves a branch off those that State Hub made.

Only the hub's record decides which commits are State Hub's own, never their author, message or date.
"""

from __future__ import annotations

from consistency.git.process import GitError, GitTimeoutError
from consistency.git.worktree import WorkTree

MAX_UNPUSHED_COMMITS = 1_000
"""Limit of unpushed commits that are read."""


def unpushed_commits(tree: WorkTree, tip: str, head: str) -> dict[str, tuple[str, ...]]:
    """Return the commits of *head* that *tip* ('' for none) lacks with their parents, newest first. Raises GitError."""
    options = ("--parents", "--topo-order", f"--max-count={MAX_UNPUSHED_COMMITS}")
    listed = tree.git.run("rev-list", *options, f"{tip}..{head}" if tip else head, "--").decode()
    return {commit: tuple(parents) for commit, *parents in (line.split() for line in listed.splitlines())}


def contains_commit(tree: WorkTree, tip: str, commit: str) -> bool:
    """Return whether *commit* is *tip* or below it, as far as this clone has both. Raises GitTimeoutError."""
    try:
        return tree.git.run("rev-list", "--count", "--max-count=1", commit, f"^{tip}", "--").strip() == b"0"
    except GitTimeoutError:
        raise
    except GitError:  # This clone never had the commit.
        return False


def reset_branch(tree: WorkTree, branch: str, head: str, tip: str, timeout: float) -> None:
    """Move *branch*, checked out at *head*, to the commit *tip*; uncommitted work is kept, or GitError is raised.

    A branch that has moved on from *head* since then keeps its new commit; then GitError is raised too.
    """
    if tree.current_branch() != branch:
        raise GitError(f"another branch than {branch} was checked out in the meantime; nothing was moved")
    # Like a switch to another branch: staged, unstaged, untracked and ignored files are carried over, or git refuses.
    command = ("checkout", "--quiet", "--no-overwrite-ignore", "--no-recurse-submodules", "-B", branch)
    config = {"core.logAllRefUpdates": "true"}
    tree.git.run(*command, tip, "--", timeout=timeout, config=config)
    left = tree.resolve(f"refs/heads/{branch}@{{1}}")
    if left and left != head:
        tree.git.run(*command, left, "--", timeout=timeout, config=config)
        raise GitError(f"{branch} received a new commit meanwhile; it was left unchanged")
