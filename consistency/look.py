"""A run's first look at its checkout: up to date as far as that is asked for, and which gates are closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from consistency.checkout.commit import recover
from consistency.checkout.git import GitError
from consistency.checkout.pull import pull
from consistency.checkout.state import State, look, without
from consistency.checkout.worktree import WorkTree
from consistency.core.finding import Finding
from consistency.core.gate import Freshness, Sighting, behind, off_branch
from consistency.models import Run
from consistency.options import Options
from consistency.remember import rewind
from consistency.visit import Visit
from statehub.models import Checkout

Warn = Callable[[str], None]

PLACE_LENGTH = 1_000
"""Characters of an upstream's place that are kept: an index takes no more on every database."""


@dataclass(frozen=True, slots=True)
class Look:
    """The checkout as it stands, and why a fix may not write to it: one finding for each closed gate."""

    state: State
    gates: tuple[Finding, ...]


def look_at(visit: Visit, tree: WorkTree, options: Options, warn: Warn) -> Look:
    """Undo what was cut off, pull where that is asked for, and look. Raises GitError, OSError."""
    checkout = visit.checkout
    if options.writes:
        for path in recover(tree):
            warn(f"{tree.top}/{path}: an earlier writeback was cut off; the file is as it was before it")
    seen = _look(visit, tree)
    if options.pull and options.writes and not _off_branch(checkout, seen.state, options):
        if visit.fetched.failed:
            warn(f"{tree.top}: pull failed: {visit.fetched.outcome}")
        # What only others have seen cannot be pulled from here: own commits would be dropped for nothing.
        if seen.gates and (seen.state.behind or visit.fetched.tip):
            _pull(visit, tree, seen.state, options, warn)
            seen = _look(visit, tree)
    return replace(seen, gates=(*seen.gates, *_off_branch(checkout, seen.state, options)))


def _look(visit: Visit, tree: WorkTree) -> Look:
    checkout = visit.checkout
    state, sighting = look(tree, checkout.repo.workplans, visit.fetched), None
    if state.freshness is Freshness.UNKNOWN and visit.upstream is not None:
        # A fetch that works beats whatever others have seen; only where there is none is their word taken.
        sighting = newest_sighting(checkout, place_of(visit))
        state = without(tree, state, sighting.tip if sighting else "")
    return Look(state, tuple(behind(checkout.repo.slug, state.freshness, sighting)))


def _off_branch(checkout: Checkout, state: State, options: Options) -> list[Finding]:
    return [] if options.any_branch else off_branch(checkout.repo.slug, state.branch, checkout.repo.branch)


def _pull(visit: Visit, tree: WorkTree, state: State, options: Options, warn: Warn) -> None:
    checkout = visit.checkout
    made_anew = (lambda dropped: rewind(checkout.pk, dropped)) if options.writeback else None
    try:
        words = pull(tree, state, options.committer, options.max_size, made_anew)
    except GitError as error:
        words = f"pull failed: {error}"
    if words:
        warn(f"{tree.top}: {words}")


def place_of(visit: Visit) -> str:
    """What the visit's branch follows, the same text on every machine; '' where that is nothing."""
    return visit.upstream.place[:PLACE_LENGTH] if visit.upstream else ""


def newest_sighting(checkout: Checkout, place: str) -> Sighting | None:
    """The upstream's commit as the latest fetch of any checkout of the repo saw it."""
    if not place:
        return None
    runs = Run.objects.filter(checkout__repo=checkout.repo_id, upstream_place=place).exclude(tip="")
    row = runs.order_by("-fetched_at").values_list("tip", "checkout__host", "fetched_at").first()
    return Sighting(row[0], row[1], row[2]) if row and row[2] else None
