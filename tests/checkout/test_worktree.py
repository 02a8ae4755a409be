"""Where a checkout is, whether it is fresh, what is dirty in it, which files it has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.checkout.git import GitError, GitMissing
from consistency.checkout.worktree import (
    NO_UPSTREAM,
    NOT_ASKED,
    Freshness,
    NotAWorkTree,
    State,
    WorkTree,
    fast_forward,
    fetch,
    files,
    locate,
    look,
    open_checkout,
    overlooked,
    uncommitted,
)
from tests.support.gitlog import GitProcesses
from tests.support.repos import Clone, Origin

PATTERN = "workplans/**/*.md"


def seen(clone: Clone) -> State:
    tree = open_checkout(str(clone.path))
    return look(tree, PATTERN, fetch(tree, 10))


def unseen(clone: Clone) -> State:
    return look(open_checkout(str(clone.path)), PATTERN, NOT_ASKED)


def advance(clone: Clone, name: str = "news") -> None:
    """One commit more at origin."""
    clone.write(name, name)
    clone.commit(name)
    clone.push()


class TestPlace:
    """C-01."""

    def test_work_tree(self, clone: Clone) -> None:
        assert open_checkout(str(clone.path)) == WorkTree(str(clone.path), str(clone.path / ".git"))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTree, match=r"/gone is not there$"):
            open_checkout(str(tmp_path / "gone"))

    def test_file(self, clone: Clone) -> None:
        with pytest.raises(NotAWorkTree, match=r"/README\.md is no folder$"):
            open_checkout(str(clone.path / "README.md"))

    def test_dangling_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        with pytest.raises(NotAWorkTree, match=r"/link is no folder$"):
            open_checkout(str(tmp_path / "link"))

    def test_plain_folder(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTree, match=r" is no git work tree: fatal: not a git repository"):
            open_checkout(str(tmp_path))

    def test_bare_repository(self, origin: Origin) -> None:
        with pytest.raises(NotAWorkTree, match="fatal: this operation must be run in a work tree"):
            open_checkout(str(origin.path))

    def test_git_folder(self, clone: Clone) -> None:
        with pytest.raises(NotAWorkTree, match="fatal: this operation must be run in a work tree"):
            open_checkout(str(clone.path / ".git"))

    def test_folder_in_another_work_tree(self, clone: Clone) -> None:
        (clone.path / "sub").mkdir()
        with pytest.raises(NotAWorkTree, match=rf"/sub is no git work tree of its own, only a folder in {clone.path}$"):
            open_checkout(str(clone.path / "sub"))
        assert locate(str(clone.path / "sub")).top == str(clone.path)

    def test_by_way_of_a_link(self, clone: Clone, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(clone.path)
        assert open_checkout(str(tmp_path / "link")).top == str(clone.path)

    def test_relative(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(clone.path.parent)
        assert open_checkout(clone.path.name).top == str(clone.path)

    def test_line_end_in_the_path(self, origin: Origin) -> None:
        with pytest.raises(NotAWorkTree, match=r"a\\nb' has a line end in its path; move it to another folder$"):
            open_checkout(str(origin.clone("a\nb").path))

    def test_broken_git_folder(self, clone: Clone) -> None:
        (clone.path / ".git" / "HEAD").unlink()
        with pytest.raises(NotAWorkTree, match="fatal: not a git repository"):
            open_checkout(str(clone.path))

    def test_broken_configuration(self, clone: Clone) -> None:
        clone.write(".git/config", "[core\n")
        with pytest.raises(NotAWorkTree, match="fatal: bad config line 1"):
            open_checkout(str(clone.path))

    def test_git_missing_is_no_fault_of_the_checkout(
        self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitMissing):
            open_checkout(str(clone.path))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
    def test_repository_of_another_user(self, clone: Clone) -> None:
        for file in (clone.path, clone.path / ".git"):
            os.chown(file, 65534, 65534)
        with pytest.raises(
            NotAWorkTree, match=r"detected dubious ownership .* git config --global --add safe\.directory"
        ):
            open_checkout(str(clone.path))

    def test_linked_worktree_has_a_git_folder_of_its_own(self, clone: Clone) -> None:
        linked = clone.path.with_name("linked")
        clone.git("worktree", "add", "--quiet", str(linked))
        assert open_checkout(str(linked)) == WorkTree(str(linked), str(clone.path / ".git" / "worktrees" / "linked"))


class TestFreshness:
    """The table of the design's pull gate."""

    def test_fresh(self, clone: Clone) -> None:
        assert seen(clone) == State(
            Freshness.FRESH, "ok", clone.head, "main", "origin/main", ahead=0, behind=0, dirty=frozenset()
        )
        assert not seen(clone).held_back

    def test_ahead_is_fresh(self, clone: Clone) -> None:
        clone.commit()
        state = seen(clone)
        assert (state.freshness, state.ahead, state.behind, state.held_back) == ("fresh", 1, 0, False)

    def test_behind(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = seen(clone)
        assert (state.freshness, state.fetch, state.ahead, state.behind, state.held_back) == (
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
        assert (state.freshness, state.ahead, state.behind, state.held_back) == ("diverged", 1, 1, True)

    def test_upstream_was_rewritten(self, origin: Origin, clone: Clone) -> None:
        advance(clone)
        other = origin.clone("other")
        other.git("commit", "--quiet", "--amend", "--message=Other")
        other.push("--force")
        assert seen(clone).freshness == "diverged"

    def test_unknown_where_nobody_asked(self, origin: Origin, clone: Clone) -> None:
        advance(origin.clone("other"))
        state = unseen(clone)
        assert (state.freshness, state.fetch, state.held_back) == ("unknown", "not asked", False)

    def test_unknown_where_the_fetch_failed(self, origin: Origin, clone: Clone) -> None:
        origin.path.rename(origin.path.with_name("away"))
        state = seen(clone)
        assert (state.freshness, state.held_back) == ("unknown", False)
        assert state.fetch.startswith("fatal: '") or "does not appear to be a git repository" in state.fetch

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
        assert (state.freshness, state.fetch, state.upstream) == ("no_upstream", NO_UPSTREAM, None)
        assert unseen(clone).freshness == "no_upstream"

    def test_no_upstream_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--no-track", "-b", "own")
        state = seen(clone)
        assert (state.freshness, state.fetch, state.branch) == ("no_upstream", NO_UPSTREAM, "own")

    def test_detached(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        state = seen(clone)
        assert (state.freshness, state.fetch, state.branch, state.head) == (
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
        assert (state.freshness, state.fetch, state.upstream) == ("no_upstream", NO_UPSTREAM, "origin/feature")

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
            Freshness.NO_UPSTREAM, NO_UPSTREAM, None, "main", None, 0, 0, frozenset({"workplans/a.md"})
        )

    def test_clone_of_an_empty_repository(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        origin.git("clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "new"))
        assert seen(Clone(tmp_path / "new")).freshness == "no_upstream"

    def test_upstream_is_a_local_branch(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--track", "-b", "topic", "main")
        state = seen(clone)
        assert (state.freshness, state.fetch, state.upstream) == ("fresh", "ok", "main")
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

    def test_remote_that_looks_like_an_option(self, clone: Clone, tmp_path: Path) -> None:
        name = f"--upload-pack=touch {tmp_path}/ran;"
        clone.write(".git/config", clone.read(".git/config").replace(b"remote = origin", f'remote = "{name}"'.encode()))
        state = seen(clone)
        assert (state.freshness, state.fetch) == ("no_upstream", f"the remote's name '{name}' begins with a dash")
        assert not (tmp_path / "ran").exists()

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
            look(tree, PATTERN, "ok")


class TestFastForward:
    def test_moves(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        fetch(tree, 10)
        fast_forward(tree, 10)
        assert (clone.head, clone.status()) == (origin.head, [])

    def test_is_refused_where_it_would_take_a_merge(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        advance(origin.clone("other"))
        clone.git("config", "pull.rebase", "true")
        before = clone.commit()
        fetch(tree, 10)
        with pytest.raises(GitError, match="Not possible to fast-forward"):
            fast_forward(tree, 10)
        assert clone.head == before

    def test_is_refused_where_it_would_touch_uncommitted_work(
        self, origin: Origin, clone: Clone, tree: WorkTree
    ) -> None:
        clone.git("config", "merge.autoStash", "true")
        advance(origin.clone("other"), "README.md")
        clone.write("README.md", "mine")
        fetch(tree, 10)
        before = clone.head
        with pytest.raises(GitError, match="would be overwritten by merge"):
            fast_forward(tree, 10)
        assert (clone.head, clone.read("README.md"), clone.git("stash", "list")) == (before, b"mine", "")


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


class TestFiles:
    def test_default_pattern(self, clone: Clone, tree: WorkTree) -> None:
        for name in ("workplans/x.md", "workplans/deep/er/y.md", "workplans/no.txt", "a/workplans/z.md", "x.md"):
            clone.write(name, "")
        assert files(tree, PATTERN) == ["workplans/deep/er/y.md", "workplans/x.md"]

    def test_tracked_and_untracked_but_not_ignored(self, clone: Clone, tree: WorkTree) -> None:
        clone.write(".gitignore", "ignored*\n")
        clone.write("workplans/ignored-but-tracked.md", "")
        clone.git("add", "--force", "workplans")
        clone.write("workplans/ignored.md", "")
        clone.write("workplans/untracked.md", "")
        assert files(tree, PATTERN) == ["workplans/ignored-but-tracked.md", "workplans/untracked.md"]

    def test_tracked_but_deleted_is_listed(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("workplans/a.md", "")
        clone.commit()
        (clone.path / "workplans" / "a.md").unlink()
        assert files(tree, PATTERN) == ["workplans/a.md"]

    def test_conflicting_file_is_listed_once(self, clone: Clone, tree: WorkTree) -> None:
        blob = clone.git("hash-object", "-w", "--stdin", input="x")
        stages = "".join(f"100644 {blob} {stage}\tworkplans/a.md\n" for stage in (1, 2, 3))
        clone.git("update-index", "--index-info", input=stages)
        assert files(tree, PATTERN) == ["workplans/a.md"]

    @pytest.mark.parametrize(
        "name",
        [
            "a b.md", "'quoted' \"twice\".md", "line\nend.md", "tab\t.md", "-dash.md", "--all.md", ":(exclude)x.md",
            "a[1].md", "ünï — ☃.md", "back\\slash.md", "*.md", " .md", "#.md", "? x.md", f"{'l' * 240}.md",
            f"{'/'.join(['d' * 200] * 8)}/x.md",
        ],
    )  # fmt: skip
    def test_odd_names(self, clone: Clone, tree: WorkTree, name: str) -> None:
        clone.write(f"workplans/{name}", "")
        assert files(tree, PATTERN) == [f"workplans/{name}"]
        assert unseen(clone).dirty == {f"workplans/{name}"}
        clone.commit()
        assert files(tree, PATTERN) == [f"workplans/{name}"]
        clone.write(f"workplans/{name}", "x")
        assert unseen(clone).dirty == {f"workplans/{name}"}

    def test_name_that_is_not_utf8(self, clone: Clone, tree: WorkTree) -> None:
        path = os.fsdecode(b"workplans/caf\xe9.md")
        try:
            clone.write(path, "")
        except OSError:
            pytest.skip("this file system takes only UTF-8")
        assert files(tree, PATTERN) == [path]
        assert unseen(clone).dirty == {path}

    def test_pattern_with_brackets_and_its_neighbour(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("a[1].md", "")
        clone.write("a1.md", "")
        assert files(tree, "a[1].md") == ["a1.md", "a[1].md"]  # git also takes a pattern to the letter
        assert files(tree, "a\\[1].md") == ["a[1].md"]
        assert files(tree, "a1.md") == ["a1.md"]

    def test_pattern_that_looks_like_magic_or_an_option(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("x.md", "")
        for pattern in (":(exclude)y", "--others", ")", ":!x.md"):
            assert files(tree, pattern) == []

    def test_pattern_outside_the_repo(self, clone: Clone, tree: WorkTree) -> None:
        (clone.path.parent / "x.md").touch()
        assert files(tree, "../*.md") == []

    def test_nested_repository_and_submodule(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("submodule", "--quiet", "add", str(origin.path), "workplans/sub")
        clone.git("clone", "--quiet", str(origin.path), "workplans/nested")
        clone.write("workplans/sub/x.md", "")
        clone.write("workplans/nested/x.md", "")
        clone.write("workplans/y.md", "")
        assert files(tree, PATTERN) == ["workplans/y.md"]
        assert unseen(clone).dirty == {"workplans/y.md"}


def test_no_git_processes_beyond_a_small_constant(clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
    for number in range(50):
        clone.write(f"workplans/{number}.md", "")
    git_processes.clear()
    state = look(tree, PATTERN, fetch(tree, 10))
    assert (len(files(tree, PATTERN)), len(state.dirty)) == (50, 50)
    assert len(git_processes) == 5


def test_a_folder_without_permission(clone: Clone, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    clone.path.chmod(0)
    try:
        with pytest.raises(NotAWorkTree, match="Permission denied"):
            open_checkout(str(clone.path))
    finally:
        clone.path.chmod(0o700)
