"""Updates a checkout to its upstream: by fast-forward, or by dropping State Hub's own commits, to be recreated."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence

from consistency.core.actions import StatusWritten
from consistency.core.comparison.gates import Freshness
from consistency.git.commit import writeback_blocker
from consistency.git.own_commits import reset_branch, unpushed_commits
from consistency.git.process import GitError
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree, fields
from statehub.text import plural

FREE_SPACE_MARGIN_BYTES = 65_536
"""Disk space for the other files that a checkout writes: references, their logs, a few folders."""

Rewind = Callable[[Sequence[StatusWritten]], None]
"""Called before commits are dropped, with the statuses that they wrote: the old ones in the files are not news."""

OwnCommits = Callable[[Collection[str]], Mapping[str, Sequence[StatusWritten]]]
"""Returns those of some commits that the hub recorded as its own, each with the statuses that it wrote."""


def pull(tree: WorkTree, state: CheckoutStatus, timeout: float, own: OwnCommits, rewind: Rewind | None) -> str:
    """Move the branch of *state*, which is behind or diverged, to the upstream's commit; return a message or ''.

    Own commits are dropped only with a *rewind*, if a writeback will recreate them. *timeout* is in seconds.
    Uncommitted work is kept. Raises GitError if nothing was moved.
    """
    _require_disk_space(tree, state.tip)
    if state.freshness is Freshness.BEHIND:
        # No autostash: git keeps uncommitted work or refuses. The options override branch.NAME.mergeOptions.
        options = ("--ff-only", "--no-autostash", "--no-squash", "--quiet", "--no-overwrite-ignore")
        tree.git.run("merge", *options, state.tip, timeout=timeout, config={"merge.autoStash": "false"})
        return ""
    if rewind is None:
        raise GitError(f"the branch has diverged from {state.upstream}; merge or rebase it")
    return _drop_own_commits(tree, state, timeout, own, rewind)


def _require_disk_space(tree: WorkTree, tip: str) -> None:
    """Raise GitError if the disk has no space for a checkout of *tip*.

    git would leave half of the files behind and then refuse the next checkout because of them. In a partial clone files
    are not counted: asking for their sizes would fetch them one by one.
    """
    options = ("-r", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=d", "--ignore-submodules=all", "-z")
    changed = fields(tree.git.run("diff-tree", *options, "HEAD", tip, "--"))[::2]
    names = "".join(f"{entry.split(' ')[3]}\n" for entry in changed)
    output = b""
    if names and not _is_partial(tree):
        output = tree.git.run("cat-file", "--batch-check=%(objectsize)", stdin=names.encode())
    sizes = [int(line) for line in output.splitlines() if line.isdigit()]
    disk, index = os.statvfs(tree.top), os.path.join(tree.git_dir, "index")
    block, index_size = disk.f_frsize, os.path.getsize(index) if os.path.exists(index) else 0
    # Each file and the folder above it in whole blocks, the index twice, and git's own notes.
    needed = sum((size // block + 2) * block for size in sizes) + 2 * index_size + FREE_SPACE_MARGIN_BYTES
    free = disk.f_bavail * block
    if free < needed:
        raise GitError(f"a checkout needs about {needed:,} bytes on the disk, which has room for {free:,}")


def _is_partial(tree: WorkTree) -> bool:
    """Return whether the clone may lack objects, which git fetches when it needs them (git-clone, "--filter")."""
    packs = os.path.join(tree.common_dir, "objects", "pack")
    return os.path.isdir(packs) and any(name.endswith(".promisor") for name in os.listdir(packs))


def _drop_own_commits(tree: WorkTree, state: CheckoutStatus, timeout: float, own: OwnCommits, rewind: Rewind) -> str:
    blocker = writeback_blocker(state)
    if blocker is not None:
        raise GitError(blocker)
    head = state.head or ""
    commits = list(unpushed_commits(tree, state.tip, head))
    written = own(commits)
    # The statuses that an own commit wrote must be known, or the files would seem to have news once it is dropped.
    if not commits or not all(map(written.get, commits)):
        raise GitError(f"the branch has diverged from {state.upstream} by commits that people made; merge or rebase it")
    rewind([change for commit in commits for change in written[commit]])
    reset_branch(tree, state.branch or "", head, state.tip, timeout)
    number = f"{len(commits)} {plural(len(commits), 'commit')} of State Hub's own"
    return f"dropped {number} that had diverged from {state.upstream}; what they wrote is written again on top of it"
