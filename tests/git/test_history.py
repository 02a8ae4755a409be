"""A few new commits are read without git exactly as git reads them, or git reads them."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from consistency.git.history import MAX_NEW_COMMITS, MAX_NEW_OBJECTS, read_history
from consistency.git.worktree import list_files, open_checkout
from testing.gitlog import GitProcesses
from testing.repos import Clone

Arrange = Callable[[Clone], object]
PATTERN = "workplans/**/*.md"
FILE, OTHER = "workplans/a.md", "workplans/deep/down/b.md"


def work(clone: Clone) -> None:
    clone.write(FILE, "more\n")
    clone.commit("Work")


def several(clone: Clone) -> None:
    for number in range(MAX_NEW_COMMITS):
        clone.write(FILE if number % 2 else OTHER, f"{number}\n")
        clone.commit(f"{number}")


def too_many(clone: Clone) -> None:
    several(clone)
    work(clone)


def others(clone: Clone) -> None:
    clone.write("src/main.py", "x\n")
    clone.write("README.rst", "x\n")
    work(clone)


def nothing_that_matches(clone: Clone) -> None:
    clone.write("src/main.py", "x\n")
    clone.commit("Code")


def new_folder(clone: Clone) -> None:
    clone.write("workplans/new/c.md", "x\n")
    clone.commit("New")


def mode(clone: Clone) -> None:
    (clone.path / FILE).chmod(0o755)
    clone.commit("Mode")


def folder_in_place_of_a_file(clone: Clone) -> None:
    clone.write("notes", "x\n")
    clone.commit("File")
    (clone.path / "notes").unlink()
    clone.write("notes/x.txt", "x\n")
    work(clone)


def empty(clone: Clone) -> None:
    clone.git("commit", "--quiet", "--allow-empty", "--message=Nothing")


def made(clone: Clone, author: bytes, *more: bytes) -> None:
    """Make a commit on HEAD with these lines, as any program may."""
    work(clone)
    tree, parent = clone.git("rev-parse", "HEAD^{tree}").strip(), clone.git("rev-parse", "HEAD^").strip()
    lines = [b"tree " + tree.encode(), b"parent " + parent.encode(), b"author " + author]
    lines += [b"committer C <c@x> 1700000000 +0000", *more, b"", b"Message\n\nauthor X <x@x> 1 +0000\n"]
    file = clone.path / ".git" / "commit"
    file.write_bytes(b"\n".join(lines))
    name = clone.git("hash-object", "-t", "commit", "-w", "--literally", str(file)).strip()
    clone.git("reset", "--quiet", "--hard", name)


def names(*authors: bytes) -> list[Arrange]:
    return [lambda clone, author=author: made(clone, author) for author in authors]  # type: ignore[misc]


def signed(clone: Clone) -> None:
    made(clone, b"A <a@x> 1700000000 +0100", b"gpgsig -----BEGIN", b" abc", b" ", b" -----END")


def other_encoding(clone: Clone) -> None:
    made(clone, b"J\xfcrg <j@x> 1700000000 +0100", b"encoding ISO-8859-1")


def merge(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "side")
    work(clone)
    clone.git("checkout", "--quiet", "main")
    nothing_that_matches(clone)
    clone.git("merge", "--quiet", "--no-edit", "side")


def deleted(clone: Clone) -> None:
    (clone.path / OTHER).unlink()
    clone.commit("Gone")


def renamed(clone: Clone) -> None:
    (clone.path / OTHER).rename(clone.path / "workplans/c.md")
    clone.commit("Moved")


def out_of_the_pattern(clone: Clone) -> None:
    (clone.path / OTHER).rename(clone.path / "b.md")
    clone.commit("Moved")


def many_folders(clone: Clone) -> None:
    for number in range(MAX_NEW_OBJECTS):
        clone.write(f"src/{number}/x", "x\n")
    work(clone)


def folder_that_ends_alike(clone: Clone) -> None:
    clone.write("workplans/x.md/notes.txt", "x\n")
    clone.commit("Folder")


def packed(clone: Clone) -> None:
    work(clone)
    clone.git("repack", "-adq")


def before_packed(clone: Clone) -> None:
    clone.git("repack", "-adq")
    work(clone)


def link(clone: Clone) -> None:
    (clone.path / FILE).unlink()
    (clone.path / FILE).symlink_to("deep/down/b.md")
    clone.commit("Link")


def in_another_line(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "other")
    work(clone)


WITHOUT_GIT: list[Arrange] = [
    work, several, others, nothing_that_matches, new_folder, mode, folder_in_place_of_a_file, empty, signed, link,
    before_packed,
    *names(
        b"A B  <a@x> 1700000000 +0100", b" <> 1700000000 -0000", b"J\xc3\xbcrg <j@x> 0 +0000", b"J\xfcrg <j@x> 1 +0000",
        b"A\tB <  a@x > 1 +0000",
    ),
]  # fmt: skip
WITH_GIT: list[Arrange] = [
    too_many, many_folders, merge, deleted, renamed, out_of_the_pattern, folder_that_ends_alike, packed,
    in_another_line, other_encoding,
    *names(b"A <a@x> 170000000000000000000 +0000", b"A <a@x>", b"A <a@x> -5 +0000", b"A <b <a@x> 5 +0000"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arrange", "processes"), [*((each, 0) for each in WITHOUT_GIT), *((each, 1) for each in WITH_GIT)]
)
def test_new_commits(clone: Clone, git_processes: GitProcesses, arrange: Arrange, processes: int) -> None:
    clone.write(FILE, "one\n")
    clone.write(OTHER, "two\n")
    clone.write("src/old.py", "x\n")
    clone.commit("Start of all")
    since = clone.head
    arrange(clone)
    tree = open_checkout(str(clone.path))
    listed = {path for path in list_files(tree, PATTERN).paths if os.path.lexists(tree.file(path))}
    says_git = read_history(tree, PATTERN, [clone.head], since)
    head = clone.head
    git_processes.clear()
    found = read_history(tree, PATTERN, [head], since, listed)
    assert (found, len(git_processes)) == (says_git, processes)
    assert [list(commit.changes) for commit in found.commits.values()] == [
        list(commit.changes) for commit in says_git.commits.values()
    ]
    assert list(found.commits) == list(says_git.commits)


def test_object_that_is_not_whole(clone: Clone, git_processes: GitProcesses) -> None:
    """The bytes do not have the id: git says what is wrong, or has the object elsewhere as well."""
    clone.write(FILE, "one\n")
    clone.commit("Start of all")
    since = clone.head
    work(clone)
    says_git, head = read_history(open_checkout(str(clone.path)), PATTERN, [clone.head], since), clone.head
    clone.git("repack", "-aq")
    loose = clone.path / ".git/objects" / head[:2] / head[2:]
    older = clone.path / ".git/objects" / since[:2] / since[2:]
    loose.chmod(0o644)
    loose.write_bytes(older.read_bytes())
    tree = open_checkout(str(clone.path))
    git_processes.clear()
    assert read_history(tree, PATTERN, [head], since, {FILE}).commits.keys() == says_git.commits.keys()
    assert len(git_processes) == 1
