"""Keeps the originals of the files that a writeback replaces, until its commit stands.

They wait in the git folder, as second names of the same files: putting one back needs no disk space, and a
run that was killed in between is undone by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from consistency.checkout.atomicfile import remove, replace_file, temporary_beside
from consistency.checkout.files import digest
from consistency.checkout.worktree import WorkTree

FOLDER = "statehub-writeback"


@dataclass(frozen=True, slots=True)
class Kept:
    """One file that will be replaced: its path, and the digest of what will stand there."""

    path: str
    written: str


class Undo:
    """The originals of one writeback."""

    def __init__(self, tree: WorkTree) -> None:
        self._tree, self.folder = tree, Path(tree.git_dir, FOLDER)

    def begin(self, files: list[Kept]) -> None:
        """Keep the originals of *files*. Raises OSError; nothing has been replaced then."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for number, kept in enumerate(files):
            self._keep(os.path.join(self._tree.top, kept.path), self.folder / str(number))
        # The list comes last, and whole: without it nothing was replaced yet.
        partial = self.folder / "files.tmp"
        partial.write_text(json.dumps([(kept.path, kept.written) for kept in files]))
        partial.replace(self.folder / "files.json")

    def put_back(self, only: set[str]) -> None:
        """Put back every file of *only* that still stands as the writeback left it, and drop what was kept.

        A file that somebody has changed since is theirs, and stays. Raises OSError.
        """
        for number, (path, written) in enumerate(self._files()):
            full = os.path.join(self._tree.top, path)
            remove(temporary_beside(full))
            if path in only and _digest_of(full) == written:
                self._restore(self.folder / str(number), full)
        self.drop()

    def drop(self) -> None:
        """Forget the originals: the commit stands."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def unfinished(self) -> list[str]:
        """The paths of a writeback that was cut off; empty where there was none."""
        return [path for path, _ in self._files()]

    def _files(self) -> list[tuple[str, str]]:
        try:
            listed = json.loads((self.folder / "files.json").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return []
        return [(path, written) for path, written in listed]

    @staticmethod
    def _keep(full: str, kept: Path) -> None:
        try:
            os.link(full, kept)
        except OSError:  # Another file system, or one without hard links.
            shutil.copy2(full, kept)

    @staticmethod
    def _restore(kept: Path, full: str) -> None:
        try:
            os.replace(kept, full)
        except OSError:
            replace_file(full, kept.read_bytes())


def _digest_of(full: str) -> str | None:
    try:
        return digest(Path(full).read_bytes())
    except OSError:
        return None
