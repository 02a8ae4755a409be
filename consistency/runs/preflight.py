"""Inspects a checkout before a run: updates it if the options say so, and finds the closed gates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from consistency.core.codes import BEHIND
from consistency.core.comparison.gates import (
    GONE,
    Freshness,
    Sighting,
    check_behind,
    check_branch,
    check_branch_exists,
    check_clone,
    check_in_progress,
    check_repository,
)
from consistency.core.finding import Finding
from consistency.db.own_commits import read_own_commits
from consistency.git.process import GitError
from consistency.git.rollback import was_cut_off
from consistency.git.roots import held_commits
from consistency.git.status import CheckoutStatus, read_status
from consistency.git.worktree import WorkTree
from consistency.models import Run
from consistency.runs.fetching import OpenCheckout
from consistency.runs.ledger_update import forget_dropped
from consistency.runs.options import RunOptions
from statehub.models import Checkout

Warn = Callable[[str], None]

MAX_UPSTREAM_KEY_LENGTH = 1_000
"""Characters of an upstream's key that are kept: not every database's index takes more."""


class Preflight(NamedTuple):
    """The state of a checkout, and why a fix may not write to it: one finding for each closed gate."""

    state: CheckoutStatus
    gates: tuple[Finding, ...]


def inspect_checkout(opened: OpenCheckout, tree: WorkTree, options: RunOptions, warn: Warn) -> Preflight:
    """Undo an interrupted writeback, pull if the options say so, and read the state. Raises GitError, OSError.

    One of the hub's own clones follows its remote without being asked.
    """
    if opened.own is not None:
        from consistency.runs.managed import accept_new_clone

        accept_new_clone(opened, tree)
    if options.writes and was_cut_off(tree):
        from consistency.git.commit import recover  # Slow to import; hardly a run needs it.

        for path in recover(tree):
            warn(f"{tree.top}/{path}: an earlier writeback was cut off; the file is as it was before it")
    found = _inspect(opened, tree, options)
    if opened.own is not None:
        return _follow(opened, tree, found, options) if options.writes else found
    if options.pull and options.writes:
        if opened.fetched.failed:
            warn(f"{tree.top}: pull failed: {opened.fetched.outcome}")
        is_only_behind = [gate.code for gate in found.gates] == [BEHIND]
        # A commit that only other hosts have seen cannot be pulled here: own commits would be dropped for nothing.
        if is_only_behind and (found.state.behind or opened.fetched.tip):
            _pull(opened, tree, found.state, options, warn)
            found = _inspect(opened, tree, options)
    return found


def _inspect(opened: OpenCheckout, tree: WorkTree, options: RunOptions) -> Preflight:
    checkout, upstream = opened.checkout, opened.upstream
    repo, slug, fetched = checkout.repo, checkout.repo.slug, opened.fetched
    # A fetch that worked is newer than what other hosts have seen.
    ask_others = upstream is not None and not (fetched.ok or fetched.is_empty)
    sighting = latest_sighting(checkout, upstream_key(opened)) if ask_others else None
    wanted = repo.branch
    tip = sighting.tip if sighting else ""
    state = read_status(tree, repo.pattern, upstream, fetched, wanted, tip, opened.take_status())
    is_other = not opened.foreign and _is_other_repository(opened, tree, state)
    foreign = opened.foreign or is_other
    gone = fetched.outcome == GONE and upstream is not None
    if foreign:
        state = state._replace(freshness=Freshness.UNKNOWN, ahead=None, behind=None)
    gates = check_behind(slug, state.freshness, sighting if sighting and sighting.tip == state.tip else None)
    # A rebase detaches HEAD itself; and if the branch is gone, no checkout can be on it.
    if not (foreign or gone or state.under_way or options.any_branch):
        gates += check_branch(slug, state.branch, wanted, state.on_branch)
    gates += check_in_progress(slug, state.under_way)
    if foreign:
        gates += check_repository(slug) if is_other else check_clone(slug, opened.foreign)
    elif gone and upstream is not None:
        gates += check_branch_exists(
            slug, upstream.branch, upstream.remote, fetched.default, managed=opened.own is not None
        )
    return Preflight(state, tuple(gates))


def _is_other_repository(opened: OpenCheckout, tree: WorkTree, state: CheckoutStatus) -> bool:
    """Return whether the clone's history shows that it is of another repository.

    It costs nothing while HEAD is the commit that the last fix took, or was moved forward from it by this run.
    """
    checkout, own = opened.checkout, opened.own
    known = checkout.repo.first_commits
    is_settled = not known or tree.is_shallow or (state.head is not None and state.head == checkout.head)
    is_settled = is_settled or (own is not None and own.has_forwarded(checkout.head, state.head))
    return not is_settled and not held_commits(tree, known)


def _follow(opened: OpenCheckout, tree: WorkTree, found: Preflight, options: RunOptions) -> Preflight:
    """Bring one of the hub's own clones to its remote's tip, and read the state again if anything has changed."""
    from consistency.runs.managed import follow_remote

    followed = follow_remote(opened, tree, found.state, options)
    if followed.changed:
        return _inspect(opened, tree, options)
    if followed.is_other:
        state = found.state._replace(freshness=Freshness.UNKNOWN, ahead=None, behind=None)
        return Preflight(state, tuple(check_repository(opened.checkout.repo.slug)))
    return found


def _pull(opened: OpenCheckout, tree: WorkTree, state: CheckoutStatus, options: RunOptions, warn: Warn) -> None:
    from consistency.git.pull import pull  # Slow to import; most runs pull nothing.

    checkout = opened.checkout
    made_again = partial(forget_dropped, checkout.pk) if options.writeback else None
    try:
        message = pull(tree, state, options.committer.timeout, partial(read_own_commits, checkout.repo_id), made_again)
    except GitError as error:
        message = f"pull failed: {error}"
    if message:
        warn(f"{tree.top}: {message}")


def upstream_key(opened: OpenCheckout) -> str:
    """Return the upstream of the repo's branch as the same text on every machine; '' if there is none."""
    return opened.upstream.key[:MAX_UPSTREAM_KEY_LENGTH] if opened.upstream else ""


def latest_sighting(checkout: Checkout, key: str) -> Sighting | None:
    """Return the upstream's commit that the latest fetch of any checkout of the repo saw."""
    if not key:
        return None
    runs = Run.objects.filter(checkout__repo=checkout.repo_id, upstream_place=key).exclude(tip="")
    row = runs.order_by("-fetched_at").values_list("tip", "checkout__host", "fetched_at").first()
    return Sighting(row[0], row[1], row[2]) if row and row[2] else None
