"""Which commits a checkout has and its origin lacks, and how a branch is moved off them."""

from __future__ import annotations

import pytest

from consistency.git.own_commits import MAX_UNPUSHED_COMMITS, contains_commit, reset_branch, unpushed_commits
from consistency.git.process import GitError
from consistency.git.worktree import WorkTree
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import photograph


class TestUnpushed:
    def test_none(self, clone: Clone, tree: WorkTree) -> None:
        assert unpushed_commits(tree, clone.head, clone.head) == {}

    def test_newest_first_with_their_parents(self, clone: Clone, tree: WorkTree) -> None:
        tip = clone.head
        first, second = clone.commit("1", date="2026-03-02T00:00:00Z"), clone.commit("2", date="2026-03-01T00:00:00Z")
        found = unpushed_commits(tree, tip, second)
        assert list(found.items()) == [(second, (first,)), (first, (tip,))]

    def test_merge(self, clone: Clone, tree: WorkTree) -> None:
        tip = clone.head
        clone.git("checkout", "--quiet", "-b", "topic")
        topic = clone.commit("Topic")
        clone.git("checkout", "--quiet", "main")
        mine = clone.commit("Mine")
        clone.git("merge", "--quiet", "--no-ff", "--message=Merge", "topic")
        found = unpushed_commits(tree, tip, clone.head)
        assert (found[clone.head], set(found)) == ((mine, topic), {clone.head, mine, topic})

    def test_diverged_takes_only_this_side(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        other = origin.clone("other")
        other.commit("Theirs")
        other.push()
        clone.git("fetch", "--quiet")
        mine = clone.commit("Mine")
        assert list(unpushed_commits(tree, origin.head, mine)) == [mine]

    def test_all_of_them_if_origin_has_nothing(self, clone: Clone, tree: WorkTree) -> None:
        root, mine = clone.head, clone.commit("Mine")
        assert unpushed_commits(tree, "", mine) == {mine: (root,), root: ()}

    def test_tip_that_this_clone_lacks(self, clone: Clone, tree: WorkTree) -> None:
        with pytest.raises(GitError, match=r"1{40}"):
            unpushed_commits(tree, "1" * 40, clone.head)

    def test_no_more_than_a_limit(self, clone: Clone, tree: WorkTree) -> None:
        tip = clone.head
        commits = "".join(
            f"commit refs/heads/main\ncommitter X <x@example.org> {number} +0000\ndata 1\nx\n"
            + (f"from {tip}\n" if number == 0 else "")
            for number in range(MAX_UNPUSHED_COMMITS + 5)
        )
        clone.git("fast-import", "--quiet", "--force", input=commits)
        assert len(unpushed_commits(tree, tip, clone.head)) == MAX_UNPUSHED_COMMITS

    def test_grafts_and_replacements_do_not_matter_to_their_number(
        self, clone: Clone, tree: WorkTree, git_processes: GitProcesses
    ) -> None:
        tip = clone.head
        head = clone.commit("Mine")
        git_processes.clear()
        assert len(unpushed_commits(tree, tip, head)) == len(git_processes) == 1


class TestReset:
    @pytest.fixture
    def tip(self, clone: Clone) -> str:
        """Return the commit that the branch is to be reset to; the branch has one commit more."""
        tip = clone.head
        clone.write("new", "x")
        clone.commit("Ours")
        return tip

    def test_moves_branch_index_and_files(self, clone: Clone, tree: WorkTree, tip: str) -> None:
        reset_branch(tree, "main", clone.head, tip, 10)
        assert (clone.head, clone.git("rev-parse", "--abbrev-ref", "HEAD"), clone.status()) == (tip, "main", [])
        assert not (clone.path / "new").exists()

    def test_keeps_the_tracking(self, clone: Clone, tree: WorkTree, tip: str) -> None:
        clone.git("config", "branch.autoSetupMerge", "always")
        before = clone.git("config", "--get-regexp", "^branch")
        reset_branch(tree, "main", clone.head, tip, 10)
        assert clone.git("config", "--get-regexp", "^branch") == before

    def test_carries_work_along(self, clone: Clone, tree: WorkTree, tip: str) -> None:
        clone.write("README.md", "unstaged")
        clone.write("staged", "x")
        clone.git("add", "staged")
        clone.write("untracked", "x")
        before = clone.status()
        reset_branch(tree, "main", clone.head, tip, 10)
        assert (clone.head, clone.status()) == (tip, before)

    def test_refuses_what_would_be_overwritten(self, clone: Clone, tree: WorkTree, tip: str) -> None:
        clone.write("new", "mine")
        before = photograph(clone)
        with pytest.raises(GitError, match="would be overwritten by checkout"):
            reset_branch(tree, "main", clone.head, tip, 10)
        assert photograph(clone) == before

    @pytest.mark.parametrize("logged", ["true", "false"])
    def test_commit_since_the_look_stays(self, clone: Clone, tree: WorkTree, tip: str, logged: str) -> None:
        clone.git("config", "core.logAllRefUpdates", logged)
        looked_at = clone.head
        clone.write("mine", "x")
        mine = clone.commit("Mine")
        before = photograph(clone)
        with pytest.raises(GitError, match="main received a new commit meanwhile; it was left unchanged"):
            reset_branch(tree, "main", looked_at, tip, 10)
        assert (clone.head, photograph(clone)) == (mine, before)

    def test_branch_switched_since_the_look(self, clone: Clone, tree: WorkTree, tip: str) -> None:
        """A person has gone to another branch: that one must not be left behind for ours."""
        looked_at = clone.head
        clone.git("checkout", "--quiet", "-b", "topic")
        before = photograph(clone)
        with pytest.raises(GitError):
            reset_branch(tree, "main", looked_at, tip, 10)
        assert photograph(clone) == before


def test_commit_in_a_history(clone: Clone, tree: WorkTree) -> None:
    before, tip = clone.head, clone.commit("1")
    assert [contains_commit(tree, tip, each) for each in (before, tip)] == [True, True]
    assert contains_commit(tree, before, tip) is False
    assert contains_commit(tree, tip, "c0ffee" * 6 + "c0ff") is False
