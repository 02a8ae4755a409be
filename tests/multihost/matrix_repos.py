"""The three repositories of the matrix, put back to what they were at any point, and what a person does there.

A state of a clone is what git and the engine see: references, settings, unfinished work, the index, the files. Objects
stay once they are there: what no ref leads to is nothing to git.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from testing.repos import Clone

WHEN = "2026-03-02T12:00:00+00:00"
"""Of all that a person commits."""

_HEADS, _REMOTES = "refs/heads/", "refs/remotes/"
_UNNOTICED = {"objects", "logs", "hooks", "info", "branches", "description", "packed-refs"}
"""Parts of a git folder that say nothing of a clone's state, or that a test only puts there at the start."""
_PASSING = {"FETCH_HEAD", "ORIG_HEAD", "COMMIT_EDITMSG", "AUTO_MERGE", "statehub.lock"}
"""Files that git and the engine write and never read again."""
_UNFINISHED = ("statehub-writeback", "index.lock")
_ENTRY = struct.Struct("!10I20sH")
_SIZE_AT = 9


@cache
def blob(data: bytes) -> bytes:
    """Return the name that git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest()


@dataclass(frozen=True)
class Copy:
    """One clone: its references, settings and unfinished work, the index, and the files of the work tree.

    `own` is the part of the git folder that belongs to its work tree: '' for all of it.
    """

    git: tuple[tuple[str, bytes], ...]
    index: bytes
    files: tuple[tuple[str, bytes], ...]
    own: str = ""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return dict(self.files)[path]

    def is_edited(self, path: str, clean: Callable[[bytes], bytes] = bytes) -> bool:
        """Return whether the file differs from the index once it is *clean*, that is, as git would commit it."""
        data = self.read(path)
        return blob(data) not in self.index and blob(clean(data)) not in self.index

    @cached_property
    def branch(self) -> str:
        """The branch that is checked out, '' if HEAD is detached."""
        said = dict(self.git)[f"{self.own}HEAD"].decode().strip()
        return said.removeprefix(f"ref: {_HEADS}") if said.startswith("ref: ") else ""

    @cached_property
    def head(self) -> str:
        """The commit at HEAD."""
        at = f"{_HEADS}{self.branch}" if self.branch else f"{self.own}HEAD"
        return dict(self.git)[at].decode().strip()

    @cached_property
    def remote(self) -> str:
        """The clone's name for its origin."""
        names: list[bytes] = re.findall(rb'^\[remote "(.+)"\]$', dict(self.git)["config"], re.MULTILINE)
        (only,) = set(names)
        return only.decode()

    @cached_property
    def noted(self) -> str:
        """The commit of the origin's branch as the clone knows it, '' for none."""
        heads = [path for path, _ in self.git if path == f"{_REMOTES}{self.remote}/{self.branch}"]
        return dict(self.git)[heads[0]].decode().strip() if heads else ""

    @cached_property
    def under_way(self) -> bool:
        """Whether git is in the middle of a merge or a rebase."""
        return any(path.startswith((f"{self.own}MERGE_HEAD", f"{self.own}rebase-")) for path, _ in self.git)

    @cached_property
    def is_cut(self) -> bool:
        """Whether its history ends before the beginning: a shallow clone."""
        return any(path == "shallow" for path, _ in self.git)

    def has_setting(self, line: str) -> bool:
        """Return whether the clone's own settings have this line."""
        return line.encode() in dict(self.git)["config"]

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """The names of its own branches."""
        return tuple(path for path, _ in self.git if path.startswith(_HEADS))

    def without_notes(self) -> Copy:
        """Return the same without what it notes of its remote."""
        return replace(self, git=tuple(item for item in self.git if not item[0].startswith((_REMOTES, "shallow"))))


@dataclass(frozen=True)
class Branches:
    """The branches of the origin, each with its commit; `default` is the one that it calls its own."""

    default: str
    commits: tuple[tuple[str, str], ...]

    @property
    def tip(self) -> str:
        """The commit of its own branch."""
        return dict(self.commits)[self.default]


@dataclass(frozen=True)
class Place:
    """A clone on disk: its work tree, its git folder, and the part of that which is this work tree's own (or '')."""

    clone: Clone
    git: Path
    own: str = ""


class Repos:
    """The bare origin, and its clones by name."""

    def __init__(self, origin: Path, places: Mapping[str, Place]) -> None:
        self._origin, self._places = origin, dict(places)
        self._there: dict[str, Copy] = {}
        self._environment = {
            **os.environ, "GIT_AUTHOR_DATE": WHEN, "GIT_COMMITTER_DATE": WHEN, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_EDITOR": ":",
        }  # fmt: skip

    def origin(self) -> Branches:
        """Return the origin's branches."""
        heads = self._origin / _HEADS
        commits = tuple((path.name, path.read_text().strip()) for path in sorted(heads.iterdir()))
        return Branches((self._origin / "HEAD").read_text().strip().removeprefix(f"ref: {_HEADS}"), commits)

    def put_origin(self, branches: Branches) -> None:
        """Put the origin back to *branches*."""
        heads, wanted = self._origin / _HEADS, dict(branches.commits)
        for path in heads.iterdir():
            if path.name not in wanted:
                path.unlink()
        for name, commit in branches.commits:
            (heads / name).write_text(f"{commit}\n")
        (self._origin / "HEAD").write_text(f"ref: {_HEADS}{branches.default}\n")

    def take(self, name: str) -> Copy:
        """Return the clone as it is now; it must be in the middle of no writeback."""
        place = self._places[name]
        own = place.git / place.own
        assert not [left for left in _UNFINISHED if (own / left).exists()]
        _require_loose(place.git / "packed-refs")
        self._there[name] = copy = Copy(
            tuple(sorted(_git_files(place))),
            _bare_index((own / "index").read_bytes()),
            tuple(sorted(_tree_files(place.clone.path))),
            place.own,
        )
        return copy

    def put(self, name: str, copy: Copy) -> None:
        """Put the clone back to *copy*."""
        place = self._places[name]
        there = self._there.pop(name, None) or self.take(name)
        _replace(place.git, there.git, copy.git)
        _replace(place.clone.path, there.files, copy.files)
        (place.git / place.own / "index").write_bytes(copy.index)
        for log in _all_files(place.git / "logs"):  # What git did in another state is none of its past.
            log.unlink()
        self._there[name] = copy

    def write(self, name: str, path: str, data: bytes) -> None:
        """Write a file in a clone."""
        self._places[name].clone.write(path, data)

    def loosen(self, name: str) -> None:
        """Give every ref of a fresh clone a file of its own, and put no word into the logs."""
        place = self._places[name]
        listed = place.clone.git("for-each-ref", "--format=%(objectname) %(refname) %(symref)").splitlines()
        place.clone.git("config", "core.logAllRefUpdates", "false")
        (place.git / "packed-refs").unlink(missing_ok=True)
        for commit, ref, symref in (line.split(" ") for line in listed):
            if not symref:
                (place.git / ref).parent.mkdir(parents=True, exist_ok=True)
                (place.git / ref).write_text(f"{commit}\n")

    def git(self, name: str, *arguments: str) -> bool:
        """Return a person's git in a clone; whether it did what was asked."""
        return self._run(self._places[name].clone.path, *arguments).returncode == 0

    def answer(self, name: str, *arguments: str) -> str:
        """Return git's output in a clone, '' if it fails."""
        ended = self._run(self._places[name].clone.path, *arguments)
        return "" if ended.returncode else ended.stdout.decode().strip()

    def git_at_origin(self, *arguments: str) -> bool:
        """Return a git command in the origin; whether it did what was asked."""
        return self._run(self._origin, *arguments).returncode == 0

    def _run(self, path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        # Hooks are the tool's trial here: what a person commits is as the person has it.
        command = ["git", "-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null", *arguments]
        return subprocess.run(command, cwd=path, env=self._environment, capture_output=True, check=False)


def _require_loose(packed: Path) -> None:
    """Check that the list of packed references is empty, if git has left one, and remove it."""
    if packed.exists():
        assert [line for line in packed.read_text().splitlines() if not line.startswith("#")] == []
        packed.unlink()


def _all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _git_files(place: Place) -> Iterator[tuple[str, bytes]]:
    for path in _all_files(place.git):
        at = path.relative_to(place.git)
        names = {at.parts[0], str(at).removeprefix(place.own)}
        if names.isdisjoint(_UNNOTICED | _PASSING | {"index"}) and at.parts[-2:-1] != ("logs",):
            yield str(at), path.read_bytes()


def _tree_files(top: Path) -> Iterator[tuple[str, bytes]]:
    for path in _all_files(top):
        if ".git" not in path.parts:
            yield str(path.relative_to(top)), path.read_bytes()


def _replace(folder: Path, there: Sequence[tuple[str, bytes]], wanted: Sequence[tuple[str, bytes]]) -> None:
    """Make *wanted* of what is *there* in *folder*; a folder that becomes empty goes, too."""
    now = dict(there)
    for path, data in wanted:
        if now.pop(path, None) != data:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    for path in now:
        (folder / path).unlink()
        for above in list((folder / path).parents)[: path.count("/")]:
            with suppress(OSError):
                above.rmdir()


@cache
def _bare_index(data: bytes) -> bytes:
    """Return an index that knows only the blobs of the files on disk: git looks at each again (gitformat-index).

    Of sizes that are no longer known git takes nothing for granted, so that no two writes within one tick of the clock
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
