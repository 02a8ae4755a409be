"""How a checkout stands: its HEAD and branch, its distance to the upstream, its uncommitted workplans."""

from __future__ import annotations

from dataclasses import dataclass, replace

from consistency.checkout.git import GitError, GitTimeout
from consistency.checkout.remote import Fetched
from consistency.checkout.worktree import WorkTree, changed_path, pathspec, status
from consistency.core.gate import Freshness, freshness


@dataclass(frozen=True, slots=True)
class State:
    """One look at a work tree, after a fetch where one was asked for.

    `fetched` is that fetch. `head` is None before the first commit, `branch` where HEAD is detached. `dirty` are the
    paths with staged, unstaged or untracked changes.
    """

    freshness: Freshness
    fetched: Fetched
    head: str | None
    branch: str | None
    upstream: str | None
    ahead: int
    behind: int
    dirty: frozenset[str]


def look(tree: WorkTree, pattern: str, fetched: Fetched) -> State:
    """Freshness, and the dirty files of *pattern*, after *fetched*."""
    headers: dict[str, str] = {}
    dirty: set[str] = set()
    for field in status(tree, "--branch", "--ahead-behind", "--untracked-files=all", "--", pathspec(pattern)):
        if field.startswith("# "):
            name, _, value = field[2:].partition(" ")
            headers[name] = value.encode(errors="surrogateescape").decode(errors="replace")
        else:
            dirty.update(changed_path(field))
    ahead, behind = _distances(headers.get("branch.ab"))
    head, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "(detached)")
    state = State(
        # Only where the upstream's branch is there does git compare.
        freshness=freshness(fetched.outcome, "branch.upstream" in headers, "branch.ab" in headers, ahead, behind),
        fetched=fetched,
        head=None if head == "(initial)" else head,
        branch=None if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream"),
        ahead=ahead,
        behind=behind,
        dirty=frozenset(dirty),
    )
    # git compares with its own note of the upstream, which a fetch leaves old where the remote has no refspec for it.
    return state if behind else without(tree, state, fetched.tip)


def without(tree: WorkTree, state: State, tip: str) -> State:
    """*state*, as behind where HEAD lacks the upstream's commit *tip* ('' where none is known)."""
    if not tip or tip == state.head or _has(tree, tip):
        return state
    return replace(state, freshness=Freshness.DIVERGED if state.ahead else Freshness.BEHIND)


def _has(tree: WorkTree, commit: str) -> bool:
    try:
        tree.git.run("merge-base", "--is-ancestor", commit, "HEAD")
    except GitTimeout:
        raise
    except GitError:  # It is not, or no such commit has ever come here.
        return False
    return True


def _distances(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 0
    ahead, behind = text.split(" ")
    return int(ahead), -int(behind)
