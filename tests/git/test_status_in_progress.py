"""Unfinished operations of git, in any work tree."""

from __future__ import annotations

import pytest

from testing.repos import Clone
from tests.git.desk import PATCH, conflict, fetched_status


class TestUnderWay:
    @pytest.mark.parametrize(
        ("command", "what"),
        [
            ("merge other", "a merge"),
            ("rebase other", "a rebase"),
            ("rebase --apply other", "a rebase or am"),
            ("cherry-pick other", "a cherry-pick"),
            ("cherry-pick --no-commit other", "a merge of some files"),
            ("merge --squash other", "a squash merge"),
        ],
    )
    def test_conflict(self, clone: Clone, command: str, what: str) -> None:
        conflict(clone, command)
        named = {what} | ({"a cherry-pick or revert without its commit"} if "--no-commit" in command else set())
        assert fetched_status(clone).under_way in named

    def test_revert(self, clone: Clone) -> None:
        for text in ("1", "2"):
            clone.write("README.md", text)
            clone.commit()
        with pytest.raises(AssertionError):
            clone.git("revert", "--no-edit", "HEAD^")
        assert fetched_status(clone).under_way == "a revert"

    def test_am(self, clone: Clone) -> None:
        clone.write("patch.mbox", PATCH)
        with pytest.raises(AssertionError):
            clone.git("am", "patch.mbox")
        assert fetched_status(clone).under_way == "a rebase or am"

    def test_bisect(self, clone: Clone) -> None:
        clone.commit()
        clone.commit()
        clone.git("bisect", "start", "HEAD", "HEAD~2")
        state = fetched_status(clone)
        assert (state.under_way, state.branch) == ("a bisect", None)
        clone.git("bisect", "reset")
        assert fetched_status(clone).under_way == ""

    def test_stash_that_does_not_fit(self, clone: Clone) -> None:
        clone.write("README.md", "mine")
        clone.git("stash", "push", "--quiet")
        clone.write("README.md", "ours")
        clone.commit()
        with pytest.raises(AssertionError, match="CONFLICT"):
            clone.git("stash", "pop")
        assert fetched_status(clone).under_way == "a merge of some files"

    def test_between_two_steps_of_a_cherry_pick(self, clone: Clone) -> None:
        conflict(clone, "cherry-pick other~1 other")
        clone.write("README.md", "solved")
        clone.commit("Solved")
        assert not (clone.path / ".git" / "CHERRY_PICK_HEAD").exists()
        assert fetched_status(clone).under_way == "a cherry-pick or revert"

    @pytest.mark.parametrize(
        ("command", "what"),
        [
            ("merge --squash other", "a squash merge"),
            ("merge --no-ff --no-commit other", "a merge"),
            ("cherry-pick -n other", "a cherry-pick or revert without its commit"),
        ],
    )
    def test_commit_that_waits_for_a_person(self, clone: Clone, command: str, what: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("new", "x")
        clone.commit("Their words")
        clone.git("checkout", "--quiet", "main")
        clone.git(*command.split())
        assert fetched_status(clone).under_way == what

    def test_rebase_that_stopped_to_edit_is_detached(self, clone: Clone) -> None:
        clone.commit("x")
        clone.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "--interactive", "--keep-empty", "HEAD~1")
        state = fetched_status(clone)
        assert (state.under_way, state.branch) == ("a rebase", None)

    def test_message_of_an_ordinary_commit_is_nothing(self, clone: Clone) -> None:
        clone.commit()
        clone.git("commit", "--quiet", "--allow-empty", "--amend", "--message=other")
        clone.git("merge", "--quiet", "main")
        assert fetched_status(clone).under_way == ""
