"""Keeps the session protocol in a file of a checkout; commits nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

from consistency.core.marked_section import SectionError, SectionPlacement, render, replace_section
from consistency.git.atomicfile import replace_file
from consistency.git.files import digest, digest_of, read_files
from consistency.git.lock import CheckoutLockedError, locked
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError
from statehub.models import Repo
from statehub.phrases import describe_os_error

TEMPLATE = settings.BASE_DIR / "templates/project_rules/session-protocol.template"


class SessionProtocolError(StateHubError):
    """The protocol cannot be put into the file, which is as it was; one sentence for people."""


def check_protocol(tree: WorkTree, file: str) -> None:
    """Raise SessionProtocolError where `keep_protocol` would, as far as that can be told without writing."""
    path = _inside(tree, file)
    with _refusals(path):
        replace_section(_read(_full(tree, path), path) or b"", _section(Repo(slug="slug")))


def keep_protocol(tree: WorkTree, repo: Repo, file: str) -> str:
    """Put the session protocol of *repo* into *file*, a path below the top of *tree*; one sentence on what was done.

    A link inside the work tree is followed. Raises SessionProtocolError, and nothing is written then.
    """
    path = _inside(tree, file)
    with _refusals(path), locked(tree):
        return f"{path}: {_keep(_full(tree, path), path, _section(repo))}"


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    """Whatever keeps *path* from being read or replaced becomes a SessionProtocolError."""
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


def _full(tree: WorkTree, path: str) -> str:
    return os.path.join(os.path.realpath(tree.top), path)


def _keep(full: str, path: str, section: str) -> str:
    """Put *section* into the file at *full*; what was done."""
    old = _read(full, path)
    placed = replace_section(old or b"", section)
    if placed.data == old:
        return "the session protocol is up to date"
    if old is None:
        _create(full, placed.data)
    else:
        replace_file(full, digest(old), placed.data)
    return f"{_done(old, placed)}; commit it"


def _done(old: bytes | None, placed: SectionPlacement) -> str:
    if old is None:
        return "created with the session protocol"
    return "the session protocol was updated" if placed.found else "the session protocol was added"


def _read(full: str, path: str) -> bytes | None:
    """The bytes of the file that is to be replaced, None where there is none. Raises SessionProtocolError, OSError."""
    found = next(read_files(os.path.dirname(full), [os.path.basename(full)], settings.STATEHUB_MAX_FILE_SIZE), None)
    if found is None:
        return None
    if found.data is None:
        raise SessionProtocolError(f"{path}: {found.fault}")
    if not os.lstat(full).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise SessionProtocolError(f"{path} is read-only (chmod u+w makes it writable)")
    return found.data


def _create(full: str, data: bytes) -> None:
    """Make a file that is not there yet; where that fails, it is not there afterwards."""
    os.close(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))  # The umask says the mode.
    try:
        replace_file(full, digest(b""), data)
    except BaseException:
        if digest_of(full) == digest(b""):  # Else somebody else has written to it.
            with suppress(OSError):
                os.unlink(full)
        raise


def _inside(tree: WorkTree, file: str) -> str:
    """The path of *file* below the top of *tree*, without links. Raises SessionProtocolError where it is elsewhere."""
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
    return path


def _check_folders(root: str, path: str) -> None:
    """Each folder on the way to *path* must be there, and belong to this repository."""
    folder = root
    for name in path.split("/")[:-1]:
        folder = os.path.join(folder, name)
        if not os.path.isdir(folder):
            raise SessionProtocolError(f"{path}: there is no folder {os.path.relpath(folder, root)}")
        if os.path.lexists(os.path.join(folder, ".git")):
            raise SessionProtocolError(f"{path} belongs to another repository, {os.path.relpath(folder, root)}")
