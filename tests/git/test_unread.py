"""Files that exist but are not read are named with the reason; files that are not meant as workplans are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.unread import linked_folders, nearest, why_unread
from consistency.git.worktree import WorkTree, list_files
from testing.gitlog import GitProcesses
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.workplans import workplan

FILE, PATTERN = "workplans/a.md", "workplans/**/*.md"
TEXT = workplan("WP-1", [("T01", "todo")])


@pytest.fixture(autouse=True)
def planned(clone: Clone) -> None:
    clone.write(FILE, TEXT)
    clone.commit()


def unread(tree: WorkTree, *paths: str, pattern: str = PATTERN) -> dict[str, str]:
    return why_unread(tree, paths or (FILE,), list_files(tree, pattern), pattern)


def hidden(tree: WorkTree, pattern: str = PATTERN) -> dict[str, str]:
    return linked_folders(tree, list_files(tree, pattern), pattern)


def near(tree: WorkTree, pattern: str = PATTERN) -> list[str]:
    return nearest(tree, list_files(tree, pattern), pattern)


def gone(clone: Clone) -> None:
    clone.git("rm", "--quiet", FILE)


def deleted(clone: Clone) -> None:
    (clone.path / FILE).unlink()


def ignored(clone: Clone) -> None:
    clone.write(".gitignore", "\n/workplans/*.md\n")
    clone.git("rm", "--quiet", "--cached", FILE)


def ignored_folder(clone: Clone) -> None:
    clone.write(".git/info/exclude", "workplans/\n")
    clone.git("rm", "--quiet", "--cached", FILE)


def folder(clone: Clone) -> None:
    gone(clone)
    clone.write(f"{FILE}/x.txt", "")


def linked_folder(clone: Clone) -> None:
    clone.git("mv", "workplans", "plans")
    (clone.path / "workplans").symlink_to("plans")


def linked_folder_elsewhere(clone: Clone) -> None:
    (clone.path / "workplans").rename(clone.path.with_name("plans"))
    (clone.path / "workplans").symlink_to("../plans")
    clone.commit()


def broken_link(clone: Clone) -> None:
    linked_folder_elsewhere(clone)
    clone.path.with_name("plans").rename(clone.path.with_name("away"))


def nested(clone: Clone) -> None:
    clone.git("rm", "--quiet", "--cached", FILE)
    clone.git("init", "--quiet", "workplans")


def submodule(clone: Clone) -> None:
    gone(clone)
    library = Bare(clone.path.with_name("origin.git"))
    clone.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "workplans")
    clone.write(FILE, TEXT)


def empty_submodule(clone: Clone) -> None:
    submodule(clone)
    (clone.path / FILE).unlink()
    clone.commit()
    clone.git("submodule", "--quiet", "deinit", "--force", "workplans")


def sparse(clone: Clone) -> None:
    clone.git("sparse-checkout", "set", "--no-cone", "/README.md")


def second_name(clone: Clone) -> None:
    clone.git("mv", FILE, "workplans/b.md")
    (clone.path / FILE).symlink_to("b.md")
    clone.git("add", FILE)


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (gone, None),
        (deleted, None),
        (ignored, "git ignores it (.gitignore:2: /workplans/*.md)"),
        (ignored_folder, "git ignores it (.git/info/exclude:1: workplans/)"),
        (folder, "a folder now"),
        (linked_folder, "workplans is a link to the folder plans: such links are not followed"),
        (linked_folder_elsewhere, "workplans is a link to the folder ../plans: such links are not followed"),
        (broken_link, "workplans is a link to ../plans, which is not there"),
        (nested, "workplans is a git repository of its own: register it separately (register_repo {top}/workplans)"),
        (submodule, "workplans is a submodule: register it separately (register_repo {top}/workplans)"),
        (empty_submodule, "workplans is a submodule that is not checked out"),
        (sparse, "a sparse checkout leaves the file out of the work tree"),
        (second_name, "a link to another workplan"),
    ],
)
def test_reason(clone: Clone, tree: WorkTree, arrange: Callable[[Clone], None], why: str | None) -> None:
    arrange(clone)
    assert unread(tree) == ({} if why is None else {FILE: why.format(top=clone.path)})


def test_other_pattern(tree: WorkTree) -> None:
    assert unread(tree, pattern="plans/*.md") == {FILE: "it does not match the repo's workplan pattern 'plans/*.md'"}


@pytest.mark.parametrize("name", [":(top)x.md", "!x.md", "a b.md", "ä.md", "x\ty.md"])
def test_ignored_file_with_an_odd_name(clone: Clone, tree: WorkTree, name: str) -> None:
    clone.write(f"workplans/{name}", TEXT)
    clone.write(".gitignore", "workplans/\n")
    path = f"workplans/{name}"
    assert unread(tree, path) == {path: "git ignores it (.gitignore:1: workplans/)"}


def test_rule_that_takes_a_file_back_in_is_no_reason(clone: Clone, tree: WorkTree) -> None:
    clone.write("plans/b.md", TEXT)
    clone.write(".gitignore", "*.md\n!b.md\n")
    assert unread(tree, "plans/b.md") == {
        "plans/b.md": "it does not match the repo's workplan pattern 'workplans/**/*.md'"
    }


def test_one_process_for_any_number_and_none_for_none(
    clone: Clone, tree: WorkTree, git_processes: GitProcesses
) -> None:
    paths = [f"workplans/{number}.md" for number in range(20)]
    listing = list_files(tree, PATTERN)
    git_processes.clear()
    assert why_unread(tree, paths, listing, PATTERN) == {}
    assert linked_folders(tree, listing, PATTERN) == {}
    assert len(git_processes) == 0
    for path in paths:
        clone.write(path, TEXT)
    clone.write(".gitignore", "*.md\n")
    assert set(why_unread(tree, paths, listing, PATTERN)) == set(paths)
    assert len(git_processes) == 1


class TestFolders:
    """Links to folders among the workplans; repositories only if nothing else is there."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside/x.md").write_text(TEXT)
        return tmp_path / "outside"

    @pytest.mark.parametrize("place", ["workplans/shared", "workplans/deep/er/shared"])
    def test_link_is_named(self, clone: Clone, tree: WorkTree, outside: Path, place: str) -> None:
        (clone.path / place).parent.mkdir(parents=True, exist_ok=True)
        (clone.path / place).symlink_to(outside)
        assert hidden(tree) == {place: f"a link to the folder {outside}: such links are not followed"}

    def test_pattern_without_a_folder_in_front(self, clone: Clone, tree: WorkTree, outside: Path) -> None:
        (clone.path / "workplans/shared").symlink_to(outside)
        (clone.path / "top").symlink_to(outside)
        assert set(hidden(tree, "**/*.md")) == {"workplans/shared", "top"}

    def test_link_to_what_is_read_anyway(self, clone: Clone, tree: WorkTree) -> None:
        clone.write("workplans/2026/b.md", TEXT)
        (clone.path / "workplans/current").symlink_to("2026")
        assert hidden(tree) == {}

    @pytest.mark.parametrize("text", ["# Words\n", "---\ntype: note\n---\n", ""])
    def test_link_to_other_things(self, clone: Clone, tree: WorkTree, outside: Path, text: str) -> None:
        (outside / "x.md").write_text(text)
        (clone.path / "workplans/shared").symlink_to(outside)
        (clone.path / "workplans/nowhere").symlink_to("nowhere/at/all")
        assert hidden(tree) == {}

    def test_link_that_git_ignores(self, clone: Clone, tree: WorkTree, outside: Path) -> None:
        (clone.path / "workplans/shared").symlink_to(outside)
        clone.write(".gitignore", "shared\n")
        assert hidden(tree) == {}

    def test_pattern_of_one_folder_has_none_below(self, clone: Clone, tree: WorkTree, outside: Path) -> None:
        (clone.path / "workplans/shared").symlink_to(outside)
        assert hidden(tree, "workplans/*.md") == {}

    def test_repository_of_its_own(self, clone: Clone, tree: WorkTree) -> None:
        clone.git("init", "--quiet", "workplans/team")
        clone.write("workplans/team/x.md", TEXT)
        assert hidden(tree) == {}
        clone.git("rm", "--quiet", FILE)
        place = clone.path / "workplans/team"
        assert near(tree) == [
            f"workplans/team is a git repository of its own: register it separately (register_repo {place})"
        ]

    def test_link_that_the_pattern_leaves_out(self, clone: Clone, tree: WorkTree, outside: Path) -> None:
        (clone.path / "workplans/shared").symlink_to(outside)
        listing = list_files(tree, PATTERN)
        assert set(linked_folders(tree, listing, f"{PATTERN}\nplans/**/*.md")) == {"workplans/shared"}
        assert linked_folders(tree, listing, f"{PATTERN}\n:!workplans/shared/**") == {}

    def test_links_in_a_circle(self, clone: Clone, tree: WorkTree) -> None:
        (clone.path / "workplans/up").symlink_to("..")
        (clone.path / "workplans/self").symlink_to("self")
        assert hidden(tree) == {}


class TestNearest:
    def test_ignored(self, clone: Clone, tree: WorkTree) -> None:
        ignored(clone)
        assert near(tree) == [f"git ignores {FILE}"]

    def test_many_ignored(self, clone: Clone, tree: WorkTree) -> None:
        ignored(clone)
        for name in "bcde":
            clone.write(f"workplans/{name}.md", TEXT)
        assert near(tree) == ["git ignores workplans/a.md, workplans/b.md, workplans/c.md and 2 more"]

    @pytest.mark.parametrize(
        ("arrange", "hint"),
        [
            (gone, None),
            (deleted, f"git has {FILE}, but they are deleted in the work tree"),
            (sparse, f"git has {FILE}, but a sparse checkout leaves them out of the work tree"),
            (linked_folder, "workplans is a link to the folder plans: such links are not followed"),
            (
                nested,
                "workplans is a git repository of its own: register it separately (register_repo {top}/workplans)",
            ),
            (empty_submodule, "workplans is a submodule that is not checked out"),
        ],
    )
    def test_what_is_in_the_way(
        self, clone: Clone, tree: WorkTree, arrange: Callable[[Clone], None], hint: str | None
    ) -> None:
        arrange(clone)
        assert near(tree) == ([] if hint is None else [hint.format(top=clone.path)])

    @pytest.mark.parametrize("pattern", ["workplan/**/*.md", "Workplans/*.md", "workplans/*.markdown", "*.md"])
    def test_workplans_elsewhere(self, clone: Clone, tree: WorkTree, pattern: str) -> None:
        clone.git("rm", "--quiet", "--cached", "README.md")
        (clone.path / "README.md").unlink()
        clone.write("notes/b.md", "# type: workplan\n")
        assert near(tree, pattern) == [f"`type: workplan` is in {FILE}"]

    def test_nothing_at_all(self, clone: Clone, tree: WorkTree) -> None:
        gone(clone)
        assert near(tree) == []
