"""A checkout's folders and files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.git.process import GitMissingError
from consistency.git.remote import fetch
from consistency.git.status import read_status
from consistency.git.worktree import Listing, NotAWorkTreeError, WorkTree, find_worktree, list_files, open_checkout
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from tests.git.desk import PATTERN, cached_status, upstream_of


class TestPlace:
    """C-01."""

    def test_work_tree(self, clone: Clone) -> None:
        git = str(clone.path / ".git")
        assert open_checkout(str(clone.path)) == WorkTree(str(clone.path), git, git)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTreeError, match=r"/gone is not there$"):
            open_checkout(str(tmp_path / "gone"))

    def test_file(self, clone: Clone) -> None:
        with pytest.raises(NotAWorkTreeError, match=r"/README\.md is not a directory$"):
            open_checkout(str(clone.path / "README.md"))

    def test_dangling_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        with pytest.raises(NotAWorkTreeError, match=r"/link is not a directory$"):
            open_checkout(str(tmp_path / "link"))

    def test_plain_folder(self, tmp_path: Path) -> None:
        with pytest.raises(NotAWorkTreeError, match=r" is not a git work tree: fatal: not a git repository"):
            open_checkout(str(tmp_path))

    def test_bare_repository(self, origin: Origin) -> None:
        with pytest.raises(NotAWorkTreeError, match="fatal: this operation must be run in a work tree"):
            open_checkout(str(origin.path))

    def test_git_folder(self, clone: Clone) -> None:
        with pytest.raises(NotAWorkTreeError, match="fatal: this operation must be run in a work tree"):
            open_checkout(str(clone.path / ".git"))

    def test_folder_in_another_work_tree(self, clone: Clone) -> None:
        (clone.path / "sub").mkdir()
        with pytest.raises(
            NotAWorkTreeError, match=rf"/sub is not the top of a git work tree but a directory inside {clone.path}$"
        ):
            open_checkout(str(clone.path / "sub"))
        assert find_worktree(str(clone.path / "sub")).top == str(clone.path)

    def test_by_way_of_a_link(self, clone: Clone, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(clone.path)
        assert open_checkout(str(tmp_path / "link")).top == str(clone.path)

    def test_relative(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(clone.path.parent)
        assert open_checkout(clone.path.name).top == str(clone.path)

    def test_line_end_in_the_path(self, origin: Origin) -> None:
        with pytest.raises(NotAWorkTreeError, match=r"a\\nb' has a line end in its path; move it to another folder$"):
            open_checkout(str(origin.clone("a\nb").path))

    def test_broken_git_folder(self, clone: Clone) -> None:
        (clone.path / ".git" / "HEAD").unlink()
        with pytest.raises(NotAWorkTreeError, match="fatal: not a git repository"):
            open_checkout(str(clone.path))

    def test_broken_configuration(self, clone: Clone) -> None:
        clone.write(".git/config", "[core\n")
        with pytest.raises(NotAWorkTreeError, match="fatal: bad config line 1"):
            open_checkout(str(clone.path))

    def test_git_missing_is_no_fault_of_the_checkout(
        self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitMissingError):
            open_checkout(str(clone.path))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
    def test_repository_of_another_user(self, clone: Clone) -> None:
        for file in (clone.path, clone.path / ".git"):
            os.chown(file, 65534, 65534)
        with pytest.raises(
            NotAWorkTreeError, match=r"detected dubious ownership .* git config --global --add safe\.directory"
        ):
            open_checkout(str(clone.path))

    def test_linked_worktree_has_a_git_folder_of_its_own(self, clone: Clone) -> None:
        linked = clone.path.with_name("linked")
        clone.git("worktree", "add", "--quiet", str(linked))
        shared = clone.path / ".git"
        assert open_checkout(str(linked)) == WorkTree(str(linked), str(shared / "worktrees" / "linked"), str(shared))


class TestFiles:
    def test_default_pattern(self, clone: Clone, tree: WorkTree) -> None:
        for name in ("workplans/x.md", "workplans/deep/er/y.md", "workplans/no.txt", "a/workplans/z.md", "x.md"):
            clone.write(name, "")
        assert list_files(tree, PATTERN).paths == ["workplans/deep/er/y.md", "workplans/x.md"]

    def test_tracked_and_untracked_but_not_ignored(self, clone: Clone, tree: WorkTree) -> None:
        clone.write(".gitignore", "ignored*\n")
        clone.write("workplans/ignored-but-tracked.md", "")
        clone.git("add", "--force", "workplans")
        clone.write("workplans/ignored.md", "")
        clone.write("workplans/untracked.md", "")
        assert list_files(tree, PATTERN).paths == ["workplans/ignored-but-tracked.md", "workplans/untracked.md"]

    def test_tracked_but_deleted_is_listed(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("workplans/a.md", "")
        clone.commit()
        (clone.path / "workplans" / "a.md").unlink()
        assert list_files(tree, PATTERN).paths == ["workplans/a.md"]

    def test_conflicting_file_is_listed_once(self, clone: Clone, tree: WorkTree) -> None:
        blob = clone.git("hash-object", "-w", "--stdin", input="x")
        stages = "".join(f"100644 {blob} {stage}\tworkplans/a.md\n" for stage in (1, 2, 3))
        clone.git("update-index", "--index-info", input=stages)
        assert list_files(tree, PATTERN).paths == ["workplans/a.md"]

    @pytest.mark.parametrize(
        "name",
        [
            "a b.md",
            "'quoted' \"twice\".md",
            "line\nend.md",
            "tab\t.md",
            "-dash.md",
            "--all.md",
            ":(exclude)x.md",
            "a[1].md",
            "ünï — ☃.md",
            "back\\slash.md",
            "*.md",
            " .md",
            "#.md",
            "? x.md",
            f"{'l' * 240}.md",
            f"{'/'.join(['d' * 200] * 8)}/x.md",
        ],
    )
    def test_odd_names(self, clone: Clone, tree: WorkTree, name: str) -> None:
        clone.write(f"workplans/{name}", "")
        assert list_files(tree, PATTERN).paths == [f"workplans/{name}"]
        assert cached_status(clone).dirty == {f"workplans/{name}"}
        clone.commit()
        assert list_files(tree, PATTERN).paths == [f"workplans/{name}"]
        clone.write(f"workplans/{name}", "x")
        assert cached_status(clone).dirty == {f"workplans/{name}"}

    def test_name_that_is_not_utf8(self, clone: Clone, tree: WorkTree) -> None:
        path = os.fsdecode(b"workplans/caf\xe9.md")
        try:
            clone.write(path, "")
        except OSError:
            pytest.skip("this file system takes only UTF-8")
        assert list_files(tree, PATTERN).paths == [path]
        assert cached_status(clone).dirty == {path}

    def test_pattern_with_brackets_and_its_neighbour(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("a[1].md", "")
        clone.write("a1.md", "")
        assert list_files(tree, "a[1].md").paths == ["a1.md", "a[1].md"]  # git also takes a pattern to the letter
        assert list_files(tree, "a\\[1].md").paths == ["a[1].md"]
        assert list_files(tree, "a1.md").paths == ["a1.md"]

    def test_pattern_that_looks_like_magic_or_an_option(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("x.md", "")
        for pattern in (":(exclude)y", "--others", ")", ":^x.md"):
            assert list_files(tree, pattern).paths == []

    def test_several_patterns_and_files_left_out(self, clone: Clone, tree: WorkTree) -> None:
        for name in ("a/1.md", "a/old/2.md", "b/3.md", "b/4.txt", "c/5.md"):
            clone.write(name, "")
        clone.git("add", "a", "b/3.md")
        assert list_files(tree, "a/**/*.md\nb/*").paths == ["a/1.md", "a/old/2.md", "b/3.md", "b/4.txt"]
        assert list_files(tree, "a/**/*.md\nb/*\n:!a/old/**\n:!**/*.txt").paths == ["a/1.md", "b/3.md"]
        assert list_files(tree, "*.md\n:!*.md").paths == []

    def test_pattern_outside_the_repo(self, clone: Clone, tree: WorkTree) -> None:
        (clone.path.parent / "x.md").touch()
        assert list_files(tree, "../*.md").paths == []

    def test_nested_repository_and_submodule(self, origin: Origin, clone: Clone, tree: WorkTree) -> None:
        clone.git("submodule", "--quiet", "add", str(origin.path), "workplans/sub")
        clone.git("clone", "--quiet", str(origin.path), "workplans/nested")
        clone.write("workplans/sub/x.md", "")
        clone.write("workplans/nested/x.md", "")
        clone.write("workplans/y.md", "")
        assert list_files(tree, PATTERN).paths == ["workplans/y.md"]
        assert cached_status(clone).dirty == {"workplans/y.md"}


class TestListing:
    def test_tells_untracked_and_overlooked(self, clone: Clone, tree: WorkTree) -> None:
        for name in ("plain", "assumed", "skipped", "both"):
            clone.write(f"workplans/{name}.md", "")
        clone.commit()
        for name in ("assumed", "both"):
            clone.git("update-index", "--assume-unchanged", f"workplans/{name}.md")
        for name in ("skipped", "both"):
            clone.git("update-index", "--skip-worktree", f"workplans/{name}.md")
        clone.write("workplans/new.md", "")
        clone.write("workplans/a ? b.md", "")
        names = ("a ? b", "assumed", "both", "new", "plain", "skipped")
        assert list_files(tree, PATTERN) == Listing(
            [f"workplans/{name}.md" for name in names],
            untracked=frozenset({"workplans/new.md", "workplans/a ? b.md"}),
            overlooked=frozenset({"workplans/assumed.md", "workplans/both.md"}),
            sparse=frozenset({"workplans/skipped.md", "workplans/both.md"}),
        )

    def test_intended_is_tracked(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("workplans/a.md", "")
        clone.git("add", "--intent-to-add", "workplans/a.md")
        assert list_files(tree, PATTERN) == Listing(["workplans/a.md"])

    def test_sparse_index(self, clone: Clone, tree: WorkTree) -> None:
        for name in ("workplans/in/a.md", "workplans/out/b.md", "other/c.md"):
            clone.write(name, "")
        clone.commit()
        clone.git("sparse-checkout", "init", "--cone", "--sparse-index")
        clone.git("sparse-checkout", "set", "workplans/in")
        assert list_files(tree, PATTERN) == Listing(
            ["workplans/in/a.md", "workplans/out/b.md"], sparse=frozenset({"workplans/out/b.md"})
        )


def test_no_git_processes_beyond_a_small_constant(clone: Clone, tree: WorkTree, git_processes: GitProcesses) -> None:
    for number in range(50):
        clone.write(f"workplans/{number}.md", "")
    git_processes.clear()
    upstream = upstream_of(tree)
    state = read_status(tree, PATTERN, upstream, fetch(tree, upstream, 10), "main")
    assert (len(state.listing.paths), len(state.dirty)) == (50, 50)
    assert len(git_processes) == 4


def test_a_folder_without_permission(clone: Clone, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    clone.path.chmod(0)
    try:
        with pytest.raises(NotAWorkTreeError, match="Permission denied"):
            open_checkout(str(clone.path))
    finally:
        clone.path.chmod(0o700)
