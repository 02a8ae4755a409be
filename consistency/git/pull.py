"""Brings a checkout up to its upstream: by fast-forward, or by dropping this tool's own commits, to be made again."""

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
from statehub.phrases import plural

FREE_SPACE_MARGIN_BYTES = 65_536
"""Bytes of room for what a checkout writes beside the files: references, their logs, a few folders."""

Rewind = Callable[[Sequence[StatusWritten]], None]
"""Called before commits are dropped, with what they wrote: the files will have the old statuses again, no news."""

OwnCommits = Callable[[Collection[str]], Mapping[str, Sequence[StatusWritten]]]
"""Gives those of some commits that are on record as ours, each with what it wrote."""


def pull(tree: WorkTree, state: CheckoutStatus, timeout: float, own: OwnCommits, rewind: Rewind | None) -> str:
    """Bring the branch of *state*, which is behind or diverged, to the upstream's commit; what to say of it.

    Own commits are dropped only if there is a *rewind*: if a writeback follows that makes them again. *timeout* is in
    seconds. Raises GitError; then nothing has moved. Uncommitted work is left in its place, or nothing moves.
    """
    _require_room(tree, state.tip)
    if state.freshness is Freshness.BEHIND:
        # No autostash: uncommitted work stays in its place, or git refuses.
        config = {"merge.autoStash": "false"}
        # The options win over branch.NAME.mergeOptions.
        command = ("merge", "--ff-only", "--no-autostash", "--no-squash", "--quiet", "--no-overwrite-ignore", state.tip)
        tree.git.run(*command, timeout=timeout, config=config)
        return ""
    if rewind is None:
        raise GitError(f"the branch has diverged from {state.upstream}; merge or rebase it")
    return _drop_own_commits(tree, state, timeout, own, rewind)


def _require_room(tree: WorkTree, tip: str) -> None:
    """Raise GitError where the disk has no room for what a checkout of *tip* writes.

    git would leave half of it behind, and refuse the next checkout because of what lies there. A partial clone lacks
    the files themselves, and asking for their sizes would fetch each by itself: there they are not counted.
    """
    options = ("-r", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=d", "--ignore-submodules=all", "-z")
    changed = fields(tree.git.run("diff-tree", *options, "HEAD", tip, "--"))[::2]
    names = "".join(f"{entry.split(' ')[3]}\n" for entry in changed)
    command = ("cat-file", "--batch-check=%(objectsize)")
    asked = names and not _is_partial(tree)
    listed = tree.git.run(*command, stdin=names.encode()).splitlines() if asked else []
    sizes = [int(line) for line in listed if line.isdigit()]
    disk, index = os.statvfs(tree.top), os.path.join(tree.git_dir, "index")
    block, entries = disk.f_frsize, os.path.getsize(index) if os.path.exists(index) else 0
    # Each file and each folder on the way to it in whole blocks, the index twice, and what git notes of it all.
    needed = sum((size // block + 2) * block for size in sizes) + 2 * entries + FREE_SPACE_MARGIN_BYTES
    free = disk.f_bavail * block
    if free < needed:
        raise GitError(f"a checkout needs about {needed:,} bytes on the disk, which has room for {free:,}")


def _is_partial(tree: WorkTree) -> bool:
    """Whether the clone may lack objects, to be fetched when they are needed (git-clone, "--filter")."""
    packs = os.path.join(tree.common_dir, "objects", "pack")
    return os.path.isdir(packs) and any(name.endswith(".promisor") for name in os.listdir(packs))


def _drop_own_commits(tree: WorkTree, state: CheckoutStatus, timeout: float, own: OwnCommits, rewind: Rewind) -> str:
    blocker = writeback_blocker(state)
    if blocker is not None:
        raise GitError(blocker)
    head = state.head or ""
    commits = list(unpushed_commits(tree, state.tip, head))
    written = own(commits)
    # What an own commit wrote must be known, or the files would seem to say something new once it is dropped.
    if not commits or not all(map(written.get, commits)):
        raise GitError(f"the branch has diverged from {state.upstream} by commits that people made; merge or rebase it")
    rewind([change for commit in commits for change in written[commit]])
    reset_branch(tree, state.branch or "", head, state.tip, timeout)
    number = f"{len(commits)} {plural(len(commits), 'commit')} of State Hub's own"
    return f"dropped {number} that had diverged from {state.upstream}; what they wrote is written again on top of it"
