"""Relation of a checkout to the repo's branch on the repo's origin, for any remotes, branches and HEAD."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.core.comparison.gates import EMPTY, GONE, NO_UPSTREAM
from consistency.git.remote import Fetched
from testing.repos import Clone, Origin
from tests.git.desk import advance, cached_status, fetched_status, make_unreachable, standing


class TestRemotes:
    """Whatever the clone calls them: what counts is the repo's branch on the repo's origin."""

    def test_no_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        for state in (fetched_status(clone), cached_status(clone)):
            assert (standing(state), state.fetched, state.upstream, state.tip) == (
                ("no_upstream", 0, 0, True),
                Fetched(NO_UPSTREAM),
                None,
                "",
            )

    def test_of_another_name(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "rename", "origin", "elsewhere")
        advance(origin.clone("other"))
        assert (fetched_status(clone).freshness, fetched_status(clone).upstream) == ("behind", "elsewhere/main")

    def test_tracking_was_unset(self, origin: Origin, clone: Clone) -> None:
        clone.git("branch", "--unset-upstream")
        advance(origin.clone("other"))
        assert (standing(fetched_status(clone)), fetched_status(clone).upstream) == (
            ("behind", 0, 1, True),
            "origin/main",
        )

    def test_tracking_says_another_branch(self, origin: Origin, clone: Clone) -> None:
        origin.git("branch", "topic")
        advance(origin.clone("other"))
        clone.git("config", "branch.main.merge", "refs/heads/topic")
        assert (standing(fetched_status(clone)), fetched_status(clone).upstream) == (
            ("behind", 0, 1, True),
            "origin/main",
        )

    def test_tracking_says_another_branch_of_this_clone(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        state = fetched_status(clone)
        assert (standing(state), state.branch, state.upstream) == (("fresh", 0, 0, False), "topic", "origin/main")

    def test_tracking_says_a_branch_that_never_was(self, origin: Origin, clone: Clone) -> None:
        clone.git("config", "branch.main.merge", "refs/heads/never")
        assert standing(fetched_status(clone)) == ("fresh", 0, 0, True)
        assert standing(cached_status(clone)) == ("unknown", 0, 0, True)
        assert (standing(cached_status(clone, "")), fetched_status(clone, "").freshness) == (
            ("unknown", None, None, True),
            "gone",
        )

    @pytest.mark.parametrize("refspec", [None, "+refs/heads/other:refs/remotes/origin/other", "^refs/heads/main"])
    def test_refspec_that_brings_no_branch(self, origin: Origin, clone: Clone, refspec: str | None) -> None:
        clone.git("config", "--unset-all", "remote.origin.fetch")
        if refspec:
            clone.git("config", "remote.origin.fetch", refspec)
        advance(origin.clone("other"))
        assert standing(fetched_status(clone)) == ("behind", 0, 1, True)

    def test_clone_of_a_single_branch(self, origin: Origin) -> None:
        origin.git("branch", "topic")
        single = origin.clone("single", "--single-branch", "--branch=topic")
        advance(origin.clone("other"))
        state = fetched_status(single)
        assert (standing(state), state.branch, state.tip) == (("behind", 0, 1, False), "topic", origin.head)

    def test_branch_was_renamed_at_origin(self, origin: Origin, clone: Clone) -> None:
        for prune in ("true", "false"):
            clone.git("config", "fetch.prune", prune)
            origin.git("branch", "--move", "--force", "main", "trunk")
            state = fetched_status(clone)
            assert (standing(state), state.fetched, state.upstream) == (
                ("gone", None, None, True),
                Fetched(GONE, default="trunk"),
                "origin/main",
            )
            origin.git("branch", "--move", "trunk", "main")

    def test_branch_was_deleted_at_origin(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        assert standing(fetched_status(clone, "feature")) == ("fresh", 0, 0, True)
        origin.git("branch", "--quiet", "-D", "feature")
        state = fetched_status(clone, "feature")
        assert (standing(state), state.fetched) == (("gone", None, None, True), Fetched(GONE, default="main"))

    def test_branch_is_gone_but_had_more(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        clone.git("reset", "--quiet", "--hard", "HEAD^")
        origin.git("branch", "--quiet", "-D", "feature")
        assert standing(fetched_status(clone, "feature")) == ("gone", None, None, True)

    def test_branch_is_gone_and_nobody_asks(self, origin: Origin, clone: Clone) -> None:
        origin.git("branch", "--move", "main", "trunk")
        assert standing(cached_status(clone)) == ("unknown", 0, 0, True)
        clone.git("fetch", "--quiet", "--prune")
        assert standing(cached_status(clone)) == ("unknown", None, None, True)

    def test_branch_below_one_of_its_name(self, origin: Origin, clone: Clone) -> None:
        """`refs/heads/main/2` is not `main`."""
        origin.git("branch", "--move", "main", "x")
        origin.git("branch", "--move", "x", "main/2")
        assert (standing(fetched_status(clone)), fetched_status(clone).fetched) == (
            ("gone", None, None, True),
            Fetched(GONE, default="main/2"),
        )

    def test_tag_of_the_branchs_name(self, origin: Origin, clone: Clone) -> None:
        for place in (clone, origin):
            place.git("tag", "main")
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet", "--tags")
        assert standing(fetched_status(clone)) == standing(cached_status(clone)) == ("behind", 0, 1, True)

    def test_origin_without_any_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        assert (standing(fetched_status(new)), fetched_status(new).fetched, fetched_status(new).head) == (
            ("no_upstream", 0, 0, True),
            Fetched(EMPTY),
            None,
        )
        new.commit("Mine")
        state = fetched_status(new)
        assert (state.freshness, state.fetched, state.tip, state.behind) == ("no_upstream", Fetched(EMPTY), "", 0)

    def test_origin_with_nothing_but_a_tag(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("push", "--quiet", str(tmp_path / "empty.git"), "main:refs/tags/v1")
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        assert fetched_status(Clone(tmp_path / "new")).fetched == Fetched(EMPTY)

    def test_branch_with_dots_and_capitals(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "Feature/v1.2.remote")
        advance(clone)
        state = fetched_status(clone, "Feature/v1.2.remote")
        assert (standing(state), state.upstream) == (("fresh", 0, 0, True), "origin/Feature/v1.2.remote")

    def test_branch_whose_name_is_not_utf8(self, clone: Clone) -> None:
        name = os.fsdecode(b"caf\xe9")
        clone.git("checkout", "--quiet", "-b", name)
        assert (fetched_status(clone).branch, fetched_status(clone).on_branch) == (name, False)


class TestOnBranch:
    """Three-valued: yes, no, not known."""

    def test_any_branch_is_the_wanted_one_if_none_is_known(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "own")
        assert cached_status(clone, "").on_branch is True

    def test_another_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--no-track", "-b", "own")
        state = fetched_status(clone)
        assert (standing(state), state.branch) == (("fresh", 0, 0, False), "own")

    def test_detached_at_the_tip(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        state = fetched_status(clone)
        assert (standing(state), state.branch, state.head) == (("fresh", 0, 0, True), None, clone.head)

    def test_detached_below_the_tip(self, clone: Clone) -> None:
        advance(clone)
        clone.git("checkout", "--quiet", "HEAD~1")
        assert standing(fetched_status(clone)) == ("behind", 0, 1, False)

    def test_detached_above_the_tip(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        clone.commit()
        assert standing(fetched_status(clone)) == ("fresh", 1, 0, False)

    def test_detached_at_another_branch(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "topic")
        advance(clone)
        clone.git("checkout", "--quiet", "--detach")
        assert standing(fetched_status(clone)) == ("fresh", 1, 0, False)

    def test_detached_offline_is_compared_with_the_noted_tip(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        make_unreachable(origin)
        assert standing(fetched_status(clone)) == ("unknown", 0, 0, True)
        clone.git("commit", "--quiet", "--allow-empty", "--message=x")
        assert standing(fetched_status(clone)) == ("unknown", 1, 0, False)

    def test_detached_where_nothing_is_known_of_the_branch(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        clone.git("update-ref", "-d", "refs/remotes/origin/main")
        make_unreachable(origin)
        assert standing(fetched_status(clone)) == ("unknown", None, None, None)

    def test_detached_where_the_branch_is_gone(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        origin.git("branch", "--move", "main", "trunk")
        assert standing(fetched_status(clone)) == ("gone", None, None, None)

    def test_detached_without_a_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        clone.git("checkout", "--quiet", "--detach")
        assert fetched_status(clone).on_branch is True
        clone.commit()
        assert fetched_status(clone).on_branch is False
        clone.git("branch", "--quiet", "-D", "main")
        assert fetched_status(clone).on_branch is None

    def test_detached_as_a_ci_clones(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "ci"))
        ci = Clone(tmp_path / "ci")
        ci.git("remote", "add", "origin", f"file://{origin.path}")
        ci.git("fetch", "--quiet", "--depth=1", "origin", f"+{origin.head}:refs/remotes/origin/main")
        ci.git("checkout", "--quiet", "--detach", "origin/main")
        assert standing(fetched_status(ci)) == ("fresh", 0, 0, True)
        advance(origin.clone("other"))
        assert standing(fetched_status(ci)) == ("behind", 0, 1, False)

    def test_tag_at_the_tip(self, clone: Clone) -> None:
        clone.git("tag", "v1")
        clone.git("checkout", "--quiet", "v1")
        assert fetched_status(clone).on_branch is True


class TestLinkedWorkTree:
    def test_on_a_branch_of_its_own(self, origin: Origin, clone: Clone) -> None:
        other = origin.clone("other")
        other.git("checkout", "--quiet", "-b", "topic")
        other.push()
        clone.git("fetch", "--quiet")
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--track", "-b", "topic", str(linked.path), "origin/topic")
        assert (standing(fetched_status(linked, "topic")), fetched_status(linked).branch) == (
            ("fresh", 0, 0, True),
            "topic",
        )
        assert fetched_status(linked).on_branch is False
        advance(other)
        assert (fetched_status(linked, "topic").freshness, fetched_status(clone).freshness) == (
            "behind",
            "fresh",
        )

    def test_of_a_bare_clone(self, origin: Origin) -> None:
        bare = origin.path.with_name("bare.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
        linked = Clone(origin.path.with_name("linked"))
        origin.git(f"--git-dir={bare}", "worktree", "add", "--quiet", str(linked.path), "main")
        assert (standing(fetched_status(linked)), fetched_status(linked).upstream) == (
            ("fresh", 0, 0, True),
            "origin/main",
        )
        advance(origin.clone("other"))
        assert standing(fetched_status(linked)) == ("behind", 0, 1, True)

    def test_what_is_under_way_elsewhere_is_not_under_way_here(self, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--detach", str(linked.path))
        clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
        assert (fetched_status(clone).under_way, fetched_status(linked).under_way) == ("a merge", "")
