"""Files that a writeback must leave alone, and disks that have no room for it."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from consistency.checkout.atomicfile import replace_file
from consistency.checkout.writeback import write_back
from tests.checkout.desk import (
    COMMITTER,
    LIMIT,
    STARTED,
    TODO,
    digests,
    item,
    laid_out,
    leftovers,
    looked,
    photograph,
    written,
)  # fmt: skip
from tests.support.repos import Clone, Origin

CHANGED_MEANWHILE = "the file was changed while this run was at work"


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return laid_out(clone)


class TestFiles:
    """C-16 for one file; the others go on."""

    def one_refused(self, clone: Clone, change: Callable[[Path], object], why: str) -> None:
        laid_out(clone, "a", "b")
        tree, state = looked(clone)
        items = [item("a"), item("b")]
        known = digests(clone, items)
        change(clone.path / "workplans" / "a.md")
        before = (clone.path / "workplans" / "a.md").lstat() if os.path.lexists(clone.path / "workplans/a.md") else None
        staged = clone.git("diff", "--cached")
        result = write_back(tree, state, items, known, COMMITTER, LIMIT)
        assert (result.commit, result.faults) == (clone.head, [("workplans/a.md", why)])
        assert clone.git("show", "--format=", "--name-only") == "workplans/b.md"
        if before:
            after = (clone.path / "workplans" / "a.md").lstat()
            assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert clone.git("diff", "--cached") == staged
        assert leftovers(clone) == []

    def test_read_only(self, clone: Clone) -> None:
        self.one_refused(clone, lambda file: file.chmod(0o444), "the file is read-only (chmod u+w makes it writable)")

    def test_edited_since_it_was_compared(self, clone: Clone) -> None:
        self.one_refused(clone, lambda file: file.write_text(TODO + "mine"), CHANGED_MEANWHILE)

    def test_deleted(self, clone: Clone) -> None:
        self.one_refused(clone, Path.unlink, "the file cannot be read: No such file or directory")

    def test_made_a_link(self, clone: Clone) -> None:
        def link(file: Path) -> None:
            file.rename(file.with_suffix(".other"))
            file.symlink_to("a.other")

        self.one_refused(clone, link, "the file is a symbolic link, which a writeback does not follow")

    def test_made_a_pipe(self, clone: Clone) -> None:
        def pipe(file: Path) -> None:
            file.unlink()
            os.mkfifo(file)

        self.one_refused(clone, pipe, "not a regular file")

    def test_folder_made_a_link_out_of_the_repo(self, clone: Clone) -> None:
        laid_out(clone, "sub/a", "b")
        tree, state = looked(clone)
        items = [item("sub/a"), item("b")]
        known = digests(clone, items)
        outside = clone.path.with_name("outside")
        (clone.path / "workplans" / "sub").rename(outside)
        (clone.path / "workplans" / "sub").symlink_to(outside)
        result = write_back(tree, state, items, known, COMMITTER, LIMIT)
        assert result.faults == [("workplans/sub/a.md", "a link that leads out of the repo")]
        assert (outside / "a.md").read_text() == TODO

    @pytest.mark.parametrize("undone", [False, True])
    def test_staged_since_the_look(self, clone: Clone, undone: bool) -> None:
        def stage(file: Path) -> None:
            file.write_text(TODO + "mine\n")
            clone.git("add", "workplans/a.md")
            if undone:
                file.write_text(TODO)

        self.one_refused(clone, stage, CHANGED_MEANWHILE)

    def test_edited_between_the_look_and_the_reading(self, clone: Clone) -> None:
        laid_out(clone, "a", "b")
        tree, state = looked(clone)
        clone.write("workplans/a.md", TODO + "mine\n")
        items = [item("a"), item("b")]
        result = write_back(tree, state, items, digests(clone, items), COMMITTER, LIMIT)
        assert result.faults == [("workplans/a.md", CHANGED_MEANWHILE)]
        assert (clone.read("workplans/a.md"), clone.status()) == (f"{TODO}mine\n".encode(), [" M workplans/a.md"])

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_changes_that_git_overlooks(self, clone: Clone, flag: str) -> None:
        laid_out(clone, "a", "b")
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", TODO + "only here\n")
        result = written(clone, item("a"), item("b"))
        assert [path for path, _ in result.faults] == ["workplans/a.md"]
        assert "overlook" in result.faults[0][1]
        assert clone.read("workplans/a.md") == f"{TODO}only here\n".encode()
        assert clone.git("show", "HEAD:workplans/a.md") == TODO.rstrip("\n")

    def test_untracked_after_all(self, clone: Clone) -> None:
        tree, state = looked(clone)
        clone.git("rm", "--quiet", "--cached", "workplans/a.md")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (clone.read("workplans/a.md"), leftovers(clone)) == (TODO.encode(), [])
        assert clone.status() == ["D  workplans/a.md", "?? workplans/a.md"]

    def test_task_gone(self, clone: Clone) -> None:
        result = written(clone, item(task="A-T9"))
        assert result.faults == [("workplans/a.md", "task 'A-T9' is not in the file any more")]
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_grown_over_the_limit(self, clone: Clone) -> None:
        tree, state = looked(clone)
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, 10)
        assert result.faults == [("workplans/a.md", "larger than the limit of 10 bytes")]

    def test_edited_at_the_last_moment(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        laid_out(clone, "a", "b")
        before = clone.head

        def person_saves_b(path: str, expected: str, data: bytes) -> None:
            replace_file(path, expected, data)
            clone.write("workplans/b.md", "mine")

        monkeypatch.setattr("consistency.checkout.commit.replace_file", person_saves_b)
        result = written(clone, item("a"), item("b"))
        assert result.commit is None
        assert CHANGED_MEANWHILE in result.faults[0][1]
        assert (clone.head, clone.read("workplans/a.md"), clone.read("workplans/b.md")) == (
            before,
            TODO.encode(),
            b"mine",
        )
        assert (clone.status(), leftovers(clone)) == ([" M workplans/b.md"], [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does, for files beyond *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestNoRoom:
    @pytest.mark.parametrize("names", ["a", "ab", "ba"])
    def test_for_a_file(self, clone: Clone, names: str) -> None:
        laid_out(clone, *names)
        large = TODO + "x" * 300_000
        clone.write("workplans/b.md" if "b" in names else "workplans/a.md", large)
        clone.commit(date=STARTED)
        before = photograph(clone)
        items = [item(name) for name in names]
        with files_no_larger_than(200_000):
            result = written(clone, *items)
        assert (result.commit, result.files) == (None, {})
        assert result.faults[0][1].startswith("File too large")
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_for_the_list_of_originals(self, clone: Clone) -> None:
        before = photograph(clone)
        tree, state = looked(clone)
        known = digests(clone, [item()])
        with files_no_larger_than(10):
            result = write_back(tree, state, [item()], known, COMMITTER, LIMIT)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (photograph(clone), leftovers(clone)) == (before, [])

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
    def test_on_a_disk_that_is_full(self, origin: Origin, clone: Clone, small_disk: Path) -> None:
        names = [f"{number}" for number in range(12)]
        laid_out(clone, *names)
        clone.push()
        origin.git("clone", "--quiet", str(origin.path), str(small_disk / "clone"))
        there = Clone(small_disk / "clone")
        seen = set()
        with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        before = photograph(there)
        items = [item(name) for name in names]
        while not (result := written(there, *items)).commit:  # a little more room each time: each step fails once
            seen.add(result.faults[0][1].partition(":")[0])
            assert (photograph(there), leftovers(there)) == (before, [])
            os.truncate(small_disk / "filler", (small_disk / "filler").stat().st_size - 12288)
        assert (result.commit, there.status(), leftovers(there)) == (there.head, [], [])
        assert "No space left on device" in seen
        assert len(seen) > 1
