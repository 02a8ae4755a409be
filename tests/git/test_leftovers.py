"""The leftovers of a killed git are removed, and nothing that is still in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consistency.git import leftovers
from consistency.git.leftovers import OLD_SECONDS, remove_leftovers, remove_old_leftovers
from consistency.git.worktree import open_checkout
from testing.repos import Clone

DATA = (
    "objects/pack/tmp_pack_a1B2c3",
    "objects/pack/tmp_idx_a1B2c3",
    "objects/pack/tmp_rev_a1B2c3",
    "objects/0f/tmp_obj_a1B2c3",
    "objects/incoming-a1B2c3/pack/tmp_pack_x",
    "objects/tmp_objdir-incoming-a1B2c3/pack/x",
)
LOCKS = ("index.lock", "HEAD.lock", "shallow.lock", "packed-refs.lock", "FETCH_HEAD.lock", "refs/remotes/origin/x.lock")
OTHERS = (
    "objects/pack/pack-0f.pack",
    "objects/pack/.tmp-12-pack-0f.pack",
    "objects/0f/0123",
    "statehub.lock",
    "config.lock",
    "refs/heads/lock",
    "gc.pid",
    "tmp_pack_a1B2c3",
)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_PAUSE_SECONDS", 0.01)


def laid(git_dir: Path, *names: str) -> set[str]:
    for name in names:
        (git_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (git_dir / name).write_bytes(b"x")
    return set(names)


def there(git_dir: Path, names: set[str]) -> set[str]:
    return {name for name in names if (git_dir / name).exists()}


@contextmanager
def running(*command: str, cwd: Path) -> Iterator[None]:
    """Run a program in the folder *cwd*; it has begun when it has said so."""
    with subprocess.Popen(command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield
        process.communicate()


def test_all_that_is_new_goes_and_nothing_else(clone: Clone) -> None:
    git_dir = clone.path / ".git"
    since = time.time()
    gone, stays = laid(git_dir, *DATA, *LOCKS), laid(git_dir, *OTHERS)
    remove_leftovers(str(git_dir), str(git_dir), since)
    assert there(git_dir, gone | stays) == stays
    assert not any("-a1B2c3" in name for name in os.listdir(git_dir / "objects"))


def test_what_was_there_before_stays(clone: Clone) -> None:
    git_dir = clone.path / ".git"
    names = laid(git_dir, *DATA, *LOCKS)
    time.sleep(2 * leftovers.CLOCK_TICK_SECONDS)
    remove_leftovers(str(git_dir), str(git_dir), time.time())
    assert there(git_dir, names) == names


def test_what_somebody_has_open_stays(clone: Clone) -> None:
    git_dir, since = clone.path / ".git", time.time()
    names = laid(git_dir, *DATA)
    for name in names:
        with open(git_dir / name, "rb"):
            remove_leftovers(str(git_dir), str(git_dir), since)
            assert (git_dir / name).exists()
            assert there(git_dir, names) == {name}
        laid(git_dir, *names)
    remove_leftovers(str(git_dir), str(git_dir), since)
    assert there(git_dir, names) == set()


def test_what_belongs_to_another_user_stays(clone: Clone) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    git_dir, since = clone.path / ".git", time.time()
    names = laid(git_dir, "objects/pack/tmp_pack_a1B2c3", "index.lock")
    for name in names:
        os.chown(git_dir / name, 12345, 12345)
    remove_leftovers(str(git_dir), str(git_dir), since)
    assert there(git_dir, names) == names


def test_locks_stay_while_another_git_is_running(clone: Clone, tmp_path: Path) -> None:
    """A commit that waits for its editor holds `index.lock` and has it not open."""
    git_dir, linked, since = clone.path / ".git", tmp_path / "linked", time.time()
    clone.git("worktree", "add", "--quiet", "--detach", str(linked))
    names = laid(git_dir, "index.lock", "objects/pack/tmp_pack_a1B2c3")
    for folder in (clone.path, git_dir, linked):
        laid(git_dir, *names)
        with running("git", "-c", "alias.wait=!echo begun; read x", "wait", cwd=folder):
            remove_leftovers(str(git_dir), str(git_dir), since)
            assert there(git_dir, names) == {"index.lock"}
    with running("git", "-c", "alias.wait=!echo begun; read x", "wait", cwd=tmp_path):
        remove_leftovers(str(git_dir), str(git_dir), since)
    assert there(git_dir, names) == set()


def test_linked_worktree_shares_its_objects(clone: Clone, tmp_path: Path) -> None:
    clone.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    tree, since = open_checkout(str(tmp_path / "linked")), time.time()
    shared = laid(clone.path / ".git", "objects/pack/tmp_pack_a1B2c3", "shallow.lock")
    own = laid(Path(tree.git_dir), "index.lock")
    remove_leftovers(tree.git_dir, tree.common_dir, since)
    assert (there(clone.path / ".git", shared), there(Path(tree.git_dir), own)) == (set(), set())


def test_nothing_goes_if_the_system_does_not_tell(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consistency.git.procfs._PROC", "/no/proc/here")
    git_dir, since = clone.path / ".git", time.time()
    names = laid(git_dir, *DATA, *LOCKS)
    remove_leftovers(str(git_dir), str(git_dir), since)
    assert there(git_dir, names) == names


def test_old_packs_of_killed_runs_go(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    git_dir = clone.path / ".git"
    packs, others = laid(git_dir, *DATA[:3]), laid(git_dir, *DATA[3:], *LOCKS, *OTHERS)
    remove_old_leftovers(str(git_dir))
    assert there(git_dir, packs) == packs
    now = time.time
    monkeypatch.setattr("consistency.git.leftovers.time.time", lambda: now() + OLD_SECONDS + 1)
    with open(git_dir / DATA[0], "rb"):
        remove_old_leftovers(str(git_dir))
        assert there(git_dir, packs) == {DATA[0]}
    remove_old_leftovers(str(git_dir))
    assert there(git_dir, packs | others) == others


def test_git_folder_that_is_gone(clone: Clone) -> None:
    shutil.rmtree(clone.path / ".git")
    git_dir = str(clone.path / ".git")
    remove_leftovers(git_dir, git_dir, 0)
    remove_old_leftovers(git_dir)
