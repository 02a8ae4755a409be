"""Replaces the files of a writeback, and keeps the originals until its commit is made.

They are kept in the git folder, as hard links: restoring one needs no disk space, and the next run can undo a
writeback that was killed. The new files are written there first, so that no half file is ever in the work tree.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from consistency.git.atomicfile import move_into_place, replace_file, stage_files, temporary_beside
from consistency.git.files import digest, digest_of
from consistency.git.worktree import WorkTree

JOURNAL_FOLDER = "statehub-writeback"


@dataclass(slots=True)
class RollbackResult:
    """The files that were restored, and `theirs`: those changed by others since then, which were left alone."""

    restored: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)


def was_cut_off(tree: WorkTree) -> bool:
    """Return whether a writeback has left something to undo or to remove."""
    return os.path.lexists(os.path.join(tree.git_dir, JOURNAL_FOLDER))


class Unfinished(NamedTuple):
    """An unfinished writeback: HEAD when it began, its commit ('' if unknown), and the digests of its new files.

    *overlooked* are the assume-unchanged files among them. All is empty if no writeback is unfinished.
    """

    head: str = ""
    commit: str = ""
    written: Mapping[str, str] = MappingProxyType({})
    overlooked: Sequence[str] = ()


class Journal:
    """The originals of one writeback."""

    def __init__(self, tree: WorkTree) -> None:
        self._tree, self.folder = tree, Path(tree.git_dir, JOURNAL_FOLDER)
        self._list = self.folder / "files.json"

    def begin(self, head: str, commit: str, files: Mapping[str, bytes], overlooked: Collection[str] = ()) -> None:
        """Keep the originals of *files*, with *head* checked out and *commit* about to follow it.

        *files* are the paths that will be replaced, each with its new bytes, which are written beside the originals;
        *overlooked* are the assume-unchanged ones. Raises OSError before any file was replaced.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for number, full in enumerate(map(self._tree.file, files)):
            kept = self.folder / str(number)
            try:
                os.link(full, kept)
            except OSError:  # Another file system, or one without hard links.
                shutil.copy2(full, kept)
        stage_files({self._staged(number): data for number, data in enumerate(files.values())})
        # The list comes last, and atomically: without it nothing was replaced yet.
        partial = self.folder / "files.tmp"
        digests = [(path, digest(data)) for path, data in files.items()]
        partial.write_text(json.dumps([head, digests, commit, sorted(overlooked)]))
        partial.replace(self._list)

    def replace_files(self, expected: Mapping[str, str]) -> None:
        """Replace the files that `begin` was given, in their order; *expected* are their digests until now.

        Raises OSError, FileChangedError at the first that cannot be replaced.
        """
        for number, path in enumerate(self.unfinished().written):
            move_into_place(self._staged(number), self._tree.file(path), expected[path])

    def _staged(self, number: int) -> str:
        return str(self.folder / f"{number}.new")

    def roll_back(self, only: set[str]) -> RollbackResult:
        """Restore each file of *only* that still is as the writeback left it, and discard the journal.

        A file that others changed since then is left alone. Raises OSError.
        """
        result = RollbackResult()
        for number, (path, written) in enumerate(self.unfinished().written.items()):
            full, kept = self._tree.file(path), self.folder / str(number)
            Path(temporary_beside(full)).unlink(missing_ok=True)
            current = digest_of(full) if path in only else None
            if current == written:
                try:
                    os.replace(kept, full)
                except OSError:
                    replace_file(full, written, kept.read_bytes())
                result.restored.append(path)
            elif path in only and current != digest_of(str(kept)):
                result.theirs.append(path)
        self.discard()
        return result

    def discard(self) -> None:
        """Delete the originals: the commit is made."""
        with suppress(OSError):  # The list first: a journal that is half deleted must not be rolled back.
            self._list.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def unfinished(self) -> Unfinished:
        """Read the journal of an unfinished writeback. Raises OSError."""
        try:
            head, listed, *more = json.loads(self._list.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return Unfinished()
        # Older versions wrote neither the commit nor the assume-unchanged files.
        commit, overlooked = more if len(more) == 2 else ("", [])
        return Unfinished(head, commit, dict(listed), overlooked)
