"""The root commits of a clone."""

from __future__ import annotations

import pytest

from consistency.git.roots import first_commits, held_commits
from consistency.git.worktree import WorkTree, find_worktree
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin


@pytest.fixture
def tree(clone: Clone) -> WorkTree:
    return find_worktree(str(clone.path))


def first_of(clone: Clone, remote: str = "") -> list[str]:
    return first_commits(find_worktree(str(clone.path)), remote)


class TestFirstCommits:
    def test_of_a_clone(self, clone: Clone) -> None:
        first = clone.head
        clone.commit("More")
        assert first_of(clone) == first_of(clone, "origin") == [first]

    def test_of_branches_that_have_nothing_in_common(self, origin: Origin, clone: Clone) -> None:
        first = clone.head
        clone.git("checkout", "--quiet", "--orphan", "pages")
        pages = clone.commit("Pages")
        assert first_of(clone) == [pages]
        assert first_of(clone, "origin") == sorted([pages, first])
        clone.push()
        second = origin.clone("second")
        assert first_of(second) == [first]
        assert first_of(second, "origin") == sorted([pages, first])

    def test_of_a_merge_of_two_histories(self, clone: Clone) -> None:
        first = clone.head
        clone.git("checkout", "--quiet", "--orphan", "other")
        other = clone.commit("Other")
        clone.git("checkout", "--quiet", "main")
        clone.git("merge", "--quiet", "--allow-unrelated-histories", "--no-edit", "other")
        assert first_of(clone) == sorted([first, other])

    def test_of_a_shallow_clone_are_not_known(self, origin: Origin, clone: Clone) -> None:
        clone.commit("More")
        clone.push()
        shallow = Clone(clone.path.with_name("shallow"))
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(shallow.path))
        assert (find_worktree(str(shallow.path)).is_shallow, find_worktree(str(clone.path)).is_shallow) == (True, False)
        assert first_of(shallow, "origin") == []
        shallow.git("fetch", "--quiet", "--unshallow")
        assert first_of(shallow, "origin") == first_of(clone)

    def test_before_the_first_commit(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--orphan", "empty")
        assert first_of(clone) == []
        assert first_of(clone, "origin") == [clone.git("rev-parse", "main")]
        clone.git("update-ref", "-d", "refs/remotes/origin/main")
        assert first_of(clone, "origin") == []

    def test_of_replaced_commits_are_the_real_ones(self, clone: Clone) -> None:
        first, second = clone.head, clone.commit("More")
        clone.git("replace", "--graft", second)
        assert first_of(clone) == [first]

    def test_grafts_are_ignored(self, clone: Clone) -> None:
        first, second = clone.head, clone.commit("More")
        clone.write(".git/info/grafts", f"{second}\n")
        assert first_of(clone) == [first]


class TestHeldCommits:
    def test_of_several(self, clone: Clone, tree: WorkTree) -> None:
        assert held_commits(tree, ["1" * 40, clone.head]) == {clone.head}

    def test_none_of_them(self, clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
        assert held_commits(tree, ["1" * 40, clone.git("rev-parse", "HEAD:README.md")]) == frozenset()
        git_processes.clear()
        assert held_commits(tree, []) == frozenset()
        assert len(git_processes) == 0
