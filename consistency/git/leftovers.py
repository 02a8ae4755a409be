"""Removes the leftovers of a killed git from its repository: partially received data, and locks.

A file is removed only if it is unused: it has a name that git gives to temporary files, it belongs to our user, no
process has it open, and it is newer than the start of the killed git or more than a day old. Without /proc nothing is
removed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from consistency.git.procfs import Processes, read_processes

OLD_SECONDS = 24 * 3600.0
"""Age from which a file is the leftover of a run that was killed itself."""

CLOCK_TICK_SECONDS = 0.02
"""File times may be this much behind the clock: the kernel updates them once per tick."""

_ATTEMPTS, _PAUSE_SECONDS = 5, 0.1
"""A killed process may take a moment to close its files."""

_PACK = re.compile(r"tmp_(pack|idx|rev|mtimes)_\w+")
_OBJECT = re.compile(r"tmp_obj_\w+")
_OBJECTS = re.compile(r"(incoming|tmp_objdir|tmp_objdir-incoming|bulk-fsync)-\w+")
_FAN_OUT = re.compile(r"[0-9a-f]{2}")
_LOCKS = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock", "FETCH_HEAD.lock", "shallow.lock", "packed-refs.lock")


def remove_leftovers(git_dir: str, common_dir: str, since: float) -> None:
    """Remove the leftovers of a git that started at the time *since* and was stopped. Raises nothing.

    *git_dir* belongs to its work tree, *common_dir* to all work trees of its repository. Locks are removed only if no
    other git is running in the repository: a lock can be held without being open.
    """

    def is_leftover(status: os.stat_result) -> bool:
        return status.st_ctime >= since - CLOCK_TICK_SECONDS

    for _ in range(_ATTEMPTS):
        data, locks = list(_partial_data(common_dir)), list(_locks(git_dir, common_dir))
        processes = read_processes() if data or locks else None
        if processes is None:
            return
        left = _remove(data, processes, is_leftover)
        if not _is_git_running(git_dir, common_dir, processes):
            left += _remove(locks, processes, is_leftover)
        if not left:
            return
        time.sleep(_PAUSE_SECONDS)


def remove_old_leftovers(common_dir: str) -> None:
    """Remove partial packs that are more than a day old, of fetches whose run was killed too. Raises nothing."""
    packs = list(_entries(os.path.join(common_dir, "objects", "pack"), _PACK))
    processes = read_processes() if packs else None
    if processes is not None:
        oldest = time.time() - OLD_SECONDS
        _remove(packs, processes, lambda status: max(status.st_ctime, status.st_mtime) < oldest)


def is_git_running(git_dir: str, common_dir: str) -> bool:
    """Return whether a git process is running in the repository; False without /proc."""
    processes = read_processes()
    return processes is not None and _is_git_running(git_dir, common_dir, processes)


def _partial_data(common_dir: str) -> Iterator[str]:
    objects = os.path.join(common_dir, "objects")
    yield from _entries(os.path.join(objects, "pack"), _PACK)
    yield from _entries(objects, _OBJECTS)
    for folder in _entries(objects, _FAN_OUT):
        yield from _entries(folder, _OBJECT)


def _locks(git_dir: str, common_dir: str) -> Iterator[str]:
    for folder in dict.fromkeys((git_dir, common_dir)):
        yield from (path for name in _LOCKS if os.path.lexists(path := os.path.join(folder, name)))
        for inner, _, names in os.walk(os.path.join(folder, "refs")):
            yield from (os.path.join(inner, name) for name in names if name.endswith(".lock"))


def _entries(folder: str, names: re.Pattern[str]) -> Iterator[str]:
    with suppress(OSError):
        yield from (os.path.join(folder, name) for name in os.listdir(folder) if names.fullmatch(name))


def _remove(paths: Iterable[str], processes: Processes, is_leftover: Callable[[os.stat_result], bool]) -> list[str]:
    """Remove the leftovers among *paths* that are ours and not open; return those that are still open."""
    left = []
    for path in paths:
        with suppress(OSError):
            status = os.lstat(path)
            if status.st_uid != os.geteuid() or not is_leftover(status):
                continue
            if any(each in processes.open_files for each in _inodes(path, status)):
                left.append(path)
            elif os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
    return left


def _inodes(path: str, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """Yield the inode of the file, or of a folder and everything in it."""
    yield status.st_dev, status.st_ino
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                inner = os.lstat(os.path.join(folder, name))
                yield inner.st_dev, inner.st_ino


def _is_git_running(git_dir: str, common_dir: str, processes: Processes) -> bool:
    """Return whether a git is running in one of the repository's work trees or git folders."""
    folders = [common_dir, git_dir, os.path.dirname(common_dir)]
    for linked in _entries(os.path.join(common_dir, "worktrees"), re.compile(r".+")):
        with suppress(OSError), open(os.path.join(linked, "gitdir"), "rb") as file:
            folders.append(os.path.dirname(os.fsdecode(file.read().rstrip(b"\n"))))
    roots = [os.path.realpath(folder) for folder in folders]
    return any(folder == root or folder.startswith(f"{root}/") for folder in processes.git_folders for root in roots)
