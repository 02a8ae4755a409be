"""Reads workplan files from a work tree: no link out of it or into git's folder, no device, none too large."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader

from consistency.git.names import canonical, native
from statehub.errors import StateHubError
from statehub.phrases import describe_os_error

READER_VERSION = b"2"
"""Part of every digest; moves when the same bytes would be read differently, so that nothing old is reused."""


class FileReadError(StateHubError):
    """A file that is there but cannot be taken (C-02); the text says why."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file: its bytes, or why it cannot be read."""

    path: str
    data: bytes | None
    fault: str = ""


def digest(data: bytes) -> str:
    """What the ledger keeps of a file's bytes, in hex."""
    return _hash(data).hexdigest()


def text_digest(data: bytes) -> str:
    """The digest of a file's bytes, the same whatever its line ends are: what the hub keeps of statements."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def digest_of(full: str) -> str | None:
    """The digest of the regular file at *full*; None where none can be read, links not followed."""
    try:
        with _open(full) as file:
            return hashlib.file_digest(file, _hash).hexdigest()
    except (OSError, FileReadError):
        return None


def read_files(top: str, paths: list[str], limit: int) -> Iterator[ReadFile]:
    """Each of *paths* below *top*, at most *limit* bytes long. A file that is gone is left out.

    A link to another of *paths* is left out too: it is the same workplan under a second name. So is what git had in a
    folder that is a link now: for git it is gone.
    """
    root, listed, folders = os.path.realpath(top), set(paths), dict[str, str | None]()
    for path in paths:
        try:
            full = _resolve(root, path, listed, folders)
            if full is not None:
                yield ReadFile(path, _read(full, limit))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except FileReadError as error:
            yield ReadFile(path, None, str(error))
        except OSError as error:
            yield ReadFile(path, None, f"cannot be read: {describe_os_error(error)}")


def _hash(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=20, person=READER_VERSION)


def _resolve(root: str, path: str, listed: set[str], folders: dict[str, str | None]) -> str | None:
    """Where to read *path*; None if it only points at another file, or is behind one. Raises FileReadError."""
    _require_storable_name(path)
    name = native(path)
    folder, full = os.path.dirname(name), os.path.join(root, name)
    if folder not in folders:  # A folder may have become a link since git listed it.
        folders[folder] = _fault_of_folder(root, os.path.join(root, folder) if folder else root)
    fault = folders[folder]
    if fault is None:
        return None
    if fault:
        raise FileReadError(fault)
    if not stat.S_ISLNK(os.lstat(full).st_mode):
        return full
    fault, target = _fault_of_link(root, full), os.path.realpath(full)
    if fault:
        raise FileReadError(fault)
    if not os.path.exists(target):
        raise FileReadError("a link to a file that is not there")
    return None if canonical(os.path.relpath(target, root)) in listed else target


def _fault_of_folder(root: str, named: str) -> str | None:
    """Why what is in the folder *named* must not be read; None if a link is on the way to it, '' if it may be read."""
    return _fault_of_link(root, named) or ("" if os.path.realpath(named) == named else None)


def _fault_of_link(root: str, named: str) -> str:
    """Why what *named* leads to must not be read, '' where it may: where no link is on the way, or it stays with us."""
    target = os.path.realpath(named)
    if target in (root, named):
        return ""
    if not _is_inside(root, target):
        return "a link that leads out of the repo"
    folder = root
    for name in os.path.relpath(target, root).split("/"):
        folder = os.path.join(folder, name)
        if name.casefold() == ".git":
            return "a link that leads into git's own folder"
        if os.path.lexists(os.path.join(folder, ".git")):
            return "a link that leads into another repository"
    return ""


def _require_storable_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise FileReadError("its name is not UTF-8; rename it") from error


def _is_inside(root: str, path: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _open(full: str) -> BufferedReader:
    # NONBLOCK: a pipe that took the file's place must not hold the run up. NOFOLLOW: links were resolved.
    descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileReadError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _read(full: str, limit: int) -> bytes:
    with _open(full) as file:
        # Not read(limit + 1) at once: that makes a buffer of the limit's size for every small file.
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, limit) + 1)
        if len(data) > size:
            data += file.read(limit)
    if len(data) > limit:
        raise FileReadError(f"larger than the limit of {limit} bytes")
    return data
