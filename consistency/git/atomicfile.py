"""Replaces a file in one step, keeping its mode and owner."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from consistency.git.files import digest_of
from statehub.errors import StateHubError

TEMPORARY = ".statehub-writeback.tmp"
"""In the file's own folder: a rename is atomic within one file system only."""


class FileChangedError(StateHubError, OSError):
    """The file is not what it is thought to be."""


def replace_file(path: str, expected: str, data: bytes) -> None:
    """Put *data* in the place of the regular file *path*, whose digest is *expected*.

    Raises OSError, and FileChangedError where its digest is another; then *path* is as it was.
    """
    temporary = temporary_beside(path)
    status = os.lstat(path)
    remove(temporary)
    with replacing(path, temporary, 0o600) as file:
        file.write(data)
        file.flush()
        _take_over(file.fileno(), status)
        os.fsync(file.fileno())
        if digest_of(path) != expected:  # At the last moment: what a person has saved meanwhile is not ours to take.
            raise FileChangedError(0, "the file was changed during this run", path)


@contextmanager
def replacing(path: str, temporary: str, mode: int) -> Iterator[BinaryIO]:
    """Open the new file *temporary* for writing; if all goes well, it takes the place of *path*, else it is deleted."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def temporary_beside(path: str) -> str:
    """The temporary file that `replace_file` uses for *path*."""
    return os.path.join(os.path.dirname(path), TEMPORARY)


def remove(path: str) -> None:
    """Delete *path* if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def _take_over(descriptor: int, status: os.stat_result) -> None:
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):  # Only root may give a file away; the mode is what matters.
            os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
