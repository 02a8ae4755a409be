"""Writes files of a checkout that people keep too: never through a link that leads out, and not half."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

from consistency.git.atomicfile import replace_file
from consistency.git.files import digest, digest_of, read_files
from consistency.git.lock import CheckoutLockedError
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError
from statehub.text import describe_os_error


class RepoFileError(StateHubError):
    """The file cannot be written, and is as it was; one sentence for people."""


@contextmanager
def errors_of(path: str) -> Iterator[None]:
    """Turn every error of reading or replacing *path* into a RepoFileError."""
    try:
        yield
    except CheckoutLockedError as error:
        raise RepoFileError(str(error)) from error
    except OSError as error:
        raise RepoFileError(f"{path} cannot be written: {describe_os_error(error)}") from error


def read_file(full: str, path: str) -> bytes | None:
    """Read the file that is to be replaced; None if there is none. Raises RepoFileError, OSError."""
    found = next(read_files(os.path.dirname(full), [os.path.basename(full)], settings.STATEHUB_MAX_FILE_SIZE), None)
    if found is None:
        return None
    if found.data is None:
        raise RepoFileError(f"{path}: {found.fault}")
    if not os.lstat(full).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise RepoFileError(f"{path} is read-only (chmod u+w makes it writable)")
    return found.data


def write_file(full: str, old: bytes | None, data: bytes) -> None:
    """Replace the file *full*, which has the content *old*, or create it if that is None. Raises OSError."""
    if old is None:
        _create(full, data)
    else:
        replace_file(full, digest(old), data)


def _create(full: str, data: bytes) -> None:
    """Create the file *full*; if that fails, it is deleted again."""
    os.close(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))  # The umask says the mode.
    try:
        replace_file(full, digest(b""), data)
    except BaseException:
        if digest_of(full) == digest(b""):  # Else another process has written to it.
            with suppress(OSError):
                os.unlink(full)
        raise


def locate_file(tree: WorkTree, file: str) -> tuple[str, str]:
    """Return the full path of *file*, without links, and its path in *tree*. Raises RepoFileError if outside."""
    root = os.path.realpath(tree.top)
    named = os.path.join(root, file)
    full = os.path.realpath(named)
    if ".." in file.split("/") or not full.startswith(root.rstrip("/") + "/"):
        raise RepoFileError(f"'{file}' is not a file inside the repository, such as CLAUDE.md")
    path = os.path.relpath(full, root)
    git_dir = os.path.realpath(tree.git_dir)
    if ".git" in path.casefold().split("/") or f"{full}/".startswith(f"{git_dir}/"):
        raise RepoFileError(f"'{file}' is in git's own folder")
    if os.path.lexists(named) and not os.path.exists(full):
        raise RepoFileError(f"'{file}' is a link to a file that is not there")
    _check_folders(root, path)
    return full, path


def _check_folders(root: str, path: str) -> None:
    """Raise RepoFileError unless every folder of *path* is there and belongs to this repository."""
    folder = root
    for name in path.split("/")[:-1]:
        folder = os.path.join(folder, name)
        if not os.path.isdir(folder):
            raise RepoFileError(f"{path}: there is no folder {os.path.relpath(folder, root)}")
        if os.path.lexists(os.path.join(folder, ".git")):
            raise RepoFileError(f"{path} belongs to another repository, {os.path.relpath(folder, root)}")
