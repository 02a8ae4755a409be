"""How a checkout stands to the repo's branch on the repo's origin, what is under way in it, and what is dirty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.checkout.git import GitError
from consistency.checkout.remote import Fetched
from consistency.checkout.state import State, read_state
from consistency.checkout.worktree import WorkTree, has_unmerged, list_files, open_checkout
from consistency.core.gate import EMPTY, FETCHED, GONE, NO_UPSTREAM, NOT_ASKED, Freshness, behind
from tests.checkout.desk import PATTERN, advance, seen, unseen, upstream_of, with_attributes
from tests.support.repos import Clone, Origin

PATCH = """\
From x Mon Sep 17 00:00:00 2001
From: X <x@example.org>
Subject: x

---
diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-no
+yes
"""


def held_back(state: State) -> bool:
    """Whether the pull gate is closed."""
    return behind("net", state.freshness, None) != []


def standing(state: State) -> tuple[str, int | None, int | None, bool | None]:
    return str(state.freshness), state.ahead, state.behind, state.on_branch


def away(origin: Origin) -> None:
    """From now on nobody answers there."""
    origin.path.rename(origin.path.with_name("away"))


class TestFreshness:
    """The table of the design's pull gate."""

    def test_fresh(self, clone: Clone) -> None:
        assert seen(clone) == State(
            freshness=Freshness.FRESH,
            fetched=Fetched(FETCHED, clone.head),
            head=clone.head,
            branch="main",
            upstream="origin/main",
            tip=clone.head,
            ahead=0,
            behind=0,
            on_branch=True,
            under_way="",
            dirty=frozenset(),
        )
        assert not held_back(seen(clone))

    def test_ahead_is_fresh(self, clone: Clone) -> None:
        clone.commit()
        assert (standing(seen(clone)), held_back(seen(clone))) == (("fresh", 1, 0, True), False)

    def test_behind(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = seen(clone)
        assert (standing(state), state.fetched, state.tip) == (
            ("behind", 0, 1, True), Fetched(FETCHED, origin.head), origin.head,
        )  # fmt: skip
        assert held_back(state)

    def test_diverged(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        clone.commit()
        assert (standing(seen(clone)), held_back(seen(clone))) == (("diverged", 1, 1, True), True)

    def test_upstream_was_rewritten(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        other = origin.clone("other")
        other.git("commit", "--quiet", "--amend", "--message=Other")
        other.push("--force")
        assert standing(seen(clone)) == ("diverged", 1, 1, True)

    def test_upstream_was_set_back(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        origin.git("update-ref", "refs/heads/main", "main~1")
        assert standing(seen(clone)) == ("fresh", 1, 0, True)

    def test_histories_with_nothing_in_common(self, origin: Origin, clone: Clone) -> None:
        other = origin.clone("other")
        other.git("checkout", "--quiet", "--orphan", "new")
        other.commit("From the beginning")
        other.git("push", "--quiet", "--force", "origin", "HEAD:main")
        assert standing(seen(clone)) == ("diverged", 1, 1, True)

    def test_unknown_where_nobody_asked(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = unseen(clone)
        assert (standing(state), state.fetched, held_back(state)) == (
            ("unknown", 0, 0, True), Fetched(NOT_ASKED), False,
        )  # fmt: skip

    def test_unknown_where_the_fetch_failed(self, origin: Origin, clone: Clone) -> None:
        away(origin)
        state = seen(clone)
        assert (standing(state), state.tip, held_back(state)) == (("unknown", 0, 0, True), clone.head, False)
        assert "does not appear to be a git repository" in state.fetched.outcome

    @pytest.mark.parametrize(("own", "expected"), [(False, "behind"), (True, "diverged")])
    def test_what_an_earlier_fetch_brought_counts_offline(
        self, origin: Origin, clone: Clone, own: bool, expected: str
    ) -> None:
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        away(origin)
        if own:
            clone.commit()
        assert standing(seen(clone)) == standing(unseen(clone)) == (expected, int(own), 1, True)

    def test_our_own_fetch_counts_offline(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        assert seen(clone).freshness == "behind"
        away(origin)
        assert standing(seen(clone)) == ("behind", 0, 1, True)

    def test_fetch_that_works_beats_what_was_noted(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        origin.git("update-ref", "refs/heads/main", "main~1")
        assert standing(seen(clone, tip=clone.git("rev-parse", "origin/main"))) == ("fresh", 0, 0, True)

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", "")
        assert seen(new) == State(
            freshness=Freshness.NO_UPSTREAM,
            fetched=Fetched(NO_UPSTREAM),
            head=None,
            branch="main",
            upstream=None,
            tip="",
            ahead=0,
            behind=0,
            on_branch=True,
            under_way="",
            dirty=frozenset({"workplans/a.md"}),
        )

    def test_branch_without_a_commit_lacks_all_of_origin(self, origin: Origin, clone: Clone) -> None:
        clone.git("update-ref", "-d", "HEAD")
        state = seen(clone)
        assert (standing(state), state.head, held_back(state)) == (("behind", 0, None, True), None, True)

    def test_configuration_that_hides_the_distance(self, origin: Origin, clone: Clone) -> None:
        for name, value in [
            ("status.aheadBehind", "false"),
            ("status.showUntrackedFiles", "no"),
            ("status.renames", "true"),
        ]:
            clone.git("config", name, value)
        advance(origin.clone("other"))
        clone.write("workplans/a.md", "")
        state = seen(clone)
        assert (state.freshness, state.dirty) == (Freshness.BEHIND, frozenset({"workplans/a.md"}))

    def test_index_that_is_broken(self, clone: Clone, tree: WorkTree) -> None:
        clone.write(".git/index", b"broken")
        with pytest.raises(GitError, match="index file"):
            read_state(tree, PATTERN, upstream_of(tree), Fetched(FETCHED, clone.head), "main")


class TestWhatOthersSaw:
    """The tip that another run's fetch saw counts only for what this one does not know."""

    @pytest.fixture
    def theirs(self, origin: Origin, clone: Clone) -> str:
        advance(origin.clone("other"))
        tip = origin.head
        away(origin)
        return tip

    def test_commit_that_never_came_here(self, clone: Clone, theirs: str) -> None:
        state = seen(clone, tip=theirs)
        assert (standing(state), state.tip, held_back(state)) == (("behind", None, None, True), theirs, True)
        assert standing(unseen(clone, tip=theirs)) == ("behind", None, None, True)

    def test_commit_that_this_clone_has(self, clone: Clone, theirs: str) -> None:
        assert standing(unseen(clone, tip=clone.head)) == ("unknown", 0, 0, True)
        clone.commit()
        assert standing(unseen(clone, tip=clone.head)) == ("unknown", 1, 0, True)  # against the one that lacks most

    def test_older_than_what_this_clone_has_noted(self, origin: Origin, clone: Clone) -> None:
        old = clone.head
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        assert standing(unseen(clone, tip=old)) == ("behind", 0, 1, True)


class TestRemotes:
    """Whatever the clone calls them: what counts is the repo's branch on the repo's origin."""

    def test_no_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        for state in (seen(clone), unseen(clone)):
            assert (standing(state), state.fetched, state.upstream, state.tip) == (
                ("no_upstream", 0, 0, True), Fetched(NO_UPSTREAM), None, "",
            )  # fmt: skip

    def test_of_another_name(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "rename", "origin", "elsewhere")
        advance(origin.clone("other"))
        assert (seen(clone).freshness, seen(clone).upstream) == ("behind", "elsewhere/main")

    def test_tracking_was_unset(self, origin: Origin, clone: Clone) -> None:
        clone.git("branch", "--unset-upstream")
        advance(origin.clone("other"))
        assert (standing(seen(clone)), seen(clone).upstream) == (("behind", 0, 1, True), "origin/main")

    def test_tracking_says_another_branch(self, origin: Origin, clone: Clone) -> None:
        origin.git("branch", "topic")
        advance(origin.clone("other"))
        clone.git("config", "branch.main.merge", "refs/heads/topic")
        assert (standing(seen(clone)), seen(clone).upstream) == (("behind", 0, 1, True), "origin/main")

    def test_tracking_says_another_branch_of_this_clone(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        state = seen(clone)
        assert (standing(state), state.branch, state.upstream) == (("fresh", 0, 0, False), "topic", "origin/main")

    def test_tracking_says_a_branch_that_never_was(self, origin: Origin, clone: Clone) -> None:
        clone.git("config", "branch.main.merge", "refs/heads/never")
        assert standing(seen(clone)) == ("fresh", 0, 0, True)
        assert standing(unseen(clone)) == ("unknown", 0, 0, True)
        assert (standing(unseen(clone, "")), seen(clone, "").freshness) == (("unknown", None, None, True), "gone")

    @pytest.mark.parametrize("refspec", [None, "+refs/heads/other:refs/remotes/origin/other", "^refs/heads/main"])
    def test_refspec_that_brings_no_branch(self, origin: Origin, clone: Clone, refspec: str | None) -> None:
        clone.git("config", "--unset-all", "remote.origin.fetch")
        if refspec:
            clone.git("config", "remote.origin.fetch", refspec)
        advance(origin.clone("other"))
        assert standing(seen(clone)) == ("behind", 0, 1, True)

    def test_clone_of_a_single_branch(self, origin: Origin) -> None:
        origin.git("branch", "topic")
        single = origin.clone("single", "--single-branch", "--branch=topic")
        advance(origin.clone("other"))
        state = seen(single)
        assert (standing(state), state.branch, state.tip) == (("behind", 0, 1, False), "topic", origin.head)

    def test_branch_was_renamed_at_origin(self, origin: Origin, clone: Clone) -> None:
        for prune in ("true", "false"):
            clone.git("config", "fetch.prune", prune)
            origin.git("branch", "--move", "--force", "main", "trunk")
            state = seen(clone)
            assert (standing(state), state.fetched, state.upstream) == (
                ("gone", None, None, True), Fetched(GONE, default="trunk"), "origin/main",
            )  # fmt: skip
            origin.git("branch", "--move", "trunk", "main")

    def test_branch_was_deleted_at_origin(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        assert standing(seen(clone, "feature")) == ("fresh", 0, 0, True)
        origin.git("branch", "--quiet", "-D", "feature")
        state = seen(clone, "feature")
        assert (standing(state), state.fetched) == (("gone", None, None, True), Fetched(GONE, default="main"))

    def test_branch_is_gone_but_had_more(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        clone.git("reset", "--quiet", "--hard", "HEAD^")
        origin.git("branch", "--quiet", "-D", "feature")
        assert standing(seen(clone, "feature")) == ("gone", None, None, True)

    def test_branch_is_gone_and_nobody_asks(self, origin: Origin, clone: Clone) -> None:
        origin.git("branch", "--move", "main", "trunk")
        assert standing(unseen(clone)) == ("unknown", 0, 0, True)
        clone.git("fetch", "--quiet", "--prune")
        assert standing(unseen(clone)) == ("unknown", None, None, True)

    def test_branch_below_one_of_its_name(self, origin: Origin, clone: Clone) -> None:
        """`refs/heads/main/2` is no `main`."""
        origin.git("branch", "--move", "main", "x")
        origin.git("branch", "--move", "x", "main/2")
        assert (standing(seen(clone)), seen(clone).fetched) == (
            ("gone", None, None, True), Fetched(GONE, default="main/2"),
        )  # fmt: skip

    def test_tag_of_the_branchs_name(self, origin: Origin, clone: Clone) -> None:
        for place in (clone, origin):
            place.git("tag", "main")
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet", "--tags")
        assert standing(seen(clone)) == standing(unseen(clone)) == ("behind", 0, 1, True)

    def test_origin_without_any_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        assert (standing(seen(new)), seen(new).fetched, seen(new).head) == (
            ("no_upstream", 0, 0, True), Fetched(EMPTY), None,
        )  # fmt: skip
        new.commit("Mine")
        state = seen(new)
        assert (state.freshness, state.fetched, state.tip, state.behind) == ("no_upstream", Fetched(EMPTY), "", 0)

    def test_origin_with_nothing_but_a_tag(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("push", "--quiet", str(tmp_path / "empty.git"), "main:refs/tags/v1")
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        assert seen(Clone(tmp_path / "new")).fetched == Fetched(EMPTY)

    def test_branch_with_dots_and_capitals(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "Feature/v1.2.remote")
        advance(clone)
        state = seen(clone, "Feature/v1.2.remote")
        assert (standing(state), state.upstream) == (("fresh", 0, 0, True), "origin/Feature/v1.2.remote")

    def test_branch_whose_name_is_not_utf8(self, clone: Clone) -> None:
        name = os.fsdecode(b"caf\xe9")
        clone.git("checkout", "--quiet", "-b", name)
        assert (seen(clone).branch, seen(clone).on_branch) == (name, False)


class TestShallow:
    @pytest.fixture
    def clone(self, origin: Origin, clone: Clone) -> Clone:
        advance(clone)
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name("shallow")))
        return Clone(origin.path.with_name("shallow"))

    def test_stays_shallow_and_is_compared(self, origin: Origin, clone: Clone) -> None:
        assert standing(seen(clone)) == ("fresh", 0, 0, True)
        advance(origin.clone("other"), "more")
        assert standing(seen(clone)) == ("behind", 0, 1, True)
        clone.commit()
        assert standing(seen(clone)) == ("diverged", 1, 1, True)
        assert clone.git("rev-parse", "--is-shallow-repository") == "true"

    def test_origin_was_rewritten_below_the_cut(self, origin: Origin, clone: Clone) -> None:
        origin.git("update-ref", "refs/heads/main", "main~1")
        state = seen(clone)
        assert (state.freshness in ("fresh", "diverged"), state.fetched.tip) == (True, origin.head)
        assert (state.behind == 0) == (state.freshness == "fresh")


class TestOnBranch:
    """Three-valued: yes, no, not known."""

    def test_any_branch_is_the_wanted_one_if_none_is_known(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "own")
        assert unseen(clone, "").on_branch is True

    def test_another_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--no-track", "-b", "own")
        state = seen(clone)
        assert (standing(state), state.branch) == (("fresh", 0, 0, False), "own")

    def test_detached_at_the_tip(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        state = seen(clone)
        assert (standing(state), state.branch, state.head) == (("fresh", 0, 0, True), None, clone.head)

    def test_detached_below_the_tip(self, clone: Clone) -> None:
        advance(clone)
        clone.git("checkout", "--quiet", "HEAD~1")
        assert standing(seen(clone)) == ("behind", 0, 1, False)

    def test_detached_above_the_tip(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        clone.commit()
        assert standing(seen(clone)) == ("fresh", 1, 0, False)

    def test_detached_at_another_branch(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "topic")
        advance(clone)
        clone.git("checkout", "--quiet", "--detach")
        assert standing(seen(clone)) == ("fresh", 1, 0, False)

    def test_detached_at_what_was_noted_is_all_that_can_be_told_offline(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        away(origin)
        assert standing(seen(clone)) == ("unknown", 0, 0, True)
        clone.git("commit", "--quiet", "--allow-empty", "--message=x")
        assert standing(seen(clone)) == ("unknown", 1, 0, False)

    def test_detached_where_nothing_is_known_of_the_branch(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        clone.git("update-ref", "-d", "refs/remotes/origin/main")
        away(origin)
        assert standing(seen(clone)) == ("unknown", None, None, None)

    def test_detached_where_the_branch_is_gone(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        origin.git("branch", "--move", "main", "trunk")
        assert standing(seen(clone)) == ("gone", None, None, None)

    def test_detached_without_a_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        clone.git("checkout", "--quiet", "--detach")
        assert seen(clone).on_branch is True
        clone.commit()
        assert seen(clone).on_branch is False
        clone.git("branch", "--quiet", "-D", "main")
        assert seen(clone).on_branch is None

    def test_detached_as_a_ci_clones(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "ci"))
        ci = Clone(tmp_path / "ci")
        ci.git("remote", "add", "origin", f"file://{origin.path}")
        ci.git("fetch", "--quiet", "--depth=1", "origin", f"+{origin.head}:refs/remotes/origin/main")
        ci.git("checkout", "--quiet", "--detach", "origin/main")
        assert standing(seen(ci)) == ("fresh", 0, 0, True)
        advance(origin.clone("other"))
        assert standing(seen(ci)) == ("behind", 0, 1, False)

    def test_tag_at_the_tip(self, clone: Clone) -> None:
        clone.git("tag", "v1")
        clone.git("checkout", "--quiet", "v1")
        assert seen(clone).on_branch is True


class TestLinkedWorkTree:
    def test_on_a_branch_of_its_own(self, origin: Origin, clone: Clone) -> None:
        other = origin.clone("other")
        other.git("checkout", "--quiet", "-b", "topic")
        other.push()
        clone.git("fetch", "--quiet")
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--track", "-b", "topic", str(linked.path), "origin/topic")
        assert (standing(seen(linked, "topic")), seen(linked).branch) == (("fresh", 0, 0, True), "topic")
        assert seen(linked).on_branch is False
        advance(other)
        assert (seen(linked, "topic").freshness, seen(clone).freshness) == ("behind", "fresh")

    def test_of_a_bare_clone(self, origin: Origin) -> None:
        bare = origin.path.with_name("bare.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
        linked = Clone(origin.path.with_name("linked"))
        origin.git(f"--git-dir={bare}", "worktree", "add", "--quiet", str(linked.path), "main")
        assert (standing(seen(linked)), seen(linked).upstream) == (("fresh", 0, 0, True), "origin/main")
        advance(origin.clone("other"))
        assert standing(seen(linked)) == ("behind", 0, 1, True)

    def test_what_is_under_way_elsewhere_is_not_under_way_here(self, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--detach", str(linked.path))
        clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
        assert (seen(clone).under_way, seen(linked).under_way) == ("a merge", "")


def conflict(clone: Clone, command: str) -> None:
    """Two branches that change one line, and a *command* that stops because of it."""
    clone.git("checkout", "--quiet", "-b", "other")
    for text in ("theirs", "more theirs"):
        clone.write("README.md", text)
        clone.commit(text)
    clone.git("checkout", "--quiet", "main")
    clone.write("README.md", "ours")
    clone.commit("ours")
    with pytest.raises(AssertionError, match=r"(?i)conflict|failed"):
        clone.git(*command.split())


class TestUnderWay:
    @pytest.mark.parametrize(("command", "what"), [
        ("merge other", "a merge"),
        ("rebase other", "a rebase"),
        ("rebase --apply other", "a rebase or am"),
        ("cherry-pick other", "a cherry-pick"),
        ("cherry-pick --no-commit other", "a merge of some files"),
        ("merge --squash other", "a squash merge"),
    ])  # fmt: skip
    def test_conflict(self, clone: Clone, command: str, what: str) -> None:
        conflict(clone, command)
        named = {what} | ({"a cherry-pick or revert without its commit"} if "--no-commit" in command else set())
        assert seen(clone).under_way in named

    def test_revert(self, clone: Clone) -> None:
        for text in ("1", "2"):
            clone.write("README.md", text)
            clone.commit()
        with pytest.raises(AssertionError):
            clone.git("revert", "--no-edit", "HEAD^")
        assert seen(clone).under_way == "a revert"

    def test_am(self, clone: Clone) -> None:
        clone.write("patch.mbox", PATCH)
        with pytest.raises(AssertionError):
            clone.git("am", "patch.mbox")
        assert seen(clone).under_way == "a rebase or am"

    def test_bisect(self, clone: Clone) -> None:
        clone.commit()
        clone.commit()
        clone.git("bisect", "start", "HEAD", "HEAD~2")
        state = seen(clone)
        assert (state.under_way, state.branch) == ("a bisect", None)
        clone.git("bisect", "reset")
        assert seen(clone).under_way == ""

    def test_stash_that_does_not_fit(self, clone: Clone) -> None:
        clone.write("README.md", "mine")
        clone.git("stash", "push", "--quiet")
        clone.write("README.md", "ours")
        clone.commit()
        with pytest.raises(AssertionError, match="CONFLICT"):
            clone.git("stash", "pop")
        assert seen(clone).under_way == "a merge of some files"

    def test_between_two_steps_of_a_cherry_pick(self, clone: Clone) -> None:
        conflict(clone, "cherry-pick other~1 other")
        clone.write("README.md", "solved")
        clone.commit("Solved")
        assert not (clone.path / ".git" / "CHERRY_PICK_HEAD").exists()
        assert seen(clone).under_way == "a cherry-pick or revert"

    @pytest.mark.parametrize(("command", "what"), [
        ("merge --squash other", "a squash merge"),
        ("merge --no-ff --no-commit other", "a merge"),
        ("cherry-pick -n other", "a cherry-pick or revert without its commit"),
    ])  # fmt: skip
    def test_commit_that_waits_for_a_person(self, clone: Clone, command: str, what: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("new", "x")
        clone.commit("Their words")
        clone.git("checkout", "--quiet", "main")
        clone.git(*command.split())
        assert seen(clone).under_way == what

    def test_rebase_that_stopped_to_edit_is_detached(self, clone: Clone) -> None:
        clone.commit("x")
        clone.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "--interactive", "--keep-empty", "HEAD~1")
        state = seen(clone)
        assert (state.under_way, state.branch) == ("a rebase", None)

    def test_message_of_an_ordinary_commit_is_nothing(self, clone: Clone) -> None:
        clone.commit()
        clone.git("commit", "--quiet", "--allow-empty", "--amend", "--message=other")
        clone.git("merge", "--quiet", "main")
        assert seen(clone).under_way == ""


class TestDirty:
    @pytest.fixture
    def clone(self, clone: Clone) -> Clone:
        for name in ("a", "b", "c", "d"):
            clone.write(f"workplans/{name}.md", f"{name}\n" * 9)
        clone.commit()
        return clone

    def test_every_kind(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "unstaged")
        clone.write("workplans/b.md", "staged")
        clone.git("add", "workplans/b.md")
        clone.write("workplans/new/untracked.md", "")
        clone.write("workplans/intended.md", "")
        clone.git("add", "--intent-to-add", "workplans/intended.md")
        clone.git("mv", "workplans/c.md", "workplans/renamed.md")
        (clone.path / "workplans" / "d.md").unlink()
        clone.write("other.md", "")
        clone.write("workplans/not.txt", "")
        names = ("a", "b", "c", "d", "intended", "renamed", "new/untracked")
        assert unseen(clone).dirty == {f"workplans/{name}.md" for name in names}
        listed = list_files(open_checkout(str(clone.path)), PATTERN)
        assert listed.untracked == {"workplans/new/untracked.md"}

    def test_staged_and_taken_back_in_the_work_tree(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "staged")
        clone.git("add", "workplans/a.md")
        clone.write("workplans/a.md", "a\n" * 9)
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_conflict(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("workplans/a.md", "theirs")
        clone.commit()
        clone.git("checkout", "--quiet", "main")
        clone.write("workplans/a.md", "ours")
        clone.commit()
        with pytest.raises(AssertionError, match="CONFLICT"):
            clone.git("merge", "other")
        assert (unseen(clone).dirty, has_unmerged(open_checkout(str(clone.path)))) == (
            frozenset({"workplans/a.md"}),
            True,
        )

    def test_mode(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        assert unseen(clone).dirty == {"workplans/a.md"}

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_what_git_is_told_to_overlook(self, clone: Clone, flag: str) -> None:
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", "hidden")
        assert unseen(clone).dirty == frozenset()

    def test_only_the_time_was_touched(self, clone: Clone) -> None:
        os.utime(clone.path / "workplans" / "a.md", (1, 1))
        assert unseen(clone).dirty == frozenset()

    def test_type(self, clone: Clone) -> None:
        file = clone.path / "workplans" / "a.md"
        file.unlink()
        file.symlink_to("b.md")
        assert unseen(clone).dirty == {"workplans/a.md"}


class TestHeadsOwnBytes:
    """A file that has HEAD's very bytes is nobody's change, whatever git makes of it."""

    @pytest.fixture
    def clone(self, clone: Clone) -> Clone:
        clone.write("workplans/a.md", "one\r\ntwo\r\n")
        clone.commit()
        with_attributes(clone, "*.md text\n")
        assert clone.status() == [" M workplans/a.md"]
        return clone

    def test_attributes_ask_for_other_line_ends(self, clone: Clone) -> None:
        assert unseen(clone).dirty == frozenset()

    def test_line_more(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "one\r\ntwo\r\nmine\r\n")
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_mode(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_what_git_would_make_of_it_is_staged(self, clone: Clone) -> None:
        clone.git("add", "--renormalize", "workplans/a.md")
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_deleted(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").unlink()
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_name_with_spaces(self, clone: Clone) -> None:
        clone.git("mv", "workplans/a.md", "workplans/a b  c.md")
        clone.git("commit", "--quiet", "--message=Moved")
        os.utime(clone.path / "workplans" / "a b  c.md", (1, 1))
        assert clone.status() == [' M "workplans/a b  c.md"']
        assert unseen(clone).dirty == frozenset()


def test_same_bytes_in_a_sha256_repository(tmp_path: Path, origin: Origin) -> None:
    origin.git("init", "--quiet", "--object-format=sha256", str(tmp_path / "new"))
    new = Clone(tmp_path / "new")
    new.write("workplans/a.md", "one\r\n")
    new.commit()
    with_attributes(new, "*.md text\n")
    assert (unseen(new).dirty, len(new.head), new.status()) == (frozenset(), 64, [" M workplans/a.md"])
    new.write("workplans/a.md", "two\r\n")
    assert unseen(new).dirty == {"workplans/a.md"}
