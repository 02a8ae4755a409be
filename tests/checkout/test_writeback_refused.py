"""No commit can be made, or a hook refuses it: the files are as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.checkout.commit import recover
from consistency.checkout.worktree import WorkTree
from consistency.checkout.writeback import write_back
from tests.checkout.desk import (
    COMMITTER,
    DONE,
    HASTY,
    LIMIT,
    TODO,
    digests,
    item,
    laid_out,
    leftovers,
    looked,
    photograph,
    refused,
    written,
)  # fmt: skip
from tests.checkout.processes import gone
from tests.support.repos import Clone, Origin

Hook = Callable[[str, str], Path]
PATCH = """\
From x Mon Sep 17 00:00:00 2001
From: X <x@example.org>
Subject: x

---
diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-no
+yes
"""


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return laid_out(clone)


class TestHooks:
    def test_run(self, clone: Clone, hook: Hook) -> None:
        for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
            hook(name, f"echo {name} >>.git/ran")
        assert written(clone).faults == []
        assert clone.read(".git/ran") == b"pre-commit\nprepare-commit-msg\ncommit-msg\npost-commit\n"

    @pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
    def test_refuse(self, clone: Clone, hook: Hook, name: str) -> None:
        clone.write("strange", "x")
        clone.git("add", "strange")
        hook(name, "echo 'No — not today' >&2; exit 1")
        assert refused(clone) == "No — not today"

    def test_refuse_without_a_word(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "exit 3")
        refused(clone, "git commit ended with 1")

    def test_see_our_files_by_their_own_patterns(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "git diff --cached --name-only -- '*.md' >.git/seen; git show :workplans/a.md >.git/staged")
        assert written(clone).faults == []
        assert (clone.read(".git/seen"), clone.read(".git/staged")) == (b"workplans/a.md\n", DONE.encode())

    @pytest.mark.parametrize("name", ["pre-commit", "prepare-commit-msg", "commit-msg"])
    def test_hang(self, clone: Clone, hook: Hook, name: str) -> None:
        hook(name, f"echo $$ >{clone.path}/.git/pid; sleep 60")
        refused(clone, "git commit did not end within 0.7 s", committer=HASTY)
        assert gone(int(clone.read(".git/pid")))
        assert [file.name for file in (clone.path / ".git").glob("*.lock")] == []

    @pytest.mark.parametrize("script", ["exit 1", "sleep 60"])
    def test_fail_or_hang_when_the_commit_stands(self, clone: Clone, hook: Hook, script: str) -> None:
        hook("post-commit", script)
        result = written(clone, committer=HASTY)
        assert (result.commit, result.faults) == (clone.head, [])
        assert {path: edited.data for path, edited in result.files.items()} == {"workplans/a.md": DONE.encode()}
        assert (clone.log("%an")[0], clone.status(), leftovers(clone)) == ("State Hub", [], [])

    def test_change_the_file_and_take_that_into_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; git add workplans/a.md")
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.git("show", "HEAD:workplans/a.md").endswith("more")
        assert clone.read("workplans/a.md") == DONE.encode() + b"more\n"
        assert leftovers(clone) == []

    def test_change_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; echo reformatted >&2; exit 1")
        result = written(clone)
        assert (result.commit, result.faults) == (None, [(
            None, "reformatted; workplans/a.md was changed by a hook or a person meanwhile and stays as it is",
        )])  # fmt: skip
        assert clone.read("workplans/a.md") == DONE.encode() + b"more\n"
        assert (clone.status(), leftovers(clone)) == ([" M workplans/a.md"], [])

    def test_change_the_file_after_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "echo more >>workplans/a.md")
        assert written(clone).commit == clone.head
        assert (clone.read("workplans/a.md"), clone.status()) == (DONE.encode() + b"more\n", [" M workplans/a.md"])

    def test_delete_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "rm workplans/a.md; exit 1")
        assert "workplans/a.md was changed" in written(clone).faults[0][1]
        assert clone.status() == [" D workplans/a.md"]

    def test_leave_a_process_behind(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "sleep 60 >/dev/null 2>&1 & echo $! >.git/pid")
        assert written(clone, committer=HASTY).faults == []
        os.kill(int(clone.read(".git/pid")), 9)  # it may live: its own files were its own


class TestStates:
    """C-16: no commit can or may be made."""

    def test_detached(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        refused(clone, "HEAD is detached")

    def conflict(self, clone: Clone, command: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        for text in ("theirs", "more theirs"):
            clone.write("README.md", text)
            clone.commit(text)
        clone.git("checkout", "--quiet", "main")
        clone.write("README.md", "ours")
        clone.commit("ours")
        with pytest.raises(AssertionError, match=r"(?i)conflict|failed"):
            clone.git(*command.split())

    @pytest.mark.parametrize(("command", "what"), [
        ("merge other", "a merge"),
        ("rebase other", "a rebase"),
        ("rebase --apply other", "a rebase or am"),
        ("cherry-pick other", "a cherry-pick"),
        ("revert --no-edit HEAD~1 other", "a revert"),
    ])  # fmt: skip
    def test_under_way(self, clone: Clone, command: str, what: str) -> None:
        if command.startswith("revert"):
            clone.write("README.md", "1")
            clone.commit()
            clone.write("README.md", "2")
            clone.commit()
            with pytest.raises(AssertionError):
                clone.git("revert", "--no-edit", "HEAD^")
        else:
            self.conflict(clone, command)
        refused(clone, f"{what} is under way; end it first")

    def test_am_under_way(self, clone: Clone) -> None:
        clone.write("patch.mbox", PATCH)
        with pytest.raises(AssertionError):
            clone.git("am", "patch.mbox")
        refused(clone, "a rebase or am is under way")

    def test_between_two_steps_of_a_cherry_pick(self, clone: Clone) -> None:
        self.conflict(clone, "cherry-pick other~1 other")
        clone.write("README.md", "solved")
        clone.commit("Solved")
        assert not (clone.path / ".git" / "CHERRY_PICK_HEAD").exists()
        refused(clone, "a cherry-pick or revert is under way")

    @pytest.mark.parametrize(
        ("command", "file"), [("merge --squash other", "SQUASH_MSG"), ("cherry-pick -n other", "MERGE_MSG")]
    )
    def test_message_that_waits_for_its_commit(self, clone: Clone, command: str, file: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("new", "x")
        clone.commit("Their words")
        clone.git("checkout", "--quiet", "main")
        clone.git(*command.split())
        refused(clone, "is under way; end it first")
        assert b"Their words" in clone.read(f".git/{file}")

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", TODO)
        result = written(new)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (new.read("workplans/a.md"), new.status()) == (TODO.encode(), ["?? workplans/a.md"])

    def test_index_lock_is_held(self, clone: Clone) -> None:
        tree, state = looked(clone)
        lock = clone.write(".git/index.lock", "")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert "index.lock': File exists" in result.faults[0][1]
        assert lock.exists()
        lock.unlink()
        assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])

    def test_objects_cannot_be_written(self, clone: Clone) -> None:
        clone.git("repack", "-adq")
        for number in range(256):
            prefix = clone.path / ".git" / "objects" / f"{number:02x}"
            shutil.rmtree(prefix, ignore_errors=True)
            prefix.touch()
        refused(clone, "error: unable to create temporary file")

    def test_git_folder_cannot_be_written(self, clone: Clone) -> None:
        clone.write(".git/statehub-writeback", "in the way")
        tree, state = looked(clone)
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, result.files) == (None, {})
        assert result.faults == [(None, f"File exists: {clone.path}/.git/statehub-writeback")]
        assert (clone.status(), clone.read("workplans/a.md")) == ([], TODO.encode())

    def test_head_has_moved(self, clone: Clone) -> None:
        tree, state = looked(clone)
        moved = clone.commit("Moved")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, result.faults) == (None, [(None, "HEAD moved while this run was at work")])
        assert (clone.head, clone.status()) == (moved, [])

    def test_git_gone_in_between(self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tree, state = looked(clone)
        monkeypatch.setenv("PATH", str(tmp_path))
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert result.faults[0][1].startswith("git is not on the PATH: install git")
        assert clone.read("workplans/a.md") == TODO.encode()


def test_interrupt_puts_all_back_and_goes_on_up(clone: Clone, hook: Hook) -> None:
    hook("pre-commit", "kill -INT $(cat .git/python); sleep 60")
    clone.write(".git/python", str(os.getpid()))
    before = photograph(clone)
    with pytest.raises(KeyboardInterrupt):
        written(clone)
    assert (photograph(clone), leftovers(clone)) == (before, [])


def test_putting_back_that_fails_is_told_and_tried_again(clone: Clone, hook: Hook, tree: WorkTree) -> None:
    hook("pre-commit", "mv .git/statehub-writeback/0 .git/away; mkdir .git/statehub-writeback/0; exit 1")
    result = written(clone)
    assert "putting the files back failed as well" in result.faults[0][1]
    (clone.path / ".git" / "statehub-writeback" / "0").rmdir()
    (clone.path / ".git" / "away").rename(clone.path / ".git" / "statehub-writeback" / "0")
    assert recover(tree) == ["workplans/a.md"]
    assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])
