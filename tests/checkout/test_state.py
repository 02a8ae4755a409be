"""Whether a checkout is fresh, and what is dirty in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.checkout.git import GitError
from consistency.checkout.remote import Fetched
from consistency.checkout.state import State, look
from consistency.checkout.worktree import WorkTree, open_checkout, overlooked, uncommitted
from consistency.core.gate import FETCHED, NO_UPSTREAM, Freshness, behind
from tests.checkout.desk import PATTERN, advance, seen, unseen
from tests.support.repos import Clone, Origin


def held_back(state: State) -> bool:
    """Whether the pull gate is closed."""
    return behind("net", state.freshness, None) != []


class TestFreshness:
    """The table of the design's pull gate."""

    def test_fresh(self, clone: Clone) -> None:
        assert seen(clone) == State(
            Freshness.FRESH,
            Fetched(FETCHED, clone.head),
            clone.head,
            "main",
            "origin/main",
            ahead=0,
            behind=0,
            dirty=frozenset(),
        )
        assert not held_back(seen(clone))

    def test_ahead_is_fresh(self, clone: Clone) -> None:
        clone.commit()
        state = seen(clone)
        assert (state.freshness, state.ahead, state.behind, held_back(state)) == ("fresh", 1, 0, False)

    def test_behind(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.ahead, state.behind, held_back(state)) == (
            "behind",
            "ok",
            0,
            1,
            True,
        )

    def test_diverged(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        clone.commit()
        state = seen(clone)
        assert (state.freshness, state.ahead, state.behind, held_back(state)) == ("diverged", 1, 1, True)

    def test_upstream_was_rewritten(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        other = origin.clone("other")
        other.git("commit", "--quiet", "--amend", "--message=Other")
        other.push("--force")
        assert seen(clone).freshness == "diverged"

    def test_unknown_where_nobody_asked(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = unseen(clone)
        assert (state.freshness, state.fetched.outcome, held_back(state)) == ("unknown", "not asked", False)

    def test_unknown_where_the_fetch_failed(self, origin: Origin, clone: Clone) -> None:
        origin.path.rename(origin.path.with_name("away"))
        state = seen(clone)
        assert (state.freshness, held_back(state)) == ("unknown", False)
        assert (
            state.fetched.outcome.startswith("fatal: '")
            or "does not appear to be a git repository" in state.fetched.outcome
        )

    @pytest.mark.parametrize(("own", "expected"), [(False, "behind"), (True, "diverged")])
    def test_what_an_earlier_fetch_brought_counts_offline(
        self, origin: Origin, clone: Clone, own: bool, expected: str
    ) -> None:
        advance(origin.clone("other"))
        clone.git("fetch", "--quiet")
        origin.path.rename(origin.path.with_name("away"))
        if own:
            clone.commit()
        assert seen(clone).freshness == unseen(clone).freshness == expected

    def test_no_remote(self, clone: Clone) -> None:
        clone.git("remote", "remove", "origin")
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.upstream) == ("no_upstream", NO_UPSTREAM, None)
        assert unseen(clone).freshness == "no_upstream"

    def test_no_upstream_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--no-track", "-b", "own")
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.branch) == ("no_upstream", NO_UPSTREAM, "own")

    def test_detached(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.branch, state.head) == (
            "no_upstream",
            NO_UPSTREAM,
            None,
            clone.head,
        )

    @pytest.mark.parametrize("prune", ["true", "false"])
    def test_upstream_branch_is_gone_at_the_remote(self, origin: Origin, clone: Clone, prune: str) -> None:
        clone.git("config", "fetch.prune", prune)
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        assert seen(clone).freshness == "fresh"
        origin.git("branch", "--quiet", "-D", "feature")
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.upstream) == (
            "no_upstream",
            NO_UPSTREAM,
            "origin/feature",
        )

    def test_upstream_branch_is_gone_but_had_more(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "feature")
        advance(clone)
        clone.git("reset", "--quiet", "--hard", "HEAD^")
        origin.git("branch", "--quiet", "-D", "feature")
        assert seen(clone).freshness == "behind"

    def test_upstream_that_is_configured_but_was_never_fetched(self, clone: Clone) -> None:
        clone.git("config", "branch.main.merge", "refs/heads/never")
        assert (unseen(clone).freshness, seen(clone).freshness) == ("unknown", "no_upstream")

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", "")
        assert seen(new) == State(
            Freshness.NO_UPSTREAM, Fetched(NO_UPSTREAM), None, "main", None, 0, 0, frozenset({"workplans/a.md"})
        )

    def test_clone_of_an_empty_repository(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        assert seen(Clone(tmp_path / "new")).freshness == "no_upstream"

    def test_upstream_is_a_local_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        state = seen(clone)
        assert (state.freshness, state.fetched.outcome, state.upstream) == ("fresh", "ok", "main")
        clone.git("checkout", "--quiet", "main")
        clone.commit()
        clone.git("checkout", "--quiet", "topic")
        assert seen(clone).freshness == "behind"

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

    def test_remote_of_another_name(self, origin: Origin, clone: Clone) -> None:
        clone.git("remote", "rename", "origin", "elsewhere")
        advance(origin.clone("other"))
        assert (seen(clone).freshness, seen(clone).upstream) == ("behind", "elsewhere/main")

    def test_shallow_clone(self, origin: Origin) -> None:
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name("shallow")))
        shallow = Clone(origin.path.with_name("shallow"))
        assert seen(shallow).freshness == "fresh"
        advance(origin.clone("other"))
        assert seen(shallow).freshness == "behind"
        shallow.commit()
        assert seen(shallow).freshness == "diverged"

    def test_linked_worktree_on_a_branch_of_its_own(self, origin: Origin, clone: Clone) -> None:
        other = origin.clone("other")
        other.git("checkout", "--quiet", "-b", "topic")
        other.push()
        clone.git("fetch", "--quiet")
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "--track", "-b", "topic", str(linked.path), "origin/topic")
        assert (seen(linked).freshness, seen(linked).branch) == ("fresh", "topic")
        advance(other)
        assert (seen(linked).freshness, seen(clone).freshness) == ("behind", "fresh")

    def test_branch_whose_name_is_not_utf8(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", os.fsdecode(b"caf\xe9"))
        assert seen(clone).branch == "caf\ufffd"

    def test_branch_with_dots_and_capitals(self, origin: Origin, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "Feature/v1.2.remote")
        advance(clone)
        assert (seen(clone).freshness, seen(clone).upstream) == ("fresh", "origin/Feature/v1.2.remote")

    def test_index_that_is_broken(self, clone: Clone, tree: WorkTree) -> None:
        clone.write(".git/index", b"broken")
        with pytest.raises(GitError, match="index file"):
            look(tree, PATTERN, Fetched(FETCHED))


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
        assert uncommitted(open_checkout(str(clone.path))) == {f"workplans/{name}.md" for name in names[:-1]}

    def test_staged_and_taken_back_in_the_work_tree(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "staged")
        clone.git("add", "workplans/a.md")
        clone.write("workplans/a.md", "a\n" * 9)
        assert uncommitted(open_checkout(str(clone.path))) == unseen(clone).dirty == {"workplans/a.md"}

    def test_conflict(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("workplans/a.md", "theirs")
        clone.commit()
        clone.git("checkout", "--quiet", "main")
        clone.write("workplans/a.md", "ours")
        clone.commit()
        with pytest.raises(AssertionError, match="CONFLICT"):
            clone.git("merge", "other")
        assert unseen(clone).dirty == {"workplans/a.md"}

    def test_mode(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        assert unseen(clone).dirty == {"workplans/a.md"}

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_overlooked(self, clone: Clone, flag: str) -> None:
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", "hidden")
        tree = open_checkout(str(clone.path))
        assert (unseen(clone).dirty, overlooked(tree)) == (frozenset(), {"workplans/a.md"})
