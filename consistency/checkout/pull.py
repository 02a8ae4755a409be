"""Brings a checkout up to its upstream: by fast-forward, or by dropping this tool's own commits, to be made anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from consistency.checkout.commit import Committer, obstacle
from consistency.checkout.git import GitError
from consistency.checkout.owncommits import drop, own_writebacks
from consistency.checkout.state import State
from consistency.checkout.worktree import WorkTree, fields
from consistency.core.actions import WriteBack
from consistency.core.gate import Freshness

SPARE = 65_536
"""Bytes of room for what a checkout writes beside the files: references, their logs, a few folders."""

Rewind = Callable[[Sequence[WriteBack]], None]
"""Told what is about to be dropped, before it is: the files will say the old statuses again, which is no news."""


def pull(tree: WorkTree, state: State, committer: Committer, limit: int, rewind: Rewind | None) -> str:
    """Bring the branch of *state*, which is behind or diverged, to the upstream's commit; what is to be said of it.

    Own commits are dropped only where there is a *rewind*: where a writeback follows that makes them anew. Raises
    GitError; then nothing has moved. Uncommitted work is left where it is, or nothing moves.
    """
    tip = state.fetched.tip or "@{upstream}"
    _require_room(tree, tip)
    if state.freshness is Freshness.BEHIND:
        # No autostash: uncommitted work stays in its place, or git refuses.
        config = {"merge.autoStash": "false"}
        tree.git.run(
            "merge", "--ff-only", "--quiet", "--no-overwrite-ignore", tip, timeout=committer.timeout, config=config
        )
        return ""
    if rewind is None:
        raise GitError(f"the branch has diverged from {state.upstream}; merge or rebase it")
    return _make_room(tree, state, tip, committer, limit, rewind)


def _require_room(tree: WorkTree, tip: str) -> None:
    """Raise GitError where the disk has no room for what a checkout of *tip* writes.

    git would leave half of it behind, and refuse the next checkout because of what lies there.
    """
    options = ("-r", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=d", "--ignore-submodules=all", "-z")
    changed = fields(tree.git.run("diff-tree", *options, "HEAD", tip, "--"))[::2]
    names = "".join(f"{entry.split(' ')[3]}\n" for entry in changed)
    command = ("cat-file", "--batch-check=%(objectsize)")
    listed = tree.git.run(*command, stdin=names.encode()).splitlines() if names else []
    sizes = [int(line) for line in listed if line.isdigit()]
    disk, index = os.statvfs(tree.top), os.path.join(tree.git_dir, "index")
    block, entries = disk.f_frsize, os.path.getsize(index) if os.path.exists(index) else 0
    # Each file and each folder on the way to it in whole blocks, the index twice, and what git notes of it all.
    needed = sum((size // block + 2) * block for size in sizes) + 2 * entries + SPARE
    free = disk.f_bavail * block
    if free < needed:
        raise GitError(f"a checkout needs about {needed:,} bytes on the disk, which has room for {free:,}")


def _make_room(tree: WorkTree, state: State, tip: str, committer: Committer, limit: int, rewind: Rewind) -> str:
    hindrance = obstacle(tree, state)
    if hindrance is not None:
        raise GitError(hindrance)
    branch, head = state.branch or "", state.head or ""
    # A name that moves under us (@{upstream}) must not: all goes by this one commit.
    tip = tree.git.run("rev-parse", "--verify", f"{tip}^{{commit}}").decode().strip()
    own = own_writebacks(tree, tip, head, committer, limit)
    if own is None:
        raise GitError(f"the branch has diverged from {state.upstream} by commits that people made; merge or rebase it")
    rewind(own)
    drop(tree, branch, head, tip, committer.timeout)
    number = "1 commit" if state.ahead == 1 else f"{state.ahead} commits"
    return f"dropped {number} of this tool's own, which had diverged from {state.upstream}; made anew on its tip"
