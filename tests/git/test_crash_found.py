"""Cuts that the crash tests (tests/crash) have found to need a test of their own, each as small as it can be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.git.commit import recover
from consistency.git.process import GitError
from consistency.git.pull import pull
from consistency.git.worktree import open_checkout
from testing.manage import ROOT
from testing.repos import Clone, Origin
from tests.git.desk import (
    DONE,
    WITH_HOOKS,
    Hub,
    commit_workplans,
    fetched_status,
    leftovers,
    photograph,
    tree_and_status,
    written,
)

Hook = Callable[[str, str], Path]

AT_COMMITTED = '[ "$1" = committed ] || exit 0'
"""The branch has the commit."""

WRITE = """
import sys
from pathlib import Path
from tests.git.desk import WITH_HOOKS, written
from testing.repos import Clone
written(Clone(Path(sys.argv[1])), committer=WITH_HOOKS)
"""


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone, "a", "b")


def cut(clone: Clone, hook: Hook) -> list[tuple[str | None, str]]:
    """Return a writeback with hooks whose git is killed once the branch has its commit; its faults."""
    hook("reference-transaction", f"{AT_COMMITTED}; kill -9 $PPID")
    result = written(clone, committer=WITH_HOOKS)
    hook("reference-transaction", "exit 0")
    assert result.commit == clone.head
    return result.faults


def cut_with_us(clone: Clone, hook: Hook) -> None:
    """Cut the writeback off, and kill this tool's process with its git."""
    hook("reference-transaction", f'{AT_COMMITTED}; kill -9 "$(ps -o ppid= -p $PPID)" $PPID')
    assert subprocess.run([sys.executable, "-c", WRITE, clone.path], cwd=ROOT, check=False).returncode == -9
    hook("reference-transaction", "exit 0")


def test_git_killed_after_its_commit_is_no_fault(clone: Clone, hook: Hook) -> None:
    """The index has followed before: there is nothing left to do."""
    assert cut(clone, hook) == []
    assert (clone.status(), clone.read("workplans/a.md").decode()) == ([], DONE)
    assert leftovers(clone) == []


def test_git_and_run_killed_after_the_commit(clone: Clone, hook: Hook) -> None:
    cut_with_us(clone, hook)
    assert clone.status() == []
    tree, _ = tree_and_status(clone)
    assert recover(tree) == []
    assert (clone.status(), clone.read("workplans/a.md").decode()) == ([], DONE)
    assert leftovers(clone) == []


def test_what_a_person_has_staged_since_stays(clone: Clone, hook: Hook) -> None:
    cut_with_us(clone, hook)
    clone.write("workplans/a.md", "theirs\n")
    clone.git("add", "workplans/a.md")
    clone.write("workplans/a.md", DONE)
    before = photograph(clone)
    tree, _ = tree_and_status(clone)
    assert recover(tree) == []
    assert photograph(clone) == before
    assert leftovers(clone) == []


def test_pull_begins_only_where_the_disk_has_room(
    origin: Origin, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git leaves half of a checkout behind where it finds no room, and refuses the next one because of it."""
    clone.push()
    other = origin.clone("other")
    other.write("big.bin", bytes(300_000))
    other.commit("Big")
    other.push()
    tree, before = open_checkout(str(clone.path)), photograph(clone)
    state = fetched_status(clone)
    room = os.statvfs_result((4096, 4096, 1000, 74, 74, 1000, 1000, 1000, 0, 255))
    monkeypatch.setattr("consistency.git.pull.os.statvfs", lambda _path: room)
    with pytest.raises(GitError, match=r"needs about 3\d\d,\d{3} bytes on the disk, which has room for 303,104"):
        pull(tree, state, 20.0, Hub().own, None)
    assert photograph(clone) == before
