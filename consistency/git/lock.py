"""Allows one run at a time on a checkout, by a lock file in its git folder that the process holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError

LOCK_NAME = "statehub.lock"


class CheckoutLockedError(StateHubError):
    """Another run holds the checkout's lock."""


@contextmanager
def locked(tree: WorkTree) -> Iterator[None]:
    """Hold the checkout's lock. Raises CheckoutLockedError at once if another process has it.

    If the git folder is not writable, the run goes on without a lock: then nothing can be written back there, and the
    hub's rows have their own locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(Path(tree.git_dir, LOCK_NAME), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise CheckoutLockedError(f"another run is working on {tree.top}; try again when it has ended") from error
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()
