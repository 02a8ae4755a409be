"""Finds the commits that a checkout has and its origin lacks, and moves a branch off those that are this tool's own.

Which commits are its own is told by the hub's record of them alone, whatever name, text or date they bear.
"""

from __future__ import annotations

from consistency.git.names import from_git
from consistency.git.process import GitError
from consistency.git.worktree import WorkTree

MAX_UNPUSHED_COMMITS = 1_000
"""So many of a clone's unpushed commits are looked at."""


def unpushed_commits(tree: WorkTree, tip: str, head: str) -> dict[str, tuple[str, ...]]:
    """List the commits of *head* that *tip* ('' for none) lacks, newest first, each with its parents.

    Raises GitError.
    """
    options = ("--parents", "--topo-order", f"--max-count={MAX_UNPUSHED_COMMITS}")
    listed = tree.git.run("rev-list", *options, f"{tip}..{head}" if tip else head, "--").decode()
    return {commit: tuple(parents) for commit, *parents in (line.split() for line in listed.splitlines())}


def reset_branch(tree: WorkTree, branch: str, head: str, tip: str, timeout: float) -> None:
    """Move *branch*, checked out at *head*, to the commit *tip*; uncommitted work stays, or GitError is raised.

    If somebody has committed to the branch since it was at *head*, it stays with that commit.
    """
    checked_out = from_git(tree.git.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))).strip()
    if checked_out != f"refs/heads/{branch}":
        raise GitError(f"another branch than {branch} was checked out in the meantime; nothing was moved")
    # Like a switch to another branch: what is staged, unstaged, untracked or ignored is carried over, or git refuses.
    command = ("checkout", "--quiet", "--no-overwrite-ignore", "--no-recurse-submodules", "-B", branch)
    config = {"core.logAllRefUpdates": "true"}
    tree.git.run(*command, tip, "--", timeout=timeout, config=config)
    left = tree.git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}@{{1}}", ok=(0, 1)).decode().strip()
    if left and left != head:
        tree.git.run(*command, left, "--", timeout=timeout, config=config)
        raise GitError(f"{branch} received a new commit meanwhile; it was left unchanged")
