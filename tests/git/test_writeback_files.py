"""Files that a writeback must leave alone, and disks that have no room for it."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from consistency.git.atomicfile import move_into_place
from testing.repos import Clone, Origin
from tests.git.desk import (
    DONE,
    STARTED,
    TODO,
    commit_workplans,
    digests,
    item,
    leftovers,
    photograph,
    tree_and_status,
    written,
    wrote,
)

CHANGED_MEANWHILE = "the file was changed during this run"


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone)


class TestFiles:
    """C-16 for one file; the others go on."""

    def one_refused(self, clone: Clone, change: Callable[[Path], object], why: str) -> None:
        commit_workplans(clone, "a", "b")
        tree, state = tree_and_status(clone)
        items = [item("a"), item("b")]
        known = digests(clone, items)
        change(clone.path / "workplans" / "a.md")
        before = (clone.path / "workplans" / "a.md").lstat() if os.path.lexists(clone.path / "workplans/a.md") else None
        staged = clone.git("diff", "--cached")
        result = wrote(clone, tree, state, *items, known=known)
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
        commit_workplans(clone, "sub/a", "b")
        tree, state = tree_and_status(clone)
        items = [item("sub/a"), item("b")]
        known = digests(clone, items)
        outside = clone.path.with_name("outside")
        (clone.path / "workplans" / "sub").rename(outside)
        (clone.path / "workplans" / "sub").symlink_to(outside)
        result = wrote(clone, tree, state, *items, known=known)
        assert result.faults == [("workplans/sub/a.md", "a link that leads out of the repo")]
        assert (outside / "a.md").read_text() == TODO

    def test_staged_since_the_look(self, clone: Clone) -> None:
        def stage(file: Path) -> None:
            file.write_text(TODO + "mine\n")
            clone.git("add", "workplans/a.md")

        self.one_refused(clone, stage, CHANGED_MEANWHILE)

    def test_staged_since_the_look_and_taken_back_in_the_work_tree(self, clone: Clone) -> None:
        """Only the index tells of it, and git's own move of the index refuses to go over it."""
        tree, state = tree_and_status(clone)
        clone.write("workplans/a.md", TODO + "mine\n")
        clone.git("add", "workplans/a.md")
        clone.write("workplans/a.md", TODO)
        before = photograph(clone)
        result = wrote(clone, tree, state)
        assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
        assert "workplans/a.md" in result.faults[0][1]
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_edited_between_the_look_and_the_reading(self, clone: Clone) -> None:
        commit_workplans(clone, "a", "b")
        tree, state = tree_and_status(clone)
        clone.write("workplans/a.md", TODO + "mine\n")
        items = [item("a"), item("b")]
        before = photograph(clone)
        result = wrote(clone, tree, state, *items)  # nothing, or b.md alone: no line of a person goes into a commit
        assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
        assert "workplans/a.md" in result.faults[0][1]
        assert (photograph(clone), leftovers(clone)) == (before, [])

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_assume_unchanged_edits_stay_uncommitted(self, clone: Clone, flag: str) -> None:
        commit_workplans(clone, "a", "b")
        clone.git("update-index", flag, "workplans/a.md", "workplans/b.md")
        clone.write("workplans/a.md", TODO + "only here\n")
        before = clone.git("ls-files", "-v")
        result = written(clone, item("a"), item("b"))
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.read("workplans/a.md") == f"{DONE}only here\n".encode()
        assert clone.git("show", "HEAD:workplans/a.md") + "\n" == DONE
        assert (clone.git("ls-files", "-v"), clone.status(), leftovers(clone)) == (before, [], [])

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_status_that_git_overlooks(self, clone: Clone, flag: str) -> None:
        """The hub would answer to what no commit says."""
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", TODO.replace("todo", "blocked", 1))
        before = photograph(clone)
        result = written(clone, item(old="blocked"))
        assert (result.commit, [path for path, _ in result.faults]) == (None, ["workplans/a.md"])
        assert result.faults[0][1] == (
            "in the last commit, task 'A-T1' is todo, in the work tree blocked: "
            "git does not show that difference (assume-unchanged, or a filter)"
        )
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_status_that_only_the_last_commit_has(self, clone: Clone) -> None:
        commit_workplans(clone, text=DONE)
        clone.git("update-index", "--assume-unchanged", "workplans/a.md")
        clone.write("workplans/a.md", TODO)
        before = photograph(clone)
        result = written(clone)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert photograph(clone) == before

    def test_both_flags(self, clone: Clone) -> None:
        for flag in ("--assume-unchanged", "--skip-worktree"):
            clone.git("update-index", flag, "workplans/a.md")
        before = clone.git("ls-files", "-v")
        assert written(clone).faults == []
        assert (clone.git("ls-files", "-v"), clone.status()) == (before, [])

    def test_link_that_is_committed(self, clone: Clone) -> None:
        commit_workplans(clone, "b")
        (clone.path / "workplans" / "a.md").unlink()
        (clone.path / "workplans" / "a.md").symlink_to("b.md")
        clone.commit(date=STARTED)
        before = photograph(clone)
        result = written(clone)
        assert result.faults == [("workplans/a.md", "the file is a symbolic link, which a writeback does not follow")]
        assert photograph(clone) == before

    def test_link_in_the_last_commit_and_a_file_here(self, clone: Clone) -> None:
        clone.git("config", "core.symlinks", "false")
        blob = clone.git("hash-object", "-w", "--stdin", input="b.md")
        clone.git("update-index", "--cacheinfo", f"120000,{blob},workplans/a.md")
        clone.git("commit", "--quiet", "--message=A link")
        clone.git("update-index", "--assume-unchanged", "workplans/a.md")
        before = photograph(clone)
        result = written(clone)
        assert result.faults == [("workplans/a.md", "the last commit has no such regular file")]
        assert photograph(clone) == before

    def test_new_and_staged_but_in_no_commit(self, clone: Clone) -> None:
        clone.write("workplans/new.md", TODO)
        clone.git("add", "workplans/new.md")
        before = photograph(clone)
        result = written(clone, item("new"))
        assert result.faults == [("workplans/new.md", "the last commit has no such regular file")]
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_renamed_and_staged(self, clone: Clone) -> None:
        clone.git("mv", "workplans/a.md", "workplans/b.md")
        before = photograph(clone)
        assert written(clone, item("b")).faults == [("workplans/b.md", "the last commit has no such regular file")]
        assert photograph(clone) == before

    def test_intended(self, clone: Clone) -> None:
        clone.write("workplans/new.md", TODO)
        clone.git("add", "--intent-to-add", "workplans/new.md")
        before = photograph(clone)
        assert written(clone, item("new")).commit is None
        assert photograph(clone) == before

    def test_name_that_is_not_utf8(self, clone: Clone) -> None:
        path = os.fsdecode(b"workplans/caf\xe9.md")
        try:
            clone.write(path, TODO)
        except OSError:
            pytest.skip("this file system takes only UTF-8")
        clone.commit(date=STARTED)
        before = photograph(clone)
        result = written(clone, item()._replace(path=path))
        assert result.faults == [(path, "its name is not UTF-8; rename it")]
        assert photograph(clone) == before

    def test_neighbour_whose_name_is_not_utf8(self, clone: Clone) -> None:
        try:
            clone.write(os.fsdecode(b"workplans/caf\xe9.md"), TODO)
        except OSError:
            pytest.skip("this file system takes only UTF-8")
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert (clone.git("show", "--format=", "--name-only"), clone.status()) == ("workplans/a.md", [])

    def test_untracked_after_all(self, clone: Clone) -> None:
        tree, state = tree_and_status(clone)
        clone.git("rm", "--quiet", "--cached", "workplans/a.md")
        result = wrote(clone, tree, state)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (clone.read("workplans/a.md"), leftovers(clone)) == (TODO.encode(), [])
        assert clone.status() == ["D  workplans/a.md", "?? workplans/a.md"]

    def test_task_gone(self, clone: Clone) -> None:
        result = written(clone, item(task="A-T9"))
        assert result.faults == [("workplans/a.md", "task 'A-T9' is no longer in the file")]
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_grown_over_the_limit(self, clone: Clone) -> None:
        tree, state = tree_and_status(clone)
        result = wrote(clone, tree, state, limit=10)
        assert result.faults == [("workplans/a.md", "larger than the limit of 10 bytes")]

    def test_edited_at_the_last_moment(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        commit_workplans(clone, "a", "b")
        before = clone.head

        def person_saves_b(staged: str, path: str, expected: str) -> None:
            move_into_place(staged, path, expected)
            clone.write("workplans/b.md", "mine")

        monkeypatch.setattr("consistency.git.rollback.move_into_place", person_saves_b)
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
    """Yield a folder on a file system of 1 MiB."""
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
    """Fail like a full disk for files beyond *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestNoRoom:
    @pytest.mark.parametrize("names", ["a", "ab", "ba"])
    def test_for_a_file(self, clone: Clone, names: str) -> None:
        commit_workplans(clone, *names)
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
        tree, state = tree_and_status(clone)
        known = digests(clone, [item()])
        with files_no_larger_than(10):
            result = wrote(clone, tree, state, known=known)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (photograph(clone), leftovers(clone)) == (before, [])

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
    def test_on_a_disk_that_is_full(self, origin: Origin, clone: Clone, small_disk: Path) -> None:
        names = [f"{number}" for number in range(12)]
        commit_workplans(clone, *names)
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
