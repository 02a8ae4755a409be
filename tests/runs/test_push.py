"""Own commits that were made in an earlier round and pushed since then are not looked at again."""

from __future__ import annotations

import pytest

from consistency.core.comparison.gates import FETCHED
from consistency.db.own_commits import record_own_commit
from consistency.git.remote import Fetched
from consistency.git.worktree import find_worktree
from consistency.runs.fetching import prepare_checkout
from consistency.runs.push import PushResult, push_own_commits
from statehub.models import Checkout
from testing.repos import Clone
from tests.cli.helpers import mirrored
from tests.cli.options import fixing


@pytest.mark.usefixtures("hub")
def test_commit_that_the_remote_has_by_now_is_not_pushed_again(clone: Clone) -> None:
    """Another machine has pushed the very same commit: a run of several rounds ends at it."""
    from consistency.git.status import read_status

    mirrored(clone)
    checkout = Checkout.objects.select_related("repo").get()
    record_own_commit(checkout.repo_id, clone.head, 0, ())
    with prepare_checkout(checkout) as opened:
        opened.fetched = Fetched(FETCHED, clone.head)
        tree = find_worktree(str(clone.path))
        state = read_status(tree, checkout.repo.workplans, opened.upstream, opened.fetched, "main")
        assert (state.head, state.tip) == (clone.head, clone.head)
        assert push_own_commits(opened, tree, state, clone.head, fixing()) == PushResult()
