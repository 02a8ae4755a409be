"""Reads workplan files from a work tree; refuses links out of it or into `.git`, devices, and too large files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

from consistency.git.names import canonical, native
from statehub.errors import StateHubError
from statehub.text import describe_os_error, is_storable

_PIECE = 64 * 1024
"""Bytes that are read at a time of a file of any size. hashlib.file_digest clears a buffer of four times that."""

READER_VERSION = b"reader 3\n"
"""In front of the bytes of every digest; to be changed when the same bytes are parsed differently, so that no old
result is reused.
"""


class FileReadError(StateHubError):
    """A file exists but must not be read (C-02); the text says why."""


class ReadFile(NamedTuple):
    """A file's bytes, or None and the `fault` that kept it from being read."""

    path: str
    data: bytes | None
    fault: str = ""


def digest(data: bytes) -> str:
    """Return the digest of a file's bytes that the ledger keeps, in hex."""
    return _hash(data).hexdigest()


def text_digest(data: bytes) -> str:
    """Return the digest of a file's bytes that the hub keeps with a status, in hex; line ends do not count."""
    # Twenty times faster to see that there is no CR than to replace none.
    return hashlib.sha256(data.replace(b"\r\n", b"\n") if b"\r" in data else data).hexdigest()


def digest_of(full: str) -> str | None:
    """Return the digest of the regular file at *full*, None if there is none to read; links are not followed."""
    try:
        with open_regular(full) as file:
            found = _hash()
            while data := file.read(_PIECE):
                found.update(data)
            return found.hexdigest()
    except (OSError, FileReadError):
        return None


def read_files(top: str, paths: list[str], limit: int) -> Iterator[ReadFile]:
    """Yield each of *paths* below *top*, at most *limit* bytes long, except missing files.

    A link to another of *paths* is left out: it is the same workplan under a second name. So is a file in a folder that
    has become a link: for git it is gone.
    """
    root, listed, folders = os.path.realpath(top), set(paths), dict[str, str | None]()
    prefix = os.path.join(root, "")
    for path in paths:
        try:
            full = _locate(prefix, root, path, folders)
            data = _read_or_follow(full, root, listed, limit) if full is not None else None
            if data is not None:
                yield ReadFile(path, data)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except FileReadError as error:
            yield ReadFile(path, None, str(error))
        except OSError as error:
            yield ReadFile(path, None, f"cannot be read: {describe_os_error(error)}")


def _hash(data: bytes = b"") -> hashlib._Hash:
    # Processors have instructions for SHA-256: it takes half of BLAKE2's time.
    hasher = hashlib.sha256(READER_VERSION)
    hasher.update(data)
    return hasher


def _locate(prefix: str, root: str, path: str, folders: dict[str, str | None]) -> str | None:
    """Return the place of *path* on the disk; None if a folder above it only links to another. Raises FileReadError."""
    if not is_storable(path):
        raise FileReadError("its name is not UTF-8; rename it")
    name = native(path)
    folder = name.rpartition("/")[0]
    if folder not in folders:  # A folder may have become a link since git listed it.
        folders[folder] = _fault_of_folder(root, os.path.join(root, folder) if folder else root)
    fault = folders[folder]
    if fault:
        raise FileReadError(fault)
    return None if fault is None else prefix + name


def _read_or_follow(full: str, root: str, listed: set[str], limit: int) -> bytes | None:
    """Return the bytes of the file at *full*, or of that it links to; None if that is one of *listed*.

    Raises OSError, FileReadError.
    """
    try:
        return _read(full, limit)
    except OSError:  # A link is not opened: nearly no file is one, so it takes no call to see that each is not.
        if not os.path.islink(full):
            raise
    fault, target = _fault_of_link(root, full), os.path.realpath(full)
    if fault:
        raise FileReadError(fault)
    if not os.path.exists(target):
        raise FileReadError("a link to a file that is not there")
    return None if canonical(os.path.relpath(target, root)) in listed else _read(target, limit)


def _fault_of_folder(root: str, named: str) -> str | None:
    """Return why files in the folder *named* must not be read, '' if they may; None if a link is on the way to it."""
    return _fault_of_link(root, named) or ("" if os.path.realpath(named) == named else None)


def _fault_of_link(root: str, named: str) -> str:
    """Return why the target of *named* must not be read; '' if it may: no link on the way, or one inside the repo."""
    target = os.path.realpath(named)
    if target in (root, named):
        return ""
    if not target.startswith(root.rstrip("/") + "/"):
        return "a link that leads out of the repo"
    folder = root
    for name in os.path.relpath(target, root).split("/"):
        folder = os.path.join(folder, name)
        if name.casefold() == ".git":
            return "a link that leads into git's own folder"
        if os.path.lexists(os.path.join(folder, ".git")):
            return "a link that leads into another repository"
    return ""


def open_regular(full: str) -> BufferedReader:
    """Open the regular file at *full*; links are not followed. Raises OSError, FileReadError."""
    return os.fdopen(_open_regular(full)[0], "rb")


def _open_regular(full: str) -> tuple[int, int]:
    """Open the regular file at *full*; return its descriptor and its size in bytes."""
    # NONBLOCK: a pipe in place of the file must not block the run.
    descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileReadError("not a regular file")
    return descriptor, status.st_size


def _read(full: str, limit: int) -> bytes:
    # Without a file object, which takes as long to make as a small file to read.
    descriptor, size = _open_regular(full)
    try:
        # Not limit + 1 at once: that allocates a buffer of the limit's size for every small file.
        data = os.read(descriptor, min(size, limit) + 1)
        if len(data) != size and len(data) <= limit:  # The file has changed since, or the system gave a part of it.
            with os.fdopen(descriptor, "rb", closefd=False) as rest:
                data += rest.read(limit + 1 - len(data))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise FileReadError(f"larger than the limit of {limit} bytes")
    return data
