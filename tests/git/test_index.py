"""The index is read as git reads it, or not at all: whatever form it has, merge conflicts in it are found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.index import MAX_BYTES, read_index
from consistency.git.status import has_unmerged
from consistency.git.worktree import open_checkout
from testing.gitlog import GitProcesses
from testing.repos import Clone
from tests.git.desk import cached_status

Arrange = Callable[[Clone], object]
BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def known(clone: Clone) -> bool | None:
    return unmerged(clone.path / ".git", len(clone.head) // 2)


def unmerged(git_dir: Path, id_bytes: int) -> bool | None:
    index = read_index(str(git_dir), id_bytes)
    return index and index.is_unmerged


def says_git(clone: Clone) -> bool:
    return has_unmerged(open_checkout(str(clone.path)))


def with_files(clone: Clone, number: int = 40) -> None:
    for each in range(number):
        clone.write(f"folder/{'n' * each}{each}", f"{each}\n")
    clone.commit()


def with_conflict(clone: Clone) -> None:
    """Add unmerged entries among others: in all three stages, and in some."""
    with_files(clone)
    lines = [f"100644 {BLOB} {stage}\tzz/all" for stage in (1, 2, 3)] + [f"100644 {BLOB} 2\taa/ours"]
    clone.git("update-index", "--index-info", input="".join(f"{line}\n" for line in lines))


def again(clone: Clone) -> None:
    """Let git write the index again, in the form that its settings ask for."""
    clone.git("update-index", "--force-write-index")


def nothing(clone: Clone) -> None:
    again(clone)


def no_index(clone: Clone) -> None:
    (clone.path / ".git/index").unlink()


def intent_to_add(clone: Clone) -> None:
    clone.write("new", "")
    clone.git("add", "--intent-to-add", "new")


def hidden(clone: Clone) -> None:
    clone.git("update-index", "--skip-worktree", "folder/0")
    clone.git("update-index", "--assume-unchanged", "folder/n1")


def long_names(clone: Clone) -> None:
    names = ["/".join(["x" * 200] * 30)[:length] + "x" for length in (4093, 4094, 4095, 5000)]
    clone.git("update-index", "--index-info", input="".join(f"100644 {BLOB} 0\t{name}\n" for name in names))


def untracked_cache(clone: Clone) -> None:
    clone.git("update-index", "--force-untracked-cache")
    clone.status()


def with_its_end_marked(clone: Clone) -> None:
    clone.git("config", "index.recordEndOfIndexEntries", "true")
    clone.git("config", "index.recordOffsetTable", "true")
    clone.git("config", "index.threads", "2")
    again(clone)


def resolved(clone: Clone) -> None:
    clone.write("zz/all", "")
    clone.git("add", "zz/all")


READ = [nothing, intent_to_add, hidden, long_names, untracked_cache, with_its_end_marked, resolved]


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("conflict", [False, True])
def test_form_that_is_read(clone: Clone, conflict: bool, form: Arrange) -> None:
    (with_conflict if conflict else with_files)(clone)
    form(clone)
    assert known(clone) is says_git(clone) is conflict


def version_4(clone: Clone) -> None:
    clone.git("update-index", "--index-version=4")


def split(clone: Clone) -> None:
    clone.git("update-index", "--split-index")


def cut(clone: Clone) -> None:
    index = clone.path / ".git/index"
    index.write_bytes(index.read_bytes()[:-1])


def a_folder(clone: Clone) -> None:
    no_index(clone)
    (clone.path / ".git/index").mkdir()


@pytest.mark.parametrize("form", [version_4, split, cut, a_folder])
@pytest.mark.parametrize("conflict", [False, True])
def test_form_that_only_git_reads(clone: Clone, conflict: bool, form: Arrange) -> None:
    (with_conflict if conflict else with_files)(clone)
    form(clone)
    assert known(clone) is None


def test_no_index(clone: Clone) -> None:
    no_index(clone)
    assert known(clone) is says_git(clone) is False


def test_sparse_index(clone: Clone) -> None:
    with_files(clone)
    clone.git("sparse-checkout", "init", "--cone", "--sparse-index")
    assert b"sdir" in clone.read(".git/index")
    assert known(clone) is says_git(clone) is False
    clone.git("update-index", "--index-info", input=f"100644 {BLOB} 2\tours\n")
    assert known(clone) is says_git(clone) is True


@pytest.mark.parametrize("conflict", [False, True])
def test_sha256(tmp_path: Path, clone: Clone, conflict: bool) -> None:
    new = Clone(tmp_path / "sha256")
    clone.git("init", "--quiet", "--object-format=sha256", str(new.path))
    with_files(new)
    if conflict:
        blob = new.git("rev-parse", "HEAD:folder/0")
        new.git("update-index", "--index-info", input=f"100644 {blob} 2\tours\n")
    assert known(new) is says_git(new) is conflict
    assert unmerged(new.path / ".git", 20) is None


def test_real_conflicts(clone: Clone) -> None:
    clone.write("README.md", "one\n")
    clone.commit()
    clone.write("README.md", "two\n")
    clone.git("stash")
    clone.write("README.md", "three\n")
    clone.commit()
    with pytest.raises(AssertionError, match="CONFLICT"):
        clone.git("stash", "apply")
    assert known(clone) is says_git(clone) is True
    assert cached_status(clone).under_way == "a merge of some files"
    clone.git("checkout", "--quiet", "--theirs", "README.md")
    assert known(clone) is True
    clone.git("add", "README.md")
    assert known(clone) is says_git(clone) is False
    assert cached_status(clone).under_way == ""


def test_part_of_an_index_never_denies_a_conflict(clone: Clone, tmp_path: Path) -> None:
    with_conflict(clone)
    whole = clone.read(".git/index")
    for length in range(0, len(whole), 13):
        (tmp_path / "index").write_bytes(whole[:length])
        assert unmerged(tmp_path, 20) is not False, length


@pytest.mark.parametrize(("more", "expected"), [(0, False), (1, None)])
def test_largest(clone: Clone, more: int, expected: bool | None) -> None:
    """An extension that git may ignore fills the index up."""
    whole = clone.read(".git/index")
    filler = MAX_BYTES - len(whole) - 8 + more
    data = whole[:-20] + b"FILL" + filler.to_bytes(4, "big") + b"x" * filler + whole[-20:]
    (clone.path / ".git/index").write_bytes(data)
    assert known(clone) is expected


@pytest.mark.parametrize("form", [nothing, version_4])
def test_git_is_asked_only_if_it_must_be(clone: Clone, git_processes: GitProcesses, form: Arrange) -> None:
    with_conflict(clone)
    form(clone)
    git_processes.clear()
    assert cached_status(clone).under_way == "a merge of some files"
    asked = [call for call in git_processes if "--unmerged" in call]
    assert len(asked) == (1 if form is version_4 else 0)


def test_index_of_a_linked_work_tree_is_its_own(clone: Clone) -> None:
    linked = Clone(clone.path.with_name("linked"))
    clone.git("worktree", "add", "--quiet", str(linked.path))
    with_conflict(clone)
    assert (cached_status(clone).under_way, cached_status(linked).under_way) == ("a merge of some files", "")
    shutil.rmtree(linked.path)
