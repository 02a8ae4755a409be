"""Keeps the session protocol in a file of a checkout; commits nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

from consistency.core.marked_section import SectionError, render, replace_section
from consistency.git.atomicfile import replace_file
from consistency.git.files import digest, digest_of, read_files
from consistency.git.lock import CheckoutLockedError, locked
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError
from statehub.models import Repo
from statehub.text import describe_os_error

TEMPLATE = settings.BASE_DIR / "templates/project_rules/session-protocol.template"


class SessionProtocolError(StateHubError):
    """The protocol cannot be put into the file, which is as it was; one sentence for people."""


def check_protocol(tree: WorkTree, file: str) -> None:
    """Raise SessionProtocolError if `keep_protocol` would, as far as that is known without writing."""
    full, path = _locate(tree, file)
    with _errors_of(path):
        replace_section(_read(full, path) or b"", _section(Repo(slug="slug")))


def keep_protocol(tree: WorkTree, repo: Repo, file: str) -> str:
    """Put the session protocol of *repo* into *file*, a path below the top of *tree*; return one sentence on it.

    A link inside the work tree is followed. Raises SessionProtocolError, and nothing is written then.
    """
    full, path = _locate(tree, file)
    with _errors_of(path), locked(tree):
        old = _read(full, path)
        placed = replace_section(old or b"", _section(repo))
        if placed.data == old:
            return f"{path}: the session protocol is up to date"
        if old is None:
            _create(full, placed.data)
            done = "created with the session protocol"
        else:
            replace_file(full, digest(old), placed.data)
            done = f"the session protocol was {'updated' if placed.found else 'added'}"
    return f"{path}: {done}; commit it"


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    """Turn every error of reading or replacing *path* into a SessionProtocolError."""
    try:
        yield
    except SectionError as error:
        raise SessionProtocolError(f"{path}, line {error.line}: {error}") from error
    except CheckoutLockedError as error:
        raise SessionProtocolError(str(error)) from error
    except OSError as error:
        raise SessionProtocolError(f"{path} cannot be written: {describe_os_error(error)}") from error


def _section(repo: Repo) -> str:
    return render(TEMPLATE.read_text("utf-8"), repo.slug, repo.workplans.replace("\n", ", "))


def _read(full: str, path: str) -> bytes | None:
    """Read the file that is to be replaced; None if there is none. Raises SessionProtocolError, OSError."""
    found = next(read_files(os.path.dirname(full), [os.path.basename(full)], settings.STATEHUB_MAX_FILE_SIZE), None)
    if found is None:
        return None
    if found.data is None:
        raise SessionProtocolError(f"{path}: {found.fault}")
    if not os.lstat(full).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise SessionProtocolError(f"{path} is read-only (chmod u+w makes it writable)")
    return found.data


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


def _locate(tree: WorkTree, file: str) -> tuple[str, str]:
    """Return the full path of *file*, without links, and its path in *tree*. Raises SessionProtocolError if outside."""
    root = os.path.realpath(tree.top)
    named = os.path.join(root, file)
    full = os.path.realpath(named)
    if ".." in file.split("/") or not full.startswith(root.rstrip("/") + "/"):
        raise SessionProtocolError(f"'{file}' is not a file inside the repository, such as CLAUDE.md")
    path = os.path.relpath(full, root)
    git_dir = os.path.realpath(tree.git_dir)
    if ".git" in path.casefold().split("/") or f"{full}/".startswith(f"{git_dir}/"):
        raise SessionProtocolError(f"'{file}' is in git's own folder")
    if os.path.lexists(named) and not os.path.exists(full):
        raise SessionProtocolError(f"'{file}' is a link to a file that is not there")
    _check_folders(root, path)
    return full, path


def _check_folders(root: str, path: str) -> None:
    """Raise SessionProtocolError unless every folder of *path* is there and belongs to this repository."""
    folder = root
    for name in path.split("/")[:-1]:
        folder = os.path.join(folder, name)
        if not os.path.isdir(folder):
            raise SessionProtocolError(f"{path}: there is no folder {os.path.relpath(folder, root)}")
        if os.path.lexists(os.path.join(folder, ".git")):
            raise SessionProtocolError(f"{path} belongs to another repository, {os.path.relpath(folder, root)}")
