"""Reads the status of a checkout: HEAD, branch, freshness against the repo's branch on its origin, dirty files.

Freshness is decided only here: gates, pull, push, reports and the dashboard read this value.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from consistency.core.comparison.gates import GONE, Freshness, freshness
from consistency.git.blobs import blob_id
from consistency.git.clean_status import read_clean_status
from consistency.git.index import read_index
from consistency.git.process import GitError, GitTimeoutError
from consistency.git.remote import Fetched, Upstream
from consistency.git.worktree import Listing, WorkTree, fields, parse_listing, pathspecs, start_listing

UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or am",
    "sequencer": "a cherry-pick or revert",
    "BISECT_LOG": "a bisect",
    # The message of a change that is waiting to be committed.
    "SQUASH_MSG": "a squash merge",
    "MERGE_MSG": "a cherry-pick or revert without its commit",
}
"""Files and folders of a git folder that show an unfinished operation, each with its name."""

MAX_AGE_SECONDS = 0.5
"""A status older than this is read again before a run relies on it: someone may have changed a file."""


class LocalStatus(NamedTuple):
    """The status of a work tree without its upstream, as it was at the time `read_at` (`time.monotonic`).

    `head` is None before the first commit, `branch` if HEAD is detached. `under_way` is git's unfinished operation, ''
    for none. `dirty` are the paths with staged, unstaged or untracked changes, except those with the bytes of HEAD;
    `listing` are all paths that match the pattern.
    """

    head: str | None
    branch: str | None
    under_way: str
    dirty: frozenset[str]
    listing: Listing
    read_at: float

    @property
    def is_recent(self) -> bool:
        """Return whether a run may rely on it."""
        return time.monotonic() - self.read_at <= MAX_AGE_SECONDS


class CheckoutStatus(NamedTuple):
    """The status of a work tree after the fetch `fetched`.

    `upstream` is None if the clone has no remote. `tip` is the newest known commit of the repo's branch on its origin,
    '' for none. `ahead` and `behind` count commits against it, and `on_branch` says whether HEAD is on the repo's
    branch; None if unknown. The rest is as in `LocalStatus`.
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
    listing: Listing


def read_local_status(tree: WorkTree, pattern: str) -> LocalStatus:
    """Read the status of *tree*, with the workplans of *pattern*. Raises GitError.

    It takes two processes at a time, unless all can be seen to be as in HEAD.
    """
    read_at = time.monotonic()
    if clean := read_clean_status(tree, pattern):
        under_way = _under_way(tree, unmerged=False)
        return LocalStatus(clean.head, clean.branch, under_way, frozenset(), Listing(clean.paths), read_at)
    headers: dict[str, str] = {}
    dirty: set[str] = set()
    form = ("--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--no-renames")
    files = ("--untracked-files=all", "--ignore-submodules=all", "--", *pathspecs(pattern))
    with (
        tree.git.start("status", *form, *files, env={"GIT_OPTIONAL_LOCKS": "0"}, magic_pathspecs=True) as status,
        start_listing(tree, pattern) as listing,
    ):
        for field in fields(status.output()):
            if field.startswith("# "):
                name, _, value = field[2:].partition(" ")
                headers[name] = value
            elif (changed := parse_entry(field)) is not None and not _is_committed(tree, changed):
                dirty.add(changed.path)
        oid, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "(detached)")
        return LocalStatus(
            head=None if oid == "(initial)" else oid,
            branch=None if branch == "(detached)" else branch,
            under_way=_under_way(tree, unmerged=_is_unmerged(tree, "" if oid == "(initial)" else oid)),
            dirty=frozenset(dirty),
            listing=parse_listing(listing.output()),
            read_at=read_at,
        )


def read_status(
    tree: WorkTree,
    pattern: str,
    upstream: Upstream | None,
    fetched: Fetched,
    wanted: str,
    tip: str = "",
    local: LocalStatus | None = None,
) -> CheckoutStatus:
    """Read the status of *tree*, with the workplans of *pattern*, against *upstream* after the fetch *fetched*.

    *wanted* is the repo's branch, '' for any; *tip* is its commit as other checkouts saw it, in case the fetch failed.
    *local* is the part without the upstream, if it was read after that fetch. Raises GitError.
    """
    local = local or read_local_status(tree, pattern)
    state = CheckoutStatus(
        freshness=Freshness.NO_UPSTREAM,
        fetched=fetched,
        head=local.head,
        branch=local.branch,
        upstream=upstream.name if upstream else None,
        tip=fetched.tip,
        ahead=0,
        behind=0,
        on_branch=True,
        under_way=local.under_way,
        dirty=local.dirty,
        listing=local.listing,
    )
    return _on_branch(tree, _compared(tree, state, upstream, tip), upstream, wanted)


class StatusEntry(NamedTuple):
    """An entry of `git status`; `committed` is the id of HEAD's blob if only the work tree differs from it, else ''."""

    path: str
    committed: str = ""


def parse_entry(field: str) -> StatusEntry | None:
    """Parse an entry (git-status, "Porcelain Format Version 2"); the path is last, and may hold spaces."""
    before = {"1": 8, "u": 10, "?": 1}.get(field[0])
    if before is None:
        return None
    *parts, path = field.split(" ", before)
    # The parts: kind, XY, submodule, modes in HEAD, index and work tree, blobs in HEAD and index.
    unstaged = parts[0] == "1" and parts[1] == ".M" and parts[3] == parts[4] == parts[5]
    return StatusEntry(path, parts[6] if unstaged else "")


def _is_committed(tree: WorkTree, changed: StatusEntry) -> bool:
    """Return whether the file has exactly the bytes of HEAD.

    git calls such a file modified if its attributes ask for another form than it was committed in.
    """
    if not changed.committed:
        return False
    try:
        data = Path(tree.file(changed.path)).read_bytes()
    except OSError:
        return False
    return blob_id(data, like=changed.committed) == changed.committed


def _under_way(tree: WorkTree, *, unmerged: bool) -> str:
    for name, operation in UNDER_WAY.items():
        if os.path.lexists(os.path.join(tree.git_dir, name)):
            return operation
    return "a merge of some files" if unmerged else ""


def has_unmerged(tree: WorkTree) -> bool:
    """Return whether a path of the work tree has a merge conflict in the index. Raises GitError."""
    return bool(tree.git.run("ls-files", "--unmerged", "-z"))


def _is_unmerged(tree: WorkTree, head: str) -> bool:
    index = read_index(tree.git_dir, len(head) // 2) if head else None
    return has_unmerged(tree) if index is None else index.is_unmerged


def _compared(tree: WorkTree, state: CheckoutStatus, upstream: Upstream | None, seen: str) -> CheckoutStatus:
    """Add to *state* the distance to the upstream: to the fetched commit, or to those known before a failed fetch."""
    fetched = state.fetched
    if upstream is None or fetched.is_empty:
        return state
    if fetched.outcome == GONE:
        return state._replace(freshness=Freshness.GONE, ahead=None, behind=None)
    tips = [fetched.tip]
    if not fetched.ok:
        tips = [tip for tip in (tree.resolve(f"{upstream.tracking}^{{commit}}"), seen) if tip]
    distances = {tip: _distance(tree, state.head, tip) for tip in tips}
    lacking = [tip for tip, (_, behind) in distances.items() if behind != 0]
    tip = next(iter(lacking or tips), "")
    ahead, behind = distances.get(tip, (None, None))
    value = freshness(fetched.ok, lacks=bool(lacking), ahead=bool(ahead))
    return state._replace(freshness=value, tip=tip, ahead=ahead, behind=behind)


def _distance(tree: WorkTree, head: str | None, tip: str) -> tuple[int | None, int | None]:
    """Count the commits of *head* that *tip* lacks, and the reverse; None if this clone lacks the commit."""
    if head == tip:
        return 0, 0
    if head is None:
        return 0, None
    try:
        counted = tree.git.run("rev-list", "--count", "--left-right", f"{head}...{tip}", "--")
    except GitTimeoutError:
        raise
    except GitError:  # This clone never had the commit.
        return None, None
    ahead, behind = counted.split()
    return int(ahead), int(behind)


def _on_branch(tree: WorkTree, state: CheckoutStatus, upstream: Upstream | None, wanted: str) -> CheckoutStatus:
    """Add to *state* whether HEAD is on the branch *wanted*; a detached HEAD is if it is exactly its tip."""
    if not wanted:
        return state
    if state.branch is not None:
        return state._replace(on_branch=state.branch == wanted)
    tip = state.tip
    if upstream is None or state.fetched.is_empty:
        tip = tree.resolve(f"refs/heads/{wanted}^{{commit}}")
    return state._replace(on_branch=(state.head == tip) if tip else None)
