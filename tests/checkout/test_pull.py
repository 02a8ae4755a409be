"""A checkout is brought up to its upstream, and what a person has not committed or pushed stays in its place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from consistency.checkout.git import GitError
from consistency.checkout.pull import Rewind, pull
from consistency.checkout.worktree import WorkTree
from consistency.core.actions import WriteBack
from tests.checkout.desk import CHANGED, COMMITTER, LIMIT, TODO, advance, item, laid_out, photograph, seen, written
from tests.support.repos import Clone, Origin

PEOPLE = "the branch has diverged from origin/main by commits that people made; merge or rebase it"


def nobody(dropped: Sequence[WriteBack]) -> None:
    raise AssertionError("nothing may be dropped")


def pulled(clone: Clone, tree: WorkTree, rewind: Rewind | None = nobody) -> str:
    return pull(tree, seen(clone), COMMITTER, LIMIT, rewind)


def stays(clone: Clone, tree: WorkTree, rewind: Rewind | None = nobody) -> str:
    """A pull that must be refused, and leave all as it was; git's words."""
    before = photograph(clone)
    with pytest.raises(GitError) as caught:
        pulled(clone, tree, rewind)
    assert photograph(clone) == before
    return str(caught.value)


class TestFastForward:
    def test_moves(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert pulled(clone, tree) == ""
        assert (clone.head, clone.status()) == (origin.head, [])

    def test_is_refused_where_it_would_take_a_merge(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.git("config", "pull.rebase", "true")
        state = seen(clone)
        before = clone.commit()  # since the look
        with pytest.raises(GitError, match="Not possible to fast-forward"):
            pull(tree, state, COMMITTER, LIMIT, nobody)
        assert clone.head == before

    def test_is_refused_where_it_would_touch_uncommitted_work(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        clone.git("config", "merge.autoStash", "true")
        advance(origin.clone("other"), "README.md")
        clone.write("README.md", "mine")
        assert "would be overwritten by merge" in stays(clone, tree)

    @pytest.mark.parametrize("ignored", [False, True])
    def test_is_refused_where_it_would_touch_an_untracked_file(
        self, origin: Origin, clone: Clone, tree: WorkTree, ignored: bool
    ) -> None:
        advance(origin.clone("other"), "secret.env")
        clone.write(".git/info/exclude", "secret.env\n" if ignored else "")
        clone.write("secret.env", "mine")
        assert "would be overwritten by merge" in stays(clone, tree)
        assert clone.read("secret.env") == b"mine"


class TestDiverged:
    @pytest.fixture
    def clone(self, clone: Clone) -> Clone:
        laid_out(clone)
        clone.push()
        return clone

    def test_by_commits_of_people(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.commit("Mine")
        assert stays(clone, tree) == PEOPLE
        assert stays(clone, tree, None) == "the branch has diverged from origin/main; merge or rebase it"

    def test_by_our_own(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        own, told = written(clone).commit, list[tuple[str, list[WriteBack]]]()
        clone.write("untracked", "mine")
        words = pulled(clone, tree, lambda dropped: told.append((clone.head, list(dropped))))
        assert words == "dropped 1 commit of this tool's own, which had diverged from origin/main; made anew on its tip"
        assert told == [(own, [item(at=CHANGED.replace(microsecond=0))])]  # while the commit is still there
        assert (clone.head, clone.status(), clone.read("workplans/a.md")) == (
            origin.head, ["?? untracked"], TODO.encode(),
        )  # fmt: skip
        assert clone.git("rev-parse", "--abbrev-ref", "HEAD") == "main"

    def test_by_several_of_our_own_newest_first(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        told = list[WriteBack]()
        second = item(old="done", new="cancelled")
        assert (written(clone).faults, written(clone, second).faults) == ([], [])
        assert pulled(clone, tree, told.extend).startswith("dropped 2 commits of this tool's own")
        assert [(each.old, each.new) for each in told] == [("done", "cancelled"), ("todo", "done")]
        assert clone.head == origin.head

    def test_own_commits_stay_where_nothing_is_written_back(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        assert stays(clone, tree, None) == "the branch has diverged from origin/main; merge or rebase it"

    @pytest.mark.parametrize("below", [True, False])
    def test_by_our_own_and_a_persons(self, origin: Origin, clone: Clone, tree: WorkTree, below: bool) -> None:
        advance(origin.clone("other"))
        if below:
            clone.commit("Mine")
        assert written(clone).commit
        if not below:
            clone.commit("Mine")
        assert stays(clone, tree) == PEOPLE

    @pytest.mark.parametrize("amended", ["file", "message", "neighbour", "name", "date"])
    def test_by_our_own_that_a_person_has_changed(
        self, origin: Origin, clone: Clone, tree: WorkTree, amended: str
    ) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        if amended in ("file", "neighbour"):
            name = "workplans/a.md" if amended == "file" else "notes"
            clone.write(name, (clone.read(name) if amended == "file" else b"") + b"mine\n")
            clone.git("add", name)
        options = {"message": ["--message=Mine"], "name": ["--reset-author"], "date": ["--date=2026-03-05T00:00:00Z"]}
        ours = {
            "GIT_COMMITTER_NAME": COMMITTER.name, "GIT_COMMITTER_EMAIL": COMMITTER.email,
            "GIT_COMMITTER_DATE": clone.git("log", "-1", "--format=@%ct +0000"),
        }  # fmt: skip
        clone.git("commit", "--quiet", "--amend", "--no-edit", *options.get(amended, []), env=ours)
        assert stays(clone, tree) == PEOPLE

    def test_is_refused_where_it_would_touch_uncommitted_work(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        advance(origin.clone("other"), "README.md")
        assert written(clone).commit
        clone.write("README.md", "mine")
        assert "would be overwritten by checkout" in stays(clone, tree, lambda dropped: None)

    @pytest.mark.parametrize("ignored", [False, True])
    def test_is_refused_where_it_would_touch_an_untracked_file(
        self, origin: Origin, clone: Clone, tree: WorkTree, ignored: bool
    ) -> None:
        advance(origin.clone("other"), "secret.env")
        assert written(clone).commit
        clone.write(".git/info/exclude", "secret.env\n" if ignored else "")
        clone.write("secret.env", "mine")
        assert "would be overwritten by checkout" in stays(clone, tree, lambda dropped: None)
        assert clone.read("secret.env") == b"mine"

    def test_waits_for_what_is_under_way(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
        assert stays(clone, tree) == "a merge is under way; end it first"

    def test_commit_of_a_person_since_the_look(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        state, mine = seen(clone), list[str]()
        with pytest.raises(GitError, match="somebody committed to main at this moment; it stays as it is"):
            pull(tree, state, COMMITTER, LIMIT, lambda dropped: mine.append(clone.commit("Mine")))
        assert ([clone.head], clone.log()[:2]) == (
            mine,
            ["Mine", "chore(consistency): sync task status from DB [auto]"],
        )

    def test_limit_of_what_is_read(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        with pytest.raises(GitError, match="by commits that people made"):
            pull(tree, seen(clone), COMMITTER, 10, nobody)
