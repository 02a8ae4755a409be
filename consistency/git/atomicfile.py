"""Replaces a file atomically, keeping its mode and owner."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path
from typing import BinaryIO

from consistency.git.files import digest_of, open_regular
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
    Path(temporary).unlink(missing_ok=True)
    with replacing(path, temporary, 0o600) as file:
        file.write(data)
        file.flush()
        _copy_owner_and_mode(file.fileno(), status)
        os.fsync(file.fileno())
        _require_unchanged(path, expected)


def stage_files(staged: Mapping[str, bytes]) -> None:
    """Create the files *staged* (path → contents), on the disk when this returns. Raises OSError.

    All are written before the first is synced: the file system then writes them together.
    """
    for path, data in staged.items():
        with _create(path, 0o600) as file:
            file.write(data)
    for path in staged:
        with open_regular(path) as file:
            os.fsync(file.fileno())


def move_into_place(staged: str, path: str, expected: str) -> None:
    """Put the file *staged* into the place of the regular file *path*, which has the digest *expected*.

    Raises OSError, FileChangedError as `replace_file`.
    """
    status = os.lstat(path)
    with open_regular(staged) as file:
        _copy_owner_and_mode(file.fileno(), status)
        _require_unchanged(path, expected)
        try:
            os.replace(staged, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            replace_file(path, expected, file.read())


def write_file(path: str, data: bytes, mode: int) -> None:
    """Put *data* into the file *path* in one step: its readers never see half of it. It has *mode*, less the umask.

    Raises OSError; *path* is as before then.
    """
    folder, name = os.path.split(path)
    # An unguessable name, because the folder may be open to other users.
    with replacing(path, os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp"), mode) as file:
        file.write(data)


@contextmanager
def replacing(path: str, temporary: str, mode: int) -> Iterator[BinaryIO]:
    """Open the new file *temporary* for writing; if all goes well, it takes the place of *path*, else it is deleted."""
    opened = _create(temporary, mode)
    try:
        with opened as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _create(path: str, mode: int) -> BufferedWriter:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    return os.fdopen(descriptor, "wb")


def _require_unchanged(path: str, expected: str) -> None:
    if digest_of(path) != expected:  # At the last moment: what a user saved since then must not be lost.
        raise FileChangedError(0, "the file was changed during this run", path)


def temporary_beside(path: str) -> str:
    """Return the temporary file that `replace_file` uses for *path*."""
    return os.path.join(os.path.dirname(path), TEMPORARY)


def _copy_owner_and_mode(descriptor: int, status: os.stat_result) -> None:
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):  # Only root may give a file away; the mode is what matters.
            os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
