"""Reads from /proc what the processes of this machine are doing (proc(5)); other systems than Linux lack it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = "/proc"


class Processes(NamedTuple):
    """The open files, as (device, inode), and the working directories of git processes."""

    open_files: frozenset[tuple[int, int]]
    git_folders: frozenset[str]


def read_processes() -> Processes | None:
    """Read the open files of all processes that we may inspect; None without /proc.

    Processes that hide their files from their own user, such as ssh-agent, are skipped; git is not one of them.
    """
    if not os.path.isdir(f"{_PROC}/self/fd"):
        return None
    files: set[tuple[int, int]] = set()
    folders: set[str] = set()
    for process in _processes():
        with suppress(OSError):  # Another user's, or it has ended.
            for descriptor in os.listdir(f"{process}/fd"):
                with suppress(OSError):
                    status = os.stat(f"{process}/fd/{descriptor}")
                    files.add((status.st_dev, status.st_ino))
        with suppress(OSError):
            if _text(f"{process}/comm").startswith("git"):
                folders.add(os.readlink(f"{process}/cwd"))
    return Processes(frozenset(files), frozenset(folders))


def bytes_read(session: int) -> dict[int, int]:
    """Return the bytes that each process of a *session* has read so far, by process id; empty without /proc."""
    found: dict[int, int] = {}
    for process in _processes():
        with suppress(OSError, ValueError):
            # After the name, which may contain anything: state, parent, group, session.
            if int(_text(f"{process}/stat").rpartition(")")[2].split()[3]) == session:
                found[int(os.path.basename(process))] = int(_text(f"{process}/io").split()[1])
    return found


def _processes() -> Iterator[str]:
    with suppress(OSError):
        yield from (f"{_PROC}/{name}" for name in os.listdir(_PROC) if name.isdecimal())


def _text(path: str) -> str:
    return Path(path).read_text("utf-8", "replace")
