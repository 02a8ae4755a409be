"""Reads HEAD from the files of a clone (gitrepository-layout, "HEAD", "packed-refs"), if they are plain."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import NamedTuple

from consistency.git.names import from_git
from consistency.git.worktree import WorkTree

MAX_BYTES = 128 * 1024
"""Size of the largest file of refs that is read here."""

_BRANCH = b"refs/heads/"
_HEAD = re.compile(rb"(?:ref: (refs/heads/[^\n]+)|([0-9a-f]{40}|[0-9a-f]{64}))\n?")
_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")


class Head(NamedTuple):
    """The commit of HEAD, and its branch; None if it is detached."""

    commit: str
    branch: str | None


def read_head(tree: WorkTree) -> Head | None:
    """Return HEAD; None if only git can say, as before the first commit or with replace refs. Starts no process."""
    file = os.path.join(tree.git_dir, "HEAD")
    with suppress(OSError):
        head = _HEAD.fullmatch(_read(file) or b"")
        if head is None or os.path.islink(file):
            return None
        ref, commit = head.groups()
        # A ref moves from its own file to the other one, so its own is read first.
        loose = _read(os.path.join(os.fsencode(tree.common_dir), ref)) if ref else None
        packed = _read(os.path.join(tree.common_dir, "packed-refs")) or b""
        if b" refs/replace/" in packed or os.path.lexists(os.path.join(tree.common_dir, "refs", "replace")):
            return None
        if ref:
            line, is_packed, _ = packed.partition(b" " + ref + b"\n")
            commit = loose.removesuffix(b"\n") if loose is not None else line.rpartition(b"\n")[2] if is_packed else b""
        if _ID.fullmatch(commit) and b".." not in (ref or b""):
            return Head(commit.decode(), from_git(ref.removeprefix(_BRANCH)) if ref else None)
    return None


def _read(file: str | bytes) -> bytes | None:
    """Return the bytes of *file*, None if there is none. Raises OSError, also if it is large."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(data) > MAX_BYTES:
        raise OSError("too large")
    return data
