"""No commit can be made: the files, the index and the branch are as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from consistency.git.commit import recover
from consistency.git.writeback import write_back
from testing.repos import Clone, Origin
from tests.git.desk import (
    COMMITTER,
    LIMIT,
    PATCH,
    TODO,
    commit_workplans,
    conflict,
    digests,
    item,
    leftovers,
    not_recorded,
    photograph,
    refused,
    tree_and_status,
    written,
    wrote,
)


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone)


class TestStates:
    """C-16: no commit can or may be made."""

    def test_detached(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        refused(clone, "HEAD is detached")

    @pytest.mark.parametrize(
        ("command", "what"),
        [
            ("merge other", "a merge"),
            ("rebase other", "a rebase"),
            ("rebase --apply other", "a rebase or am"),
            ("cherry-pick other", "a cherry-pick"),
            ("revert --no-edit HEAD~1 other", "a revert"),
        ],
    )
    def test_under_way(self, clone: Clone, command: str, what: str) -> None:
        if command.startswith("revert"):
            clone.write("README.md", "1")
            clone.commit()
            clone.write("README.md", "2")
            clone.commit()
            with pytest.raises(AssertionError):
                clone.git("revert", "--no-edit", "HEAD^")
        else:
            conflict(clone, command)
        refused(clone, f"{what} is in progress; finish or abort it first")

    def test_am_under_way(self, clone: Clone) -> None:
        clone.write("patch.mbox", PATCH)
        with pytest.raises(AssertionError):
            clone.git("am", "patch.mbox")
        refused(clone, "a rebase or am is in progress")

    def test_between_two_steps_of_a_cherry_pick(self, clone: Clone) -> None:
        conflict(clone, "cherry-pick other~1 other")
        clone.write("README.md", "solved")
        clone.commit("Solved")
        assert not (clone.path / ".git" / "CHERRY_PICK_HEAD").exists()
        refused(clone, "a cherry-pick or revert is in progress")

    @pytest.mark.parametrize(
        ("command", "file"), [("merge --squash other", "SQUASH_MSG"), ("cherry-pick -n other", "MERGE_MSG")]
    )
    def test_message_that_waits_for_its_commit(self, clone: Clone, command: str, file: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("new", "x")
        clone.commit("Their words")
        clone.git("checkout", "--quiet", "main")
        clone.git(*command.split())
        refused(clone, "is in progress; finish or abort it first")
        assert b"Their words" in clone.read(f".git/{file}")

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", TODO)
        result = written(new)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (new.read("workplans/a.md"), new.status()) == (TODO.encode(), ["?? workplans/a.md"])

    def test_index_lock_is_held(self, clone: Clone) -> None:
        tree, state = tree_and_status(clone)
        lock = clone.write(".git/index.lock", "")
        before = photograph(clone)
        result = wrote(clone, tree, state)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert "index.lock': File exists" in result.faults[0][1]
        assert lock.exists()
        lock.unlink()
        assert (photograph(clone), recover(tree)) == (before, [])
        assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])

    @pytest.mark.parametrize("name", ["HEAD.lock", "refs/heads/main.lock"])
    def test_branch_is_locked(self, clone: Clone, name: str) -> None:
        tree, state = tree_and_status(clone)
        lock = clone.write(f".git/{name}", "")
        result = wrote(clone, tree, state)
        lock.unlink()
        if result.commit is None:  # HEAD itself is only read and noted; git may do without its lock
            assert "File exists" in result.faults[0][1]
            assert (clone.status(), clone.read("workplans/a.md")) == ([], TODO.encode())
        assert (clone.status(), leftovers(clone), recover(tree)) == ([], [], [])

    def test_unmerged_path(self, clone: Clone) -> None:
        blob = clone.git("hash-object", "-w", "--stdin", input="x")
        clone.git("update-index", "--index-info", input=f"100644 {blob} 1\tx\n100644 {blob} 2\tx\n")
        refused(clone, "a merge of some files is in progress")

    def test_bisect(self, clone: Clone) -> None:
        clone.commit()
        clone.git("bisect", "start", "HEAD", "HEAD~1")
        refused(clone, "a bisect is in progress; finish or abort it first")

    def test_detached_in_a_rebase_names_the_rebase(self, clone: Clone) -> None:
        conflict(clone, "rebase other")
        assert "detached" not in refused(clone)

    def test_objects_cannot_be_written(self, clone: Clone) -> None:
        pack = clone.path / ".git" / "objects" / "pack"
        shutil.rmtree(pack)  # there is none yet: a clone of this machine has single objects
        pack.touch()
        refused(clone, "objects/pack")

    def test_single_objects_cannot_be_written(self, clone: Clone) -> None:
        """A pack is as good."""
        clone.git("repack", "-adq")
        for number in range(256):
            prefix = clone.path / ".git" / "objects" / f"{number:02x}"
            shutil.rmtree(prefix, ignore_errors=True)
            prefix.touch()
        result = written(clone)
        assert (result.commit is None) == bool(result.faults)
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_git_folder_cannot_be_written(self, clone: Clone) -> None:
        clone.write(".git/statehub-writeback", "in the way")
        tree, state = tree_and_status(clone)
        result = wrote(clone, tree, state)
        assert (result.commit, result.files) == (None, {})
        assert result.faults == [(None, f"File exists: {clone.path}/.git/statehub-writeback")]
        assert (clone.status(), clone.read("workplans/a.md")) == ([], TODO.encode())

    def test_head_has_moved(self, clone: Clone) -> None:
        tree, state = tree_and_status(clone)
        moved = clone.commit("Moved")
        before = photograph(clone)
        result = wrote(clone, tree, state)
        assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
        assert (clone.head, clone.status(), photograph(clone)) == (moved, [], before)
        assert leftovers(clone) == []

    def test_git_gone_in_between(self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tree, state = tree_and_status(clone)
        known = digests(clone, [item()])
        monkeypatch.setenv("PATH", str(tmp_path))
        result = write_back(tree, state, [item()], known, COMMITTER, LIMIT, not_recorded)
        assert result.faults[0][1].startswith("git is not on the PATH: install git")
        assert clone.read("workplans/a.md") == TODO.encode()
