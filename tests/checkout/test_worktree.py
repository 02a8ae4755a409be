"""Where a checkout is, and which files it has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.checkout.git import GitMissing
from consistency.checkout.state import look
from consistency.checkout.worktree import NotAWorkTree, WorkTree, files, locate, open_checkout
from tests.checkout.desk import PATTERN, fetched, unseen
from tests.support.gitlog import GitProcesses
from tests.support.repos import Clone, Origin


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
    state = look(tree, PATTERN, fetched(tree))
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
