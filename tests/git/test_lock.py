"""One run at a time on a checkout."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from consistency.git.lock import LOCK_NAME, CheckoutLockedError, locked
from consistency.git.worktree import WorkTree, open_checkout
from testing.manage import ROOT
from testing.repos import Clone

HOLD = """
import sys, time
from consistency.git.lock import locked
from consistency.git.worktree import open_checkout
with locked(open_checkout(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_second_process_is_refused_at_once(clone: Clone, tree: WorkTree) -> None:
    with held_elsewhere(clone.path) as process:
        started = time.monotonic()
        with (
            pytest.raises(CheckoutLockedError, match=rf"^another run is working on {clone.path}; try again"),
            locked(tree),
        ):
            pass
        assert time.monotonic() - started < 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with locked(tree):
            pass


def test_lock_is_free_after_an_error(tree: WorkTree) -> None:
    with pytest.raises(ZeroDivisionError), locked(tree):
        raise ZeroDivisionError
    with locked(tree):
        pass


def test_lock_of_this_very_process(tree: WorkTree) -> None:
    with locked(tree), pytest.raises(CheckoutLockedError), locked(tree):
        pass


def test_linked_worktrees_lock_each_for_itself(clone: Clone, tree: WorkTree) -> None:
    linked = clone.path.with_name("linked")
    clone.git("worktree", "add", "--quiet", str(linked))
    with held_elsewhere(linked), locked(tree), pytest.raises(CheckoutLockedError), locked(open_checkout(str(linked))):
        pass


def test_git_does_not_see_the_lock(clone: Clone, tree: WorkTree) -> None:
    with locked(tree):
        assert clone.status() == []


def test_git_folder_that_cannot_be_written_to(clone: Clone, tree: WorkTree) -> None:
    (clone.path / ".git" / LOCK_NAME).mkdir()  # For root, too, there is nothing to open then.
    ran = False
    with locked(tree):
        ran = True
    assert ran


def test_disk_without_locks(tree: WorkTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(OSError, match="No locks available"), locked(tree):
        pass


def test_lock_that_another_thread_has_taken_is_given_back(tree: WorkTree) -> None:
    lock = ExitStack()
    thread = threading.Thread(target=lambda: lock.enter_context(locked(tree)))
    thread.start()
    thread.join()
    with pytest.raises(CheckoutLockedError), locked(tree):
        pass
    lock.close()
    with locked(tree):
        pass


def test_copy_of_the_descriptor_does_not_keep_the_lock(tree: WorkTree) -> None:
    """Another thread that starts a process at the end of a run has copies of all descriptors, until its exec."""
    file = Path(tree.git_dir, LOCK_NAME)
    with locked(tree):
        [opened] = [int(fd) for fd in os.listdir("/dev/fd") if _leads_to(fd, file)]
        copy = os.dup(opened)
    try:
        with locked(tree):
            pass
    finally:
        os.close(copy)


def _leads_to(descriptor: str, file: Path) -> bool:
    try:
        return os.path.samefile(f"/dev/fd/{descriptor}", file)
    except OSError:
        return False
