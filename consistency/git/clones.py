"""Finds the git repositories below a folder, and which of them can be registered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from statehub.text import describe_os_error

NOT_ENTERED = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
"""Folders without work of users; hidden ones are not entered either."""


@dataclass(frozen=True, slots=True)
class FoundClone:
    """A repository at *path*. *skipped* is why it is not to be registered, '' if it is."""

    path: str
    skipped: str = ""


def find_clones(folder: str) -> Iterator[FoundClone]:
    """Yield the repositories in *folder* and below it, in the order of their names. Links are not followed.

    Repositories inside another one are not found, unless that is *folder* itself.
    """
    pending = [folder]
    while pending:
        path = pending.pop()
        try:
            with os.scandir(path) as entries:
                names = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError as error:
            yield FoundClone(path, f"cannot be read: {describe_os_error(error)}")
            continue
        found = _repository(path, names)
        if found is not None:
            yield found
        if found is None or (path == folder and ".git" in names):
            inside = sorted(name for name, is_folder in names.items() if is_folder and name not in NOT_ENTERED)
            pending += [os.path.join(path, name) for name in reversed(inside) if not name.startswith(".")]


def _repository(path: str, names: dict[str, bool]) -> FoundClone | None:
    if ".git" not in names:
        is_bare = "HEAD" in names and names.get("objects", False) and names.get("refs", False)
        return FoundClone(path, "a bare repository has no work tree") if is_bare else None
    if names[".git"] or os.path.isdir(os.path.join(path, ".git")):
        return FoundClone(path)
    # A file: its git folder is elsewhere (gitrepository-layout).
    try:
        with open(os.path.join(path, ".git"), "rb") as file:
            target = os.fsdecode(file.read(4_096)).removeprefix("gitdir:").strip()
    except OSError as error:
        return FoundClone(path, f"its .git cannot be read: {describe_os_error(error)}")
    parts = os.path.normpath(os.path.join(path, target)).split(os.sep)
    if "modules" in parts[:-1] and ".git" in parts:
        return FoundClone(path, "a submodule belongs to the repository around it")
    if len(parts) > 1 and parts[-2] == "worktrees":
        return FoundClone(path, f"a linked work tree of another clone; register_repo {path} registers it")
    return FoundClone(path)
