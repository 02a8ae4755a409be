"""Allows one run at a time on a checkout, by a lock file in its git folder that the process holds."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError

LOCK_NAME = "statehub.lock"


class CheckoutLockedError(StateHubError):
    """Another run holds the checkout's lock."""


@contextmanager
def locked(tree: WorkTree) -> Iterator[None]:
    """Hold the checkout's lock. Raises CheckoutLockedError if another run has it, OSError if its disk has no locks.

    If the git folder is not writable, the run goes on without a lock: then nothing can be written back there, and the
    hub's rows have their own locks.
    """
    try:
        descriptor = os.open(os.path.join(tree.git_dir, LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError:
        yield
        return
    try:
        with _held(descriptor, tree.top):
            yield
    finally:
        os.close(descriptor)  # The file stays: another process may have opened it.


@contextmanager
def locked_place(path: str) -> Iterator[None]:
    """Hold the lock of the place *path* of one of the hub's own clones, which may not be there yet: a file beside it.

    Raises CheckoutLockedError if another run has it, OSError if the file cannot be made.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        with _held(descriptor, path):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def _held(descriptor: int, path: str) -> Iterator[None]:
    """Hold the lock of the open file *descriptor*, for a run on *path*. Raises CheckoutLockedError, OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:  # PermissionError: some file systems (fcntl(2), "EACCES").
        raise CheckoutLockedError(f"another run is working on {path}; try again when it has ended") from error
    try:
        yield
    finally:
        # The close is not enough: a git that another thread is starting has a copy of the descriptor for a moment.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
