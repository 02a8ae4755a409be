"""Keeps the originals of the files that a writeback replaces, until its commit stands.

They wait in the git folder, as second names of the same files: putting one back needs no disk space, and a
run that was killed in between is undone by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from consistency.git.atomicfile import remove, replace_file, temporary_beside
from consistency.git.files import digest_of
from consistency.git.worktree import WorkTree

JOURNAL_FOLDER = "statehub-writeback"


@dataclass(frozen=True, slots=True)
class Backup:
    """One file that will be replaced: its path, and the digest of what will stand there."""

    path: str
    written: str


@dataclass(slots=True)
class RollbackResult:
    """What became of the files: as they were again, or changed by somebody else since and left so."""

    restored: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)


def was_cut_off(tree: WorkTree) -> bool:
    """Whether a writeback has left something to undo, or to clear away."""
    return os.path.lexists(os.path.join(tree.git_dir, JOURNAL_FOLDER))


class Journal:
    """The originals of one writeback."""

    def __init__(self, tree: WorkTree) -> None:
        self._tree, self.folder = tree, Path(tree.git_dir, JOURNAL_FOLDER)
        self._list = str(self.folder / "files.json")

    def begin(self, head: str, commit: str, files: list[Backup], overlooked: Collection[str] = ()) -> None:
        """Keep the originals of *files*, with *head* checked out and *commit* about to follow it.

        *overlooked* are those of them that git is told to take for unchanged. Raises OSError; nothing has been replaced
        then.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for number, kept in enumerate(files):
            self._keep(self._tree.file(kept.path), self.folder / str(number))
        # The list comes last, and whole: without it nothing was replaced yet.
        partial = self.folder / "files.tmp"
        partial.write_text(
            json.dumps([head, [(kept.path, kept.written) for kept in files], commit, sorted(overlooked)])
        )
        partial.replace(self._list)

    def put_back(self, only: set[str]) -> RollbackResult:
        """Put back every file of *only* that still stands as the writeback left it, and drop what was kept.

        A file that somebody has changed since is theirs, and stays. Raises OSError.
        """
        result = RollbackResult()
        for number, (path, written) in enumerate(self._unfinished()[1]):
            full, kept = self._tree.file(path), self.folder / str(number)
            remove(temporary_beside(full))
            found = digest_of(full) if path in only else None
            if found == written:
                self._restore(kept, full, written)
                result.restored.append(path)
            elif path in only and found != digest_of(str(kept)):
                result.theirs.append(path)
        self.drop()
        return result

    def drop(self) -> None:
        """Forget the originals: the commit stands."""
        with suppress(OSError):  # The list first: what is half gone must not be put back.
            remove(self._list)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def head(self) -> str:
        """The commit that was checked out when an unfinished writeback began; '' where there is none."""
        return self._unfinished()[0]

    @property
    def commit(self) -> str:
        """The commit that an unfinished writeback was about to make its HEAD; '' if it is not known."""
        return self._unfinished()[2]

    @property
    def overlooked(self) -> list[str]:
        """The paths of an unfinished writeback that git was told to take for unchanged."""
        return self._unfinished()[3]

    @property
    def paths(self) -> set[str]:
        """The paths of an unfinished writeback; empty where there is none."""
        return {path for path, _ in self._unfinished()[1]}

    def _unfinished(self) -> tuple[str, list[tuple[str, str]], str, list[str]]:
        try:
            head, listed, *more = json.loads(Path(self._list).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return "", [], "", []
        # An older version wrote neither a commit nor what is overlooked.
        commit, overlooked = more if len(more) == 2 else ("", [])
        return head, [(path, written) for path, written in listed], commit, overlooked

    @staticmethod
    def _keep(full: str, kept: Path) -> None:
        try:
            os.link(full, kept)
        except OSError:  # Another file system, or one without hard links.
            shutil.copy2(full, kept)

    @staticmethod
    def _restore(kept: Path, full: str, written: str) -> None:
        try:
            os.replace(kept, full)
        except OSError:
            replace_file(full, written, kept.read_bytes())
