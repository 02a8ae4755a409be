"""What the processes of this machine are doing, as Linux tells it in /proc (proc(5)); elsewhere nothing is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_PROC = "/proc"


@dataclass(frozen=True, slots=True)
class Living:
    """The files that are open, as (device, inode), and the folders in which a git is at work."""

    open_files: frozenset[tuple[int, int]]
    git_folders: frozenset[str]


def living() -> Living | None:
    """What the processes that we may look at have open; None if this system does not tell.

    A process that hides its files from its own user (ssh-agent, say) is passed over: git does not.
    """
    if not os.path.isdir(f"{_PROC}/self/fd"):
        return None
    files: set[tuple[int, int]] = set()
    folders: set[str] = set()
    for process in _processes():
        with suppress(OSError):  # Another user's, or it has ended meanwhile.
            for descriptor in os.listdir(f"{process}/fd"):
                with suppress(OSError):
                    status = os.stat(f"{process}/fd/{descriptor}")
                    files.add((status.st_dev, status.st_ino))
        with suppress(OSError):
            if _text(f"{process}/comm").startswith("git"):
                folders.add(os.readlink(f"{process}/cwd"))
    return Living(frozenset(files), frozenset(folders))


def bytes_read(session: int) -> dict[int, int]:
    """The bytes that each process of a *session* has read so far, from wherever; empty if this system does not tell."""
    found: dict[int, int] = {}
    for process in _processes():
        with suppress(OSError, ValueError):
            # After the name, which may hold anything: state, parent, group, session.
            if int(_text(f"{process}/stat").rpartition(")")[2].split()[3]) == session:
                found[int(os.path.basename(process))] = int(_text(f"{process}/io").split()[1])
    return found


def _processes() -> Iterator[str]:
    with suppress(OSError):
        yield from (f"{_PROC}/{name}" for name in os.listdir(_PROC) if name.isdecimal())


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
