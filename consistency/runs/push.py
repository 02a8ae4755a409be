"""Pushes what fixes have committed: State Hub's own commits that lie directly on what the remote has, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from consistency.core.comparison.gates import EMPTY, GONE
from consistency.db.own_commits import read_own_commits
from consistency.git.own_commits import unpushed_commits
from consistency.git.remote import Fetched, Upstream, push
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree
from consistency.runs.fetching import OpenCheckout
from consistency.runs.options import RunOptions

BELOW = "it sits on top of unpushed commits; `git push` will push all of them"


class PushResult(NamedTuple):
    """How many own commits were pushed, and why others were not; '' if all were.

    `rejected` says that the remote has a new commit: a push after a pull may work.
    """

    pushed: int = 0
    error: str = ""
    rejected: bool = False


def push_own_commits(
    opened: OpenCheckout, tree: WorkTree, state: CheckoutStatus, commit: str | None, options: RunOptions, held: str = ""
) -> PushResult:
    """Push this run's *commit* and earlier own commits that are unpushed; none if *held* names closed gates.

    Commits of people are never pushed with them. Raises GitError for errors before the push.
    """
    upstream, head = opened.upstream, commit or state.head
    # No remote, or C-22 says what is wrong, or nothing is to be pushed.
    if upstream is None or head is None or opened.fetched.outcome == GONE or head == state.tip:
        return PushResult()
    alone = head == commit and state.head == state.tip  # The common case costs no process.
    if state.tip and state.behind is None:  # Only another host has seen that commit: this one could not fetch it.
        tip = tree.resolve(f"{upstream.tracking}^{{commit}}")
        unpushed = unpushed_commits(tree, tip, head) if tip else {}
    else:
        unpushed = {head: (state.tip,)} if alone else unpushed_commits(tree, state.tip, head)
    own = read_own_commits(opened.checkout.repo_id, unpushed.keys()).keys()
    if not own:
        return PushResult()
    blocker = _blocker(opened.fetched, upstream, state, held)
    chain = [] if blocker else _chain(unpushed, own, state.tip)
    if not chain:
        return PushResult(error=blocker or BELOW)
    done = push(tree, upstream, state.tip, chain[-1], options.push_timeout)
    if done.error:
        return PushResult(error=done.error, rejected=done.rejected)
    opened.record_push(chain[-1])
    return PushResult(len(chain), "" if len(chain) == len(own) else BELOW)


def _blocker(fetched: Fetched, upstream: Upstream, state: CheckoutStatus, held: str) -> str:
    """Return why nothing can be pushed now, '' if it can. Nothing is pushed on top of an unknown state."""
    if fetched.outcome == EMPTY:
        return f"{upstream.remote} has no commit yet, and the first ones are for a person to push"
    if fetched.failed:
        return f"the remote could not be fetched from ({fetched.outcome})"
    if not fetched.ok:
        return f"what {upstream.remote} has is not known, since nothing was fetched"
    if held:
        return f"the run was held back ({held})"
    return "" if state.behind == 0 else f"{upstream.name} has commits that this clone lacks; pull them first"


def _chain(commits: Mapping[str, tuple[str, ...]], own: Collection[str], tip: str) -> list[str]:
    """List the *own* ones of *commits* (id → parents) that follow *tip* one by one, oldest first."""
    following = {parents: commit for commit, parents in commits.items() if commit in own}
    chain: list[str] = []
    while (following_one := following.get((chain[-1] if chain else tip,))) is not None:
        chain.append(following_one)
    return chain
