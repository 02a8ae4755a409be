"""Replaces a file atomically, keeping its mode and owner."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from consistency.git.files import digest_of
from statehub.errors import StateHubError

TEMPORARY = ".statehub-writeback.tmp"
"""In the file's folder: a rename is atomic only within one file system."""


class FileChangedError(StateHubError, OSError):
    """The file has changed since it was read."""


def replace_file(path: str, expected: str, data: bytes) -> None:
    """Replace the contents of the regular file *path*, which has the digest *expected*, by *data*.

    Raises OSError, FileChangedError if the digest differs; *path* is unchanged then.
    """
    temporary = temporary_beside(path)
    status = os.lstat(path)
    try:
        Path(temporary).unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            _copy_owner_and_mode(descriptor, status)
            os.fsync(descriptor)
        if digest_of(path) != expected:  # At the last moment: what a user saved since then must not be lost.
            raise FileChangedError(0, "the file was changed during this run", path)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def temporary_beside(path: str) -> str:
    """Return the temporary file that `replace_file` uses for *path*."""
    return os.path.join(os.path.dirname(path), TEMPORARY)


def _copy_owner_and_mode(descriptor: int, status: os.stat_result) -> None:
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):  # Only root may give a file away; the mode is what matters.
            os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
