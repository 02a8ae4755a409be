"""Reads how a checkout is: its HEAD and branch, its standing to the repo's branch on the repo's origin, what is dirty.

The standing is decided here and nowhere else: gates, pull, push, reports and the dashboard read this one value.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from consistency.core.comparison.gates import GONE, Freshness, freshness
from consistency.git.blobs import blob_id
from consistency.git.process import GitError, GitTimeoutError
from consistency.git.remote import Fetched, Upstream
from consistency.git.worktree import Changed, WorkTree, has_unmerged, pathspecs, read_changed, status

_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or am",
    "sequencer": "a cherry-pick or revert",
    "BISECT_LOG": "a bisect",
    # git keeps the message of a change that waits to be committed there.
    "SQUASH_MSG": "a squash merge",
    "MERGE_MSG": "a cherry-pick or revert without its commit",
}


@dataclass(frozen=True, slots=True)
class CheckoutStatus:
    """One look at a work tree, after a fetch if one was asked for.

    `fetched` is that fetch. `head` is None before the first commit, `branch` if HEAD is detached, `upstream` if the
    clone has no remote. `tip` is the newest commit of the repo's branch on its origin that is known, '' for none.
    `ahead` and `behind` count commits against it, None if that is not known. `on_branch` says whether HEAD is on the
    repo's branch, None if that is not known. `under_way` is what git is in the middle of, '' for nothing. `dirty` are
    the paths with staged, unstaged or untracked changes; one whose bytes are HEAD's is not, whatever git says of it.
    """

    freshness: Freshness
    fetched: Fetched
    head: str | None
    branch: str | None
    upstream: str | None
    tip: str
    ahead: int | None
    behind: int | None
    on_branch: bool | None
    under_way: str
    dirty: frozenset[str]


def read_status(
    tree: WorkTree, pattern: str, upstream: Upstream | None, fetched: Fetched, wanted: str, tip: str = ""
) -> CheckoutStatus:
    """Look at *tree*, and compare it with *upstream* after *fetched*. *pattern* is that of the workplans.

    *wanted* is the repo's branch, '' for any; *tip* is what others have seen of it, for a fetch that did not work.
    Raises GitError.
    """
    headers: dict[str, str] = {}
    dirty: set[str] = set()
    for field in status(tree, "--branch", "--no-ahead-behind", "--untracked-files=all", "--", *pathspecs(pattern)):
        if field.startswith("# "):
            name, _, value = field[2:].partition(" ")
            headers[name] = value
        elif (changed := read_changed(field)) is not None and not _is_committed(tree, changed):
            dirty.add(changed.path)
    oid, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "(detached)")
    state = CheckoutStatus(
        freshness=Freshness.NO_UPSTREAM,
        fetched=fetched,
        head=None if oid == "(initial)" else oid,
        branch=None if branch == "(detached)" else branch,
        upstream=upstream.name if upstream else None,
        tip=fetched.tip,
        ahead=0,
        behind=0,
        on_branch=True,
        under_way=_under_way(tree),
        dirty=frozenset(dirty),
    )
    return _on_branch(tree, _compared(tree, state, upstream, tip), upstream, wanted)


def _is_committed(tree: WorkTree, changed: Changed) -> bool:
    """Whether the file has the very bytes of HEAD, so that nobody has changed it.

    git calls such a file modified if its attributes ask for another form than it was committed in.
    """
    if not changed.committed:
        return False
    try:
        data = Path(tree.file(changed.path)).read_bytes()
    except OSError:
        return False
    return blob_id(data, like=changed.committed) == changed.committed


def _under_way(tree: WorkTree) -> str:
    for name, what in _UNDER_WAY.items():
        if os.path.lexists(os.path.join(tree.git_dir, name)):
            return what
    return "a merge of some files" if has_unmerged(tree) else ""


def _compared(tree: WorkTree, state: CheckoutStatus, upstream: Upstream | None, seen: str) -> CheckoutStatus:
    """*state* with its distance to what is known of the upstream: a fetch that worked, else what was known before."""
    fetched = state.fetched
    if upstream is None or fetched.is_empty:
        return state
    if fetched.outcome == GONE:
        return replace(state, freshness=Freshness.GONE, ahead=None, behind=None)
    tips = [fetched.tip] if fetched.ok else [tip for tip in (_tracked(tree, upstream), seen) if tip]
    distances = {tip: _distance(tree, state.head, tip) for tip in tips}
    lacking = [tip for tip, (_, behind) in distances.items() if behind != 0]
    tip = next(iter(lacking or tips), "")
    ahead, behind = distances.get(tip, (None, None))
    value = freshness(fetched.ok, lacks=bool(lacking), ahead=bool(ahead))
    return replace(state, freshness=value, tip=tip, ahead=ahead, behind=behind)


def _tracked(tree: WorkTree, upstream: Upstream) -> str:
    """The upstream's commit as this clone has noted it; '' if it has not."""
    noted = tree.git.run("rev-parse", "--verify", "--quiet", f"{upstream.tracking}^{{commit}}", ok=(0, 1))
    return noted.decode().strip()


def _distance(tree: WorkTree, head: str | None, tip: str) -> tuple[int | None, int | None]:
    """How many commits *head* has that *tip* lacks, and the other way round; None for what this clone cannot tell."""
    if head == tip:
        return 0, 0
    if head is None:
        return 0, None
    try:
        counted = tree.git.run("rev-list", "--count", "--left-right", f"{head}...{tip}", "--")
    except GitTimeoutError:
        raise
    except GitError:  # No such commit has ever come here.
        return None, None
    ahead, behind = counted.split()
    return int(ahead), int(behind)


def _on_branch(tree: WorkTree, state: CheckoutStatus, upstream: Upstream | None, wanted: str) -> CheckoutStatus:
    """*state* with whether its HEAD is on the branch *wanted*: a detached one is where it is exactly its tip."""
    if not wanted:
        return state
    if state.branch is not None:
        return replace(state, on_branch=state.branch == wanted)
    tip = state.tip
    if upstream is None or state.fetched.is_empty:
        command = ("rev-parse", "--verify", "--quiet", f"refs/heads/{wanted}^{{commit}}")
        tip = tree.git.run(*command, ok=(0, 1)).decode().strip()
    return replace(state, on_branch=(state.head == tip) if tip else None)
