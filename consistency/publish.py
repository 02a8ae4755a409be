"""Pushes what a fix has committed: this tool's own commits, by fast-forward, and nothing that a person made."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone

from consistency.checkout.owncommits import own_writebacks
from consistency.checkout.remote import Pushed, push
from consistency.checkout.state import State
from consistency.checkout.worktree import WorkTree
from consistency.options import Options
from consistency.visit import Visit

ROUNDS = 3
"""So many pushes are tried while others are faster."""


def publish(visit: Visit, tree: WorkTree, state: State, commit: str | None, options: Options) -> Pushed | None:
    """Push this run's *commit* and the own ones below it that were not pushed yet; None where there is nothing to push.

    Raises GitError for what goes wrong before the push.
    """
    upstream = visit.upstream
    if upstream is None or state.upstream is None or not (commit or state.ahead):
        return None
    head = commit or state.head or ""
    # Verified only where there is more than this run's commit: people's unpushed work is theirs to publish.
    if state.ahead and own_writebacks(tree, "@{upstream}", head, options.committer, options.max_size) is None:
        words = "below it are commits that nobody has pushed yet; git push takes it along"
        return Pushed(words) if commit else None
    if visit.fetched.failed:
        return Pushed(f"the remote could not be fetched from ({visit.fetched.outcome})")
    pushed = push(tree, upstream, head, options.push_timeout)
    if not pushed.trouble:
        visit.fetched, visit.fetched_at = replace(visit.fetched, tip=head), timezone.now()
    return pushed
