"""The result of a fetch of the repo's branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.core.comparison.gates import EMPTY, FETCHED, GONE, NO_UPSTREAM, NOT_ASKED
from consistency.git.remote import (
    Fetched,
    fetch,
)
from consistency.git.worktree import WorkTree
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import advance, fetched, upstream_of

Hook = Callable[[str, str], Path]


class TestFetch:
    def test_knows_the_tip(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert fetched(tree) == Fetched(FETCHED, origin.head)
        assert clone.git("rev-parse", "origin/main") == origin.head

    def test_of_no_upstream(self, tree: WorkTree) -> None:
        assert fetch(tree, None, 10) == Fetched(NO_UPSTREAM)

    def test_brings_the_commit_of_the_branch_alone(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        other = origin.clone("other")
        advance(other)
        other.git("tag", "v1")
        other.git("push", "--quiet", "--tags")
        other.git("checkout", "--quiet", "-b", "topic")
        advance(other, "more")
        for name, value in (("remote.origin.tagOpt", "--tags"), ("fetch.prune", "true"), ("fetch.pruneTags", "true")):
            clone.git("config", name, value)
        clone.git("tag", "mine")
        assert fetched(tree) == Fetched(FETCHED, origin.head)
        assert (clone.git("tag"), clone.git("for-each-ref", "refs/remotes/origin/topic")) == ("mine", "")

    def test_branch_that_is_gone(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("branch", "--move", "main", "trunk")
        assert fetched(tree) == Fetched(GONE, default="trunk")
        origin.git("symbolic-ref", "HEAD", "refs/heads/nowhere")
        assert fetched(tree) == Fetched(GONE)
        assert clone.git("rev-parse", "refs/heads/main") == clone.head

    def test_branch_that_is_gone_although_noted(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("branch", "--move", "main", "trunk")
        noted = clone.git("rev-parse", "origin/main")
        assert fetched(tree).outcome == GONE
        assert clone.git("rev-parse", "origin/main") == noted

    def test_origin_without_any_commit(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        origin.git("update-ref", "-d", "refs/heads/main")
        assert fetched(tree) == Fetched(EMPTY)

    def test_remote_that_does_not_answer(self, origin: Origin, tree: WorkTree) -> None:
        origin.path.rename(origin.path.with_name("away"))
        outcome = fetched(tree)
        assert (outcome.ok, outcome.failed, outcome.is_empty, outcome.tip) == (False, True, False, "")

    def test_takes_one_process(self, clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
        upstream = upstream_of(tree)
        git_processes.clear()
        assert fetch(tree, upstream, 10).ok
        assert len(git_processes) == 1

    def test_runs_no_hook(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        hook("reference-transaction", "touch .git/ran")
        advance(origin.clone("other"))
        assert fetched(tree).ok
        assert not (clone.path / ".git" / "ran").exists()

    @pytest.mark.parametrize(
        ("outcome", "ok", "is_empty", "failed"),
        [
            (FETCHED, True, False, False),
            (NOT_ASKED, False, False, False),
            (NO_UPSTREAM, False, True, False),
            (EMPTY, False, True, False),
            (GONE, False, False, False),
            ("fatal: so", False, False, True),
        ],
    )
    def test_outcomes(self, outcome: str, ok: bool, is_empty: bool, failed: bool) -> None:
        fetched = Fetched(outcome)
        assert (fetched.ok, fetched.is_empty, fetched.failed) == (ok, is_empty, failed)
