"""A writeback that was killed is undone by the next run, and never at a person's cost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from consistency.git.atomicfile import temporary_beside
from consistency.git.commit import recover
from consistency.git.files import digest
from consistency.git.process import GitError
from consistency.git.rollback import JOURNAL_FOLDER, Journal, Unfinished
from consistency.git.worktree import WorkTree
from testing.manage import ROOT
from testing.repos import Clone
from tests.git.desk import DONE, TODO, commit_workplans, item, leftovers, photograph, tree_and_status, written
from tests.git.processes import gone

Hook = Callable[[str, str], Path]
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


def kill_while_committing(clone: Clone, hook: Hook, *, orphan: bool = False, name: str = "pre-commit") -> int:
    """Kill a writeback with SIGKILL in a slow hook; the process group of its git, ended too unless *orphan*."""
    hook(name, f"touch .git/slow; {'while [ -e .git/slow ]; do sleep 0.02; done' if orphan else 'exec sleep 60'}")
    process = subprocess.Popen([sys.executable, "-c", WRITE, clone.path], cwd=ROOT)
    deadline = time.monotonic() + 20
    while not (clone.path / ".git" / "slow").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    git = int(children.stdout.split()[0])
    process.kill()
    process.wait()
    hook(name, "exit 0")
    if not orphan:
        os.killpg(git, signal.SIGTERM)
        assert gone(git)
    return git


def test_killed_before_the_commit(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    before = photograph(clone)
    file = (clone.path / "workplans" / "a.md").stat()
    kill_while_committing(clone, hook)
    assert clone.read("workplans/a.md") == DONE.encode()
    Path(temporary_beside(str(clone.path / "workplans" / "a.md"))).write_text("half")
    assert recover(tree) == ["workplans/a.md"]
    assert (photograph(clone), leftovers(clone)) == (before, [])
    assert (clone.path / "workplans" / "a.md").stat().st_ino == file.st_ino
    assert recover(tree) == []
    assert written(clone).commit == clone.head


def test_killed_before_the_commit_and_the_file_edited_since(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    clone.write("workplans/a.md", f"{DONE}mine\n")
    assert recover(tree) == []
    assert (clone.read("workplans/a.md"), leftovers(clone)) == (f"{DONE}mine\n".encode(), [])


@pytest.mark.parametrize("what", ["deleted", "link", "folder"])
def test_killed_before_the_commit_and_the_file_is_something_else(
    clone: Clone, tree: WorkTree, hook: Hook, what: str
) -> None:
    kill_while_committing(clone, hook)
    file = clone.path / "workplans" / "a.md"
    file.unlink()
    if what == "link":
        clone.write("other", DONE)
        file.symlink_to("../other")
    elif what == "folder":
        file.mkdir()
    before = photograph(clone)
    assert recover(tree) == []
    after = photograph(clone)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed <= {"index", "status", "staged"}  # the index had followed to the commit that was not made
    assert (after["staged"], leftovers(clone), file.exists()) == ("", [], what != "deleted")


def test_killed_before_the_commit_and_the_folder_is_gone(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    shutil.rmtree(clone.path / "workplans")
    assert recover(tree) == []
    assert leftovers(clone) == []


def test_killed_before_the_commit_and_a_person_committed_it(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    committed = clone.commit("I saw this and took it")
    assert recover(tree) == []
    assert (clone.head, clone.status(), clone.read("workplans/a.md")) == (committed, [], DONE.encode())
    assert leftovers(clone) == []


def test_killed_before_the_commit_then_another_commit(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    clone.write("other", "x")
    clone.git("add", "other")
    clone.git("commit", "--quiet", "--message=Other", "--", "other")
    assert recover(tree) == ["workplans/a.md"]
    assert (clone.status(), clone.read("workplans/a.md")) == ([], TODO.encode())


def test_killed_before_the_commit_then_the_staged_commit(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    clone.git("commit", "--quiet", "--message=Other")
    assert recover(tree) == []
    assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], DONE.encode(), [])


def test_killed_after_the_commit(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook, name="post-commit")
    before = photograph(clone)
    assert recover(tree) == []
    assert (photograph(clone), leftovers(clone), clone.log("%an")[0]) == (before, [], "State Hub")
    assert clone.read("workplans/a.md") == DONE.encode()


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
def test_killed_while_its_git_goes_on(clone: Clone, tree: WorkTree, hook: Hook, name: str) -> None:
    """Whether that git makes its commit or not: in the end nothing is staged and nothing differs."""
    git = kill_while_committing(clone, hook, orphan=True, name=name)
    with suppress(GitError):
        recover(tree)
    (clone.path / ".git" / "slow").unlink()
    assert gone(git)
    recover(tree)
    assert (clone.status(), leftovers(clone)) == ([], [])


def test_killed_while_somebody_holds_the_index(clone: Clone, tree: WorkTree, hook: Hook) -> None:
    kill_while_committing(clone, hook)
    lock = clone.write(".git/index.lock", "")
    with pytest.raises(GitError, match=r"a writeback was cut off and .*/index\.lock is there still"):
        recover(tree)
    assert clone.read("workplans/a.md") == DONE.encode()
    lock.unlink()
    assert recover(tree) == ["workplans/a.md"]
    assert (clone.status(), leftovers(clone)) == ([], [])


def test_killed_before_its_list_was_whole(clone: Clone, tree: WorkTree) -> None:
    clone.write(f".git/{JOURNAL_FOLDER}/0", TODO)
    clone.write(f".git/{JOURNAL_FOLDER}/files.tmp", "[")
    assert recover(tree) == []
    assert (clone.status(), leftovers(clone)) == ([], [])


def test_killed_after_its_list_was_gone(clone: Clone, tree: WorkTree) -> None:
    clone.write(f".git/{JOURNAL_FOLDER}/0", TODO)
    clone.write(f".git/{JOURNAL_FOLDER}/1", TODO)
    assert recover(tree) == []
    assert leftovers(clone) == []


def test_nothing_to_recover_starts_no_git(tree: WorkTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert recover(tree) == []


def begun(clone: Clone) -> Journal:
    """Return a writeback of a.md and b.md whose files are replaced."""
    tree, state = tree_and_status(clone)
    journal = Journal(tree)
    journal.begin(state.head or "", "", {f"workplans/{name}.md": DONE.encode() for name in "ab"})
    for name in "ab":
        (clone.path / "workplans" / f"{name}.md").unlink()  # a new file, as a replaced one is
        clone.write(f"workplans/{name}.md", DONE)
    return journal


def test_only_what_is_asked_for_is_put_back(clone: Clone) -> None:
    result = begun(clone).roll_back({"workplans/b.md"})
    assert (result.restored, result.theirs) == (["workplans/b.md"], [])
    assert (clone.read("workplans/a.md"), clone.read("workplans/b.md")) == (DONE.encode(), TODO.encode())


def test_files_are_told_apart(clone: Clone) -> None:
    journal = begun(clone)
    clone.write("workplans/a.md", "mine")
    clone.write("workplans/b.md", TODO)  # as it was: not replaced yet, or put back by a person
    assert set(journal.unfinished().written) == {"workplans/a.md", "workplans/b.md"}
    result = journal.roll_back({"workplans/a.md", "workplans/b.md"})
    assert (result.restored, result.theirs) == ([], ["workplans/a.md"])
    assert journal.unfinished() == Unfinished()


def test_originals_on_another_file_system(clone: Clone, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == clone.path.stat().st_dev:
        pytest.skip("no other file system here")
    store = elsewhere / f"statehub-test-{os.getpid()}"
    try:
        shutil.move(clone.path / ".git", store)
        clone.write(".git", f"gitdir: {store}\n")
        (clone.path / "workplans" / "a.md").chmod(0o755)
        clone.commit()
        before = photograph(clone)
        journal = begun(clone)
        for name in "ab":
            (clone.path / "workplans" / f"{name}.md").chmod(0o755 if name == "a" else 0o644)
        assert journal.roll_back({"workplans/a.md", "workplans/b.md"}).restored == ["workplans/a.md", "workplans/b.md"]
        assert (photograph(clone), leftovers(clone)) == (before, [])
    finally:
        shutil.rmtree(store, ignore_errors=True)


def test_a_list_half_gone_is_not_put_back(clone: Clone) -> None:
    journal = begun(clone)
    head, files, commit, overlooked = json.loads((journal.folder / "files.json").read_text())
    assert (head, [path for path, _ in files], commit) == (clone.head, ["workplans/a.md", "workplans/b.md"], "")
    assert overlooked == []
    journal.discard()
    assert not journal.folder.exists()
    journal.discard()


def test_list_of_an_older_version_has_no_commit(clone: Clone) -> None:
    journal = begun(clone)
    file = journal.folder / "files.json"
    file.write_text(json.dumps(json.loads(file.read_text())[:2]))
    head, commit, written_digests, _ = journal.unfinished()
    assert (head, commit, set(written_digests)) == (clone.head, "", {"workplans/a.md", "workplans/b.md"})
    assert recover(tree_and_status(clone)[0]) == ["workplans/a.md", "workplans/b.md"]
    assert (clone.status(), leftovers(clone)) == ([], [])


def test_what_it_is_about_can_be_read_again(clone: Clone, tree: WorkTree) -> None:
    Journal(tree).begin("1" * 40, "2" * 40, {"workplans/a.md": b"x"})
    journal = Journal(tree)
    assert journal.unfinished() == Unfinished("1" * 40, "2" * 40, {"workplans/a.md": digest(b"x")}, [])


CUT = """
import os, signal, sys
from pathlib import Path
from consistency.git.process import Git
from tests.git.desk import item, not_recorded, written
from testing.repos import Clone

clone, step, side = Clone(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
seen = []

def cut():
    os.kill(os.getpid(), signal.SIGKILL)

def around(name, real):
    def wrapper(*args, **kwargs):
        seen.append(name)
        here = f"{name}{seen.count(name)}" == step
        if here and side == "before":
            cut()
        result = real(*args, **kwargs)
        if here:
            cut()
        return result
    return wrapper

run = Git.run
Git.run = lambda self, *a, **k: around(a[0], run)(self, *a, **k)
os.replace = around("replace", os.replace)
record = around("record", not_recorded)
written(clone, item("a"), item("b"), record=record)
print("not cut")
"""
BEFORE_THE_COMMIT = [
    ("cat-file1", "before"),
    ("fast-import1", "before"),
    ("fast-import1", "after"),
    ("record1", "before"),
    ("record1", "after"),
    ("replace1", "before"),
    ("replace1", "after"),
    ("replace2", "before"),
    ("replace2", "after"),
    ("read-tree1", "before"),
    ("read-tree1", "after"),
    ("update-ref1", "before"),
]
"""Steps of a writeback, from git processes and renames; at `replace1` the list of originals is there."""


@pytest.mark.parametrize(
    ("step", "side"),
    [
        pytest.param(*each, marks=[] if each == ("replace1", "after") else [pytest.mark.proof])
        for each in BEFORE_THE_COMMIT
    ],
)
def test_killed_at_a_step_before_the_commit(clone: Clone, tree: WorkTree, step: str, side: str) -> None:
    clone.write("README.md", "staged")
    clone.git("add", "README.md")
    clone.write("untracked", "mine")
    before = photograph(clone)
    assert subprocess.run([sys.executable, "-c", CUT, clone.path, step, side], cwd=ROOT, check=False).returncode == -9
    restored = recover(tree)
    assert set(restored) <= {"workplans/a.md", "workplans/b.md"}
    assert (photograph(clone), leftovers(clone)) == (before, [])
    assert recover(tree) == []
    result = written(clone, item("a"), item("b"))
    assert (result.commit, result.faults, clone.git("for-each-ref", "refs/worktree")) == (clone.head, [], "")


def test_killed_right_after_the_commit(clone: Clone, tree: WorkTree) -> None:
    clone.write("README.md", "staged")
    clone.git("add", "README.md")
    command = [sys.executable, "-c", CUT, str(clone.path), "update-ref1", "after"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    before = photograph(clone)
    assert recover(tree) == []
    assert (photograph(clone), leftovers(clone), clone.log("%an")[0]) == (before, [], "State Hub")
    assert clone.status() == ["M  README.md"]
