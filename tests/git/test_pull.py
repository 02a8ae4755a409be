"""A checkout is brought up to its upstream, and what a person has not committed or pushed stays in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from consistency.core.actions import StatusWritten
from consistency.git.files import text_digest
from consistency.git.process import GitError
from consistency.git.pull import Rewind, pull
from consistency.git.worktree import WorkTree, open_checkout
from testing.repos import Clone, Origin
from tests.git.desk import (
    COMMITTER,
    DONE,
    TODO,
    Hub,
    advance,
    commit_workplans,
    fetched_status,
    item,
    photograph,
    written,
)

Hook = Callable[[str, str], Path]
PEOPLE = "the branch has diverged from origin/main by commits that people made; merge or rebase it"
DONE_FOR = StatusWritten("workplans/a.md", "A", "A-T1", "todo", "done", text_digest(DONE.encode()))
TIMEOUT = 20.0


def no_rewind(dropped: Sequence[StatusWritten]) -> None:
    raise AssertionError("nothing may be dropped")


def anybody(dropped: Sequence[StatusWritten]) -> None:
    """Take no note."""


def pulled(clone: Clone, tree: WorkTree, hub: Hub | None = None, rewind: Rewind | None = no_rewind) -> str:
    return pull(tree, fetched_status(clone), TIMEOUT, (hub or Hub()).own, rewind)


def stays(clone: Clone, tree: WorkTree, hub: Hub | None = None, rewind: Rewind | None = no_rewind) -> str:
    """Return a pull that must be refused, and leave all as it was; git's words."""
    before = photograph(clone)
    with pytest.raises(GitError) as caught:
        pulled(clone, tree, hub, rewind)
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
        state = fetched_status(clone)
        before = clone.commit()  # since the status was read
        with pytest.raises(GitError, match="Not possible to fast-forward"):
            pull(tree, state, TIMEOUT, Hub().own, no_rewind)
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

    def test_goes_by_the_repos_branch_and_not_by_the_tracking(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        advance(origin.clone("other"))
        clone.git("branch", "--unset-upstream")
        clone.git("config", "--unset-all", "remote.origin.fetch")
        assert (pulled(clone, tree), clone.head) == ("", origin.head)

    def test_to_what_an_earlier_fetch_brought(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        tip = origin.head
        clone.git("fetch", "--quiet")
        origin.path.rename(origin.path.with_name("away"))
        assert (pulled(clone, tree), clone.head) == ("", tip)

    def test_carries_staged_and_unstaged_work_along(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        commit_workplans(clone, "a", "b")
        clone.push()
        advance(origin.clone("other"))
        clone.write("workplans/a.md", "staged")
        clone.git("add", "workplans/a.md")
        clone.write("workplans/b.md", "unstaged")
        clone.write("untracked", "mine")
        before = clone.status()
        assert (pulled(clone, tree), clone.head, clone.status()) == ("", origin.head, before)

    def test_of_a_shallow_clone(self, origin: Origin, clone: Clone) -> None:
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name("shallow")))
        shallow = Clone(origin.path.with_name("shallow"))
        advance(clone)
        assert (pulled(shallow, open_checkout(str(shallow.path))), shallow.head) == ("", origin.head)

    def test_of_a_linked_worktree_of_a_bare_clone(self, origin: Origin, clone: Clone) -> None:
        bare, linked = origin.path.with_name("bare.git"), Clone(origin.path.with_name("linked"))
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
        origin.git(f"--git-dir={bare}", "worktree", "add", "--quiet", str(linked.path), "main")
        advance(clone)
        assert (pulled(linked, open_checkout(str(linked.path))), linked.head) == ("", origin.head)

    def test_runs_no_hook(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        advance(origin.clone("other"))
        for name in ("post-merge", "post-checkout", "reference-transaction", "post-index-change", "pre-merge-commit"):
            hook(name, "echo $0 >>.git/ran; exit 1")
        clone.write("README.md", clone.read("README.md"))
        assert (pulled(clone, tree), clone.head) == ("", origin.head)
        assert not (clone.path / ".git" / "ran").exists()


class TestDiverged:
    @pytest.fixture
    def clone(self, clone: Clone) -> Clone:
        commit_workplans(clone)
        clone.push()
        return clone

    def test_by_commits_of_people(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.commit("Mine")
        assert stays(clone, tree) == PEOPLE
        assert stays(clone, tree, None, None) == "the branch has diverged from origin/main; merge or rebase it"

    def test_by_our_own(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub, rewound = Hub(), list[tuple[str, list[StatusWritten]]]()
        own = written(clone, record=hub.record).commit
        clone.write("untracked", "mine")
        words = pulled(clone, tree, hub, lambda dropped: rewound.append((clone.head, list(dropped))))
        assert words == (
            "dropped 1 commit of State Hub's own that had diverged from origin/main; "
            "what they wrote is written again on top of it"
        )
        assert rewound == [(own, [DONE_FOR])]  # while the commit is still there
        assert (clone.head, clone.status(), clone.read("workplans/a.md")) == (
            origin.head,
            ["?? untracked"],
            TODO.encode(),
        )
        assert clone.git("rev-parse", "--abbrev-ref", "HEAD") == "main"

    def test_by_several_of_our_own_newest_first(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub, rewound = Hub(), list[StatusWritten]()
        assert written(clone, record=hub.record).faults == []
        assert written(clone, item(old="done", new="cancelled"), record=hub.record).faults == []
        assert pulled(clone, tree, hub, rewound.extend).startswith("dropped 2 commits of State Hub's own")
        assert [each._replace(digest="") for each in rewound] == [
            DONE_FOR._replace(old="done", new="cancelled", digest=""),
            DONE_FOR._replace(digest=""),
        ]
        assert clone.head == origin.head

    def test_own_commits_stay_where_nothing_is_written_back(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        assert stays(clone, tree, hub, None) == "the branch has diverged from origin/main; merge or rebase it"

    @pytest.mark.parametrize("below", [True, False])
    def test_by_our_own_and_a_persons(self, origin: Origin, clone: Clone, tree: WorkTree, below: bool) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        if below:
            clone.commit("Mine")
        assert written(clone, record=hub.record).commit
        if not below:
            clone.commit("Mine")
        assert stays(clone, tree, hub) == PEOPLE

    def test_by_one_that_looks_like_ours_but_is_not_on_record(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        advance(origin.clone("other"))
        assert written(clone).commit
        assert stays(clone, tree) == PEOPLE

    def test_by_ours_of_which_nothing_is_known_any_more(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        """On record, but not with what it wrote: a stamping, or a commit taken over from an old database."""
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=lambda commit, when, changes: hub.record(commit, when, [])).commit
        assert stays(clone, tree, hub) == PEOPLE

    def test_by_ours_whatever_name_and_text_it_bears(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        clone.write("workplans/a.md", TODO.replace("todo", "done", 1))
        hub.record(clone.commit("JIRA-1: whatever a hook has made of it"), 0, [DONE_FOR])
        assert pulled(clone, tree, hub, anybody).startswith("dropped 1 commit")

    @pytest.mark.parametrize("amended", ["file", "message", "neighbour", "name", "date"])
    def test_by_our_own_that_a_person_has_changed(
        self, origin: Origin, clone: Clone, tree: WorkTree, amended: str
    ) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        if amended in ("file", "neighbour"):
            name = "workplans/a.md" if amended == "file" else "notes"
            clone.write(name, (clone.read(name) if amended == "file" else b"") + b"mine\n")
            clone.git("add", name)
        options = {"message": ["--message=Mine"], "name": ["--reset-author"], "date": ["--date=2026-03-05T00:00:00Z"]}
        ours = {
            "GIT_COMMITTER_NAME": COMMITTER.name,
            "GIT_COMMITTER_EMAIL": COMMITTER.email,
            "GIT_COMMITTER_DATE": clone.git("log", "-1", "--format=@%ct +0000"),
        }
        clone.git("commit", "--quiet", "--amend", "--no-edit", *options.get(amended, []), env=ours)
        assert stays(clone, tree, hub) == PEOPLE

    def test_by_our_own_rebased_by_a_person(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        other, hub = origin.clone("other"), Hub()
        advance(other)
        assert written(clone, record=hub.record).commit
        clone.git("pull", "--quiet", "--rebase")
        assert fetched_status(clone).freshness == "fresh"
        advance(other, "more")
        assert stays(clone, tree, hub) == PEOPLE

    def test_is_refused_where_it_would_touch_uncommitted_work(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        advance(origin.clone("other"), "README.md")
        hub = Hub()
        assert written(clone, record=hub.record).commit
        clone.write("README.md", "mine")
        assert "would be overwritten by checkout" in stays(clone, tree, hub, anybody)

    @pytest.mark.parametrize("ignored", [False, True])
    def test_is_refused_where_it_would_touch_an_untracked_file(
        self, origin: Origin, clone: Clone, tree: WorkTree, ignored: bool
    ) -> None:
        advance(origin.clone("other"), "secret.env")
        hub = Hub()
        assert written(clone, record=hub.record).commit
        clone.write(".git/info/exclude", "secret.env\n" if ignored else "")
        clone.write("secret.env", "mine")
        assert "would be overwritten by checkout" in stays(clone, tree, hub, anybody)
        assert clone.read("secret.env") == b"mine"

    def test_runs_no_hook(self, origin: Origin, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        for name in ("post-checkout", "reference-transaction", "post-index-change"):
            hook(name, "echo $0 >>.git/ran; exit 1")
        assert pulled(clone, tree, hub, anybody)
        assert (clone.head, (clone.path / ".git" / "ran").exists()) == (origin.head, False)

    def test_waits_for_what_is_under_way(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
        assert stays(clone, tree, hub) == "a merge is in progress; finish or abort it first"

    def test_detached(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        clone.git("checkout", "--quiet", "--detach")
        assert stays(clone, tree, hub).startswith("HEAD is detached")

    def test_commit_of_a_person_since_the_look(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub, mine = Hub(), list[str]()
        assert written(clone, record=hub.record).commit
        state = fetched_status(clone)
        with pytest.raises(GitError, match="main received a new commit meanwhile; it was left unchanged"):
            pull(tree, state, TIMEOUT, hub.own, lambda dropped: mine.append(clone.commit("Mine")))
        assert ([clone.head], clone.log()[:2]) == (
            mine,
            ["Mine", "chore(consistency): sync task status from DB [auto]"],
        )

    def test_rewind_that_fails_drops_nothing(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        hub = Hub()
        assert written(clone, record=hub.record).commit
        before = photograph(clone)
        with pytest.raises(AssertionError, match="nothing may be dropped"):
            pulled(clone, tree, hub, no_rewind)
        assert photograph(clone) == before
