"""Removes what a git that was killed leaves behind in its repository: data half received, and locks.

Only what nobody uses goes: its name is one of git's own for temporary files, it belongs to our user, no process has it
open, and it is new since the killed git began or so old that nobody waits for it. Where the system does not tell which
files are open, everything stays.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from consistency.git.procfs import Living, living

OLD_SECONDS = 24 * 3600.0
"""What has not changed for so long, a run that was killed itself has left."""

CLOCK_TICK_SECONDS = 0.02
"""The times of files lag behind the clock by as much: the kernel looks at it from tick to tick only."""

_TRIES, _PAUSE_SECONDS = 5, 0.1
"""A process that was killed may take a moment to close its files."""

_PACK = re.compile(r"tmp_(pack|idx|rev|mtimes)_\w+")
_OBJECT = re.compile(r"tmp_obj_\w+")
_OBJECTS = re.compile(r"(incoming|tmp_objdir|tmp_objdir-incoming|bulk-fsync)-\w+")
_FAN_OUT = re.compile(r"[0-9a-f]{2}")
_LOCKS = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock", "FETCH_HEAD.lock", "shallow.lock", "packed-refs.lock")

IsDead = Callable[[os.stat_result], bool]


def remove_leftovers(git_dir: str, common_dir: str, since: float) -> None:
    """Remove what a git that began at the time *since* and was stopped has left. Raises nothing.

    *git_dir* belongs to its work tree alone, *common_dir* to all work trees of its repository. Its locks go only if no
    other git is at work in the repository: a lock need not be open to be held.
    """
    for _ in range(_TRIES):
        data, locks = list(_partial_data(common_dir)), list(_locks(git_dir, common_dir))
        now = living() if data or locks else None
        if now is None:
            return
        left = _remove(data, now, lambda status: status.st_ctime >= since - CLOCK_TICK_SECONDS)
        if not _is_anybody_at_work(git_dir, common_dir, now):
            left += _remove(locks, now, lambda status: status.st_ctime >= since - CLOCK_TICK_SECONDS)
        if not left:
            return
        time.sleep(_PAUSE_SECONDS)


def remove_old_leftovers(common_dir: str) -> None:
    """Remove packs that a fetch of ours began more than a day ago, whose run was killed as well. Raises nothing."""
    packs = list(_entries(os.path.join(common_dir, "objects", "pack"), _PACK))
    now = living() if packs else None
    if now is not None:
        oldest = time.time() - OLD_SECONDS
        _remove(packs, now, lambda status: max(status.st_ctime, status.st_mtime) < oldest)


def is_git_at_work(git_dir: str, common_dir: str) -> bool:
    """Whether a git runs in the repository now; no, if this system does not tell."""
    now = living()
    return now is not None and _is_anybody_at_work(git_dir, common_dir, now)


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


def _remove(paths: Iterable[str], now: Living, is_dead: IsDead) -> list[str]:
    """Remove those of *paths* that are ours, dead and not open; those that are dead, but open, are left."""
    left = []
    for path in paths:
        with suppress(OSError):
            status = os.lstat(path)
            if status.st_uid != os.geteuid() or not is_dead(status):
                continue
            if any(each in now.open_files for each in _inodes(path, status)):
                left.append(path)
            elif os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
    return left


def _inodes(path: str, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """The file itself, or all that a folder holds."""
    yield status.st_dev, status.st_ino
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                inner = os.lstat(os.path.join(folder, name))
                yield inner.st_dev, inner.st_ino


def _is_anybody_at_work(git_dir: str, common_dir: str, now: Living) -> bool:
    """Whether a git runs in one of the repository's work trees, or in the folders that they share."""
    linked = os.path.join(common_dir, "worktrees")
    places = [common_dir, git_dir, os.path.dirname(common_dir)]
    for folder in _entries(linked, re.compile(r".+")):
        with suppress(OSError), open(os.path.join(folder, "gitdir"), "rb") as file:
            places.append(os.path.dirname(os.fsdecode(file.read().rstrip(b"\n"))))
    roots = [os.path.realpath(place) for place in places]
    return any(folder == root or folder.startswith(f"{root}/") for folder in now.git_folders for root in roots)
