"""Counting git processes: a `git` that comes first on the PATH, notes its arguments, and runs the real one.

git's own helpers are not counted: git finds them in its exec path, which it puts before the PATH.
"""

import os
import shlex
import shutil
from pathlib import Path


class GitShim:
    """The program in a folder of its own, and its log."""

    def __init__(self, folder: Path) -> None:
        """Write the program into `folder`, which is made where it is missing."""
        real = shutil.which("git")
        assert real, "the benchmark made its repositories with git a moment ago"
        self._log = folder / "log"
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True, exist_ok=True)
        program = self._programs / "git"
        program.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$(printf '%s ' \"$@\" | tr '\\n' ' ')\" >> {shlex.quote(str(self._log))}\n"
            f'exec {shlex.quote(real)} "$@"\n'
        )
        program.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which the shim comes first."""
        return f"{self._programs}{os.pathsep}{os.environ['PATH']}"

    def take(self) -> list[str]:
        """The arguments of every git process since the last call, one line each, and forget them."""
        lines = [line.rstrip() for line in self._log.read_text().splitlines()] if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return lines
