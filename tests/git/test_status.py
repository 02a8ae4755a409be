"""How fresh a checkout is: what it has, and lacks, of the repo's branch on the repo's origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from consistency.core.comparison.gates import FETCHED, NO_UPSTREAM, NOT_ASKED, Freshness
from consistency.git.process import GitError
from consistency.git.remote import Fetched
from consistency.git.status import CheckoutStatus, read_status
from consistency.git.worktree import Listing, WorkTree
from testing.repos import Clone, Origin
from tests.git.desk import (
    PATTERN,
    advance,
    cached_status,
    fetched_status,
    held_back,
    make_unreachable,
    standing,
    upstream_of,
)


class TestFreshness:
    """The table of the design's pull gate."""

    def test_fresh(self, clone: Clone) -> None:
        assert fetched_status(clone) == CheckoutStatus(
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
            listing=Listing([]),
        )
        assert not held_back(fetched_status(clone))

    def test_ahead_is_fresh(self, clone: Clone) -> None:
        clone.commit()
        assert (standing(fetched_status(clone)), held_back(fetched_status(clone))) == (
            ("fresh", 1, 0, True),
            False,
        )

    def test_behind(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = fetched_status(clone)
        assert (standing(state), state.fetched, state.tip) == (
            ("behind", 0, 1, True),
            Fetched(FETCHED, origin.head),
            origin.head,
        )
        assert held_back(state)

    def test_diverged(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        clone.commit()
        assert (standing(fetched_status(clone)), held_back(fetched_status(clone))) == (
            ("diverged", 1, 1, True),
            True,
        )

    def test_upstream_was_rewritten(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        other = origin.clone("other")
        other.git("commit", "--quiet", "--amend", "--message=Other")
        other.push("--force")
        assert standing(fetched_status(clone)) == ("diverged", 1, 1, True)

    def test_upstream_was_set_back(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        origin.git("update-ref", "refs/heads/main", "main~1")
        assert standing(fetched_status(clone)) == ("fresh", 1, 0, True)

    def test_histories_with_nothing_in_common(self, origin: Origin, clone: Clone) -> None:
        other = origin.clone("other")
        other.git("checkout", "--quiet", "--orphan", "new")
        other.commit("From the beginning")
        other.git("push", "--quiet", "--force", "origin", "HEAD:main")
        assert standing(fetched_status(clone)) == ("diverged", 1, 1, True)

    def test_unknown_where_nobody_asked(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = cached_status(clone)
        assert (standing(state), state.fetched, held_back(state)) == (
            ("unknown", 0, 0, True),
            Fetched(NOT_ASKED),
            False,
        )

    def test_unknown_where_the_fetch_failed(self, origin: Origin, clone: Clone) -> None:
        make_unreachable(origin)
        state = fetched_status(clone)
        assert (standing(state), state.tip, held_back(state)) == (("unknown", 0, 0, True), clone.head, False)
        assert "does not appear to be a git repository" in state.fetched.outcome

    @pytest.mark.parametrize(("own", "expected"), [(False, "behind"), (True, "diverged")])
    def test_what_an_earlier_fetch_brought_counts_offline(
        self, origin: Origin, clone: Clone, own: bool, expected: str
    ) -> None:
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        make_unreachable(origin)
        if own:
            clone.commit()
        assert standing(fetched_status(clone)) == standing(cached_status(clone)) == (expected, int(own), 1, True)

    def test_our_own_fetch_counts_offline(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        assert fetched_status(clone).freshness == "behind"
        make_unreachable(origin)
        assert standing(fetched_status(clone)) == ("behind", 0, 1, True)

    def test_fetch_that_works_beats_what_was_noted(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        origin.git("update-ref", "refs/heads/main", "main~1")
        assert standing(fetched_status(clone, tip=clone.git("rev-parse", "origin/main"))) == ("fresh", 0, 0, True)

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", "")
        assert fetched_status(new) == CheckoutStatus(
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
            listing=Listing(["workplans/a.md"], untracked=frozenset({"workplans/a.md"})),
        )

    def test_branch_without_a_commit_lacks_all_of_origin(self, origin: Origin, clone: Clone) -> None:
        clone.git("update-ref", "-d", "HEAD")
        state = fetched_status(clone)
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
        state = fetched_status(clone)
        assert (state.freshness, state.dirty) == (Freshness.BEHIND, frozenset({"workplans/a.md"}))

    def test_index_that_is_broken(self, clone: Clone, tree: WorkTree) -> None:
        clone.write(".git/index", b"broken")
        with pytest.raises(GitError, match="index file"):
            read_status(tree, PATTERN, upstream_of(tree), Fetched(FETCHED, clone.head), "main")


class TestWhatOthersSaw:
    """The tip that another run's fetch saw counts only for what this one does not know."""

    @pytest.fixture
    def theirs(self, origin: Origin, clone: Clone) -> str:
        advance(origin.clone("other"))
        tip = origin.head
        make_unreachable(origin)
        return tip

    def test_commit_that_never_came_here(self, clone: Clone, theirs: str) -> None:
        state = fetched_status(clone, tip=theirs)
        assert (standing(state), state.tip, held_back(state)) == (("behind", None, None, True), theirs, True)
        assert standing(cached_status(clone, tip=theirs)) == ("behind", None, None, True)

    def test_commit_that_this_clone_has(self, clone: Clone, theirs: str) -> None:
        assert standing(cached_status(clone, tip=clone.head)) == ("unknown", 0, 0, True)
        clone.commit()
        assert standing(cached_status(clone, tip=clone.head)) == (
            "unknown",
            1,
            0,
            True,
        )  # against the one that lacks most

    def test_older_than_what_this_clone_has_noted(self, origin: Origin, clone: Clone) -> None:
        old = clone.head
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        assert standing(cached_status(clone, tip=old)) == ("behind", 0, 1, True)


class TestShallow:
    @pytest.fixture
    def clone(self, origin: Origin, clone: Clone) -> Clone:
        advance(clone)
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name("shallow")))
        return Clone(origin.path.with_name("shallow"))

    def test_stays_shallow_and_is_compared(self, origin: Origin, clone: Clone) -> None:
        assert standing(fetched_status(clone)) == ("fresh", 0, 0, True)
        advance(origin.clone("other"), "more")
        assert standing(fetched_status(clone)) == ("behind", 0, 1, True)
        clone.commit()
        assert standing(fetched_status(clone)) == ("diverged", 1, 1, True)
        assert clone.git("rev-parse", "--is-shallow-repository") == "true"

    def test_origin_was_rewritten_below_the_cut(self, origin: Origin, clone: Clone) -> None:
        origin.git("update-ref", "refs/heads/main", "main~1")
        state = fetched_status(clone)
        assert (state.freshness in ("fresh", "diverged"), state.fetched.tip) == (True, origin.head)
        assert (state.behind == 0) == (state.freshness == "fresh")
