"""Which workplans hold changes that are not committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consistency.git.status import StatusEntry, has_unmerged, parse_entry
from consistency.git.worktree import WorkTree, list_files, open_checkout
from testing.repos import Clone, Origin
from tests.git.desk import PATTERN, cached_status, with_attributes


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
        assert cached_status(clone).dirty == {f"workplans/{name}.md" for name in names}
        listed = list_files(open_checkout(str(clone.path)), PATTERN)
        assert listed.untracked == {"workplans/new/untracked.md"}

    def test_staged_and_taken_back_in_the_work_tree(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "staged")
        clone.git("add", "workplans/a.md")
        clone.write("workplans/a.md", "a\n" * 9)
        assert cached_status(clone).dirty == {"workplans/a.md"}

    def test_conflict(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("workplans/a.md", "theirs")
        clone.commit()
        clone.git("checkout", "--quiet", "main")
        clone.write("workplans/a.md", "ours")
        clone.commit()
        with pytest.raises(AssertionError, match="CONFLICT"):
            clone.git("merge", "other")
        assert (cached_status(clone).dirty, has_unmerged(open_checkout(str(clone.path)))) == (
            frozenset({"workplans/a.md"}),
            True,
        )

    def test_mode(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        assert cached_status(clone).dirty == {"workplans/a.md"}

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_what_git_is_told_to_overlook(self, clone: Clone, flag: str) -> None:
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", "hidden")
        assert cached_status(clone).dirty == frozenset()

    def test_only_the_time_was_touched(self, clone: Clone) -> None:
        os.utime(clone.path / "workplans" / "a.md", (1, 1))
        assert cached_status(clone).dirty == frozenset()

    def test_type(self, clone: Clone) -> None:
        file = clone.path / "workplans" / "a.md"
        file.unlink()
        file.symlink_to("b.md")
        assert cached_status(clone).dirty == {"workplans/a.md"}


class TestHeadsOwnBytes:
    """A file with exactly HEAD's bytes is not a change, whatever git calls it."""

    @pytest.fixture
    def clone(self, clone: Clone) -> Clone:
        clone.write("workplans/a.md", "one\r\ntwo\r\n")
        clone.commit()
        with_attributes(clone, "*.md text\n")
        assert clone.status() == [" M workplans/a.md"]
        return clone

    def test_attributes_ask_for_other_line_ends(self, clone: Clone) -> None:
        assert cached_status(clone).dirty == frozenset()

    def test_line_more(self, clone: Clone) -> None:
        clone.write("workplans/a.md", "one\r\ntwo\r\nmine\r\n")
        assert cached_status(clone).dirty == {"workplans/a.md"}

    def test_mode(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        assert cached_status(clone).dirty == {"workplans/a.md"}

    def test_what_git_would_make_of_it_is_staged(self, clone: Clone) -> None:
        clone.git("add", "--renormalize", "workplans/a.md")
        assert cached_status(clone).dirty == {"workplans/a.md"}

    def test_deleted(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").unlink()
        assert cached_status(clone).dirty == {"workplans/a.md"}

    def test_name_with_spaces(self, clone: Clone) -> None:
        clone.git("mv", "workplans/a.md", "workplans/a b  c.md")
        clone.git("commit", "--quiet", "--message=Moved")
        os.utime(clone.path / "workplans" / "a b  c.md", (1, 1))
        assert clone.status() == [' M "workplans/a b  c.md"']
        assert cached_status(clone).dirty == frozenset()


def test_same_bytes_in_a_sha256_repository(tmp_path: Path, origin: Origin) -> None:
    origin.git("init", "--quiet", "--object-format=sha256", str(tmp_path / "new"))
    new = Clone(tmp_path / "new")
    new.write("workplans/a.md", "one\r\n")
    new.commit()
    with_attributes(new, "*.md text\n")
    assert (cached_status(new).dirty, len(new.head), new.status()) == (frozenset(), 64, [" M workplans/a.md"])
    new.write("workplans/a.md", "two\r\n")
    assert cached_status(new).dirty == {"workplans/a.md"}


def test_unmerged(clone: Clone, tree: WorkTree) -> None:
    assert has_unmerged(tree) is False
    blob = clone.git("hash-object", "-w", "--stdin", input="x")
    clone.git("update-index", "--index-info", input=f"100644 {blob} 1\tx\n100644 {blob} 2\tx\n")
    assert has_unmerged(tree) is True


ZERO, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"1 .M N... 100644 100644 100644 {ONE} {ONE} a b.md", StatusEntry("a b.md", ONE)),
        (f"1 .M N... 100644 100644 100755 {ONE} {ONE} a", StatusEntry("a")),
        (f"1 M. N... 100644 100644 100644 {ONE} {TWO} a", StatusEntry("a")),
        (f"1 MM N... 100644 100644 100644 {ONE} {TWO} a", StatusEntry("a")),
        (f"1 .D N... 100644 100644 000000 {ONE} {ONE} a", StatusEntry("a")),
        (f"1 .T N... 100644 100644 120000 {ONE} {ONE} a", StatusEntry("a")),
        (f"1 .A N... 000000 000000 100644 {ZERO} {ZERO} a", StatusEntry("a")),
        (f"u UU N... 100644 100644 100644 100644 {ONE} {TWO} {ONE} a  b", StatusEntry("a  b")),
        ("? new file", StatusEntry("new file")),
        ("! ignored", None),
        ("# branch.head main", None),
    ],
)
def test_entry_of_status(field: str, expected: StatusEntry | None) -> None:
    assert parse_entry(field) == expected
