"""The three repositories of the matrix, put back to what they were at any point, and what a person does there.

A state of a clone is what git and the engine see: the branch, the upstream's branch, the index, the files. Objects
stay once they are there: what no ref leads to is nothing to git.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.repos import Clone

WHEN = "2026-03-02T12:00:00+00:00"
"""Of all that a person commits."""

_HEAD, _MAIN, _UPSTREAM = "HEAD", "refs/heads/main", "refs/remotes/origin/main"
_LOGS = ("logs/HEAD", "logs/refs/heads/main", "logs/refs/remotes/origin/main")
_UNFINISHED = ("MERGE_HEAD", "REBASE_HEAD", "rebase-merge", "rebase-apply", "statehub-writeback", "index.lock")
_ENTRY = struct.Struct("!10I20sH")
_SIZE_AT = 9


@dataclass(frozen=True)
class Copy:
    """What one clone has: its branch, its note of the upstream's, the index, and the files of the work tree."""

    head: str
    upstream: str
    index: bytes
    files: tuple[tuple[str, bytes], ...]

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        return dict(self.files)[path]

    def is_edited(self, path: str) -> bool:
        """Whether the file is not as the index has it."""
        return blob(self.read(path)) not in self.index


@cache
def blob(data: bytes) -> bytes:
    """The name that git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest()


class Repos:
    """The bare origin, and its clones by name."""

    def __init__(self, origin: Path, clones: dict[str, Clone]) -> None:
        self._origin, self._clones = origin, clones
        self._there: dict[str, Copy] = {}
        self._environment = {
            **os.environ, "GIT_AUTHOR_DATE": WHEN, "GIT_COMMITTER_DATE": WHEN, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_EDITOR": ":",
        }  # fmt: skip

    def origin(self) -> str:
        """The commit of the origin's branch."""
        return (self._origin / _MAIN).read_text().strip()

    def put_origin(self, commit: str) -> None:
        """Put the origin's branch back to *commit*."""
        (self._origin / _MAIN).write_text(f"{commit}\n")

    def take(self, name: str) -> Copy:
        """The clone as it is now; it must be in the middle of nothing."""
        clone = self._clones[name]
        git = clone.path / ".git"
        assert (git / _HEAD).read_text() == f"ref: {_MAIN}\n"
        assert not [left for left in _UNFINISHED if (git / left).exists()]
        assert not (git / "packed-refs").exists()
        files = sorted(path for path in clone.path.rglob("*") if ".git" not in path.parts and path.is_file())
        self._there[name] = copy = Copy(
            (git / _MAIN).read_text().strip(),
            (git / _UPSTREAM).read_text().strip(),
            _bare_index((git / "index").read_bytes()),
            tuple((str(path.relative_to(clone.path)), path.read_bytes()) for path in files),
        )
        return copy

    def put(self, name: str, copy: Copy) -> None:
        """Put the clone back to *copy*."""
        clone, git = self._clones[name], self._clones[name].path / ".git"
        there = self._there.pop(name, None)
        wanted = dict(copy.files)
        for path, data in there.files if there else ():
            if path not in wanted:
                (clone.path / path).unlink()
            elif wanted[path] == data:
                del wanted[path]
        for path, data in wanted.items():
            clone.write(path, data)
        (git / _MAIN).write_text(f"{copy.head}\n")
        (git / _UPSTREAM).write_text(f"{copy.upstream}\n")
        (git / "index").write_bytes(copy.index)
        for log in _LOGS:  # What git did in another state is none of its past.
            (git / log).unlink(missing_ok=True)
        self._there[name] = copy

    def write(self, name: str, path: str, data: bytes) -> None:
        """Write a file in a clone."""
        self._clones[name].write(path, data)

    def loosen(self, name: str) -> None:
        """Give every ref of a fresh clone a file of its own, and put no word into the logs."""
        clone = self._clones[name]
        refs = {ref: clone.git("rev-parse", ref) for ref in (_MAIN, _UPSTREAM)}
        clone.git("config", "core.logAllRefUpdates", "false")
        (clone.path / ".git/packed-refs").unlink(missing_ok=True)
        for ref, commit in refs.items():
            (clone.path / ".git" / ref).parent.mkdir(parents=True, exist_ok=True)
            (clone.path / ".git" / ref).write_text(f"{commit}\n")

    def git(self, name: str, *arguments: str) -> bool:
        """A person's git in a clone; whether it did what was asked."""
        ended = subprocess.run(
            ["git", "-c", "gc.auto=0", *arguments],
            cwd=self._clones[name].path, env=self._environment, capture_output=True, check=False,
        )  # fmt: skip
        return ended.returncode == 0


@cache
def _bare_index(data: bytes) -> bytes:
    """An index without what it knows of the files on disk but their blobs: git looks at each again (gitformat-index).

    Of sizes that are no more known git takes nothing for granted, so that no two writes within one tick of the clock
    of files are mistaken for one.
    """
    signature, version, number = struct.unpack_from("!4s2I", data)
    assert (signature, version) == (b"DIRC", 2)
    entries, at = b"", 12
    for _ in range(number):
        *stat, name, flags = _ENTRY.unpack_from(data, at)
        end = data.index(b"\0", at + _ENTRY.size)
        path = data[at + _ENTRY.size : end]
        entry = _ENTRY.pack(0, 0, 0, 0, 0, 0, stat[6], 0, 0, 0, name, flags) + path
        length = (len(entry) + 8) // 8 * 8
        entries += entry.ljust(length, b"\0")
        at += length
    kept = data[:12] + entries
    return kept + hashlib.sha1(kept, usedforsecurity=False).digest()
